"""Parts of a stage that a pipeline file and an overlay write alike: bake, approvals, synthetics."""

from datetime import timedelta

from policies.durations import parse_duration
from policies.facts import UNSAID, Fact
from policies.fields import Fields, texts
from policies.pipeline import Approvals, Bake, OnAlarm, Request, Synthetic
from policies.source import Mapping

#: Methods that a synthetic's request may name as its key.
METHODS = ("get", "post", "put", "delete", "head")


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
        on_alarm=fields.fact("on_alarm", OnAlarm),
    )


def read_transition(fields: Fields) -> Fact[str | None]:
    found = fields.fact("transition", str)
    return found if found.value else Fact("automatic", fields.span)


def read_approvals(fields: Fields) -> Fact[Approvals | None]:
    group = fields.group("approvals")
    if group is None:
        return Fact(None, fields.span)
    roles = texts(group.node.get("roles"))
    count = int(group.text("count", "1"))
    return Fact(Approvals(count, roles, group.flag("forbid_author")), group.span)


def read_synthetics(fields: Fields) -> tuple[Synthetic, ...]:
    return tuple(
        Synthetic(
            name=each.name,
            span=each.span,
            every=each.fact("every", duration),
            requests=tuple(_request(request) for request in each.listed("requests")),
            outside=_outside(each),
            operations=texts(each.node.get("operations")),
            dependencies=texts(each.node.get("dependencies")),
        )
        for each in fields.listed("synthetics")
    )


def _outside(fields: Fields) -> Fact[bool | None]:
    """Whether a prober stands outside is nowhere to be seen unless it is declared."""
    found = fields.scalar("outside")
    return Fact(fields.flag("outside"), found.span) if found else UNSAID


def _request(fields: Fields) -> Request:
    method = next((each for each in METHODS if fields.scalar(each)), "get")
    expect = fields.group("expect")
    status = int(expect.text("status", "200")) if expect else 200
    return Request(method.upper(), fields.text(method, "/"), status)
