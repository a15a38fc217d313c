"""A resolved ruleset read back from what was stored with a decision."""

from collections.abc import Mapping
from typing import Any

from policies.documents import DocumentError
from policies.exceptions import policy_from_json
from policies.findings import Enforcement
from policies.frozen import replace
from policies.plain import parse_instant
from policies.rule import AnyRule, Params, specs
from policies.rules import rule
from policies.ruleset.model import (
    Effective,
    PlacedWindows,
    Resolved,
    Upcoming,
    WindowText,
)
from policies.ruleset.values import parse_value


def from_json(data: Mapping[str, Any]) -> Resolved:
    """The inverse of ``to_json``.

    A rule that this engine no longer has is left out; comparing the two answers tells of it.
    """
    custom = _custom(data.get("custom", {}))
    # JSON may come back in any order; the catalogue comes first, then custom rules by their ids.
    names = sorted(data["rules"], key=lambda each: (rule(each) is None, each))
    found = ((each, rule(each) or custom.get(each), data["rules"][each]) for each in names)
    return Resolved(
        name=data["name"],
        organization=data["organization"],
        zone=data["zone"],
        rules={each: _effective(known, said) for each, known, said in found if known},
        placed=tuple(_placed(each) for each in data["time_windows"]),
        exceptions=policy_from_json(data["exceptions"]),
    )


def _custom(modules: Mapping[str, Any]) -> dict[str, AnyRule]:
    """Custom rules by id; one that breaks the contract of this engine is one that it lacks."""
    if not modules:
        return {}
    # Imported here, as where rulesets are read.
    from policies.ruleset.custom import read_custom  # noqa: PLC0415 - see above

    found = {}
    for name, said in modules.items():
        try:
            found[name] = read_custom(said["text"], said["path"])
        except DocumentError:
            continue
    return found


def _placed(data: Mapping[str, Any]) -> PlacedWindows:
    sources = tuple(
        WindowText(each["text"], tuple((name, text) for name, text in each["calendars"]))
        for each in data["sources"]
    )
    return PlacedWindows(data["place"], sources)


def _effective(known: AnyRule, data: Mapping[str, Any]) -> Effective:
    upcoming = data.get("next")
    return Effective(
        rule=known,
        enforcement=Enforcement.of(data["enforcement"]),
        params=_params(known, data.get("parameters", {})),
        on_unknown_lint=data["on_unknown"]["lint"],
        on_unknown_gate=data["on_unknown"]["gate"],
        reason=data.get("reason", ""),
        debate=data.get("debate", ""),
        set_by=data.get("set_by", ""),
        locked=frozenset(data.get("locked", ())),
        next=upcoming
        and Upcoming(parse_instant(upcoming["at"]), Enforcement.of(upcoming["enforcement"])),
    )


def _params(known: AnyRule, stored: Mapping[str, Any]) -> Params:
    said = {
        spec.name: parse_value(spec, stored[spec.name])
        for spec in specs(known.params)
        if spec.name in stored
    }
    params: Params = replace(known.params(), **said)
    return params
