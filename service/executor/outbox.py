"""The outbox: a message is a row first and an effect second, both written in one transaction."""

from collections.abc import Iterable
from datetime import datetime

from sqlmodel import Session

from service.executor.durable import Durable
from service.promotions.notices import Letter
from service.promotions.ports import Notifier
from service.store.tables import NoticeRow


def post(
    session: Session, durable: Durable, ways: Iterable[Notifier], letter: Letter, now: datetime
) -> None:
    """Order one message by every way there is, once for each key."""
    for way in ways:
        row = noted(letter, way.via, now)
        if session.get(NoticeRow, row.key) is None:
            row.attempts = 1
            session.add(row)
            session.flush()
            durable.order_notice(session, row.key, row.attempts)


def noted(letter: Letter, via: str, now: datetime) -> NoticeRow:
    """A message as it is kept; ``rule`` is empty where it is about no rule."""
    found = letter.message.get("findings") or [{"pipeline": letter.message.get("pipeline", "")}]
    return NoticeRow(
        key=f"{letter.key}:{via}",
        rule=letter.message.get("rule", ""),
        moment=letter.message["moment"],
        day=letter.message["date"],
        team=letter.team,
        channel=letter.channel,
        via=via,
        pipelines=sorted({each["pipeline"] for each in found}),
        subject=letter.subject,
        text=letter.text,
        message=dict(letter.message),
        ordered_at=now,
    )
