"""Runs of stages in a record: times, data points, alarms, and how a run went back."""

from typing import Any

from policies.plain import Group, compact, instant_text, present
from policies.record.points import points_from, points_json
from policies.record.values import part_text, seconds_text, time_text
from policies.release import AlarmSeen, Hold, Impact, RetryCause, StageRun


def run_json(run: StageRun) -> dict[str, Any]:
    told = compact(
        {
            "stage": run.stage,
            "state": run.state,
            "targets": list(run.targets),
            "eligible_at": time_text(run.eligible_at),
            "holds": [_hold_json(each) for each in run.holds],
            "started_at": time_text(run.started_at),
            "start_cause": run.start_cause,
            "deployed_at": time_text(run.deployed_at),
            "verified_at": time_text(run.verified_at),
            "baked": seconds_text(run.baked_s),
            "bake_observed_at": time_text(run.bake_observed_at),
            "bake_until": time_text(run.bake_until),
            "ended_at": time_text(run.ended_at),
            "outcome": run.outcome,
            "exposure": part_text(run.exposure),
            "exposure_hosts": part_text(run.exposure_hosts),
            "capacity_min": part_text(run.capacity_min),
            "config_version": run.config_version,
            "data_points": points_json(run.data_points) if run.data_points else None,
            "rolled_back": _rolled_back_json(run),
            "reason_code": run.reason_code,
            "customer_impact": _impact_json(run.impact) if run.impact else None,
        }
    )
    seen = run.alarms_seen
    return told | present(
        {"alarms_seen": None if seen is None else [_seen_json(each) for each in seen]}
    )


def run_from(group: Group) -> StageRun:
    points, impact = group.group("data_points"), group.group("customer_impact")
    seen = group.maybe_groups("alarms_seen")
    run = StageRun(
        stage=group.text("stage"),
        state=group.text("state", ""),
        targets=group.texts("targets"),
        eligible_at=group.maybe_instant("eligible_at"),
        holds=tuple(_hold(each) for each in group.groups("holds")),
        started_at=group.maybe_instant("started_at"),
        start_cause=group.text("start_cause", ""),
        deployed_at=group.maybe_instant("deployed_at"),
        verified_at=group.maybe_instant("verified_at"),
        baked_s=group.maybe_seconds("baked"),
        bake_observed_at=group.maybe_instant("bake_observed_at"),
        bake_until=group.maybe_instant("bake_until"),
        ended_at=group.maybe_instant("ended_at"),
        outcome=group.text("outcome", ""),
        exposure=group.maybe_share("exposure"),
        exposure_hosts=group.maybe_share("exposure_hosts"),
        capacity_min=group.maybe_share("capacity_min"),
        config_version=group.text("config_version", ""),
        data_points=points_from(points) if points else None,
        alarms_seen=None if seen is None else tuple(_seen(each) for each in seen),
        reason_code=group.text("reason_code", ""),
        impact=_impact(impact) if impact else None,
        **_rolled_back(group.group("rolled_back")),
    )
    group.close()
    return run


def _rolled_back_json(run: StageRun) -> dict[str, Any] | None:
    if run.rolled_back_at is None:
        return None
    told = {
        "at": instant_text(run.rolled_back_at),
        "done_at": time_text(run.rolled_back_done_at),
        "cause": run.rolled_back_cause,
        "auto": run.rolled_back_auto,
        "to_digest": run.rolled_back_to,
        "retry": _retry_json(run.retry) if run.retry else None,
    }
    return compact(told)


def _rolled_back(group: Group | None) -> dict[str, Any]:
    if group is None:
        return {}
    retry = group.group("retry")
    told = {
        "rolled_back_at": group.instant("at"),
        "rolled_back_done_at": group.maybe_instant("done_at"),
        "rolled_back_cause": group.text("cause", ""),
        "rolled_back_auto": group.flag("auto"),
        "rolled_back_to": group.text("to_digest", ""),
        "retry": _retry(retry) if retry else None,
    }
    group.close()
    return told


def _retry_json(retry: RetryCause) -> dict[str, Any]:
    told = {"cause": retry.cause, "by": retry.by, "at": instant_text(retry.at)}
    return told | compact({"reason": retry.reason})


def _retry(group: Group) -> RetryCause:
    retry = RetryCause(
        cause=group.text("cause"),
        by=group.text("by"),
        at=group.instant("at"),
        reason=group.text("reason", ""),
    )
    group.close()
    return retry


def _hold_json(hold: Hold) -> dict[str, Any]:
    return compact(
        {
            "cause": hold.cause,
            "rule": hold.rule,
            "from": instant_text(hold.start),
            "until": time_text(hold.until),
        }
    )


def _hold(group: Group) -> Hold:
    hold = Hold(
        cause=group.text("cause"),
        start=group.instant("from"),
        until=group.maybe_instant("until"),
        rule=group.text("rule", ""),
    )
    group.close()
    return hold


def _seen_json(seen: AlarmSeen) -> dict[str, Any]:
    told = {"name": seen.name, "from": instant_text(seen.start), "until": time_text(seen.until)}
    return compact(told)


def _seen(group: Group) -> AlarmSeen:
    seen = AlarmSeen(group.text("name"), group.instant("from"), group.maybe_instant("until"))
    group.close()
    return seen


def _impact_json(impact: Impact) -> dict[str, Any]:
    return compact(
        {
            "from": instant_text(impact.start),
            "until": time_text(impact.until),
            "exposure": part_text(impact.exposure),
        }
    )


def _impact(group: Group) -> Impact:
    impact = Impact(
        start=group.instant("from"),
        until=group.maybe_instant("until"),
        exposure=group.maybe_share("exposure"),
    )
    group.close()
    return impact
