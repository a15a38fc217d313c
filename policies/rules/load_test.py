"""Prove the new version carries expected peak load.

## Why it matters
A version that is slower by a third passes every other test. It fails at the next peak, when most
customers are there and rolling back is hardest.

A load test must run in front of production and be able to stop the release, unless the organization
sets `in_pipeline_preferred: false`. At the gate the latest passing test of any release counts: its
rate must reach the peak of the last 28 days and `peak_headroom` more, and it must be younger than
`max_age` and than the last change that is labelled `capacity`.

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
  - name: gamma
    kind: preprod
    deploy: hosts
    tests: [{name: peak, kind: load, run: ./load "$BAKEGATE_URL"}]
  - {name: cell-1, kind: prod, wave: 1, deploy: hosts}
```

## Not reported
Services of tier 3, tools, libraries, batch jobs, apps of a store, infrastructure and configuration.
A test that runs outside of the pipeline is seen at the gate, so its absence from the file only
warns; a workflow in which no test runs at all leaves them to another file.

## Sources
Load tests before production, on which Amazon's builders insist; the AWS DevOps guidance and the AWS
deployment pipeline reference architecture. A month, and a fifth more than the peak: ours.
"""

from collections.abc import Iterator
from datetime import timedelta
from typing import Final

from policies.durations import format_duration
from policies.findings import Enforcement, Problem, Result, Severity
from policies.frozen import dataclass
from policies.observations import PASSED, evidence_used, observed, of_service, suites_named
from policies.paths import ahead, of_another_run
from policies.phrases import percent
from policies.pipeline import Pipeline, PipelineKind, Stage, StepKind
from policies.release import Evidence, Reported
from policies.rule import Case, Family, GateFamily, Outcome, Rule, Stricter, Tiered, Unit, param
from policies.steps import (
    TESTS,
    entries,
    named,
    not_applicable,
    tests_elsewhere,
    without_production,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class LoadTest(Tiered):
    max_age: timedelta = param(
        timedelta(days=30),
        "Longest time since the last test that passed.",
        unit=Unit.DURATION,
        stricter=Stricter.LESS,
    )
    peak_headroom: float = param(
        0.2,
        "How far above the peak of 28 days the tested rate must be; 20% is 1.2 times the peak.",
        unit=Unit.SHARE,
        stricter=Stricter.MORE,
    )
    in_pipeline_preferred: bool = param(
        default=True,
        help="Whether a pipeline without a load test of its own is told so before merge.",
        unit=Unit.FLAG,
        stricter=Stricter.MORE,
    )


_LOAD: Final = frozenset({StepKind.LOAD})
_EXEMPT: Final = frozenset(set(PipelineKind) - {PipelineKind.APP, PipelineKind.OS})
#: The least critical tier, which may go without.
_EXEMPT_TIER: Final = 3
#: The label of changes that alter how much the service can carry.
_CAPACITY: Final = "capacity"


def lint(pipeline: Pipeline, params: LoadTest) -> Iterator[Problem]:
    firsts, exempt = entries(pipeline), _exempt(pipeline)
    if exempt or not params.in_pipeline_preferred:
        yield not_applicable(pipeline, exempt or "the organization takes load tests from anywhere")
    elif not firsts:
        yield from without_production(pipeline)
    else:
        for first in firsts:
            yield from _untested(pipeline, first)


def _exempt(pipeline: Pipeline) -> str:
    if pipeline.kind.value in _EXEMPT:
        return f"a pipeline of kind {pipeline.kind.value} has no peak to carry"
    if pipeline.tier.value == _EXEMPT_TIER:
        return "a service of tier 3 needs no load test"
    return ""


def _untested(pipeline: Pipeline, first: Stage) -> Iterator[Problem]:
    before = ahead(pipeline, first)
    tests = before.search(_LOAD)
    if tests.blocking:
        return
    result, _ = tests.missing(pipeline)
    away = of_another_run(pipeline, first)
    if away or tests_elsewhere(pipeline, here=before.has(TESTS)):
        result = Result.UNKNOWN
    message = f"no load test runs before {first.name}"
    if tests.soft:
        message = f"{named(tests.soft)} cannot stop the release: {tests.soft[0].soft.value}"
    if result is Result.UNKNOWN:
        message = f"whether a load test runs before {first.name} cannot be told"
        message += f": {away}" if away else ""
    fix = "Add a load test at the expected peak to pre-production, and let it stop the release."
    # The test may run outside of the pipeline, which only its evidence shows.
    yield Problem(first.span, f"stages/{first.name}/load", message, fix, result, inferred=True)


def gate(case: Case, params: LoadTest) -> Outcome:
    exempt = _exempt(case.pipeline)
    if exempt:
        return Outcome(Result.NOT_APPLICABLE, exempt)
    runs = of_service(case.release, StepKind.LOAD)
    good = [each for each in runs if each.result in PASSED and not each.soft_failed]
    if not good:
        what = "no load test has passed" if runs else "no load test was reported"
        used = tuple(evidence_used(each) for each in runs)
        result = Result.FAIL if runs else Result.UNKNOWN
        message = f"{what} for {case.pipeline.name}"
        return Outcome(result, message, "run a load test at the expected peak", used=used)
    return _recent(case, good[-1], params)


def _recent(case: Case, test: Evidence, params: LoadTest) -> Outcome:
    used, name = (evidence_used(test),), suites_named([test])
    age = case.now - test.ended_at
    if age > params.max_age:
        message = f"{name} passed {age.days} days ago; at most {format_duration(params.max_age)}"
        return Outcome(Result.FAIL, message, "run the load test again", used=used)
    since = [
        change.subject
        for change in case.release.changes
        if _CAPACITY in (change.labels or ()) and change.authored_at > test.ended_at
    ]
    if since:
        message = f"{name} is older than a change of capacity: {since[0]}"
        return Outcome(Result.FAIL, message, "run the load test again", used=used)
    peak = case.release.context.peak_rate
    if test.target_rate is None or peak is None:
        what = f"the rate of {name}" if test.target_rate is None else "the peak of 28 days"
        return Outcome(Result.UNKNOWN, f"nobody reported {what}", f"report {what}", used=used)
    return _enough(case, test, test.target_rate, peak, params)


def _enough(
    case: Case, test: Evidence, rate: float, peak: Reported[float], params: LoadTest
) -> Outcome:
    need = peak.value * (1 + params.peak_headroom)
    seen = observed(
        "context.peak_rate", peak.value, peak.observed_at, peak.source or "release record"
    )
    used = (evidence_used(test), seen)
    days = (case.now - test.ended_at).days
    told = f"{suites_named([test])} proved {rate:g} requests a second {days} days ago"
    if rate < need:
        message = f"{told}, {percent(rate / need)} of what peak needs"
        cure = f"run it again at {need:g} requests a second or more"
        return Outcome(Result.FAIL, message, cure, used=used)
    return Outcome(Result.PASS, f"{told}; peak needs {need:g}", used=used)


RULE = Rule(
    id="load-test",
    number=13,
    title="Prove the new version carries expected peak load",
    family=Family.TESTING,
    severity=Severity.MEDIUM,
    now=Enforcement.WARN,
    target=Enforcement.BLOCK,
    params=LoadTest,
    docs=__doc__,
    lint=lint,
    gate=gate,
    gate_family=GateFamily.TESTS,
)
