"""How the parts of a rule are written for people: its parameters and where it is asked."""

from datetime import timedelta
from typing import Any

from policies.durations import format_duration
from policies.rule import AnyRule, Unit


def evaluated_on(rule: AnyRule) -> str:
    if rule.lints and rule.gates:
        return "lint and gate"
    return "lint" if rule.lints else "gate"


def written(unit: Unit, value: Any) -> str:
    """A parameter's value as a ruleset file writes it."""
    if isinstance(value, timedelta):
        return format_duration(value)
    if unit is Unit.SHARE and value is not None:
        return f"{value * 100:g}%"
    if isinstance(value, tuple | frozenset | set | list):
        return f"[{', '.join(sorted(map(str, value)))}]"
    return str(value).lower() if isinstance(value, bool) else str(value)
