"""Whether time is open: all windows of all places together.

Time is open where every set is open; a set is open where no ``deny`` contains the instant and an
``allow`` does, or where the set has no ``allow`` at all.
"""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime, timedelta
from typing import Final

from policies.frozen import dataclass, replace
from policies.windows.intervals import expand
from policies.windows.model import (
    Effect,
    Interval,
    Strength,
    Window,
    WindowSet,
    WindowState,
)

#: How many days the search for the next change looks ahead, in turn. A weekly window changes on the
#: first day or in the first week; a year and a month is what a yearly freeze needs.
_LOOK_AHEAD: Final = (1, 8, 40, 400)

_INSTANT: Final = timedelta(microseconds=1)


@dataclass(frozen=True, slots=True)
class Edge:
    """A window that begins or ends to contain time; ``place`` counts the sets."""

    place: int
    window: Window
    begins: bool

    @property
    def helps(self) -> bool:
        """Whether it can open time: an ``allow`` that begins or a ``deny`` that ends."""
        return self.begins is (self.window.effect is Effect.ALLOW)


@dataclass(slots=True)
class _Place:
    """The count of windows that contain the instant to which the sweep has come."""

    needs_allow: bool
    allows: int = 0
    denies: int = 0

    @property
    def open(self) -> bool:
        return not self.denies and (self.allows > 0 or not self.needs_allow)

    def step(self, edge: Edge) -> None:
        change = 1 if edge.begins else -1
        if edge.window.effect is Effect.ALLOW:
            self.allows += change
        else:
            self.denies += change


@dataclass(frozen=True, slots=True)
class Change:
    """What time is now, when that changes next, and by which windows (None: not in sight)."""

    open: bool
    at: datetime | None
    by: str


def open_intervals(sets: Sequence[WindowSet], start: datetime, end: datetime) -> list[Interval]:
    """Open time between two instants: maximal intervals, clipped to the range, in UTC."""
    start, end = start.astimezone(UTC), end.astimezone(UTC)
    if end <= start:
        return []
    edges = _edges(sets, start, end)
    places = [_Place(any(each.effect is Effect.ALLOW for each in one.windows)) for one in sets]
    found: list[Interval] = []
    was_open = False
    for at in sorted({start, *edges}):
        before = [place.open for place in places]
        for edge in edges.get(at, ()):
            places[edge.place].step(edge)
        is_open = all(place.open for place in places)
        if is_open is not was_open:
            turned = [place.open is not old for place, old in zip(places, before, strict=True)]
            cause = [edge for edge in edges.get(at, ()) if turned[edge.place]]
            if is_open:
                found.append(
                    Interval(at, end, "" if at == start else _names(sets, cause, opens=True))
                )
            else:
                found[-1] = replace(found[-1], end=at, closed_by=_names(sets, cause, opens=False))
            was_open = is_open
    return found


def _edges(sets: Sequence[WindowSet], start: datetime, end: datetime) -> dict[datetime, list[Edge]]:
    edges: dict[datetime, list[Edge]] = defaultdict(list)
    for place, one in enumerate(sets):
        for window in one.windows:
            for begin, stop in expand(window, start, end):
                edges[begin].append(Edge(place, window, begins=True))
                if stop < end:
                    edges[stop].append(Edge(place, window, begins=False))
    return edges


def _names(sets: Sequence[WindowSet], edges: Iterable[Edge], *, opens: bool) -> str:
    return _listed(_name(sets[e.place], e.window) for e in edges if e.helps is opens)


def _name(one: WindowSet, window: Window) -> str:
    return f"{window.name} ({one.place})"


def _listed(names: Iterable[str]) -> str:
    return ", ".join(dict.fromkeys(names))


def next_change(sets: Sequence[WindowSet], at: datetime) -> Change:
    """Whether time is open at an instant, and the next change within 400 days."""
    at = at.astimezone(UTC)
    is_open = False
    for days in _LOOK_AHEAD:
        end = at + timedelta(days=days)
        first = next(iter(open_intervals(sets, at, end)), None)
        is_open = first is not None and first.start == at
        if first and not is_open:
            return Change(open=False, at=first.start, by=first.opened_by)
        if first and first.end < end:
            return Change(open=True, at=first.end, by=first.closed_by)
    return Change(open=is_open, at=None, by="")


def state(sets: Sequence[WindowSet], at: datetime) -> WindowState:
    """The answer for a gate; without any window time is open and ``configured`` is false."""
    if not any(one.windows for one in sets):
        return WindowState(open=True, configured=False, until=None)
    change = next_change(sets, at)
    by = responsible(sets, at, is_open=change.open)
    unread = _unread(sets, at, is_open=change.open)
    return WindowState(open=change.open, configured=True, until=change.at, by=by, unread=unread)


def _unread(sets: Sequence[WindowSet], at: datetime, *, is_open: bool) -> str:
    """Windows that nobody could read and that could make time other than it seems.

    Open time could be closed by an unread ``deny``, closed time be open by an unread ``allow``;
    where a ``deny`` that was read closes it, nothing else matters.
    """
    found = [(one, each) for one in sets for each in one.windows if each.unread]
    if not found or (not is_open and _denied(sets, at)):
        return ""
    matters = Effect.DENY if is_open else Effect.ALLOW
    return _listed(_name(one, each) for one, each in found if each.effect is matters)


def _denied(sets: Sequence[WindowSet], at: datetime) -> bool:
    at = at.astimezone(UTC)
    denies = (each for one in sets for each in one.windows if each.effect is Effect.DENY)
    return any(expand(each, at, at + _INSTANT) for each in denies)


def responsible(sets: Sequence[WindowSet], at: datetime, *, is_open: bool) -> str:
    """The windows that make time what it is, with their places.

    Open time: the ``allow`` windows that contain the instant. Closed time: the ``deny`` windows
    that do, or else the ``allow`` windows outside of which it lies.
    """
    at = at.astimezone(UTC)
    holding = [
        (one, window, bool(expand(window, at, at + _INSTANT)))
        for one in sets
        for window in one.windows
    ]
    allows = [each for each in holding if each[1].effect is Effect.ALLOW]
    if is_open:
        return _listed(_name(one, window) for one, window, holds in allows if holds)
    denies = [each for each in holding if each[1].effect is Effect.DENY and each[2]]
    inside = {one.place for one, _, holds in allows if holds}
    outside = [each for each in allows if each[0].place not in inside]
    return _listed(_name(one, window) for one, window, _ in denies or outside)


def for_release(
    sets: Sequence[WindowSet], kind: str, tier: int | None = None
) -> tuple[WindowSet, ...]:
    """The sets as they bind a kind of release of a tier: without windows for others.

    A rollback meets no window, whatever ``applies_to`` says. A pipeline whose tier nobody says
    meets the windows of every tier.
    """
    return tuple(
        WindowSet(one.place, tuple(each for each in one.windows if _applies(each, kind, tier)))
        for one in sets
    )


def _applies(window: Window, kind: str, tier: int | None) -> bool:
    of_tier = tier is None or not window.tiers or tier in window.tiers
    of_kind = not window.applies_to or kind in window.applies_to
    return kind != "rollback" and of_kind and of_tier


def without_soft(sets: Sequence[WindowSet]) -> tuple[WindowSet, ...]:
    """The sets without soft freezes, which warn and hold nothing."""
    return tuple(
        WindowSet(one.place, tuple(w for w in one.windows if w.strength is not Strength.SOFT))
        for one in sets
    )
