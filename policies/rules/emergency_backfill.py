"""Let emergencies skip time, not safety, and finish the checks afterwards.

## Why it matters
When customers are being harmed, waiting costs more than it protects. What may be skipped then is
waiting: a shorter bake, no window, tests that come afterwards. What keeps a second mistake small
may not be skipped, and the skipped tests must still be run, or every release becomes an
emergency.

An emergency release must name an open incident, and no override of it may name a rule in
`never_skip`. The tests that the pipeline runs before production must have passed on it within
`backfill` after it was started there; until they have, the releases after it fail.

## Not reported
Rollbacks, which are no emergencies. How much of the bake an emergency keeps is said by
`bake-time` and `min-data-points`; which gates it does not meet, by the table of release kinds.

## Sources
A protocol for emergencies that keeps staged roll-out and shortens waits: Azure's guidance on safe
deployment. Twenty-four hours: ours.
"""

from collections.abc import Iterator
from datetime import datetime, timedelta

from policies.durations import format_duration
from policies.findings import Enforcement, Result, Severity
from policies.frozen import dataclass
from policies.observations import PASSED, observed, ran_in_prod, seen_used, together, too_old
from policies.phrases import clock, listed
from policies.pipeline import StepKind
from policies.release import EarlierRelease, ReleaseKind
from policies.rule import Case, Family, Outcome, Params, Rule, Stricter, Unit, param
from policies.steps import TESTS, has_kind


@dataclass(frozen=True, slots=True, kw_only=True)
class EmergencyBackfill(Params):
    never_skip: frozenset[str] = param(
        frozenset({"canary-first", "rollback-on-alarm", "artifact-blocklist", "build-once"}),
        "Rules that no override of an emergency may name.",
        unit=Unit.WORDS,
        stricter=Stricter.SUPERSET,
    )
    backfill: timedelta = param(
        timedelta(hours=24),
        "How long after an emergency was started in production its tests may still be missing.",
        unit=Unit.DURATION,
        stricter=Stricter.LESS,
    )
    max_state_age: timedelta = param(
        timedelta(minutes=5),
        "Oldest report of open incidents that still says something.",
        unit=Unit.DURATION,
        stricter=Stricter.LESS,
    )


def gate(case: Case, params: EmergencyBackfill) -> Outcome:
    if case.release.kind is ReleaseKind.EMERGENCY:
        return together([_incident(case, params), _kept(case, params)])
    if case.release.context.earlier is None:
        message = "the earlier releases of this pipeline were not reported"
        return Outcome(Result.UNKNOWN, message, "report the earlier releases")
    emergencies = [
        (each, begun)
        for each in case.release.context.earlier
        if each.kind is ReleaseKind.EMERGENCY and (begun := _begun(case, each))
    ]
    parts = [_backfilled(case, each, begun, params) for each, begun in emergencies]
    return together(parts) if parts else Outcome(Result.PASS, "no emergency came before it")


def _incident(case: Case, params: EmergencyBackfill) -> Outcome:
    name, incidents = case.release.incident, case.release.context.incidents
    if not name:
        message = "which incident this emergency mends was not reported"
        return Outcome(Result.UNKNOWN, message, "name the open incident")
    if incidents is None:
        message = "which incidents are open was not reported"
        return Outcome(Result.UNKNOWN, message, "report the open incidents")
    found = next((each for each in incidents if each.id == name), None)
    old = too_old(case, found, params.max_state_age, "the open incidents")
    if old:
        return old
    if found is None:
        message = f"{name} is not among the open incidents"
        return Outcome(Result.FAIL, message, "name an open incident, or make a normal release")
    used = seen_used(f"context.incidents.{name}", {"sev": found.sev}, found, case.release.context)
    return Outcome(Result.PASS, f"it mends {name}", used=(used,))


def _kept(case: Case, params: EmergencyBackfill) -> Outcome:
    named = sorted(
        {
            each.rule
            for each in case.release.overrides
            if each.rule in params.never_skip and each.at <= case.now < each.until
        }
    )
    if named:
        message = f"an emergency skips time, not {listed(named)}"
        return Outcome(Result.FAIL, message, "take the override back")
    return Outcome(Result.PASS, "it skips nothing that keeps a mistake small")


def _begun(case: Case, earlier: EarlierRelease) -> datetime | None:
    """When the release was first started in production; None where it never was."""
    times = [run.started_at or run.deployed_at for run in earlier.stages if ran_in_prod(case, run)]
    return min((each for each in times if each), default=None)


def _backfilled(
    case: Case, earlier: EarlierRelease, begun: datetime, params: EmergencyBackfill
) -> Outcome:
    passed = {
        each.kind
        for each in earlier.evidence
        if each.result in PASSED and not each.failed and each.digest in ("", earlier.digest)
    }
    missing = sorted({kind.value for kind in _tests(case)} - passed)
    used = (observed(f"earlier.{earlier.id}.evidence", sorted(passed), begun),)
    if not missing:
        message = f"the tests of {earlier.id}, an emergency, have passed"
        return Outcome(Result.PASS, message, used=used)
    until = begun + params.backfill
    if case.now < until:
        message = f"{listed(missing)} of {earlier.id}, an emergency, may be missing until "
        return Outcome(Result.PASS, f"{message}{clock(until, case.now)}", used=used)
    told = f"{earlier.id}, an emergency, went out without {listed(missing)}; "
    told += f"{format_duration(case.now - begun)} later they are still missing"
    cure = f"run {listed(missing)} on what {earlier.id} deployed, and report the results"
    return Outcome(Result.FAIL, told, cure, used=used)


def _tests(case: Case) -> Iterator[StepKind]:
    """Kinds of test that can stop a release on its way to production."""
    for first in case.pipeline.first:
        for stage in case.pipeline.upstream(first):
            for step in stage.steps:
                kind = step.kind.value
                if isinstance(kind, StepKind) and has_kind(step, TESTS) and not step.soft.value:
                    yield kind


RULE = Rule(
    id="emergency-backfill",
    number=45,
    title="Let emergencies skip time, not safety, and finish the checks afterwards",
    family=Family.CONTROL,
    severity=Severity.MEDIUM,
    now=Enforcement.WARN,
    target=Enforcement.BLOCK,
    params=EmergencyBackfill,
    docs=__doc__,
    gate=gate,
)
