"""Run unit tests in the build and stop on failure.

## Why it matters
A unit test gives the cheapest and earliest answer about a change. An artifact that is published
before its unit tests passed takes a known kind of defect to the stages where finding it costs
more.

The rule looks for a unit test step that can stop the release, on the path in front of the first
step that publishes or deploys. At the gate it asks for the result: tests of the very commit, at
least `min_tests` executed, none failed, none allowed to fail. A suite that ran nothing does not
pass.

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
```

## Passes
```yaml
schema: bakegate/pipeline/v1
name: shop
organization: retail
source: {repository: ., branch: main, start: push}
build:
  steps:
    - {name: unit, kind: unit, run: python -m pytest -q}
    - {name: package, kind: build, run: ./package dist/app.tar.gz}
  artifact: dist/app.tar.gz
deployers:
  hosts: {type: local, hosts: 3}
stages:
  - {name: beta, kind: test, deploy: hosts}
```

## Not reported
Pipelines that publish and deploy nothing. Pipelines of kind `config` and `infra` whose path has a
validation suite of any kind that can stop the release. Steps whose kind cannot be told from the
file are unknown, not missing. A workflow without any unit test is unknown: a repository holds
several workflows, and its unit tests may stand in another one. So is a file in which nothing
builds.

## Sources
Unit tests on the build machine: the practice that Amazon's builders describe. Ten minutes as the
upper end of a useful answer: the AWS deployment pipeline reference architecture and DORA's page on
test automation. At least one test: ours, so that an empty suite does not count.
"""

from collections.abc import Iterator, Sequence
from datetime import timedelta
from typing import Final

