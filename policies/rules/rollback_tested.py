"""Test going back before going forward.

## Why it matters
A rollback that was never tried is a hope. When a release has changed what is stored or exchanged,
the old version may not understand what the new one wrote, and going back breaks more than it mends.

In front of production a step must go up to the new version and back to the old one, and be able to
stop the release. At the gate a release that touches stored or exchanged data needs such a test of
the very two versions: both side by side, all new, and back again, with traffic. With `when: every`
any release needs one, for which a test that is younger than `max_age` is enough.

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
    tests: [{name: up-and-down, kind: rollback-test, run: ./up-and-down}]
  - {name: cell-1, kind: prod, wave: 1, deploy: hosts}
```

## Not reported
Libraries, apps of a store, configuration and tools. Stages that are declared to go only forward. At
the gate a first release, and one that touches neither schema nor protocol nor serialization unless
`when` is `every`. A test that runs outside of the pipeline is seen at the gate, so its absence from
the file only warns; a workflow in which no test runs at all leaves them to another file.

## Sources
Upgrade-downgrade testing in three parts: what Amazon's builders publish on rollback safety, and the
AWS DevOps guidance. A month: ours.
"""

from collections.abc import Iterator
from datetime import timedelta
from typing import Final

from policies.durations import format_duration
from policies.findings import Enforcement, Problem, Result, Severity
from policies.frozen import dataclass
from policies.observations import PASSED, evidence_used, of_service, suites_named
from policies.paths import Ahead, ahead
from policies.phrases import listed, short
from policies.pipeline import Pipeline, PipelineKind, Stage, Step, StepKind
from policies.release import ChangeClass, Evidence, ReleaseKind
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
class RollbackTested(Tiered):
    block_tiers: frozenset[str] = param(
        frozenset({"0"}),
        "Tiers in which the level counts in full; elsewhere the rule stays at its first level.",
        unit=Unit.WORDS,
        stricter=Stricter.SUPERSET,
        allowed=("0", "1", "2", "3"),
    )
    when: str = param(
        "data_change",
        "Which releases need a test: every one, or those that touch stored or exchanged data.",
        unit=Unit.WORD,
        stricter=Stricter.NEITHER,
        allowed=("every", "data_change"),
    )
    max_age: timedelta = param(
        timedelta(days=30),
        "Longest time since the last test, where it need not be of these two versions.",
        unit=Unit.DURATION,
        stricter=Stricter.LESS,
    )


_TEST: Final = frozenset({StepKind.ROLLBACK_TEST})
_EXEMPT: Final = frozenset(
    {PipelineKind.LIBRARY, PipelineKind.MOBILE, PipelineKind.CONFIG, PipelineKind.TOOL}
)
#: Classes of files by which stored or exchanged data change.
_DATA: Final = frozenset({"schema", "protocol", "serialization"})
_PARTS: Final = ("mixed", "new", "returned")


def lint(pipeline: Pipeline, _params: RollbackTested) -> Iterator[Problem]:
    firsts = entries(pipeline)
    if pipeline.kind.value in _EXEMPT:
        message = f"a pipeline of kind {pipeline.kind.value} takes no data back"
        yield not_applicable(pipeline, message)
    elif firsts and all(_forward_only(first) for first in firsts):
        yield not_applicable(pipeline, "going back is declared impossible")
    elif not firsts:
        yield from without_production(pipeline)
    else:
        for first in firsts:
            yield from _untested(pipeline, first)


def _forward_only(stage: Stage) -> bool:
    return bool(stage.deploy and stage.deploy.forward_only.value)


def _untested(pipeline: Pipeline, first: Stage) -> Iterator[Problem]:
    before = ahead(pipeline, first)
    tests = before.search(_TEST, _outside_production)
    if tests.blocking or _forward_only(first):
        return
    result, _ = tests.missing(pipeline)
    if tests_elsewhere(pipeline, here=_tested(before)):
        result = Result.UNKNOWN
    message = f"nothing tests going back before {first.name}"
    if tests.soft:
        message = f"{named(tests.soft)} cannot stop the release: {tests.soft[0].soft.value}"
    if result is Result.UNKNOWN:
        message = f"whether going back is tested before {first.name} cannot be told"
    fix = (
        "Run upgrade-then-downgrade in pre-production with traffic: both versions side by side, "
        "all new, and back again."
    )
    # The test may run outside of the pipeline, which only its evidence shows.
    where = f"stages/{first.name}/rollback-test"
    yield Problem(first.span, where, message, fix, result, inferred=True)


def _outside_production(_pipeline: Pipeline, stage: Stage) -> tuple[Step, ...]:
    return () if stage.is_prod else stage.steps


