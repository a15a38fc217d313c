"""A resolved ruleset told to people and machines: every value, who set it, and what differs."""

from collections.abc import Iterator
from datetime import datetime
from enum import StrEnum
from typing import Any, Final

from policies.exceptions import ExceptionPolicy, policy_json
from policies.findings import Span
from policies.frozen import dataclass, replace
from policies.plain import instant_text
from policies.rule import ParamSpec, specs
from policies.ruleset.model import Effective, Origin, Resolved
from policies.ruleset.nodes import LEVEL, UNKNOWN
from policies.ruleset.values import at_least_as_strict, value_json

#: How people write the names of the answers to unknown.
_SHOWN: Final = {"on_unknown_lint": "on_unknown.lint", "on_unknown_gate": "on_unknown.gate"}

_NOWHERE: Final = Span("", 0, 0, 0, 0)


@dataclass(frozen=True, slots=True)
class Value:
    """One effective value as a file would write it."""

    name: str
    value: Any
    origin: Origin


class Direction(StrEnum):
    STRICTER = "stricter"
    LOOSER = "looser"
    OTHER = "other"
    """Neither: the value has no stricter direction, or each asks for what the other does not."""


@dataclass(frozen=True, slots=True)
class Difference:
    """One value that two rulesets do not share; None where a ruleset does not have it."""

    rule: str
    name: str
    before: Any
    after: Any
    direction: Direction


def values(effective: Effective) -> tuple[Value, ...]:
    """The level, the parameters in the order of the rule, and what unknown means."""
    said = [(LEVEL, effective.enforcement.word)]
    said += [(spec.name, _param(effective, spec)) for spec in specs(effective.rule.params)]
    said += [(key, getattr(effective, key)) for key in UNKNOWN]
    origins = effective.origins
    return tuple(
        Value(_SHOWN.get(name, name), value, origins.get(name, Origin())) for name, value in said
    )


def account(resolved: Resolved, at: datetime, rule: str | None = None) -> dict[str, Any]:
    """The message ``bakegate.ruleset/v1``: what holds at ``at``, for all rules or for one."""
    return {
        "type": "bakegate.ruleset/v1",
        "at": instant_text(at),
        "name": resolved.name,
        "organization": resolved.organization,
        "zone": resolved.zone,
        "digest": resolved.digest,
        "rules": [
            _rule(name, each) for name, each in resolved.rules.items() if rule in (None, name)
        ],
        "time_windows": [
            {"place": one.place, "windows": [window.name for window in one.windows]}
            for one in resolved.windows
        ],
        "exceptions": policy_json(resolved.exceptions),
    }


def differences(before: Resolved, after: Resolved) -> tuple[Difference, ...]:
    """What changes for somebody who leaves one ruleset for the other, rule by rule."""
    found: list[Difference] = []
    for name in dict.fromkeys((*before.rules, *after.rules)):
        old, new = before.rules.get(name), after.rules.get(name)
        if old and new:
            found.extend(_of_rule(old, new))
        else:
            was, now = (each.enforcement.word if each else None for each in (old, new))
            found.append(Difference(name, LEVEL, was, now, _turned(bool(new), bool(old))))
    return (*found, *_of_windows(before, after), *_of_exceptions(before, after))


def _param(effective: Effective, spec: ParamSpec) -> Any:
    return value_json(spec, getattr(effective.params, spec.name))


def _rule(name: str, effective: Effective) -> dict[str, Any]:
    upcoming = effective.next
    return {
        "rule": name,
        "reason": effective.reason,
        "debate": effective.debate,
        "values": [
            {
                "name": each.name,
                "value": each.value,
                "set_by": each.origin.by,
                "locked_by": each.origin.locked_by,
            }
            for each in values(effective)
        ],
        "next": upcoming
        and {"at": instant_text(upcoming.at), "enforcement": upcoming.enforcement.word},
    }


def _of_rule(old: Effective, new: Effective) -> Iterator[Difference]:
    rule = new.rule.id
    if old.enforcement is not new.enforcement:
        turned = _turned(new.enforcement > old.enforcement, old.enforcement > new.enforcement)
        yield Difference(rule, LEVEL, old.enforcement.word, new.enforcement.word, turned)
    for spec in specs(new.rule.params):
        was, now = (getattr(each.params, spec.name) for each in (old, new))
        if was != now:
            turned = _turned(at_least_as_strict(spec, now, was), at_least_as_strict(spec, was, now))
            yield Difference(rule, spec.name, _param(old, spec), _param(new, spec), turned)
    for key, words in UNKNOWN.items():
        was, now = getattr(old, key), getattr(new, key)
        if was != now:
            harder = words.index(now) > words.index(was)
            yield Difference(rule, _SHOWN[key], was, now, _turned(harder, not harder))


def _turned(stricter: bool, looser: bool) -> Direction:  # noqa: FBT001 - two answers to one question
    if stricter == looser:
        return Direction.OTHER
    return Direction.STRICTER if stricter else Direction.LOOSER


def _of_windows(before: Resolved, after: Resolved) -> Iterator[Difference]:
    """Windows by name; which of two calendars is stricter is nothing that can be told."""
    was, now = (_windows(each) for each in (before, after))
    for name in dict.fromkeys((*was, *now)):
        old, new = was.get(name), now.get(name)
        if old != new:
            said, says = (each and each[0] for each in (old, new))
            if said == says:
                says = f"{says}, at other times"
            yield Difference("time_windows", name, said, says, Direction.OTHER)


def _windows(resolved: Resolved) -> dict[str, tuple[str, object]]:
    """Each window in words, and what it means: its place in a file does not matter."""
    return {
        window.name: (
            f"{window.effect.value} of {one.place}",
            replace(window, span=_NOWHERE, owner="", reason=""),
        )
        for one in resolved.windows
        for window in one.windows
    }


def _of_exceptions(before: Resolved, after: Resolved) -> Iterator[Difference]:
    """Limits by name; one set of limits is stricter where it refuses all that the other does."""
    was, now = policy_json(before.exceptions), policy_json(after.exceptions)
    harder = _refuses_no_less(after.exceptions, before.exceptions)
    softer = _refuses_no_less(before.exceptions, after.exceptions)
    for name in dict.fromkeys((*was, *now)):
        if was.get(name) != now.get(name):
            turned = _turned(harder, softer)
            yield Difference("exceptions", name, was.get(name), now.get(name), turned)


def _refuses_no_less(one: ExceptionPolicy, other: ExceptionPolicy) -> bool:
    return one.tightened(other) == one
