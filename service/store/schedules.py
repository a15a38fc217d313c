"""Scheduled steps that came early, as rulesets know them."""

from datetime import date, datetime

from sqlmodel import Session, select

from policies.ruleset import Ready, StepKey
from service.store.tables import ReadyRow


def ready(session: Session) -> Ready:
    """When each step came early."""
    return {_key(row): row.at for row in session.exec(select(ReadyRow))}


def make_ready(session: Session, key: StepKey, at: datetime, share: float) -> None:
    session.merge(
        ReadyRow(
            node=key.node,
            rule=key.rule,
            day=key.day.isoformat(),
            organizations=" ".join(key.organizations),
            at=at,
            share=share,
        )
    )


def _key(row: ReadyRow) -> StepKey:
    organizations = tuple(row.organizations.split())
    return StepKey(row.node, row.rule, date.fromisoformat(row.day), organizations)
