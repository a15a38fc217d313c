"""Parts of a stage that a pipeline file and an overlay write alike: bake, approvals, synthetics."""

import json
from datetime import timedelta
from functools import lru_cache
from typing import Final

from policies.durations import parse_duration
from policies.facts import UNSAID, Fact
from policies.fields import Fields
from policies.pipeline import Approvals, Bake, OnAlarm, Synthetic
from policies.scripted import Request
from policies.source import Mapping, core_value

#: What an alarm does, by its word.
_ACTS: Final = {str(each): each for each in OnAlarm}
#: Methods that a synthetic's request may name as its key.
METHODS = ("get", "post", "put", "delete", "head")


@lru_cache(maxsize=1024)
def duration(text: str) -> timedelta:
    return parse_duration(text).exact


def read_bake(fields: Fields) -> Bake:
    points = fields.group("data_points") or Fields(
        Mapping(fields.place("data_points"), {}), fields.span
    )
    return Bake(
        span=fields.span,
        time=fields.fact("time", duration),
        positive=points.fact("positive", int),
        negative=points.fact("negative", int),
        alarms=fields.names("alarms"),
        on_alarm=fields.fact("on_alarm", _ACTS.__getitem__),
    )


def read_transition(fields: Fields) -> Fact[str | None]:
    found = fields.word("transition")
    return found if found.value else Fact("automatic", fields.span)


def read_approvals(fields: Fields) -> Fact[Approvals | None]:
    group = fields.group("approvals")
    if group is None:
        return fields.nothing
    roles = group.texts("roles")
    count = int(group.text("count", "1"))
    return Fact(Approvals(count, roles, group.flag("forbid_author")), group.span)


def read_synthetics(fields: Fields) -> tuple[Synthetic, ...]:
    return tuple(
        Synthetic(
            name=each.name,
            span=each.span,
            every=each.fact("every", duration),
            requests=read_requests(each),
            outside=_outside(each),
            operations=each.texts("operations"),
            dependencies=each.texts("dependencies"),
        )
        for each in fields.listed("synthetics")
    )


def _outside(fields: Fields) -> Fact[bool | None]:
    """Whether a prober stands outside is nowhere to be seen unless it is declared."""
    found = fields.scalar("outside")
    return Fact(fields.flag("outside"), found.span) if found else UNSAID


def read_requests(fields: Fields) -> tuple[Request, ...]:
    return fields.once(_requests)


def _requests(fields: Fields) -> tuple[Request, ...]:
    return tuple(_request(each) for each in fields.listed("requests"))


def _request(fields: Fields) -> Request:
    method = next((each for each in METHODS if fields.scalar(each)), "get")
    expect = fields.group("expect") or Fields(Mapping(fields.span, {}), fields.span)
    body = fields.node.get("json")
    within = expect.text("within")
    return Request(
        method=method.upper(),
        path=fields.text(method, "/"),
        status=int(expect.text("status", "200")),
        operation=fields.text("operation"),
        headers=_pairs(fields, "headers"),
        body=None if body is None else json.dumps(core_value(body)),
        expected=_pairs(expect, "json"),
        contains=expect.text("contains"),
        within=_short(within) if within else None,
        capture=_pairs(fields, "capture"),
    )


def _pairs(fields: Fields, key: str) -> tuple[tuple[str, str], ...]:
    """A mapping's keys with its values: of ``json`` as JSON, else as they are written."""
    group = fields.group(key)
    if group is None:
        return ()
    entries = group.entries
    if key == "json":
        return tuple((name, json.dumps(core_value(each.value))) for name, each in entries.items())
    return tuple((name, group.text(name)) for name in entries)


def _short(text: str) -> timedelta:
    """``500ms`` or ``2s``, as the schema lets it be written."""
    if text.endswith("ms"):
        return timedelta(milliseconds=int(text.removesuffix("ms")))
    return duration(text)
