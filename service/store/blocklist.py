"""The stored blocklist as the values that gates read."""

from collections.abc import Iterator, Mapping
from dataclasses import asdict
from datetime import datetime
from typing import Any, Final

from sqlmodel import Session, col, select

from policies.plain import instant_text, parse_instant
from policies.rule import BlocklistEntry
from service.promotions.blocklist import IN_FORCE, State
from service.store.snapshot import Snapshot
from service.store.tables import BlocklistRow

#: Rows that are read at a time.
_AT_ONCE: Final = 200


def in_force(known: Snapshot, now: datetime) -> tuple[BlocklistEntry, ...]:
    """The entries that block now; an entry with an end holds until then."""
    entries = (entry(each) for each in known.blocklist() if State(each.state) in IN_FORCE)
    return tuple(each for each in entries if each.until is None or each.until > now)


def rows(session: Session, after: str = "") -> Iterator[BlocklistRow]:
    """Every entry that there ever was, in the order of the ids; a few rows are read at a time."""
    asked = select(BlocklistRow).order_by(BlocklistRow.id).limit(_AT_ONCE)
    more = True
    while more:
        batch = session.exec(asked.where(col(BlocklistRow.id) > after)).all()
        yield from batch
        more = len(batch) == _AT_ONCE
        after = batch[-1].id if batch else after


def entry(row: BlocklistRow) -> BlocklistEntry:
    until = row.entry.get("until")
    return BlocklistEntry(**(row.entry | {"until": parse_instant(until) if until else None}))


def plain(given: BlocklistEntry) -> Mapping[str, Any]:
    """An entry as it is stored."""
    return asdict(given) | {"until": given.until and instant_text(given.until)}


def ancestors(known: Snapshot, repository: str, commit: str) -> tuple[tuple[str, bool], ...]:
    """What is known of a commit: others, and whether it contains them."""
    rows = (each for each in known.ancestry(commit) if each.repository == repository)
    return tuple((each.ancestor, each.contained) for each in rows)
