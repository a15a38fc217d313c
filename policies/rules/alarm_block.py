"""Do not start a stage while something important is alarming.

## Why it matters
A release into a service that is already in trouble hides the cause: nobody can tell what the
change did and what was wrong before. Waiting costs minutes, and the release goes on by itself.

At the entry of a production stage no alarm of high severity may fire, or have fired within
`clear_for`, whose scope is one of `scopes`. Alarms of other targets, zones and Regions do not
count. A state older than `max_state_age` says nothing. Where the release is the repair, an
override lets it through.

## Not reported
Rollbacks. Alarms of low severity and of unrelated targets. Alarms without data in stages in which
nothing runs yet.

## Sources
Blocking a deployment while alarms fire, with an override for the fix: practices that Amazon's
builders describe, and the entry conditions of CodePipeline. Five minutes each: ours.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Final

from policies.findings import Enforcement, Result, Severity
from policies.observations import observed, together
from policies.phrases import clock, progress
from policies.release import AlarmState
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


_LOCAL: Final = frozenset({"target", "zone", "region"})


def gate(case: Case, params: AlarmBlock) -> Outcome:
    if case.release.context.alarms is None:
        message = "no alarm states were reported"
        return Outcome(Result.UNKNOWN, message, "report the states of the alarms")
    parts = [_judge(case, alarm, params) for alarm in _relevant(case, params)]
    if not parts:
        return Outcome(Result.PASS, f"no alarm concerns {case.stage.name}")
    outcome = together(parts)
    if outcome.result is Result.PASS:
        return replace(outcome, message=f"no alarm fires that concerns {case.stage.name}")
    return outcome


def _relevant(case: Case, params: AlarmBlock) -> Iterator[AlarmState]:
    here = {case.stage.name}
    for target in case.stage.targets:
        here |= {target.name, target.region, target.zone}
    for alarm in case.release.context.alarms or ():
        near = alarm.scope not in _LOCAL or not alarm.target or alarm.target in here
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
