"""Calendars that rulesets name by an address: kept fresh, and the last good copy used meanwhile.

A gate never waits for another machine. What it reads is the copy in the store; where there is none
yet, the window is unknown. A copy that cannot be renewed stays in use, and the reason is kept
beside it.
"""

import logging
from datetime import datetime
from typing import Final

from sqlmodel import Session, select

from policies.windows import calendar_problem
from service.executor.definitions import organization
from service.executor.ground import SYSTEM, Ground
from service.executor.transition import reconsider
from service.promotions.ports import Calendars, Fetched, Unfetched
from service.store.tables import CalendarRow, OrganizationRow

_log: Final = logging.getLogger(__name__)

#: How often each address is asked, in seconds: a freeze is announced days ahead.
EVERY_S: Final = 900.0


def refresh(ground: Ground) -> tuple[str, ...]:
    """Ask every address once; gives those whose calendar has changed, after asking the gates."""
    source = ground.ports.calendars
    if source is None:
        return ()
    with ground.engines.reading() as session:
        known = {each.address: each.etag for each in session.exec(select(CalendarRow))}
        named = sorted(_named(session))
    found = [(each, _asked(source, each, known.get(each, ""))) for each in named]
    with ground.engines.transaction() as session:
        now = ground.ports.clock.within(session)
        changed = tuple(each for each, answer in found if _kept(session, each, answer, now))
    if changed:
        for name in ground.pipelines():
            with ground.turn(name, SYSTEM) as turn:
                reconsider(turn)
    return changed


def _named(session: Session) -> frozenset[str]:
    if session.exec(select(OrganizationRow.id)).first() is None:
        return frozenset()
    return organization(session).addresses


def _asked(source: Calendars, address: str, etag: str) -> Fetched | Unfetched | None:
    """What the address said; a text that is no calendar counts as not had."""
    try:
        answer = source.fetch(address, etag)
    except Unfetched as error:
        _log.warning("%s; its last good copy stays in use", error)
        return error
    if answer and (told := calendar_problem(answer.text)):
        _log.warning("%s: %s; its last good copy stays in use", address, told)
        return Unfetched(f"{address}: {told}")
    return answer


def _kept(
    session: Session, address: str, answer: Fetched | Unfetched | None, now: datetime
) -> bool:
    """Write down what was had; True where the text is another one than before."""
    row = session.get(CalendarRow, address) or CalendarRow(address=address)
    session.add(row)
    if isinstance(answer, Unfetched):
        row.failed_at, row.error = now, str(answer)
        return False
    row.fetched_at, row.failed_at, row.error = now, None, ""
    if answer is None or answer.text == row.text:
        return False
    row.text, row.etag = answer.text, answer.etag
    return True
