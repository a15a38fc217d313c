"""Single facts of the context: alarms, what runs, incidents, synthetics, people on call."""

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any, Protocol

from policies.plain import Group, compact, duration_text, instant_text
from policies.record.values import length, length_text, part_text, time_text
from policies.release import (
    AlarmState,
    Calendar,
    Incident,
    InFlight,
    Objective,
    OnCall,
    RollbackTarget,
    Running,
    SyntheticState,
)


class _Seen(Protocol):
    """What every fact of the context says of itself."""

    @property
    def observed_at(self) -> datetime | None: ...
    @property
    def source(self) -> str: ...


def _seen_json(fact: _Seen) -> dict[str, Any]:
    return compact({"observed_at": time_text(fact.observed_at), "source": fact.source})


def _seen(group: Group) -> Mapping[str, Any]:
    """When and by what the fact was observed; it is the last thing that is read of it."""
    told = {"observed_at": group.maybe_instant("observed_at"), "source": group.text("source", "")}
    group.close()
    return told


def alarm_json(alarm: AlarmState) -> dict[str, Any]:
    return compact(
        {
            "name": alarm.name,
            "scope": alarm.scope,
            "state": alarm.state,
            "since": instant_text(alarm.since),
            "observed_at": instant_text(alarm.observed_at),
            "severity": alarm.severity,
            "target": alarm.target,
            "had_data_at": time_text(alarm.had_data_at),
            "source": alarm.source,
            "noisy_until": time_text(alarm.noisy_until),
        }
    )


def alarm_from(group: Group) -> AlarmState:
    alarm = AlarmState(
        name=group.text("name"),
        scope=group.text("scope"),
        state=group.text("state"),
        since=group.instant("since"),
        observed_at=group.instant("observed_at"),
        severity=group.text("severity", "high"),
        target=group.text("target", ""),
        had_data_at=group.maybe_instant("had_data_at"),
        source=group.text("source", ""),
        noisy_until=group.maybe_instant("noisy_until"),
    )
    group.close()
    return alarm


def running_json(running: Running) -> str | dict[str, Any]:
    """A digest alone where nothing more is known, as records had it first."""
    more = compact(
        {
            "config_version": running.config_version,
            "commit": running.commit,
            "since": time_text(running.since),
            "actor": running.actor,
        }
    )
    more |= _seen_json(running)
    return {"digest": running.digest} | more if more else running.digest


def running_from(stage: str, group: Group) -> Running:
    return Running(
        stage=stage,
        digest=group.text("digest"),
        config_version=group.text("config_version", ""),
        commit=group.text("commit", ""),
        since=group.maybe_instant("since"),
        actor=group.text("actor", ""),
        **_seen(group),
    )


def flight_json(flight: InFlight) -> dict[str, Any]:
    told = {"release": flight.release, "stage": flight.stage, "targets": list(flight.targets)}
    return compact(told) | _seen_json(flight)


def flight_from(group: Group) -> InFlight:
    return InFlight(
        release=group.text("release"),
        stage=group.text("stage"),
        targets=group.texts("targets"),
        **_seen(group),
    )


def rollback_target_json(target: RollbackTarget) -> dict[str, Any]:
    told = {
        "stage": target.stage,
        "digest": target.digest,
        "found": target.found,
        "config_found": target.config_found,
        "retained": target.retained,
    }
    return compact(told) | _seen_json(target)


def rollback_target_from(group: Group) -> RollbackTarget:
    return RollbackTarget(
        stage=group.text("stage"),
        digest=group.text("digest"),
        found=group.maybe_flag("found"),
        config_found=group.maybe_flag("config_found"),
        retained=group.maybe_count("retained"),
        **_seen(group),
    )


def incident_json(incident: Incident) -> dict[str, Any]:
    told = {
        "id": incident.id,
        "sev": incident.sev,
        "services": list(incident.services),
        "since": time_text(incident.since),
    }
    return compact(told) | _seen_json(incident)


def incident_from(group: Group) -> Incident:
    return Incident(
        id=group.text("id"),
        sev=group.count("sev"),
        services=group.texts("services"),
        since=group.maybe_instant("since"),
        **_seen(group),
    )


def synthetic_json(synthetic: SyntheticState) -> dict[str, Any]:
    told = {
        "id": synthetic.id,
        "stage": synthetic.stage,
        "interval": duration_text(synthetic.interval.total_seconds()),
        "last_ok": time_text(synthetic.last_ok),
    }
    return compact(told) | _seen_json(synthetic)


def synthetic_from(group: Group) -> SyntheticState:
    if "interval" not in group.data:
        group.fail("interval", "is missing; a duration such as 60s is expected")
    return SyntheticState(
        id=group.text("id"),
        stage=group.text("stage", ""),
        interval=length(group, "interval") or timedelta(0),
        last_ok=group.maybe_instant("last_ok"),
        **_seen(group),
    )


def on_call_json(on_call: OnCall) -> dict[str, Any]:
    told = {
        "primary": on_call.primary,
        "secondary": on_call.secondary,
        "until": time_text(on_call.until),
        "rotation": on_call.rotation,
    }
    return compact(told) | _seen_json(on_call)


def on_call_from(group: Group) -> OnCall:
    return OnCall(
        primary=group.text("primary", ""),
        secondary=group.text("secondary", ""),
        until=group.maybe_instant("until"),
        rotation=group.text("rotation", ""),
        **_seen(group),
    )


def calendar_json(calendar: Calendar) -> dict[str, Any]:
    told = {
        "id": calendar.id,
        "level": calendar.level,
        "from": instant_text(calendar.start),
        "until": instant_text(calendar.until),
    }
    return told | _seen_json(calendar)


def calendar_from(group: Group) -> Calendar:
    return Calendar(
        id=group.text("id"),
        level=group.text("level"),
        start=group.instant("from"),
        until=group.instant("until"),
        **_seen(group),
    )


def objective_json(objective: Objective) -> dict[str, Any]:
    told = {
        "target": part_text(objective.target),
        "window": length_text(objective.window),
        "remaining": part_text(objective.remaining),
        "excluded": part_text(objective.excluded),
        "recovers_at": time_text(objective.recovers_at),
    }
    return compact(told) | _seen_json(objective)


def objective_from(group: Group) -> Objective:
    return Objective(
        target=group.maybe_share("target"),
        window=length(group, "window"),
        remaining=group.maybe_share("remaining"),
        excluded=group.maybe_share("excluded"),
        recovers_at=group.maybe_instant("recovers_at"),
        **_seen(group),
    )
