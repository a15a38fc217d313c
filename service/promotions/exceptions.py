"""Exemptions and opt-outs on their way: asked for, approved or denied, revoked, ended.

Pure: who may do what to one, and in which state it is at an instant. That it has ended is seen when
it is read; nothing has to run for it.
"""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Final

from policies.exceptions import ExceptionPolicy, Subject
from policies.phrases import listed
from service.errors import Conflict
from service.promotions.places import told

#: Whom the words of an error name at most.
_NAMED: Final = 5


class State(StrEnum):
    """What was decided; ``ended`` is an approved exemption whose time is over."""

    REQUESTED = "requested"
    APPROVED = "approved"
    DENIED = "denied"
    REVOKED = "revoked"
    ENDED = "ended"


@dataclass(frozen=True, slots=True)
class ExceptionView:
    """One exemption or opt-out, of the service or of a file under review.

    ``until`` is the end of an exemption and the review of an opt-out. ``source`` is ``service`` or
    the place in a file. ``refused`` is the limit for which it does not count. ``needless`` is true
    where its rule passes now without it: it is proposed for removal. ``approvers`` may decide about
    it, None where everybody may.
    """

    id: str
    kind: str
    pipeline: str
    organization: str
    rule: str
    finding: str
    reason: str
    requested_by: str
    requested_at: datetime | None
    start: datetime | None
    until: datetime
    state: str
    approved_by: str
    decided_by: str
    decided_at: datetime | None
    decision: str
    source: str
    last_day: str
    refused: str = ""
    needless: bool = False
    approvers: tuple[str, ...] | None = None

    @property
    def place(self) -> str:
        """Where it stands in the list of all."""
        return told(self.source, self.id)


class Verb(StrEnum):
    APPROVE = "approve"
    DENY = "deny"
    REVOKE = "revoke"


@dataclass(frozen=True, slots=True)
class Wanted:
    """What somebody asks for; ``until`` is the end of an exemption, the review of an opt-out.

    Without a ``start`` it begins when it is asked for. ``finding`` narrows an exemption to one.
    """

    kind: Subject
    pipeline: str
    rule: str
    reason: str
    until: datetime
    start: datetime | None = None
    finding: str = ""


@dataclass(frozen=True, slots=True)
class Filter:
    """What to list; None lists all. ``node`` is a subtree of the organization.

    ``over`` asks for what is denied, revoked or ended, or for what is none of these.
    """

    pipeline: str | None = None
    node: str | None = None
    rule: str | None = None
    state: str | None = None
    over: bool | None = None

    def picks(self, view: ExceptionView) -> bool:
        """By what every view has before it is judged, which takes long."""
        below = self.node is None or f"{view.organization}/".startswith(f"{self.node}/")
        over = view.state not in {State.REQUESTED, State.APPROVED}
        asked = (
            (self.pipeline, view.pipeline),
            (self.rule, view.rule),
            (self.state, view.state),
            (self.over, over),
        )
        return below and all(wanted in {None, said} for wanted, said in asked)


def state_at(state: str, kind: str, until: datetime, now: datetime) -> State:
    """The state at an instant: an approved exemption ends, an opt-out only gets due for review."""
    ended = kind == Subject.EXEMPTION and now >= until
    return State.ENDED if state == State.APPROVED and ended else State(state)


def require_open(name: str, state: State) -> None:
    """Raise Conflict unless somebody still has to decide."""
    if state is not State.REQUESTED:
        raise Conflict(f"{name} is {state} already; ask for another one")


def require_standing(name: str, state: State) -> None:
    """Raise Conflict unless there is something to take back."""
    if state not in {State.REQUESTED, State.APPROVED}:
        raise Conflict(f"{name} is {state} already; there is nothing to revoke")


def who_may(approvers: frozenset[str] | None, policy: ExceptionPolicy) -> frozenset[str] | None:
    """Who may decide, None where everybody may.

    Where nobody up the tree is named as a leader, and no ruleset asks for one, everybody may.
    """
    return None if approvers is None and policy.approver is None else approvers or frozenset()


def require_approver(
    approvers: frozenset[str] | None, policy: ExceptionPolicy, node: str, actor: str
) -> None:
    """Raise Conflict unless the actor leads a node that the ruleset asks for."""
    named = who_may(approvers, policy)
    if named is None:
        return
    if not named:
        told = f"nobody over {node} is named under `leaders` of the organization file"
        raise Conflict(f"{told}; name who approves there")
    if actor not in named:
        names = sorted(named)
        more = f" and {len(names) - _NAMED} more" if len(names) > _NAMED else ""
        raise Conflict(f"{actor} does not approve for {node}; {listed(names[:_NAMED])}{more} may")


def require_other(
    policy: ExceptionPolicy, subject: Subject, asked_by: str, actor: str, name: str
) -> None:
    """Raise Conflict where the ruleset asks for a second person and there is only one."""
    if subject in policy.second_person and asked_by == actor:
        raise Conflict(f"{actor} asked for {name}; a second person decides about an {subject}")


def require_reason(text: str, act: str) -> str:
    """The reason without blanks around it; raises Conflict where there is none."""
    if not text.strip():
        raise Conflict(f"say why you {act} it")
    return text.strip()
