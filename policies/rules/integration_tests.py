"""Test the deployed artifact with off-box tests before production.

## Why it matters
Unit tests say that the parts work; only a test against a running deployment says that the service
does. A stage that is deployed and never exercised proves nothing to the stage after it.

The rule looks, on the path in front of the first production stages, for a test step of each kind
in `kinds` that can stop the release and runs against a non-production deployment. At the gate it
asks for the results: of the very digest, passed, not allowed to fail.

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
  - {name: staging, kind: preprod, deploy: hosts}
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
  - name: staging
    kind: preprod
    deploy: hosts
    tests: [{name: api, kind: integration, run: ./integration "$BAKEGATE_URL"}]
  - {name: cell-1, kind: prod, wave: 1, deploy: hosts}
```

## Not reported
Libraries, which the tests of their consumers exercise, and pipelines of kind `config` and `infra`,
which start no service to ask. Pipelines without a production stage. Services with pages add
`browser` to `kinds`, services with consumers `contract`: no file says of itself that it has them.

## Sources
Integration tests against a deployed stage: the practice that Amazon's builders describe, and the
beta stage of the AWS deployment pipeline reference architecture, which also asks for an answer
within thirty minutes.
"""

from collections.abc import Iterable, Iterator
from datetime import timedelta
from itertools import islice
from typing import Final

