"""Have a pre-production stage as the last stop before production.

## Why it matters
Test stages run on test configuration. What only production's configuration and dependencies can
break is first seen by customers, unless one stage that takes no customers runs on them before.

The rule looks at the last stop of every path into production: the nearest stage in front of it
that is deployed. It must be of kind `preprod`, have tests that can stop the release, and what
`needs` names. Approvals, waits and stages that only test may stand between.

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
  - {name: beta, kind: test, deploy: hosts}
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
alarms:
  errors: {negative_ratio: 1%, minimum: 50, periods: 3 of 5, period: 1m, missing: unknown,
           scope: service}
deployers:
  hosts: {type: local, hosts: 3}
stages:
  - name: gamma
    kind: preprod
    deploy: hosts
    tests: [{name: api, kind: integration, run: ./integration "$BAKEGATE_URL"}]
    synthetics: [{name: checkout, every: 60s, requests: [{get: /health, expect: {status: 200}}]}]
  - {name: cell-1, kind: prod, wave: 1, deploy: hosts}
```

## Not reported
Services of tier 3, libraries, and pipelines without a production stage. An alarm whose scope is
the whole service watches its pre-production stage too.

## Sources
A last stop on production's configuration: the practice that Amazon's builders describe. That it
needs alarms and synthetics: the gamma stage of the AWS deployment pipeline reference architecture.
A staging environment that mirrors production: Azure's guidance on safe deployment.
"""

from collections.abc import Iterator
from typing import Final

from policies.findings import Enforcement, Problem, Result, Severity
from policies.frozen import dataclass
from policies.paths import last_stops_bits, of_another_run
from policies.phrases import listed
from policies.pipeline import Pipeline, PipelineKind, Stage, StageKind
from policies.rule import Family, GateFamily, Params, Rule, Stricter, Unit, param
from policies.steps import (
    TESTS,
    entries,
    guessed,
    not_applicable,
    note,
    search,
    steps_after_deploy,
    unclear,
    whole,
    without_production,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class PreprodStage(Params):
    required: bool = param(
        default=True,
        help="Whether a pre-production stage is required at all.",
        unit=Unit.FLAG,
        stricter=Stricter.MORE,
    )
    needs: frozenset[str] = param(
        frozenset({"alarms", "synthetics"}),
        "What must watch the pre-production stage besides its tests.",
        unit=Unit.WORDS,
        stricter=Stricter.SUPERSET,
        allowed=("alarms", "synthetics"),
    )


#: The least critical tier, which may go without.
_EXEMPT_TIER: Final = 3


def lint(pipeline: Pipeline, params: PreprodStage) -> Iterator[Problem]:
    exempt = _exempt(pipeline, params)
    firsts = entries(pipeline)
    if exempt:
        yield not_applicable(pipeline, exempt)
    elif not firsts:
        yield from without_production(pipeline)
    else:
        for first in firsts:
            yield from _last_stop(pipeline, first, params)


def _exempt(pipeline: Pipeline, params: PreprodStage) -> str:
    if not params.required:
        return "the organization requires no pre-production stage"
    if pipeline.kind.value is PipelineKind.LIBRARY:
        return "a library is not deployed"
    if pipeline.tier.value == _EXEMPT_TIER:
        return "a service of tier 3 needs no pre-production stage"
    return ""


def _last_stop(pipeline: Pipeline, first: Stage, params: PreprodStage) -> Iterator[Problem]:
    bits, between = last_stops_bits(pipeline, [first])
    stops = pipeline.of_bits(bits)
    good = [stop for stop in stops if stop.kind.value is StageKind.PREPROD]
    for stop in good:
        yield from _unproven(pipeline, stop, pipeline.of_bits(between), params)
    if good:
        return
    where = f"stages/{first.name}/preprod"
    hidden = [stop for stop in stops if not isinstance(stop.kind.value, StageKind)]
    if hidden:
        message = f"whether {hidden[0].name} is a pre-production stage cannot be told"
        yield unclear(hidden[0].span, where, f"{message}: {note(hidden[0])}")
    elif not whole(pipeline) or (away := "" if stops else of_another_run(pipeline, first)):
        message = f"whether a pre-production stage comes before {first.name} cannot be told"
        message += f": {away}" if whole(pipeline) else ""
        yield unclear(first.span, where, message)
    else:
        yield _without(first, stops, where)


def _without(first: Stage, stops: tuple[Stage, ...], where: str) -> Problem:
    message = f"no pre-production stage comes before {first.name}"
    after = "before production"
    if stops:
        message += f"; the last stop is {stops[0].name}, a {stops[0].kind.value} stage"
        after = f"after {stops[0].name}"
    return Problem(
        first.span,
        where,
        message,
        "Nothing runs with production configuration before customers do. "
        f"Add a pre-production stage {after}.",
        inferred=guessed(first) or any(stop.kind.inferred for stop in stops),
    )


def _unproven(
    pipeline: Pipeline, stop: Stage, between: tuple[Stage, ...], params: PreprodStage
) -> Iterator[Problem]:
    steps = [*steps_after_deploy(stop), *(step for each in between for step in each.steps)]
    tests = search(steps, TESTS)
    if not tests.blocking:
        result, maybe = tests.missing(pipeline)
        unsure = result is Result.UNKNOWN
        told = f"whether tests of {stop.name} can stop the release cannot be told"
        yield Problem(
            stop.span,
            f"stages/{stop.name}/tests",
            told if unsure else f"{stop.name} has no tests that can stop the release",
            f"Add tests to {stop.name} and make production depend on them.",
            result,
            maybe or guessed(stop),
        )
    yield from _unwatched(pipeline, stop, params)


def _unwatched(pipeline: Pipeline, stop: Stage, params: PreprodStage) -> Iterator[Problem]:
    seen = {"alarms": _has_alarms(pipeline, stop), "synthetics": _has_synthetics(stop)}
    missing = [need for need in sorted(params.needs) if seen[need] is False]
    hidden = [need for need in sorted(params.needs) if seen[need] is None]
    if missing:
        yield Problem(
            stop.span,
            f"stages/{stop.name}/watch",
            f"{stop.name} has no {listed(missing)}",
            f"Add {listed(missing)} to {stop.name}, so that it shows what production would.",
            inferred=stop.kind.inferred,
        )
    if hidden:
        message = f"whether {stop.name} has {listed(hidden)} cannot be told from this file"
        yield unclear(stop.span, f"stages/{stop.name}/watch", message)


def _has_alarms(pipeline: Pipeline, stop: Stage) -> bool | None:
    """None where the file could not have said it."""
    named = [stop.bake.alarms] if stop.bake else []
    named += [stop.deploy.rollback_alarms] if stop.deploy else []
    if any(fact.or_else(()) for fact in named):
        return True
    service = [alarm for alarm in pipeline.alarms.or_else(()) or () if alarm.scope == "service"]
    if service:
        return True
    told = pipeline.alarms.known and all(fact.known for fact in named) and stop.bake_known.known
    return False if told else None


def _has_synthetics(stop: Stage) -> bool | None:
    if stop.synthetics:
        return True
    return False if stop.synthetics_known else None


RULE = Rule(
    id="preprod-stage",
    number=15,
    title="Have a pre-production stage as the last stop before production",
    family=Family.TESTING,
    severity=Severity.HIGH,
    now=Enforcement.WARN,
    target=Enforcement.BLOCK,
    params=PreprodStage,
    docs=__doc__,
    lint=lint,
    gate_family=GateFamily.TESTS,
)
