"""The document that a custom rule sees: ``bakegate.input/v1``, and where each part of it was read.

A fact that is known to be absent and one that is unknown are both missing from the document, so
that ``not stage.bake.time_s`` reads as it should; the places kept beside it tell the two apart, and
an answer that points at an unknown fact is unknown, never a failure. Durations are whole seconds
(``_s``), shares are fractions, times are RFC 3339 in UTC with the seconds since 1970 beside them
(``_unix``).
"""

import re
from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any, Final

from policies.durations import parse_duration, parse_share
from policies.facts import Fact, Provenance, Unknown
from policies.findings import Span
from policies.frozen import dataclass, field
from policies.plain import instant_text, parse_instant
from policies.record import release_to_json
from policies.release import Release
from policies.windows import WindowState
from policies.windows import zone as zone_of

TYPE: Final = "bakegate.input/v1"

DataPath = tuple[str | int, ...]

_DAYS: Final = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
_INSTANT: Final = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z")
_DURATION: Final = re.compile(r"(?=\d)(\d+w)?(\d+d)?(\d+h)?(\d+m)?(\d+s)?")
_SHARE: Final = re.compile(r"\d{1,2}(\.\d+)?%|100%")


@dataclass(frozen=True, slots=True)
class Place:
    """Where one part was read. ``known`` is false where nobody can tell; ``note`` says why."""

    span: Span
    provenance: Provenance = Provenance.DECLARED
    inferred: bool = False
    known: bool = True
    note: str = ""


@dataclass(frozen=True, slots=True)
class Document:
    """``places`` holds the parts that have one of their own; the others lie at the nearest."""

    data: dict[str, Any]
    places: dict[DataPath, Place] = field(default_factory=dict)

    def value(self, path: DataPath) -> Any:
        """What stands at a path; None where nothing does."""
        found: Any = self.data
        for part in path:
            match found:
                case dict() if isinstance(part, str):
                    found = found.get(part)
                case list() if isinstance(part, int) and 0 <= part < len(found):
                    found = found[part]
                case _:
                    return None
        return found

    def place(self, path: DataPath) -> Place | None:
        """The place of a path, else of the nearest part around it that has one."""
        for length in range(len(path), 0, -1):
            if found := self.places.get(path[:length]):
                return found
        return None

    def unknown(self, path: DataPath) -> str:
        """Why the part at a path cannot be told; empty where it is known, absence included."""
        place = self.place(path)
        if self.value(path) is not None or (place and place.known):
            return ""
        if place is None:
            return "nobody has reported it" if path[0] == "release" else ""
        return place.note or "it cannot be told from here"

    def named(self, path: DataPath) -> str:
        """A path by names instead of indices: ``stages/one-box/bake``; without its root."""
        words = []
        for length, part in enumerate(path[1:], start=2):
            item = self.value(path[:length])
            name = item.get("name", "") if isinstance(item, dict) else ""
            words.append(str(name or "item") if isinstance(part, int) else part)
        return "/".join(words)

    def instances(self, pattern: tuple[str, ...]) -> Iterator[DataPath]:
        """Every path that a pattern means here.

        ``*`` stands for each item of a list, ``[kind=prod]`` for those that say so.
        """
        paths: list[DataPath] = [()]
        for part in pattern:
            if part == "*" or part.startswith("["):
                paths = [(*path, index) for path in paths for index in self._items(path, part)]
            else:
                paths = [(*path, part) for path in paths]
        return iter(paths)

    def _items(self, path: DataPath, part: str) -> Iterator[int]:
        found = self.value(path)
        key, _, wanted = part.strip("[]").partition("=")
        for index, item in enumerate(found if isinstance(found, list) else ()):
            if part == "*" or (isinstance(item, dict) and str(item.get(key)) == wanted):
                yield index