from policies.durations import format_duration
from policies.findings import Enforcement, Problem, Related, Result, Severity
from policies.frozen import dataclass
from policies.observations import PASSED, evidence_used, latest_suites, suites_named, together
from policies.paths import ahead, ahead_of_all, fitting, having, of_another_run
from policies.phrases import short
from policies.pipeline import Pipeline, PipelineKind, Stage, Step, StepKind
from policies.release import Evidence, ReleaseKind
from policies.rule import Case, Family, GateFamily, Outcome, Params, Rule, Stricter, Unit, param
from policies.steps import (
    deploys,
    entries,
    guessed,
    has_kind,
    kinds_of,
    named,
    not_applicable,
    steps_after_deploy,
    unsure,
    without_production,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class IntegrationTests(Params):
    kinds: frozenset[str] = param(
        frozenset({"integration"}),
        "Kinds of test that must run against a deployment before production.",
        unit=Unit.WORDS,
        stricter=Stricter.SUPERSET,
        allowed=("integration", "browser", "contract"),
    )
    max: timedelta = param(
        timedelta(minutes=30),
        "Longest time-out that such a test step may declare.",
        unit=Unit.DURATION,
        stricter=Stricter.LESS,
    )


#: So many tests beside the way are named; more would hide them.
_FEW: Final = 10
_EXEMPT: Final = frozenset({PipelineKind.LIBRARY, PipelineKind.CONFIG, PipelineKind.INFRA})


def lint(pipeline: Pipeline, params: IntegrationTests) -> Iterator[Problem]:
    firsts = entries(pipeline)
    if pipeline.kind.value in _EXEMPT:
        message = f"a pipeline of kind {pipeline.kind.value} starts no service to test against"
        yield not_applicable(pipeline, message)
        return
    if not firsts:
        yield from without_production(pipeline)
    for first in firsts:
        for kind in sorted(params.kinds):
            yield from _untested(pipeline, first, StepKind(kind))
    yield from _too_slow(pipeline, firsts, params)


def _after_deploy(pipeline: Pipeline, stage: Stage) -> tuple[Step, ...]:
    """The steps of a stage that run when something is deployed."""
    earlier = pipeline.above(stage) & fitting(pipeline, deploys)
    return stage.steps if earlier else steps_after_deploy(stage)


def _untested(pipeline: Pipeline, first: Stage, kind: StepKind) -> Iterator[Problem]:
    before = ahead(pipeline, first)
    tests = before.search(frozenset({kind}), _after_deploy)
    if tests.blocking:
        return
    deployed = before.those(deploys)
    place = pipeline.stages[deployed.bit_length() - 1] if deployed else first
    result, maybe = tests.missing(pipeline)
    away = "" if deployed or tests.soft else of_another_run(pipeline, first)
    if result is Result.UNKNOWN or away:
        result = Result.UNKNOWN
        message = f"whether {kind} tests run before {first.name} cannot be told"
        message += f": {away}" if away else ""
    elif tests.soft:
        message = f"{named(tests.soft)} cannot stop the release: {tests.soft[0].soft.value}"
    elif deployed:
        message = f"{place.name} is deployed and no {kind} tests run against it before {first.name}"
    else:
        message = f"nothing is deployed and tested before {first.name}"
    yield Problem(
        place.span,
        f"stages/{place.name}/{kind}",
        message,
        _fix(place, kind, deployed=bool(deployed)),
        result,
        maybe or guessed(first),
        _elsewhere(pipeline, first, kind),
    )


def _fix(place: Stage, kind: StepKind, *, deployed: bool) -> str:
    if not deployed:
        return (
            f"Deploy to a stage before {place.name}, run the {kind} suite against it "
            "and make production depend on it."
        )
    where = place.environment or place.name
    return (
        f"{place.name} is deployed and never exercised. Run the {kind} suite against {where} "
        "and make production depend on it."
    )


def _elsewhere(pipeline: Pipeline, first: Stage, kind: StepKind) -> tuple[Related, ...]:
    """Tests that exist but that production does not depend on."""
    return tuple(
        Related(step.name.span, f"{named([step])} runs here, but {first.name} does not wait for it")
        for step in islice(_not_ahead(pipeline, first, kind), _FEW)
    )


def _not_ahead(pipeline: Pipeline, first: Stage, kind: StepKind) -> Iterator[Step]:
    beside = having(pipeline, frozenset({kind})) & ~pipeline.above(first)
    for stage in pipeline.each_of_bits(beside):
        if not stage.is_prod:
            yield from (step for step in stage.steps if has_kind(step, {kind}))


def _too_slow(
    pipeline: Pipeline, firsts: tuple[Stage, ...], params: IntegrationTests
) -> Iterator[Problem]:
    kinds = kinds_of(params.kinds)
    for stage in ahead_of_all(pipeline, firsts):
        if not kinds.isdisjoint(stage.kinds):
            tests = [each for each in _after_deploy(pipeline, stage) if has_kind(each, kinds)]
            yield from _slow(stage, tests, params)


def _slow(stage: Stage, tests: Iterable[Step], params: IntegrationTests) -> Iterator[Problem]:
    for step in tests:
        timeout = step.timeout.or_else(None)
        if timeout is None or timeout <= params.max:
            continue
        limit = format_duration(params.max)
        yield Problem(
            step.timeout.span,
            f"stages/{stage.name}/steps/{step.name.or_else('')}/timeout",
            f"{named([step])} may run for {format_duration(timeout)}; the limit is {limit}",
            f"Keep these tests under {limit}, or run the longer ones beside the path.",
            inferred=unsure(step) or step.timeout.inferred,
        )


def gate(case: Case, params: IntegrationTests) -> Outcome:
    if case.release.kind is ReleaseKind.CONFIG or case.pipeline.kind.value in _EXEMPT:
        message = "libraries and configuration have no deployment of their own to test"
        return Outcome(Result.NOT_APPLICABLE, message)
    return together([_judge_kind(case, kind) for kind in sorted(params.kinds)] or [_NOTHING])


_NOTHING: Final = Outcome(Result.PASS, "no kind of test is required")


def _judge_kind(case: Case, kind: str) -> Outcome:
    digest = case.release.artifact.digest
    every = [each for each in case.release.evidence if each.kind == kind]
    suites = latest_suites(each for each in every if each.digest == digest)
    if suites:
        return together([_judge(each) for each in suites])
    cure = f"run the {kind} tests on {short(digest)}"
    message = f"no {kind} test result was reported for {short(digest)}"
    if every:
        message += f", only for {short(every[-1].digest or every[-1].commit)}"
    return Outcome(Result.UNKNOWN, message, cure, used=tuple(evidence_used(each) for each in every))


def _judge(suite: Evidence) -> Outcome:
    name, used = suites_named([suite]), (evidence_used(suite),)
    where = f" in {suite.stage}" if suite.stage else ""
    if suite.result not in PASSED or suite.failed:
        message = f"{name} ended with {suite.result}{where}"
        if suite.failed:
            message = f"{suite.failed} tests of {name} failed{where}"
        return Outcome(Result.FAIL, message, "mend the cause and release again", used=used)
    if suite.soft_failed:
        message = f"{name} failed{where} and was allowed to"
        return Outcome(Result.FAIL, message, "let the tests stop the release", used=used)
    return Outcome(Result.PASS, f"{name} passed{where}", used=used)


RULE = Rule(
    id="integration-tests",
    number=11,
    title="Test the deployed artifact with off-box tests before production",
    family=Family.TESTING,
    severity=Severity.HIGH,
    now=Enforcement.WARN,
    target=Enforcement.BLOCK,
    params=IntegrationTests,
    docs=__doc__,
    lint=lint,
    gate=gate,
    gate_family=GateFamily.TESTS,
)
