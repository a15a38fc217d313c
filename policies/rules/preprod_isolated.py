"""Keep customers and other teams off pre-production.

## Why it matters
Pre-production exists to break first. Once another team's tests or some customers depend on it,
every release that is stopped there is their outage, and the owner begins to spare it.

No customers may be routed to a pre-production stage, and only the callers in `allowed_callers` may
call it. At the gate those who did call it count, as they were seen within `window`.

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
  - {name: gamma, kind: preprod, deploy: hosts, callers: [owner, synthetics, checkout-team]}
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
  - {name: gamma, kind: preprod, deploy: hosts, callers: [owner, synthetics]}
  - {name: cell-1, kind: prod, wave: 1, deploy: hosts}
```

## Not reported
Pipelines without a pre-production stage, which are another rule's. Organizations whose
pre-production serves the tests of other teams add those teams to `allowed_callers`. Who may call a
stage is unknown unless it is declared.

## Sources
Pre-production for its owner alone: the practice that Amazon's builders describe. The AWS deployment
pipeline reference architecture lets other teams call its gamma stage, for which there is
`allowed_callers`.
"""

from collections.abc import Iterator
from datetime import timedelta

from policies.durations import format_duration
from policies.facts import placed
from policies.findings import Enforcement, Problem, Result, Severity
from policies.frozen import dataclass
from policies.observations import observed
from policies.phrases import listed, percent
from policies.pipeline import Pipeline, Stage, StageKind
from policies.rule import Case, Family, GateFamily, Outcome, Params, Rule, Stricter, Unit, param
from policies.steps import deploys, not_applicable, unclear, without_production


@dataclass(frozen=True, slots=True, kw_only=True)
class PreprodIsolated(Params):
    allowed_callers: frozenset[str] = param(
        frozenset({"owner", "synthetics"}),
        "Who may call a pre-production stage.",
        unit=Unit.WORDS,
        stricter=Stricter.SUBSET,
    )
    window: timedelta = param(
        timedelta(days=7),
        "How far back callers are looked for; older reports say nothing.",
        unit=Unit.DURATION,
        stricter=Stricter.NEITHER,
    )


def lint(pipeline: Pipeline, params: PreprodIsolated) -> Iterator[Problem]:
    stages = _preprod(pipeline)
    if stages:
        for stage in stages:
            yield from _open(stage, params)
    elif pipeline.prod:
        yield not_applicable(pipeline, "the pipeline has no pre-production stage")
    else:
        yield from without_production(pipeline)


def _preprod(pipeline: Pipeline) -> list[Stage]:
    return [
        stage
        for stage in pipeline.stages
        if stage.kind.value is StageKind.PREPROD and deploys(stage)
    ]


def _open(stage: Stage, params: PreprodIsolated) -> Iterator[Problem]:
    share = stage.exposure.or_else(None)
    if share:
        yield Problem(
            stage.exposure.span,
            f"stages/{stage.name}/exposure",
            f"{percent(share)} of customers are routed to {stage.name}",
            f"Route no customers to {stage.name}; what they try belongs into production.",
            inferred=stage.exposure.inferred or stage.kind.inferred,
        )
    callers, where = placed(stage.callers, stage.span), f"stages/{stage.name}/callers"
    if callers.value is None or not callers.known:
        why = f": {callers.note}" if callers.note else ""
        message = f"who may call {stage.name} cannot be told{why}"
        yield unclear(callers.span if not callers.known else stage.span, where, message)
        return
    others = sorted(set(callers.or_else(()) or ()) - params.allowed_callers)
    if others:
        yield Problem(
            callers.span,
            where,
            f"{listed(others)} may call {stage.name}",
            _fix(others),
            inferred=callers.inferred or stage.kind.inferred,
        )


def _fix(others: list[str]) -> str:
    depends = "depends" if len(others) == 1 else "depend"
    return (
        f"{listed(others)} {depends} on your pre-production. Move them to a shared test stage; "
        "otherwise every release of yours is their outage."
    )


def gate(case: Case, params: PreprodIsolated) -> Outcome:
    if not _preprod(case.pipeline):
        message = "the pipeline has no pre-production stage"
        return Outcome(Result.NOT_APPLICABLE, message)
    seen, cure = case.release.context.preprod_callers, "report who calls pre-production"
    if seen is None:
        message = "nobody reported who calls pre-production"
        return Outcome(Result.UNKNOWN, message, cure)
    at = seen.observed_at or case.release.context.captured_at
    source = seen.source or "release record"
    used = (observed("context.preprod_callers", list(seen.value), at, source),)
    if at and case.now - at > params.window:
        age = format_duration(params.window)
        message = f"who calls pre-production was last reported more than {age} ago"
        return Outcome(Result.UNKNOWN, message, cure, used=used)
    others = sorted(set(seen.value) - params.allowed_callers)
    if others:
        message = f"{listed(others)} called pre-production"
        cure = "move them to a shared test stage, or allow them"
        return Outcome(Result.FAIL, message, cure, used=used)
    return Outcome(Result.PASS, "only who may call pre-production called it", used=used)


RULE = Rule(
    id="preprod-isolated",
    number=17,
    title="Keep customers and other teams off pre-production",
    family=Family.TESTING,
    severity=Severity.MEDIUM,
    now=Enforcement.OBSERVE,
    target=Enforcement.WARN,
    params=PreprodIsolated,
    docs=__doc__,
    lint=lint,
    gate=gate,
    gate_family=GateFamily.TESTS,
)
