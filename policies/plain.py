"""Plain JSON data read into typed values, every error collected with its data path.

A message has no lines; its errors are located by where they stand in the data
(``stage_runs[2].deployed_at``). Reading goes on after an error, so that all of them are told at
once; the placeholder that a wrong value leaves behind never escapes, because ``done`` raises.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from datetime import UTC, date, datetime, timedelta
from enum import StrEnum
from typing import Any, Final, TypeVar

from policies.durations import format_duration, parse_duration, parse_share
from policies.frozen import dataclass, field
from policies.patterns import pattern

T = TypeVar("T")
E = TypeVar("E", bound=StrEnum)

DataPath = tuple[str | int, ...]

#: Stands for a time that could not be read, until ``done`` raises.
_NO_TIME: Final = datetime(1970, 1, 1, tzinfo=UTC)

_DAY: Final = pattern(r"\d{4}-\d{2}-\d{2}")


@dataclass(frozen=True, slots=True)
class DataIssue:
    at: DataPath
    message: str

    def __str__(self) -> str:
        return f"{path_text(self.at)}: {self.message}" if self.at else self.message


class DataError(Exception):
    """Data that does not say what it must; ``source`` names the file or the request."""

    def __init__(self, source: str, issues: tuple[DataIssue, ...]) -> None:
        super().__init__("\n".join(f"{source}: {issue}" for issue in issues))
        self.source = source
        self.issues = issues


def path_text(path: DataPath) -> str:
    """Write a data path as people do: ``changes[0].author``."""
    text = ""
    for part in path:
        text += f"[{part}]" if isinstance(part, int) else f".{part}" if text else part
    return text


def nearest(word: str, known: Iterable[str]) -> str:
    """The words to add to an error about an unknown name; empty when nothing is near."""
    # Imported here: lint starts without it, and few words are unknown.
    from difflib import get_close_matches  # noqa: PLC0415 - see above

    close = get_close_matches(word, list(known), n=1)
    return f"; did you mean {close[0]!r}?" if close else ""


def instant_text(at: datetime) -> str:
    """RFC 3339 in UTC with ``Z``; fractions only where there are some."""
    return at.astimezone(UTC).isoformat().replace("+00:00", "Z")


def parse_instant(text: str) -> datetime:
    """Read RFC 3339 with an offset; raises ValueError."""
    at = datetime.fromisoformat(text)
    if at.tzinfo is None or "T" not in text:
        raise ValueError(f"{text!r} is not a time with an offset")
    return at.astimezone(UTC)


def parse_day(text: str) -> date:
    """Read a date as files write it; raises ValueError with what is allowed."""
    if not _DAY.fullmatch(text):
        raise ValueError(f"{text!r} is not a date; write 2026-12-08")
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise ValueError(f"{text!r} is not a day of the calendar") from None


def duration_text(seconds: float) -> str:
    """Whole seconds, rounded down: a bake is never counted longer than it was."""
    return format_duration(timedelta(seconds=int(seconds)))


def share_text(share: float) -> str:
    return f"{share * 100:.6f}".rstrip("0").rstrip(".") + "%"


@dataclass(slots=True)
class Group:
    """One JSON object that is being read; ``issues`` is shared by all groups of one text."""

    data: Mapping[str, Any]
    at: DataPath = ()
    issues: list[DataIssue] = field(default_factory=list)
    seen: set[str] = field(default_factory=set)

    def fail(self, key: str, message: str) -> None:
        self.issues.append(DataIssue((*self.at, key) if key else self.at, message))

    def text(self, key: str, default: str | None = None) -> str:
        found = self._typed(key, str, "a string", required=default is None)
        return (default or "") if found is None else found

    def flag(self, key: str) -> bool:
        return bool(self._typed(key, bool, "true or false", required=False))

    def maybe_flag(self, key: str) -> bool | None:
        return self._typed(key, bool, "true or false", required=False)

    def maybe_number(self, key: str) -> float | None:
        """A number from 0 up, whole or not."""
        self.seen.add(key)
        value = self.data.get(key)
        if value is None or (type(value) in (int, float) and value >= 0):
            return value
        self.fail(key, f"{value!r} is not a number from 0 up")
        return None

    def count(self, key: str, default: int | None = None) -> int:
        found = self.maybe_count(key)
        if found is None and default is None and key not in self.data:
            self.fail(key, "is missing; a whole number is expected")
        return found if found is not None else default or 0

    def maybe_count(self, key: str) -> int | None:
        self.seen.add(key)
        value = self.data.get(key)
        if value is None or (type(value) is int and value >= 0):
            return value
        self.fail(key, f"{value!r} is not a whole number from 0 up")
        return None

    def instant(self, key: str) -> datetime:
        if self.data.get(key) is None:
            self.seen.add(key)
            self.fail(key, "is missing; a time such as 2026-11-24T10:22:48Z is expected")
        return self.maybe_instant(key) or _NO_TIME

    def maybe_instant(self, key: str) -> datetime | None:
        expected = "a time such as 2026-11-24T10:22:48Z"
        return self._parsed(key, parse_instant, expected)

    def maybe_seconds(self, key: str) -> float | None:
        expected = "a duration such as 90s, 30m or 12h"
        return self._parsed(key, lambda text: parse_duration(text).exact.total_seconds(), expected)

    def maybe_share(self, key: str) -> float | None:
        return self._parsed(key, parse_share, "a share such as 1%")

    def word(self, key: str, words: type[E], default: E) -> E:
        """One word of an enumeration; ``default`` where nothing is said."""
        text = self.text(key, default.value)
        try:
            return words(text)
        except ValueError:
            if text:
                allowed = ", ".join(words)
                near = nearest(text, [each.value for each in words])
                self.fail(key, f"{text!r} is not one of {allowed}{near}")
            return default

    def texts(self, key: str) -> tuple[str, ...]:
        found = []
        for index, item in enumerate(self._items(key)):
            if isinstance(item, str):
                found.append(item)
            else:
                self.issues.append(DataIssue((*self.at, key, index), f"{item!r} is not a string"))
        return tuple(found)

    def maybe_texts(self, key: str) -> tuple[str, ...] | None:
        """A list of texts; None where nobody gave one, which is not the same as an empty one."""
        found = self.texts(key)
        return found if self.data.get(key) is not None else None

    def shares(self, key: str) -> tuple[tuple[str, float], ...]:
        """An object of shares, as pairs in its order."""
        inner = self.group(key)
        names = inner.data if inner else ()
        found = [(name, inner.maybe_share(name)) for name in names if inner]
        return tuple((name, share) for name, share in found if share is not None)

    def pairs(self, key: str, kind: type[T], expected: str) -> tuple[tuple[str, T], ...]:
        """An object of equal values, as pairs in its order."""
        inner = self.group(key)
        if inner is None:
            return ()
        for name, value in inner.data.items():
            if type(value) is not kind:
                inner.fail(name, f"{value!r} is not {expected}")
        return tuple((name, value) for name, value in inner.data.items() if type(value) is kind)

    def group(self, key: str) -> "Group | None":
        """The object under ``key``; None where there is none."""
        self.seen.add(key)
        value = self.data.get(key)
        if value is None:
            return None
        if isinstance(value, Mapping):
            return Group(value, (*self.at, key), self.issues)
        self.fail(key, f"{value!r} is not an object")
        return None

    def required(self, key: str) -> "Group":
        found = self.group(key)
        if found is None and self.data.get(key) is None:
            self.fail(key, "is missing; an object is expected")
        return found or Group({}, (*self.at, key), [])

    def groups(self, key: str) -> "Iterator[Group]":
        for index, item in enumerate(self._items(key)):
            at = (*self.at, key, index)
            if isinstance(item, Mapping):
                yield Group(item, at, self.issues)
            else:
                self.issues.append(DataIssue(at, f"{item!r} is not an object"))

    def maybe_groups(self, key: str) -> "tuple[Group, ...] | None":
        """A list of objects; None where nobody gave one."""
        found = tuple(self.groups(key))
        return found if self.data.get(key) is not None else None

    def close(self) -> None:
        """Report every key that nobody asked for."""
        for key in self.data:
            if key not in self.seen:
                self.fail(key, f"is not known here{nearest(key, self.seen)}")

    def done(self, source: str) -> None:
        """Raise DataError when anything was wrong anywhere below this object."""
        if self.issues:
            raise DataError(source, tuple(self.issues))

    def _typed(self, key: str, kind: type[T], expected: str, *, required: bool) -> T | None:
        self.seen.add(key)
        value = self.data.get(key)
        if isinstance(value, kind):
            return value
        if value is not None:
            self.fail(key, f"{value!r} is not {expected}")
        elif required:
            self.fail(key, f"is missing; {expected} is expected")
        return None

    def _parsed(self, key: str, parse: Callable[[str], T], expected: str) -> T | None:
        self.seen.add(key)
        value = self.data.get(key)
        if value is None:
            return None
        try:
            return parse(value)
        except (ValueError, TypeError, OverflowError):
            self.fail(key, f"{value!r} is not {expected}")
            return None

    def _items(self, key: str) -> list[Any]:
        self.seen.add(key)
        value = self.data.get(key)
        if value is None or isinstance(value, list):
            return value or []
        self.fail(key, f"{value!r} is not a list")
        return []


def patched(data: Any, patch: Any) -> Any:
    """The data with a merge patch (RFC 7396): objects merge, null takes away, others replace."""
    if not isinstance(patch, Mapping):
        return patch
    merged = dict(data) if isinstance(data, Mapping) else {}
    for key, value in patch.items():
        if value is None:
            merged.pop(key, None)
        else:
            merged[key] = patched(merged.get(key), value)
    return merged


def compact(data: dict[str, Any]) -> dict[str, Any]:
    """Leave out what says nothing: None, empty texts and empty lists; zeros and flags stay."""
    return {key: value for key, value in data.items() if value not in (None, "", [], {})}


def present(data: dict[str, Any]) -> dict[str, Any]:
    """Leave out None alone: an empty list says that somebody looked and found nothing."""
    return {key: value for key, value in data.items() if value is not None}
