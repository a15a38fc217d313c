"""Promote through non-production stages without people.

## Why it matters
A person who has to let a change into a test stage adds hours and sees nothing that a test would
not see. What that person looks at can be written down as a test; exploring by hand stays welcome
beside the path, where nothing waits for it.

The rule looks at every stage between the build and the end of pre-production: no approval, no
manual transition, no checklist and no manual test may stand in the way.

## Fails
```yaml
schema: bakegate/pipeline/v1
name: shop
organization: retail
source: {repository: ., branch: main, start: push}
build:
  steps:
    - {name: package, kind: build, run: ./package dist/app.tar.gz}
  artifact: dist/app.tar.gz
deployers:
  hosts: {type: local, hosts: 3}
stages:
  - {name: beta, kind: test, deploy: hosts, transition: manual}
  - {name: gamma, kind: preprod, deploy: hosts}
  - {name: cell-1, kind: prod, wave: 1, deploy: hosts}
```

## Passes
```yaml
schema: bakegate/pipeline/v1
name: shop
organization: retail
source: {repository: ., branch: main, start: push}
build:
  steps:
    - {name: package, kind: build, run: ./package dist/app.tar.gz}
  artifact: dist/app.tar.gz
deployers:
  hosts: {type: local, hosts: 3}
stages:
  - {name: beta, kind: test, deploy: hosts}
  - {name: gamma, kind: preprod, deploy: hosts}
  - {name: cell-1, kind: prod, wave: 1, deploy: hosts, transition: manual}
```

## Not reported
People between pre-production and production, which is the matter of `prod-approval` and
`no-manual-prod-gate`. Manual tests that stop nothing, where `allow_manual` names
`exploratory-nonblocking`. Environments of one review, which somebody may ask for. Young systems
that declare `maturity: new`. Waits of known length.

## Sources
Amazon's account of where its sixteen days went; the AWS deployment pipeline reference architecture
on orchestration. That testing by hand is workable while a system is small is said there too.
"""

from collections.abc import Iterator
from typing import Final

from policies.by_hand import BY_HAND, holds, told, unseen
from policies.classify import words
from policies.findings import Enforcement, Problem, Severity
from policies.frozen import dataclass
from policies.paths import all_last_stops, last_stops_bits
from policies.pipeline import Pipeline, Stage, StageKind, Step, StepKind
from policies.rule import Family, Params, Rule, Stricter, Unit, param
from policies.steps import (
    deploys,
    entries,
    has_kind,
    incomplete,
    not_applicable,
    note,
    steps_after_deploy,
    unclear,
    whole,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class AutoPromotePreprod(Params):
    allow_manual: frozenset[str] = param(
        frozenset({"exploratory-nonblocking"}),
        "What people may do on the path: explore where nothing waits for them.",
        unit=Unit.WORDS,
        stricter=Stricter.SUBSET,
        allowed=("exploratory-nonblocking",),
    )


_APPROVAL: Final = frozenset({StepKind.APPROVAL})


def lint(pipeline: Pipeline, params: AutoPromotePreprod) -> Iterator[Problem]:
    stages = _before_production(pipeline)
    if pipeline.maturity.value == "new":
        yield not_applicable(pipeline, "a young system may be promoted by hand")
    elif not stages and whole(pipeline):
        yield not_applicable(pipeline, "no stage before production deploys anything")
    elif not stages:
        yield incomplete(pipeline)
    ends = last_stops_bits(pipeline, entries(pipeline))[0] | _maybe_ends(pipeline)
    for stage in stages if pipeline.maturity.value != "new" else ():
        last = bool(pipeline.bits([stage]) & ends)
        yield from _by_hand(stage, params, last=last)


def _maybe_ends(pipeline: Pipeline) -> int:
    """What stands right in front of deployments of which nobody knows whether to production."""
    unknown = [each for each in pipeline.stages if deploys(each) and not each.kind.known]
    wanted = {need for each in unknown for need in each.needs}
    return pipeline.bits(each for each in pipeline.stages if each.name in wanted)


def _before_production(pipeline: Pipeline) -> tuple[Stage, ...]:
    """The stages from the build to the end of pre-production, without what stands behind it."""
    firsts = entries(pipeline)
    stops = all_last_stops(pipeline, firsts)[0]
    if not firsts:
        stops = tuple(each for each in pipeline.stages if deploys(each) and not _previews(each))
    found = pipeline.bits(stops)
    for stop in stops:
        found |= pipeline.above(stop)
    return tuple(
        stage for stage in pipeline.of_bits(found) if stage.kind.value is not StageKind.PROD
    )


def _previews(stage: Stage) -> bool:
    """Whether a stage shows one change to its reviewers, beside the path of releases."""
    return "review" in words(stage.environment)


def _by_hand(stage: Stage, params: AutoPromotePreprod, *, last: bool) -> Iterator[Problem]:
    """Judge a stage; in the last one before production an approval at its end is production's."""
    where = f"stages/{stage.name}/transition"
    ending = _ending(stage) if last else ()
    steps = [
        step
        for step in stage.steps
        if has_kind(step, BY_HAND) and not (step in ending and has_kind(step, _APPROVAL))
    ]
    if "exploratory-nonblocking" in params.allow_manual:
        steps = [step for step in steps if not step.soft.known or not step.soft.value]
    found = holds(stage, steps)
    if not found:
        yield from unseen(stage, where)
        return
    if not stage.kind.known:
        message = f"{stage.name} waits for people: {told(found)}; whether it is before production"
        yield unclear(found[0].span, where, f"{message} cannot be told: {note(stage)}")
        return
    yield Problem(
        found[0].span,
        where,
        f"{stage.name} waits for people before production: {told(found)}",
        f"Encode the check behind {told(found)} as a test, and keep exploration off the path.",
        inferred=all(each.guessed for each in found),
    )


def _ending(stage: Stage) -> tuple[Step, ...]:
    """The steps behind the deployment; of a stage that deploys nothing, those behind its work."""
    if stage.deploy is not None:
        return steps_after_deploy(stage)
    work = [at for at, step in enumerate(stage.steps) if not has_kind(step, _APPROVAL)]
    return stage.steps[work[-1] + 1 :] if work else ()


RULE = Rule(
    id="auto-promote-preprod",
    number=49,
    title="Promote through non-production stages without people",
    family=Family.SPEED,
    severity=Severity.MEDIUM,
    now=Enforcement.WARN,
    target=Enforcement.WARN,
    params=AutoPromotePreprod,
    docs=__doc__,
    lint=lint,
)
