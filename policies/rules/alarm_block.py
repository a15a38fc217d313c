"""Do not start a stage while something important is alarming.

## Why it matters
A release into a service that is already in trouble hides the cause: nobody can tell what the
change did and what was wrong before. Waiting costs minutes, and the release goes on by itself.

At the entry of a production stage no alarm of high severity may fire, or have fired within
`clear_for`, whose scope is one of `scopes`. Alarms of other targets, zones and Regions do not
count. No incident of severity `incident_sev_max` or worse may be open on the service or on what it
depends on, and no synthetic that is reported for this stage or the one before may have missed three
runs. A state older than `max_state_age` says nothing; `unknown` says whether that holds or warns.
Where the release is the repair, an override lets it through.

## Not reported
Rollbacks. Alarms of low severity and of unrelated targets, and those that are known to be noisy
until a date that has not come. Alarms without data in stages in which nothing runs yet. Incidents
of other services, and the one that an emergency mends. Synthetics that nobody reports:
`synthetics-every-minute` asks for them.

## Sources
Blocking a deployment while alarms fire, with an override for the fix: practices that Amazon's
builders describe, and the entry conditions of CodePipeline. Severity 2, three runs, and five
minutes each: ours.
"""

from collections.abc import Iterator
from datetime import timedelta
from typing import Final

