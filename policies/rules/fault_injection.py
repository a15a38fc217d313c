"""Inject failures in a production-like stage.

## Why it matters
Every dependency fails some day. A service that has never been seen without one of them finds out
with its customers what it does then.

Services of the tiers in `tiers` need a step that injects failures in front of production. At the
gate the latest passing run of any release counts: at most `max_age` old, and under load, because a
failure without requests shows nothing.

## Fails
```yaml
schema: bakegate/pipeline/v1
name: shop
organization: retail
tier: 0
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
tier: 0
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
    tests: [{name: slow-database, kind: fault, run: ./slow-database}]
  - {name: cell-1, kind: prod, wave: 1, deploy: hosts}
```

## Not reported
Services of other tiers, and proxies without state that their platform's team tests: these ask for
an exemption. A test that runs outside of the pipeline is seen at the gate, so its absence from the
file only warns.

## Sources
Failure injection among the tests before production: the practice that Amazon's builders describe
and the AWS deployment pipeline reference architecture; under load: Azure's guidance for
mission-critical services. A month: ours, after the rhythm that the AWS DevOps guidance gives stress
tests.
"""

from collections.abc import Iterator
from datetime import timedelta
from typing import Final

from policies.durations import format_duration
from policies.findings import Enforcement, Problem, Result, Severity
from policies.frozen import dataclass
from policies.observations import PASSED, evidence_used, of_service, suites_named
from policies.paths import ahead_of_all
from policies.pipeline import Pipeline, Stage, StepKind
from policies.release import Evidence
from policies.rule import Case, Family, GateFamily, Outcome, Params, Rule, Stricter, Unit, param
from policies.steps import (
    entries,
    named,
    not_applicable,
    search,
    unclear,
    without_production,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class FaultInjection(Params):
    max_age: timedelta = param(
        timedelta(days=30),
        "Longest time since the last test that passed.",
        unit=Unit.DURATION,
        stricter=Stricter.LESS,
    )
    tiers: frozenset[str] = param(
        frozenset({"0", "1"}),
        "Tiers whose services must be tested.",
        unit=Unit.WORDS,
        stricter=Stricter.SUPERSET,
        allowed=("0", "1", "2", "3"),
    )


_FAULT: Final = frozenset({StepKind.FAULT})


def lint(pipeline: Pipeline, params: FaultInjection) -> Iterator[Problem]:
    firsts, tier = entries(pipeline), pipeline.tier.value
    if isinstance(tier, int) and str(tier) not in params.tiers:
        yield not_applicable(pipeline, f"services of tier {tier} need no failure test")
    elif not firsts:
        yield from without_production(pipeline)
    else:
        yield from _untested(pipeline, firsts, params)


def _untested(
    pipeline: Pipeline, firsts: tuple[Stage, ...], params: FaultInjection
) -> Iterator[Problem]:
    path = ahead_of_all(pipeline, firsts)
    faults = search([step for stage in path for step in stage.steps], _FAULT)
    if faults.blocking:
        return
    where, tier = "pipeline/fault", pipeline.tier.value
    if not isinstance(tier, int):
        message = "whether this service needs a failure test cannot be told: no tier is declared"
        yield unclear(pipeline.span, where, message)
        return
    result, _ = faults.missing(pipeline)
    message = f"no failure test runs before {firsts[0].name}"
    if faults.soft:
        message = f"{named(faults.soft)} cannot stop the release: {faults.soft[0].soft.value}"
    if result is Result.UNKNOWN:
        message = f"whether a failure test runs before {firsts[0].name} cannot be told"
    fix = (
        f"Tier {tier} services need a failure test every {format_duration(params.max_age)}: start "
        "with one dependency timing out under load."
    )
    # The test may run outside of the pipeline, which only its evidence shows.
    yield Problem(firsts[0].span, where, message, fix, result, inferred=True)


def gate(case: Case, params: FaultInjection) -> Outcome:
    tier = case.pipeline.tier.value
    if isinstance(tier, int) and str(tier) not in params.tiers:
        return Outcome(Result.NOT_APPLICABLE, f"services of tier {tier} need no failure test")
    if not isinstance(tier, int):
        message = "no tier is declared, so it is unknown whether a failure test is due"
        return Outcome(Result.UNKNOWN, message, "declare the tier of the service")
    runs = of_service(case.release, StepKind.FAULT)
    good = [each for each in runs if each.result in PASSED and not each.soft_failed]
    if not good:
        what = "no failure test has passed" if runs else "no failure test was reported"
        message = f"{what} for {case.pipeline.name}"
        result = Result.FAIL if runs else Result.UNKNOWN
        used = tuple(evidence_used(each) for each in runs)
        return Outcome(result, message, "run a failure test under load", used=used)
    return _recent(case, good[-1], params)


def _recent(case: Case, test: Evidence, params: FaultInjection) -> Outcome:
    used, name = (evidence_used(test),), suites_named([test])
    age = case.now - test.ended_at
    if age > params.max_age:
        limit = format_duration(params.max_age)
        message = f"{name} passed {age.days} days ago; at most {limit}"
        return Outcome(Result.FAIL, message, "run the failure test again", used=used)
    if test.traffic is None and test.target_rate is None:
        message = f"nobody reported whether {name} ran under load"
        return Outcome(Result.UNKNOWN, message, "report the load of the failure test", used=used)
    if test.traffic is False or test.target_rate == 0:
        message = f"{name} ran without load"
        return Outcome(Result.FAIL, message, "run the failure test under load", used=used)
    return Outcome(Result.PASS, f"{name} passed under load {age.days} days ago", used=used)


RULE = Rule(
    id="fault-injection",
    number=12,
    title="Inject failures in a production-like stage",
    family=Family.TESTING,
    severity=Severity.LOW,
    now=Enforcement.OBSERVE,
    target=Enforcement.WARN,
    params=FaultInjection,
    docs=__doc__,
    lint=lint,
    gate=gate,
    gate_family=GateFamily.TESTS,
)
