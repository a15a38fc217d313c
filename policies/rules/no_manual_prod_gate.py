"""Let production start without a button.

## Why it matters
An approval that waits for hours and never says no costs every change those hours. What people look
at before they press the button can be written down as a check, and then it is looked at each time.

No person may stand between pre-production and the last production stage: no approval, no manual
transition, no checklist. With `from_tests` the rule speaks only where blocking unit and integration
tests, a limited first stage and alarms for rollback stand on the way; before that a button is
right. Where the history of approvals is known, the finding says how long they took and how many
said no.

## Fails
```yaml
schema: bakegate/pipeline/v1
name: shop
organization: retail
source: {repository: ., branch: main, start: push}
build:
  steps:
    - {name: unit, kind: unit, run: ./test}
    - {name: package, kind: build, run: ./package dist/app.tar.gz}
  artifact: dist/app.tar.gz
alarms:
  errors: {negative_ratio: 1%}
deployers:
  hosts: {type: local, hosts: 3, rollback_on: [alarm]}
stages:
  - {name: gamma, kind: preprod, deploy: hosts, tests: [{name: api, kind: integration, run: ./api}]}
  - {name: one-box, kind: prod, exposure: 1%, deploy: hosts, approvals: {count: 1}}
```

## Passes
```yaml
schema: bakegate/pipeline/v1
name: shop
organization: retail
source: {repository: ., branch: main, start: push}
build:
  steps:
    - {name: unit, kind: unit, run: ./test}
    - {name: package, kind: build, run: ./package dist/app.tar.gz}
  artifact: dist/app.tar.gz
alarms:
  errors: {negative_ratio: 1%}
deployers:
  hosts: {type: local, hosts: 3, rollback_on: [alarm]}
stages:
  - {name: gamma, kind: preprod, deploy: hosts, tests: [{name: api, kind: integration, run: ./api}]}
  - {name: one-box, kind: prod, exposure: 1%, deploy: hosts}
```

## Not reported
Organizations that require `prod-approval`: both rules cannot be on. Pipelines whose tests would not
stop a bad change. Reviewers that stand in settings are unknown to a file.

## Sources
That the review of the code is the last manual step: Amazon's description of hands-off deployments.
Optional in the AWS DevOps guidance.
"""

from collections.abc import Iterator
from typing import Final

from policies.by_hand import BY_HAND, holds, told, unseen
from policies.durations import format_duration
from policies.findings import Enforcement, Problem, Severity
from policies.frozen import dataclass
from policies.history import History
from policies.paths import ahead_of_all, all_last_stops
from policies.phrases import listed
from policies.pipeline import OnAlarm, Pipeline, Stage, StepKind
from policies.rule import Family, Params, Rule, Stricter, Unit, param
from policies.steps import (
    deploys,
    entries,
    has_kind,
    not_applicable,
    search,
    without_production,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class NoManualProdGate(Params):
    from_tests: bool = param(
        default=True,
        help="Whether the rule speaks only where tests, a canary and alarms stand on the way.",
        unit=Unit.FLAG,
        stricter=Stricter.LESS,
    )


_UNIT: Final = frozenset({StepKind.UNIT})
_INTEGRATION: Final = frozenset({StepKind.INTEGRATION})


def lint(pipeline: Pipeline, params: NoManualProdGate) -> Iterator[Problem]:
    stages = [stage for stage in pipeline.prod if deploys(stage)]
    if not stages:
        yield from without_production(pipeline)
        return
    lacks = list(_lacks(pipeline)) if params.from_tests else []
    if lacks:
        message = f"a person at the button is right while {listed(lacks)}"
        yield not_applicable(pipeline, message)
        return
    between = all_last_stops(pipeline, entries(pipeline))[1]
    places = {stage.name for stage in (*stages, *between)}
    for stage in pipeline.stages:
        if stage.name in places:
            yield from _held(pipeline, stage)


def _lacks(pipeline: Pipeline) -> Iterator[str]:
    """What is missing, or cannot be seen, that would do the work of the person."""
    before = [step for stage in ahead_of_all(pipeline, entries(pipeline)) for step in stage.steps]
    if not search(before, _UNIT).blocking:
        yield "no unit tests are seen to block"
    if not search(before, _INTEGRATION).blocking:
        yield "no integration tests are seen to block"
    if not any(stage.exposure.or_else(None) is not None for stage in pipeline.first):
        yield "no limited stage comes first"
    if not all(_goes_back(stage) for stage in pipeline.first):
        yield "no alarm is seen to roll back"


def _goes_back(stage: Stage) -> bool:
    """Whether an alarm rolls the stage back, during its deployment or its bake."""
    deployed = (stage.deploy.rollback_on.or_else(None) if stage.deploy else None) or frozenset()
    return "alarm" in deployed or bool(stage.bake and stage.bake.on_alarm.value is OnAlarm.ROLLBACK)


def _held(pipeline: Pipeline, stage: Stage) -> Iterator[Problem]:
    where = f"stages/{stage.name}/transition"
    found = holds(stage, [step for step in stage.steps if has_kind(step, BY_HAND)])
    if not found:
        yield from unseen(stage, where)
        return
    history = pipeline.history.or_else(None)
    yield Problem(
        found[0].span,
        where,
        f"{stage.name} waits for people: {told(found)}{_cost(history) if history else ''}",
        f"Replace {told(found)} by the checks that it stands for.",
        inferred=all(each.guessed for each in found),
    )


def _cost(history: History) -> str:
    if history.approval_wait is None or not history.approvals:
        return ""
    wait, said_no = format_duration(history.approval_wait), history.approvals_rejected
    return f"; they took {wait} by the median and rejected {said_no} of {history.approvals}"


RULE = Rule(
    id="no-manual-prod-gate",
    number=50,
    title="Let production start without a button",
    family=Family.SPEED,
    severity=Severity.LOW,
    now=Enforcement.OBSERVE,
    target=Enforcement.OBSERVE,
    params=NoManualProdGate,
    docs=__doc__,
    lint=lint,
)
