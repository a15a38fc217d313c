"""Do not let test failures pass.

## Why it matters
A test that may fail without stopping anything is worse than no test: the pipeline looks tested,
people learn to ignore red, and the defect that the test saw ships all the same.

The rule looks at every step of the kinds in `kinds` and reports the construct that lets its
failure pass: `soft_fail`, `continue-on-error`, `|| true`, `set +e` and what other formats have for
it. At the gate it asks the results: a suite that failed and was allowed to does not count, save up
to `quarantine_max` failures of listed tests.

## Fails
```yaml
on: {push: {branches: [main]}}
jobs:
  test:
    runs-on: ubuntu-latest
    steps:
      - run: npm test
        continue-on-error: true
```

## Passes
```yaml
on: {push: {branches: [main]}}
jobs:
  test:
    runs-on: ubuntu-latest
    steps:
      - run: npm test
```

## Not reported
Steps of kinds outside `kinds`, for example lint or coverage, which may inform without stopping.
Steps whose softness is an expression are unknown. What runs by the clock only and releases nothing.

## Sources
Each stage gates the next: AWS DevOps guidance and the AWS deployment pipeline reference
architecture. No quarantined failure at all: ours; an organization may raise it while it mends
flaky tests by name.
"""

from collections.abc import Iterator

from policies.findings import Enforcement, Problem, Result, Severity
from policies.frozen import dataclass
from policies.observations import evidence_used, latest_suites, ran_here, suites_named, together
from policies.phrases import short
from policies.pipeline import Pipeline, Stage, Step
from policies.release import Evidence
from policies.rule import Case, Family, GateFamily, Outcome, Params, Rule, Stricter, Unit, param
from policies.steps import (
    first_points,
    has_kind,
    incomplete,
    kinds_of,
    named,
    not_applicable,
    unclear,
    unsure,
    whole,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class NoSoftFailTests(Params):
    kinds: frozenset[str] = param(
        frozenset({"unit", "integration", "browser", "load", "security", "smoke"}),
        "Kinds of test whose failure must stop the release.",
        unit=Unit.WORDS,
        stricter=Stricter.SUPERSET,
        allowed=("unit", "integration", "browser", "contract", "load", "security", "smoke"),
    )
    quarantine_max: int = param(
        0,
        "Most failures of quarantined tests that one suite may have.",
        unit=Unit.COUNT,
        stricter=Stricter.LESS,
    )


def lint(pipeline: Pipeline, params: NoSoftFailTests) -> Iterator[Problem]:
    if _by_clock(pipeline):
        yield not_applicable(pipeline, "it runs by the clock and releases nothing")
        return
    kinds = kinds_of(params.kinds)
    tests = [
        (stage, step)
        for stage in pipeline.stages
        for step in stage.steps
        if has_kind(step, kinds) and not _on_demand(step)
    ]
    for stage, step in tests:
        yield from _soft(stage, step)
    if not tests and whole(pipeline):
        yield not_applicable(pipeline, "the pipeline has no test step of these kinds")
    elif not tests:
        yield incomplete(pipeline)


def _by_clock(pipeline: Pipeline) -> bool:
    """Whether a pipeline only looks at something from time to time."""
    starts = set(pipeline.origin.start.or_else(()) or ())
    return starts == {"schedule"} and whole(pipeline) and not first_points(pipeline)


def _on_demand(step: Step) -> bool:
    """Whether a person starts the test where one wants it: nothing waits for it, nothing fails."""
    return str(step.soft.or_else("")).startswith("when: manual")


def _soft(stage: Stage, step: Step) -> Iterator[Problem]:
    where = f"stages/{stage.name}/steps/{step.name.or_else('')}/soft"
    construct = step.soft.value
    if not step.soft.known:
        why = step.soft.note or "it is set by an expression"
        message = f"whether {named([step])} can stop the release cannot be told: {why}"
        yield unclear(step.soft.span, where, message)
    elif construct:
        yield Problem(
            step.soft.span,
            where,
            f"{named([step])} can fail without stopping the release: {construct}",
            f"This test can fail without stopping the release. Remove {construct}; "
            "quarantine single flaky tests by name with an expiry instead.",
            inferred=unsure(step) or step.soft.inferred,
        )


def gate(case: Case, params: NoSoftFailTests) -> Outcome:
    kinds = {kind.value for kind in kinds_of(params.kinds)}
    suites = latest_suites(
        each
        for each in case.release.evidence
        if each.kind in kinds and ran_here(case.release, each)
    )
    if suites:
        return together([_judge(each, params) for each in suites])
    message = f"no test result was reported for {short(case.release.artifact.digest)}"
    return Outcome(Result.UNKNOWN, message, "report the results of the tests")


def _judge(suite: Evidence, params: NoSoftFailTests) -> Outcome:
    name, used = suites_named([suite]), (evidence_used(suite),)
    if not suite.soft_failed:
        return Outcome(Result.PASS, f"{name} could stop the release", used=used)
    if 0 < (suite.failed or 0) <= params.quarantine_max:
        message = f"{name} has {suite.failed} quarantined failures"
        return Outcome(Result.PASS, message, used=used)
    message = f"{name} failed and was allowed to"
    if suite.failed and params.quarantine_max:
        message += f": {suite.failed} failures, at most {params.quarantine_max} may be quarantined"
    return Outcome(Result.FAIL, message, "mend the tests and release again", used=used)


RULE = Rule(
    id="no-soft-fail-tests",
    number=18,
    title="Do not let test failures pass",
    family=Family.TESTING,
    severity=Severity.HIGH,
    now=Enforcement.WARN,
    target=Enforcement.BLOCK,
    params=NoSoftFailTests,
    docs=__doc__,
    lint=lint,
    gate=gate,
    gate_family=GateFamily.TESTS,
)