from policies.durations import format_duration
from policies.findings import Enforcement, Problem, Result, Severity
from policies.frozen import dataclass, replace
from policies.observations import PASSED, evidence_used, latest_suites, suites_named, together
from policies.paths import ahead, ahead_of_all, lowest, none_here, path_to
from policies.phrases import short
from policies.pipeline import Pipeline, PipelineKind, Stage, StageKind, Step, StepKind
from policies.release import Evidence, ReleaseKind
from policies.rule import Case, Family, GateFamily, Outcome, Params, Rule, Stricter, Unit, param
from policies.steps import (
    TESTS,
    built_elsewhere,
    first_points,
    guessed,
    has_kind,
    incomplete,
    named,
    not_applicable,
    steps_before_end,
    unsure,
    whole,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class UnitTests(Params):
    min_tests: int = param(
        1, "Fewest tests that must have been executed.", unit=Unit.COUNT, stricter=Stricter.MORE
    )
    max: timedelta = param(
        timedelta(minutes=10),
        "Longest time-out that a unit test step may declare.",
        unit=Unit.DURATION,
        stricter=Stricter.LESS,
    )


_UNIT: Final = frozenset({StepKind.UNIT})
#: What a suite that validates a description is made of.
_VALIDATING: Final = TESTS | {StepKind.LINT, StepKind.SAST}
_VALIDATED: Final = frozenset({PipelineKind.CONFIG, PipelineKind.INFRA})


def lint(pipeline: Pipeline, params: UnitTests) -> Iterator[Problem]:
    points = first_points(pipeline)
    if not points:
        yield (
            not_applicable(pipeline, "the pipeline publishes and deploys nothing")
            if whole(pipeline)
            else incomplete(pipeline)
        )
    for point in points:
        yield from _untested(pipeline, point)
        yield from _slow(point, steps_before_end(point), params)
    yield from _too_slow(pipeline, points, params)


def _untested(pipeline: Pipeline, point: Stage) -> Iterator[Problem]:
    path = path_to(pipeline, point)
    units = path.search(_UNIT)
    if units.blocking:
        return
    if pipeline.kind.value in _VALIDATED and path.search(_VALIDATING).blocking:
        return
    artifact = pipeline.artifact.or_else(None) or "the artifact"
    infra = pipeline.kind.value is PipelineKind.INFRA
    checks = "checks of the description" if infra else "unit tests"
    message = f"no {checks} run before {artifact} is published"
    if units.soft:
        message = f"{named(units.soft)} cannot stop the release: {units.soft[0].soft.value}"
    result, maybe = units.missing(pipeline)
    # A file with unit tests, but not on this path, is the place where they would stand.
    elsewhere = not units.soft and none_here(pipeline, _UNIT)
    away = "" if units.soft else built_elsewhere(pipeline)
    if away or elsewhere:
        result, maybe = Result.UNKNOWN, True
    if result is Result.UNKNOWN:
        message = f"whether {checks} run before {artifact} is published cannot be told"
        if units.unclear and away != pipeline.artifact.note:
            why = units.unclear[0].kind.note or units.unclear[0].soft.note
            message += f": {why or named(units.unclear[:1]) + ' is defined elsewhere'}"
        elif elsewhere:
            message += ": this file has no unit tests, so another one may"
        elif away:
            message += f": {away}"
    place = _place(pipeline, point)
    fix = (
        f"No {checks} run before {artifact} is published. Add a test step to the build; "
        "if it exists under another name, label it in bakegate.yaml."
    )
    yield Problem(place.span, f"stages/{place.name}", message, fix, result, maybe or guessed(point))


def _place(pipeline: Pipeline, point: Stage) -> Stage:
    """Where the tests belong: the build in front of the point, or the point itself."""
    builds = ahead(pipeline, point).those(_builds)
    return next(iter(pipeline.of_bits(lowest(builds))), point)


def _builds(stage: Stage) -> bool:
    return stage.kind.value is StageKind.BUILD


def _too_slow(
    pipeline: Pipeline, points: tuple[Stage, ...], params: UnitTests
) -> Iterator[Problem]:
    for stage in ahead_of_all(pipeline, points):
        if StepKind.UNIT in stage.kinds:
            yield from _slow(stage, stage.steps, params)


def _slow(stage: Stage, steps: Sequence[Step], params: UnitTests) -> Iterator[Problem]:
    for step in steps:
        timeout = step.timeout.or_else(None) if has_kind(step, _UNIT) else None
        if timeout is None or timeout <= params.max:
            continue
        limit = format_duration(params.max)
        yield Problem(
            step.timeout.span,
            f"stages/{stage.name}/steps/{step.name.or_else('')}/timeout",
            f"{named([step])} may run for {format_duration(timeout)}; the limit is {limit}",
            f"Keep unit tests under {limit}; move slow tests to a later stage.",
            inferred=unsure(step) or step.timeout.inferred,
        )


def gate(case: Case, params: UnitTests) -> Outcome:
    artifact = case.release.artifact
    # A change of configuration has no units; its validation suite stands for them.
    kinds = TESTS if case.release.kind is ReleaseKind.CONFIG else _UNIT
    suites = latest_suites(
        each
        for each in case.release.evidence
        if each.kind in kinds and each.commit == artifact.commit
    )
    if not suites:
        message = f"no unit test result was reported for commit {short(artifact.commit)}"
        return Outcome(Result.UNKNOWN, message, "report the unit tests of this commit")
    parts = [_judge(each) for each in suites]
    if all(part.result is Result.PASS for part in parts):
        return replace(_enough(suites, params), used=together(parts).used)
    return together(parts)


def _judge(suite: Evidence) -> Outcome:
    name, used = suites_named([suite]), (evidence_used(suite),)
    cure = "mend the tests and release the new commit"
    if suite.failed:
        return Outcome(Result.FAIL, f"{suite.failed} tests of {name} failed", cure, used=used)
    if suite.result not in PASSED:
        return Outcome(Result.FAIL, f"{name} ended with {suite.result}", cure, used=used)
    if suite.soft_failed:
        message = f"{name} failed and was allowed to"
        return Outcome(Result.FAIL, message, "let the tests stop the build", used=used)
    return Outcome(Result.PASS, f"{name} passed", used=used)


def _enough(suites: tuple[Evidence, ...], params: UnitTests) -> Outcome:
    counts = [each.executed for each in suites if each.executed is not None]
    total = sum(counts)
    if total >= params.min_tests:
        return Outcome(Result.PASS, f"{total} tests passed")
    cure = f"report at least {params.min_tests} executed unit tests"
    if len(counts) < len(suites):
        message = f"{suites_named(suites)} did not say how many tests were executed"
        return Outcome(Result.UNKNOWN, message, cure)
    message = f"{total} unit tests were executed; at least {params.min_tests} are required"
    return Outcome(Result.FAIL, message, cure)


RULE = Rule(
    id="unit-tests",
    number=9,
    title="Run unit tests in the build and stop on failure",
    family=Family.TESTING,
    severity=Severity.HIGH,
    now=Enforcement.WARN,
    target=Enforcement.BLOCK,
    params=UnitTests,
    docs=__doc__,
    lint=lint,
    gate=gate,
    gate_family=GateFamily.TESTS,
)
