"""The context in a record: what was seen around the release."""

from collections.abc import Callable, Iterable, Mapping
from typing import Any, TypeVar

from policies.plain import Group, compact, present, share_text
from policies.record.earlier import earlier_from, earlier_json
from policies.record.sights import (
    alarm_from,
    alarm_json,
    calendar_from,
    calendar_json,
    flight_from,
    flight_json,
    incident_from,
    incident_json,
    objective_from,
    objective_json,
    on_call_from,
    on_call_json,
    rollback_target_from,
    rollback_target_json,
    running_from,
    running_json,
    synthetic_from,
    synthetic_json,
)
from policies.record.values import time_text
from policies.release import Context, Reported

T = TypeVar("T")


def context_json(context: Context) -> dict[str, Any]:
    # An empty list says that somebody looked and found no alarm; no list says that nobody looked.
    lists = {
        "alarms": _listed(context.alarms, alarm_json),
        "in_flight": _listed(context.in_flight, flight_json),
        "incidents": _listed(context.incidents, incident_json),
        "synthetics": _listed(context.synthetics, synthetic_json),
        "calendars": _listed(context.calendars, calendar_json),
        "rollback_targets": _listed(context.rollback_targets, rollback_target_json),
        "earlier_releases": _listed(context.earlier, earlier_json),
    }
    shares = context.traffic_share
    values = {
        "oncall": on_call_json(context.on_call) if context.on_call else None,
        "slo": objective_json(context.slo) if context.slo else None,
        "peak_rate": _reported_json(context.peak_rate, float),
        "traffic_share": _reported_json(shares, _shares_json),
        "preprod_callers": _reported_json(context.preprod_callers, list),
        "config_differences": _reported_json(context.config_differences, list),
        "definition_differences": _reported_json(context.definition_differences, list),
        "blocklist_version": _reported_json(context.blocklist_version, str),
    }
    told = compact(
        {
            "now": time_text(context.captured_at),
            "source": context.source,
            "running": {each.stage: running_json(each) for each in context.running},
            "rolled_back": list(context.rolled_back),
            "ancestors": dict(context.ancestors),
            "descendants": dict(context.descendants),
        }
    )
    return told | present(lists) | present(values)


def context_from(group: Group | None) -> Context:
    if group is None:
        return Context()
    on_call, slo = group.group("oncall"), group.group("slo")
    context = Context(
        captured_at=group.maybe_instant("now"),
        source=group.text("source", ""),
        alarms=_read(group, "alarms", alarm_from),
        running=tuple(running_from(*each) for each in _by_stage(group)),
        rolled_back=group.texts("rolled_back"),
        ancestors=group.pairs("ancestors", bool, "true or false"),
        descendants=group.pairs("descendants", bool, "true or false"),
        in_flight=_read(group, "in_flight", flight_from),
        incidents=_read(group, "incidents", incident_from),
        synthetics=_read(group, "synthetics", synthetic_from),
        on_call=None if on_call is None else on_call_from(on_call),
        calendars=_read(group, "calendars", calendar_from),
        slo=None if slo is None else objective_from(slo),
        peak_rate=_reported(group, "peak_rate", _rate),
        traffic_share=_reported(group, "traffic_share", lambda given: given.shares("value")),
        preprod_callers=_reported(group, "preprod_callers", lambda given: given.texts("value")),
        config_differences=_reported(
            group, "config_differences", lambda given: given.texts("value")
        ),
        definition_differences=_reported(
            group, "definition_differences", lambda given: given.texts("value")
        ),
        rollback_targets=_read(group, "rollback_targets", rollback_target_from),
        blocklist_version=_reported(group, "blocklist_version", lambda given: given.text("value")),
        earlier=_read(group, "earlier_releases", earlier_from),
    )
    group.close()
    return context


def _listed(items: Iterable[T] | None, write: Callable[[T], Any]) -> list[Any] | None:
    return None if items is None else [write(each) for each in items]


def _read(group: Group, key: str, read: Callable[[Group], T]) -> tuple[T, ...] | None:
    found = group.maybe_groups(key)
    return None if found is None else tuple(read(each) for each in found)


def _by_stage(group: Group) -> Iterable[tuple[str, Group]]:
    """What runs, by stage: a digest alone, or an object that says more."""
    running = group.group("running")
    for stage, said in running.data.items() if running else ():
        if isinstance(said, Mapping):
            found = running.group(stage) if running else None
        elif isinstance(said, str):
            found = Group({"digest": said}, (*group.at, "running", stage), group.issues)
        else:
            found = None
            group.fail("running", f"{said!r} of {stage} is not a digest")
        if found is not None:
            yield stage, found


def _reported_json(
    reported: Reported[T] | None, write: Callable[[T], Any]
) -> dict[str, Any] | None:
    if reported is None:
        return None
    seen = {"observed_at": time_text(reported.observed_at), "source": reported.source}
    return {"value": write(reported.value)} | compact(seen)


def _reported(group: Group, key: str, read: Callable[[Group], T]) -> Reported[T] | None:
    given = group.group(key)
    if given is None:
        return None
    if "value" not in given.data:
        given.fail("value", "is missing")
    reported = Reported(read(given), given.maybe_instant("observed_at"), given.text("source", ""))
    given.close()
    return reported


def _rate(given: Group) -> float:
    return given.maybe_number("value") or 0


def _shares_json(shares: tuple[tuple[str, float], ...]) -> dict[str, str]:
    return {name: share_text(share) for name, share in shares}