class Part:
    """One object of a document that is being written, with the places of what it says."""

    def __init__(self, document: Document, path: DataPath, data: dict[str, Any]) -> None:
        self.document = document
        self.path = path
        self.data = data

    def fact(self, name: str, fact: Fact[Any], at: Span) -> None:
        """A leaf; ``at`` is where to point when the fact has no place of its own."""
        self.placed(name, fact, at)
        if not isinstance(fact.value, Unknown):
            self.say(name, fact.value)

    def placed(self, name: str, fact: Fact[Any], at: Span) -> None:
        """Only the place of a fact, whose parts are written one by one."""
        span = fact.span if fact.span.path else at
        self._place(name, Place(span, fact.provenance, fact.inferred, fact.known, fact.note))

    def say(self, name: str, value: Any) -> None:
        """A value that has no place of its own; None is absent."""
        plain = _plain(value)
        if plain is not None:
            self.data[name] = plain

    def known(self, name: str, span: Span, *, known: bool, note: str = "") -> None:
        """A part that may be missing, and whether that would mean that it is absent."""
        provenance = Provenance.DECLARED if known else Provenance.INFERRED
        self._place(name, Place(span, provenance, inferred=False, known=known, note=note))

    def part(self, name: str, span: Span | None = None) -> "Part":
        made: dict[str, Any] = {}
        self.data[name] = made
        if span:
            self._place(name, Place(span))
        return Part(self.document, (*self.path, name), made)

    def items(self, name: str, spans: Iterable[Span | None]) -> "Iterator[Part]":
        """The objects of a list, one for each span, to be written in turn."""
        made: list[dict[str, Any]] = []
        self.data[name] = made
        for index, span in enumerate(spans):
            made.append({})
            path = (*self.path, name, index)
            if span:
                self.document.places[path] = Place(span)
            yield Part(self.document, path, made[index])

    def _place(self, name: str, place: Place) -> None:
        self.document.places[*self.path, name] = place


def moment(part: Part, at: datetime, zone: str) -> None:
    """The instant of the evaluation and its date and hour in the organization's zone."""
    local = at.astimezone(zone_of(zone))
    part.say("instant", instant_text(at))
    part.say("unix", int(at.timestamp()))
    part.say("zone", zone)
    part.say("date", local.date().isoformat())
    part.say("weekday", _DAYS[local.weekday()])
    part.say("hour", local.hour)
    part.say("minute", local.minute)


def release_part(release: Release) -> dict[str, Any]:
    """The release record as messages have it, with numbers beside its times and durations."""
    found: dict[str, Any] = _counted(release_to_json(release))
    return found


def window_part(part: Part, window: WindowState) -> None:
    part.say("open", window.open)
    part.say("configured", window.configured)
    part.say("until", window.until)
    part.say("by", window.by)


def _counted(value: Any) -> Any:
    match value:
        case dict():
            return _counted_object(value)
        case list():
            return [_counted(each) for each in value]
        case _:
            return value


def _counted_object(data: Mapping[str, Any]) -> dict[str, Any]:
    """Numbers stand beside the texts and never in their place: a text may only look like a time."""
    found: dict[str, Any] = {}
    for key, value in data.items():
        found[key] = _counted(value)
        if isinstance(value, str):
            found |= {f"{key}_{unit}": number for unit, number in _numbers(value)}
    return found


def _numbers(text: str) -> Iterator[tuple[str, float]]:
    """What a text is as a number, with the unit; nothing for a time or length that cannot be."""
    try:
        if _INSTANT.fullmatch(text):
            yield "unix", int(parse_instant(text).timestamp())
        elif _DURATION.fullmatch(text):
            yield "s", int(parse_duration(text).exact.total_seconds())
        elif _SHARE.fullmatch(text):
            yield "share", parse_share(text)
    except (ValueError, OverflowError):
        return


def _plain(value: Any) -> Any:
    """JSON for the plain values of facts; None and what says nothing stay out."""
    match value:
        case None | "":
            return None
        case StrEnum():
            return value.value
        case timedelta():
            return int(value.total_seconds())
        case datetime():
            return instant_text(value)
        case frozenset() | set():
            return sorted(value)
        case tuple() | list():
            return [_plain(each) for each in value]
        case Mapping():
            return {str(name): _plain(each) for name, each in value.items()}
        case bool() | int() | float() | str():
            return value
        case _:
            # Whatever a new fact holds, a document stays JSON.
            return str(value)
