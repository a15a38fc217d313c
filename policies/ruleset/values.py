"""Values of parameters: how files and messages write them, and which of two is stricter."""

from collections.abc import Iterable
from datetime import timedelta
from math import inf
from typing import Any, Final, assert_never

from policies.durations import format_duration, parse_duration, parse_share
from policies.plain import nearest, share_text
from policies.rule import ParamSpec, Stricter, Unit

_A_NUMBER: Final = "a number from 0 up, such as 0.5 or 2"


def parse_value(spec: ParamSpec, value: Any) -> Any:
    """Read plain data as a value of the parameter; raises ValueError with what is allowed."""
    match spec.unit:
        case Unit.COUNT:
            return _checked(value, type(value) is int and value >= 0, "a whole number from 0 up")
        case Unit.DURATION:
            _checked(value, isinstance(value, str), "a duration; write 90s, 30m, 2h, 1d12h or 1w")
            return _duration(value)
        case Unit.SHARE:
            _checked(value, isinstance(value, str), "a share; write 1% or 0.5%, at most 100%")
            return parse_share(value)
        case Unit.FACTOR:
            _checked(value, type(value) in (int, float) and 0 <= value < inf, _A_NUMBER)
            return float(value)
        case Unit.FLAG:
            return _checked(value, isinstance(value, bool), "true or false")
        case Unit.WORD:
            return _word(spec, value)
        case Unit.WORDS:
            _checked(value, isinstance(value, list), "a list of words")
            return type(spec.default)(_word(spec, each) for each in value)
        case _:
            assert_never(spec.unit)


def value_json(spec: ParamSpec, value: Any) -> Any:
    """Write a value as a file would; the inverse of ``parse_value``."""
    match spec.unit:
        case Unit.DURATION:
            return format_duration(value)
        case Unit.SHARE:
            return share_text(value)
        case Unit.WORDS:
            return sorted(value) if isinstance(value, frozenset) else list(value)
        case Unit.COUNT | Unit.FACTOR | Unit.FLAG | Unit.WORD:
            return value
        case _:
            assert_never(spec.unit)


def at_least_as_strict(spec: ParamSpec, child: Any, parent: Any) -> bool:
    """Whether ``child`` asks for no less than ``parent`` does."""
    match spec.stricter:
        case Stricter.MORE:
            return bool(child >= parent)
        case Stricter.LESS:
            return bool(child <= parent)
        case Stricter.SUPERSET:
            return frozenset(child) >= frozenset(parent)
        case Stricter.SUBSET:
            return frozenset(child) <= frozenset(parent)
        case Stricter.NEITHER:
            return bool(child == parent)
        case _:
            assert_never(spec.stricter)


def tightening(spec: ParamSpec) -> str:
    """The words that tell a person which changes a locked parameter still takes."""
    match spec.stricter:
        case Stricter.MORE:
            return "only more is stricter"
        case Stricter.LESS:
            return "only less is stricter"
        case Stricter.SUPERSET:
            return "only adding to it is stricter"
        case Stricter.SUBSET:
            return "only taking from it is stricter"
        case Stricter.NEITHER:
            return "it has no stricter direction, so it stays as it is"
        case _:
            assert_never(spec.stricter)


def _checked(value: Any, right: bool, expected: str) -> Any:  # noqa: FBT001 - a condition, not an option
    if not right:
        raise ValueError(f"{value!r} is not {expected}")
    return value


def _duration(text: str) -> timedelta:
    try:
        return parse_duration(text).exact
    except OverflowError:
        raise ValueError(f"{text!r} is longer than any time can be") from None


def _word(spec: ParamSpec, value: Any) -> str:
    if not isinstance(value, str):
        raise ValueError(f"{value!r} is not a word{_choice(spec.allowed)}")  # noqa: TRY004 - one error type for all values
    if spec.allowed and value not in spec.allowed:
        raise ValueError(
            f"{value!r} is not known{_choice(spec.allowed)}{nearest(value, spec.allowed)}"
        )
    return value


def _choice(allowed: Iterable[str]) -> str:
    words = ", ".join(allowed)
    return f"; allowed are {words}" if words else ""
