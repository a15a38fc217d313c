"""Freezes: the ``deny`` windows of rulesets, which a rule of their own reports.

A freeze is told apart from the agreed hours, because its owner is somebody else and because long
ones do harm of their own: changes pile up and leave as one large batch.
"""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Final

from policies.frozen import dataclass
from policies.windows.intervals import expand
from policies.windows.model import Effect, Freeze, Strength, Weekly, Window, WindowSet
from policies.windows.state import Change, for_release, next_change, open_intervals, without_soft

#: How far back and ahead whole freezes are looked for: a yearly one is seen wherever it begins.
_RANGE: Final = timedelta(days=400)
_INSTANT: Final = timedelta(microseconds=1)
#: How long after the end of a hard freeze releases carry fewer changes than before it.
THAW: Final = timedelta(hours=24)


@dataclass(frozen=True, slots=True)
class FreezeState:
    """The freezes at one instant.

    ``current`` contain it, those that hold first; ``until`` is when no hard one does any more
    (None: not in sight). ``thawed`` is the instant within the last day at which hard ones ended,
    and ``thawed_by`` names them. ``change`` is what comes next. ``unread`` names those of which
    nobody knows when they are.
    """

    configured: bool
    current: tuple[Freeze, ...] = ()
    until: datetime | None = None
    thawed: datetime | None = None
    thawed_by: str = ""
    change: Change | None = None
    unread: str = ""


def without_freezes(sets: Sequence[WindowSet]) -> tuple[WindowSet, ...]:
    """The agreed hours of rulesets alone."""
    return tuple(
        WindowSet(one.place, tuple(each for each in one.windows if each.effect is Effect.ALLOW))
        for one in sets
    )


def freeze_state(sets: Sequence[WindowSet], at: datetime) -> FreezeState:
    """The freezes among the windows of rulesets, as they bind one release."""
    at = at.astimezone(UTC)
    frozen = only_freezes(sets)
    if not frozen:
        return FreezeState(configured=False)
    hard = without_soft(frozen)
    change = next_change(hard, at)
    thaw = [each for each in open_intervals(hard, at - THAW, at + _INSTANT) if each.start <= at]
    thawed = thaw[-1] if thaw and change.open and thaw[-1].opened_by else None
    unread = (f"{each.name} ({one.place})" for one in frozen for each in one.windows if each.unread)
    return FreezeState(
        configured=True,
        current=_current(frozen, at),
        until=None if change.open else change.at,
        thawed=thawed.start if thawed else None,
        thawed_by=thawed.opened_by if thawed else "",
        change=change,
        unread=", ".join(unread),
    )


def long_freezes(sets: Sequence[WindowSet], at: datetime, tier: int | None) -> tuple[Freeze, ...]:
    """Whole freezes that have not ended and begin within 400 days, for normal releases.

    Weekly ones are left out: what ends every week lets no changes pile up.
    """
    at = at.astimezone(UTC)
    found = [
        _freeze(one, window, begin, stop)
        for one in only_freezes(for_release(sets, "normal", tier))
        for window in one.windows
        if not isinstance(window.recurrence, Weekly)
        for begin, stop in expand(window, at - _RANGE, at + _RANGE)
        if stop > at
    ]
    return tuple(sorted(found, key=lambda each: (each.start, each.name)))


def only_freezes(sets: Sequence[WindowSet]) -> tuple[WindowSet, ...]:
    """The freezes of rulesets alone: the ``deny`` windows among their windows."""
    denies = (
        WindowSet(one.place, tuple(each for each in one.windows if each.effect is Effect.DENY))
        for one in sets
    )
    return tuple(one for one in denies if one.windows)


def _current(sets: Sequence[WindowSet], at: datetime) -> tuple[Freeze, ...]:
    found = [
        _freeze(one, window, begin, stop)
        for one in sets
        for window in one.windows
        for begin, stop in expand(window, at, at + _INSTANT)
    ]
    return tuple(sorted(found, key=lambda each: each.strength is Strength.SOFT))


def _freeze(one: WindowSet, window: Window, begin: datetime, stop: datetime) -> Freeze:
    return Freeze(window.name, one.place, begin, stop, window.strength, window.owner, window.reason)
