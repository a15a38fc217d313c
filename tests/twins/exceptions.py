"""Exemptions and opt-outs in memory, by the same rules about who may do what."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime
from typing import Final

from policies.exceptions import Subject
from policies.waivers import last_day
from service.errors import NotFound
from service.promotions.exceptions import (
    ExceptionView,
    Filter,
    State,
    Verb,
    Wanted,
    require_open,
    require_reason,
    require_standing,
    state_at,
)
from tests.twins.sights import NOW

_STATES: Final[Mapping[Verb, State]] = {
    Verb.APPROVE: State.APPROVED,
    Verb.DENY: State.DENIED,
    Verb.REVOKE: State.REVOKED,
}


class MemoryExceptions:
    """Holds them by id; nobody is named as a leader, so everybody may decide."""

    def __init__(self, now: datetime = NOW) -> None:
        self.asked: dict[str, ExceptionView] = {}
        self.now = now

    def request(self, wanted: Wanted, node: str, actor: str) -> str:
        prefix = "ex" if wanted.kind is Subject.EXEMPTION else "oo"
        name = f"{prefix}-{len(self.asked) + 1}"
        self.asked[name] = ExceptionView(
            id=name,
            kind=wanted.kind,
            pipeline=wanted.pipeline,
            organization=node,
            rule=wanted.rule,
            finding=wanted.finding,
            reason=require_reason(wanted.reason, "ask for"),
            requested_by=actor,
            requested_at=self.now,
            start=wanted.start or self.now,
            until=wanted.until,
            state=State.REQUESTED,
            approved_by="",
            decided_by="",
            decided_at=None,
            decision="",
            source="service",
            last_day=last_day(wanted.until, "UTC"),
        )
        return name

    def decide(self, name: str, verb: Verb, reason: str, actor: str) -> None:
        view = self.one(name)
        if verb is Verb.REVOKE:
            require_standing(name, State(view.state))
        else:
            require_open(name, State(view.state))
        said = reason.strip() if verb is Verb.APPROVE else require_reason(reason, verb)
        self.asked[name] = replace(
            view,
            state=_STATES[verb],
            approved_by=actor if verb is Verb.APPROVE else view.approved_by,
            decided_by=actor,
            decided_at=self.now,
            decision=said,
        )

    def one(self, name: str) -> ExceptionView:
        if name not in self.asked:
            raise NotFound("exception", name)
        view = self.asked[name]
        return replace(view, state=state_at(view.state, view.kind, view.until, self.now))

    def listing(self, wanted: Filter) -> tuple[ExceptionView, ...]:
        return tuple(each for name in self.asked if wanted.picks(each := self.one(name)))