from policies.findings import Enforcement, Result, Severity
from policies.frozen import dataclass, replace
from policies.observations import observed, seen_used, together, too_old
from policies.phrases import clock, progress
from policies.plain import instant_text
from policies.release import AlarmState, ReleaseKind
from policies.rule import (
    Case,
    Family,
    GateFamily,
    Outcome,
    Params,
    Rule,
    Stricter,
    Unit,
    Used,
    param,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class AlarmBlock(Params):
    scopes: frozenset[str] = param(
        frozenset({"service", "target", "zone", "region", "org"}),
        "Scopes of alarms that stop a stage from starting.",
        unit=Unit.WORDS,
        stricter=Stricter.SUPERSET,
        allowed=("service", "target", "zone", "region", "org"),
    )
    max_state_age: timedelta = param(
        timedelta(minutes=5),
        "Oldest report of an alarm's state that still says something.",
        unit=Unit.DURATION,
        stricter=Stricter.LESS,
    )
    clear_for: timedelta = param(
        timedelta(minutes=5),
        "How long an alarm must have been clear.",
        unit=Unit.DURATION,
        stricter=Stricter.MORE,
    )
    incident_sev_max: int = param(
        2,
        "Least severe incident that stops a stage from starting; 0 for none.",
        unit=Unit.COUNT,
        stricter=Stricter.MORE,
    )
    unknown: str = param(
        "hold",
        "Whether a state that nobody knows counts in full (hold) or can at most warn.",
        unit=Unit.WORD,
        stricter=Stricter.NEITHER,
        allowed=("hold", "warn"),
    )


#: After so many missed runs a synthetic has failed.
_MISSED: Final = 3
_LOCAL: Final = frozenset({"target", "zone", "region"})


def gate(case: Case, params: AlarmBlock) -> Outcome:
    parts = [*_alarms(case, params), *_incidents(case, params), *_synthetics(case, params)]
    if not parts:
        return Outcome(Result.PASS, f"nothing alarms that concerns {case.stage.name}")
    outcome = together(parts)
    if outcome.result is Result.PASS:
        return replace(outcome, message=f"nothing alarms that concerns {case.stage.name}")
    softened = outcome.result is Result.UNKNOWN and params.unknown == "warn"
    return replace(outcome, warns_only=softened)


def _alarms(case: Case, params: AlarmBlock) -> Iterator[Outcome]:
    if case.release.context.alarms is None:
        message = "no alarm states were reported"
        yield Outcome(Result.UNKNOWN, message, "report the states of the alarms")
    for alarm in _relevant(case, params):
        yield _judge(case, alarm, params)


def _incidents(case: Case, params: AlarmBlock) -> Iterator[Outcome]:
    """Open incidents on the service, or on what it depends on; one that names none concerns all."""
    incidents = case.release.context.incidents
    if incidents is None and params.incident_sev_max:
        message = "which incidents are open was not reported"
        yield Outcome(Result.UNKNOWN, message, "report the open incidents")
    mine = {case.pipeline.name, *(case.pipeline.dependencies.or_else(None) or ())}
    for each in incidents or ():
        if each.sev > params.incident_sev_max or (each.services and mine.isdisjoint(each.services)):
            continue
        if case.release.kind is ReleaseKind.EMERGENCY and each.id == case.release.incident:
            # It is what the release mends.
            continue
        value = {"sev": each.sev, "services": list(each.services)}
        used = seen_used(f"context.incidents.{each.id}", value, each, case.release.context)
        old = too_old(case, each, params.max_state_age, each.id, used)
        message = f"{each.id} of severity {each.sev} is open"
        cure = (
            f"wait until {each.id} is closed; if {case.release.id} is the fix, "
            "override with the incident"
        )
        yield old or Outcome(Result.FAIL, message, cure, waits=True, used=(used,))


def _synthetics(case: Case, params: AlarmBlock) -> Iterator[Outcome]:
    """The synthetics reported for this stage, where something runs in it, and the ones before."""
    context = case.release.context
    here = [case.stage.name] if context.runs(case.stage.name) else []
    names = {*here, *(stage.name for stage in case.before)}
    for each in context.synthetics or ():
        if each.stage not in names:
            continue
        last = each.last_ok and instant_text(each.last_ok)
        used = seen_used(f"context.synthetics.{each.id}", last, each, context)
        name = f"{each.stage}/{each.id}"
        seen = each.observed_at or context.captured_at
        old = too_old(case, each, params.max_state_age, name, used)
        if old:
            yield old
        elif each.last_ok is None or (seen or case.now) - each.last_ok > _MISSED * each.interval:
            since = f"since {clock(each.last_ok, case.now)}" if each.last_ok else "at any time"
            message = f"{name} has not passed {since}"
            cure = f"wait until {name} passes"
            yield Outcome(Result.FAIL, message, cure, waits=True, used=(used,))
        else:
            yield Outcome(Result.PASS, f"{name} passes", used=(used,))


def _relevant(case: Case, params: AlarmBlock) -> Iterator[AlarmState]:
    here = {case.stage.name}
    for target in case.stage.targets:
        # A zone is named with its region where one letter names zones of several.
        here |= {target.name, target.region, target.zone, f"{target.region}/{target.zone}"}
    for alarm in case.release.context.alarms or ():
        near = alarm.scope not in _LOCAL or not alarm.target or alarm.target in here
        if alarm.noisy_until and case.now < alarm.noisy_until:
            continue
        if alarm.severity == "high" and alarm.scope in params.scopes and near:
            yield alarm


def _judge(case: Case, alarm: AlarmState, params: AlarmBlock) -> Outcome:
    name = f"{alarm.target}/{alarm.name}" if alarm.target else alarm.name
    used = (_used(alarm),)
    report = f"report the state of {name}"
    if case.now - alarm.observed_at > params.max_state_age:
        message = f"the state of {name} was last reported at {clock(alarm.observed_at, case.now)}"
        return Outcome(Result.UNKNOWN, message, report, used=used)
    since = clock(alarm.since, case.now)
    if alarm.state == "alarm":
        message = f"{name} has been firing since {since}"
        cure = (
            f"wait until {name} is clear; if {case.release.id} is the fix, "
            "override with the incident"
        )
        return Outcome(Result.FAIL, message, cure, waits=True, used=used)
    if alarm.state != "ok":
        if _idle(case, alarm):
            return Outcome(Result.PASS, f"{name} watches nothing that runs yet", used=used)
        message = f"{name} has had no data since {since}, so it cannot say that all is well"
        return Outcome(Result.UNKNOWN, message, f"wait for data of {name}", used=used)
    clear = case.now - alarm.since
    if clear < params.clear_for:
        until = alarm.since + params.clear_for
        message = f"{name} has been clear for {progress(clear, params.clear_for)} since {since}"
        cure = f"wait until {clock(until, case.now)} UTC"
        return Outcome(Result.FAIL, message, cure, until=until, waits=True, used=used)
    return Outcome(Result.PASS, f"{name} is clear", used=used)


def _idle(case: Case, alarm: AlarmState) -> bool:
    """Whether nothing runs yet that the alarm could have data of."""
    running = {each.stage for each in case.release.context.running}
    watched = [
        stage.name
        for stage in case.pipeline.prod
        if not alarm.target
        or alarm.target == stage.name
        or alarm.target in {target.name for target in stage.targets}
    ]
    return not any(name in running for name in watched)


def _used(alarm: AlarmState) -> Used:
    value = {"state": alarm.state, "scope": alarm.scope, "target": alarm.target}
    return observed(f"context.alarms.{alarm.name}", value, alarm.observed_at)


RULE = Rule(
    id="alarm-block",
    number=36,
    title="Do not start a stage while something important is alarming",
    family=Family.CONTROL,
    severity=Severity.HIGH,
    now=Enforcement.BLOCK,
    target=Enforcement.BLOCK,
    params=AlarmBlock,
    docs=__doc__,
    gate=gate,
    gate_family=GateFamily.ALARMS,
)
