"""Keeping the blocklist: what adds an entry decides every release on its way in one transaction.

It locks the pipelines that have something on its way, in ascending order, so that no release can
slip through a gate between the entry and what it decides.
"""

from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime
from itertools import chain, islice

from sqlmodel import Session, col, select

from policies.blocklist import problem
from policies.exceptions import Subject
from policies.rule import BlocklistEntry
from service.errors import Conflict, NotFound
from service.executor.ancestry import learn
from service.executor.definitions import organization
from service.executor.ground import Ground
from service.executor.halting import halt_blocked, running
from service.executor.transition import reconsider
from service.executor.turn import Turn
from service.promotions.blocklist import (
    IN_FORCE,
    Change,
    Decided,
    EntryView,
    State,
    require_second,
    state_at,
)
from service.promotions.exceptions import require_reason
from service.promotions.places import Place, place_of
from service.store.blocklist import entry, plain, rows
from service.store.tables import BlocklistRow, OrganizationRow, RunRow


def add(ground: Ground, given: BlocklistEntry, actor: str) -> Change:
    """Add an entry, or propose it where the organization asks for two persons."""
    if told := problem(given):
        raise Conflict(told)
    learn(ground, (given,))
    with ground.engines.transaction() as session:
        now = ground.ports.clock.within(session)
        named = replace(given, id=given.id or _free(session))
        if session.get(BlocklistRow, named.id) is not None:
            raise Conflict(f"{named.id} is an entry already; an id names one entry for ever")
        state = State.PROPOSED if _by_two(session) else State.ACTIVE
        row = BlocklistRow(
            id=named.id, entry=dict(plain(named)), added_by=actor, added_at=now, state=state
        )
        session.add(row)
        session.flush()
        change = _changed(ground, session, row, actor, given.reason)
    _catch_up(ground, actor)
    return change


def confirm(ground: Ground, name: str, actor: str) -> Change:
    """Agree, as a second person, with an entry that was proposed or is to be removed."""
    with ground.engines.transaction() as session:
        row = _row(session, name)
        if row.state == State.PROPOSED:
            require_second(name, row.added_by, actor)
            row.state, row.confirmed_by = State.ACTIVE, actor
        elif row.state == State.LEAVING:
            require_second(name, row.removed_by, actor)
            row.state, row.confirmed_by = State.REMOVED, actor
        else:
            raise Conflict(f"{name} is {row.state}; nothing waits for a second person")
        session.flush()
        change = _changed(ground, session, row, actor, row.removal or entry(row).reason)
    _catch_up(ground, actor)
    return change


def remove(ground: Ground, name: str, reason: str, actor: str) -> Change:
    """Take an entry from the list, or propose that; a proposed one is only taken back."""
    with ground.engines.transaction() as session:
        row = _row(session, name)
        if row.state in {State.REMOVED, State.LEAVING}:
            raise Conflict(f"{name} is {row.state} already")
        waits = row.state == State.ACTIVE and _by_two(session)
        row.removal = require_reason(reason, "remove")
        row.removed_by, row.removed_at = actor, ground.ports.clock.within(session)
        row.state = State.LEAVING if waits else State.REMOVED
        session.flush()
        return _changed(ground, session, row, actor, row.removal)


def listing(
    ground: Ground, after: str = "", limit: int | None = None, *, over: bool | None = None
) -> tuple[EntryView, ...]:
    """Files first, by path and id, then what the service keeps, by id; so many behind a place.

    ``over`` asks for what was removed or has ended, or for what is neither.
    """
    place = place_of(after)
    with ground.engines.reading() as session:
        now = ground.ports.clock.within(session)
        kept = (_view(row, now) for row in rows(session, place.kept))
        found = chain(_of_files(session, now, place), kept)
        return tuple(islice((each for each in found if over in {None, each.over}), limit))


def decide_again(ground: Ground, pipeline: str, actor: str) -> None:
    """Ask the gates of a pipeline again and halt what the blocklist names now."""
    with ground.turn(pipeline, actor) as turn:
        reconsider(turn)
        halt_blocked(turn)


def _changed(
    ground: Ground, session: Session, row: BlocklistRow, actor: str, reason: str
) -> Change:
    """Tell every pipeline that has something on its way, and decide what is on its way there."""
    decided: list[Decided] = []
    turns = list(ground.turns(session, _in_flight(session), actor))
    for turn in turns:
        decided += _told(turn, row, reason)
    found = entry(row)
    ran = (
        running(session, (found,), ground.ports.clock.within(session))
        if State(row.state) in IN_FORCE
        else ()
    )
    names = tuple(turn.pipeline.name for turn in turns)
    return Change(row.id, row.state, names, tuple(decided), tuple(ran))


def _told(turn: Turn, row: BlocklistRow, reason: str) -> list[Decided]:
    reconsider(turn)
    decided = halt_blocked(turn)
    turn.log(
        "blocklist.changed",
        entry=row.id,
        state=row.state,
        reason=reason,
        decided=[[each.release, each.stage, each.now] for each in decided],
    )
    return decided


def _in_flight(session: Session) -> list[str]:
    asked = select(RunRow.pipeline).where(RunRow.outcome == "").distinct()
    return sorted(session.exec(asked))


def _catch_up(ground: Ground, actor: str) -> None:
    """A release that was started while git was asked is asked about now."""
    for name in learn(ground):
        decide_again(ground, name, actor)


def _by_two(session: Session) -> bool:
    """Whether the root of the organization asks for two persons; without one nobody does."""
    if session.exec(select(OrganizationRow.id)).first() is None:
        return False
    tree = organization(session)
    return Subject.BLOCKLIST in tree.place(tree.root.name).chain.limits.second_person


def _free(session: Session) -> str:
    """The next id that nobody has used."""
    used = {each.id for each in rows(session)}
    return next(name for number in range(1, len(used) + 2) if (name := f"bl-{number}") not in used)


def _row(session: Session, name: str) -> BlocklistRow:
    row = session.exec(
        select(BlocklistRow).where(col(BlocklistRow.id) == name).with_for_update()
    ).first()
    if row is None:
        raise NotFound("blocklist entry in the service", name)
    return row


def _of_files(session: Session, now: datetime, after: Place) -> Iterator[EntryView]:
    if session.exec(select(OrganizationRow.id)).first() is None:
        return
    kept = [
        (found.places[each.id].path, each.id, found.places[each.id].line, each)
        for found in organization(session).files.values()
        for each in found.blocklist
    ]
    for path, name, line, each in sorted(kept, key=lambda one: one[:3]):
        if after.before(path, name):
            yield EntryView(each, state_at(State.ACTIVE, each.until, now), f"{path}:{line}")


def _view(row: BlocklistRow, now: datetime) -> EntryView:
    found = entry(row)
    return EntryView(
        entry=found,
        state=state_at(row.state, found.until, now),
        source="service",
        added_by=row.added_by,
        added_at=row.added_at,
        confirmed_by=row.confirmed_by,
        removed_by=row.removed_by,
        removed_at=row.removed_at,
        removal=row.removal,
    )