def _tested(before: Ahead) -> bool:
    """Whether any test runs outside of production."""
    return bool(before.those(_tests))


def _tests(stage: Stage) -> bool:
    return not stage.is_prod and not TESTS.isdisjoint(stage.kinds)


def gate(case: Case, params: RollbackTested) -> Outcome:
    if case.release.kind is ReleaseKind.FIRST:
        return Outcome(Result.NOT_APPLICABLE, "a first release has nothing to go back to")
    if case.pipeline.kind.value in _EXEMPT or _forward_only(case.stage):
        return Outcome(Result.NOT_APPLICABLE, "nothing goes back here")
    touched = _touched(case)
    if touched is None:
        message = "nobody reported what kinds of files this release changes"
        return Outcome(Result.UNKNOWN, message, "report the classes of the changed files")
    if touched:
        return _of_this_pair(case, touched)
    if params.when == "data_change":
        message = "this release changes no stored or exchanged data"
        return Outcome(Result.NOT_APPLICABLE, message)
    return _recent(case, params)


def _touched(case: Case) -> list[str] | None:
    """What the release touches of stored or exchanged data; None where nobody reported it."""
    classes = [change.files_class for change in case.release.changes]
    found = {word for each in classes for word in each or () if word in _DATA}
    compat = case.release.compat
    if compat and compat.change_class is not ChangeClass.NONE:
        found.add("data")
    if found:
        return sorted(found)
    known = bool(compat) or (bool(classes) and all(each is not None for each in classes))
    return [] if known else None


def _of_this_pair(case: Case, touched: list[str]) -> Outcome:
    digest = case.release.artifact.digest
    running = case.release.context.runs(case.stage.name)
    cure = "run upgrade-then-downgrade of these two versions, or split the change in two"
    if running is None:
        message = f"nobody reported what runs in {case.stage.name}"
        return Outcome(Result.UNKNOWN, message, "report what runs there")
    pair = f"{short(running.digest)} and {short(digest)}"
    compat = case.release.compat
    if compat and {compat.downgrade_from, compat.downgrade_to} == {running.digest, digest}:
        return Outcome(Result.PASS, f"going back between {pair} was tested")
    tests = [
        each
        for each in case.release.evidence
        if each.kind == StepKind.ROLLBACK_TEST
        and each.digest == digest
        and each.base_digest == running.digest
        and not _in_production(case, each)
    ]
    if not tests:
        message = f"this release changes {listed(touched)}, and no test of going back between "
        return Outcome(Result.UNKNOWN, f"{message}{pair} was reported", cure)
    return _judge(max(tests, key=lambda each: each.ended_at), cure)


def _in_production(case: Case, test: Evidence) -> bool:
    stage = case.pipeline.stage(test.stage)
    return stage is not None and stage.is_prod


def _judge(test: Evidence, cure: str) -> Outcome:
    used, name = (evidence_used(test),), suites_named([test])
    missing = [part for part in _PARTS if part not in test.parts]
    if test.result not in PASSED or test.soft_failed or test.failed:
        message = f"{name} ended with {test.result}"
        if test.soft_failed:
            message = f"{name} failed and was allowed to"
        return Outcome(Result.FAIL, message, "split the change in two", used=used)
    if missing or test.traffic is False:
        left = f"left out {listed(missing)}" if missing else "ran without traffic"
        return Outcome(Result.FAIL, f"{name} {left}", cure, used=used)
    if test.traffic is None:
        message = f"nobody reported whether {name} ran with traffic"
        return Outcome(Result.UNKNOWN, message, "report it", used=used)
    return Outcome(Result.PASS, f"{name} went up and came back", used=used)


def _recent(case: Case, params: RollbackTested) -> Outcome:
    cure = "run upgrade-then-downgrade in pre-production"
    tests = of_service(case.release, StepKind.ROLLBACK_TEST)
    if not tests:
        message = f"no test of going back was reported for {case.pipeline.name}"
        return Outcome(Result.UNKNOWN, message, cure)
    newest = tests[-1]
    age = case.now - newest.ended_at
    if age > params.max_age:
        limit = format_duration(params.max_age)
        message = f"{suites_named([newest])} ran {age.days} days ago; at most {limit}"
        return Outcome(Result.FAIL, message, cure, used=(evidence_used(newest),))
    return _judge(newest, cure)


RULE = Rule(
    id="rollback-tested",
    number=21,
    title="Test going back before going forward",
    family=Family.TESTING,
    severity=Severity.MEDIUM,
    now=Enforcement.OBSERVE,
    target=Enforcement.BLOCK,
    params=RollbackTested,
    docs=__doc__,
    lint=lint,
    gate=gate,
    gate_family=GateFamily.TESTS,
)
