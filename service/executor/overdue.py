"""Holds that last: no hold ends by time alone, but after a while its owner is told, once."""

from datetime import datetime, timedelta

from sqlmodel import select

from policies.durations import format_duration
from policies.plain import instant_text
from policies.rules import min_data_points
from service.executor.turn import Turn
from service.promotions.notices import told_at
from service.promotions.overdue import EVENT, Held, hold_letter
from service.store.tables import EventRow, RunRow


def waits(turn: Turn, run: RunRow, reason: str, until: datetime | None) -> datetime | None:
    """What ``remind`` gives for a release that waits before a stage."""
    return _remind(turn, _held(turn, run, run.entered_at, reason, until))


def bakes(turn: Turn, run: RunRow, reason: str, needed: timedelta) -> datetime | None:
    """What ``remind`` gives for one that bakes; the time that its bake needs is no hold."""
    held = _held(turn, run, run.deployed_at or turn.now, reason, None)
    return _remind(turn, held, max(held.limit, needed))


def _held(turn: Turn, run: RunRow, since: datetime, reason: str, until: datetime | None) -> Held:
    rules = turn.tree().resolved(turn.pipeline.organization, turn.now).rules
    params = rules[min_data_points.RULE.id].params
    assert isinstance(params, min_data_points.MinDataPoints)  # noqa: S101 - the catalogue pairs them
    return Held(
        pipeline=turn.pipeline.name,
        release=run.release,
        stage=run.stage,
        state=run.state,
        attempt=run.attempt,
        since=since,
        limit=params.hold_max,
        reason=reason,
        until=until,
    )


def _remind(turn: Turn, held: Held, after: timedelta | None = None) -> datetime | None:
    """Tell the owner of a hold that lasts too long; gives when that will be, None once it was."""
    at = held.since + (after or held.limit)
    if turn.now < at:
        return at
    if not _is_told(turn, held):
        said = {"since": instant_text(held.since), "limit": format_duration(held.limit)}
        turn.log(EVENT, held.release, held.stage, state=held.state, **said)
        owner = told_at(turn.registered(), turn.pipeline.organization)
        turn.tell(hold_letter(held, owner, turn.now))
    return None


def _is_told(turn: Turn, held: Held) -> bool:
    asked = select(EventRow).where(
        EventRow.release == held.release, EventRow.stage == held.stage, EventRow.kind == EVENT
    )
    mine = (held.state, instant_text(held.since))
    return any((e.data["state"], e.data["since"]) == mine for e in turn.session.exec(asked))
