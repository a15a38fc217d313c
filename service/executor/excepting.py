"""Asking for exemptions and opt-outs, deciding about them, and taking them back.

Each act is one transaction under the pipeline's lock: the row, the event, and the gates of the
pipeline asked again, because what counts has changed.
"""

from collections.abc import Callable, Mapping
from typing import Final

from policies.exception_limits import UNWAIVABLE, opt_out_over_limit, over_limit
from policies.exceptions import Subject
from policies.plain import instant_text
from policies.ruleset.settings import no_rule
from policies.waivers import Waivers
from service.errors import Conflict, NotFound
from service.executor.excepted import waivers
from service.executor.ground import Ground
from service.executor.linting import lint_again
from service.executor.transition import reconsider
from service.executor.turn import Turn
from service.promotions.exceptions import (
    State,
    Verb,
    Wanted,
    require_approver,
    require_open,
    require_other,
    require_reason,
    require_standing,
    state_at,
)
from service.store.exceptions import exemption, opt_out, stored
from service.store.tables import ExceptionRow

#: What the ids of the store begin with, by kind.
_PREFIXES = {"ex": Subject.EXEMPTION, "oo": Subject.OPT_OUT}


def request(ground: Ground, wanted: Wanted, actor: str) -> str:
    """Ask for an exception; gives its id. Raises Conflict where a limit refuses it."""
    with ground.turn(wanted.pipeline, actor) as turn:
        row = ExceptionRow(
            kind=_known_kind(wanted),
            pipeline=wanted.pipeline,
            rule=_known_rule(turn, wanted.rule),
            finding=wanted.finding,
            reason=require_reason(wanted.reason, "ask for"),
            requested_by=actor,
            requested_at=turn.now,
            start=wanted.start or turn.now,
            until=wanted.until,
            state=State.REQUESTED,
        )
        _require_limits(turn, row)
        _require_only(turn, row)
        turn.session.add(row)
        turn.session.flush()
        _tell(turn, row)
        return row.name


def approve(ground: Ground, name: str, reason: str, actor: str) -> None:
    """Let an exception count from its start on; the limits are asked once more."""
    with ground.turn(_pipeline_of(ground, name), actor) as turn:
        row = _row(turn, name)
        require_open(name, _state(turn, row))
        known = _waivers(turn)
        node = turn.pipeline.organization
        require_approver(known.exceptions.approvers, known.policy, node, actor)
        require_other(known.policy, Subject(row.kind), row.requested_by, actor, name)
        _require_limits(turn, row)
        row.approved_by = actor
        _decide(turn, row, State.APPROVED, reason.strip())


def deny(ground: Ground, name: str, reason: str, actor: str) -> None:
    with ground.turn(_pipeline_of(ground, name), actor) as turn:
        row = _row(turn, name)
        require_open(name, _state(turn, row))
        known = _waivers(turn)
        node = turn.pipeline.organization
        require_approver(known.exceptions.approvers, known.policy, node, actor)
        _decide(turn, row, State.DENIED, require_reason(reason, "deny"))


def revoke(ground: Ground, name: str, reason: str, actor: str) -> None:
    """Take an exception back; who asked for it may do so, and who may approve it."""
    with ground.turn(_pipeline_of(ground, name), actor) as turn:
        row = _row(turn, name)
        require_standing(name, _state(turn, row))
        if actor != row.requested_by:
            known = _waivers(turn)
            node = turn.pipeline.organization
            require_approver(known.exceptions.approvers, known.policy, node, actor)
        _decide(turn, row, State.REVOKED, require_reason(reason, "revoke"))


def _decide(turn: Turn, row: ExceptionRow, state: State, decision: str) -> None:
    row.state, row.decision = state, decision
    row.decided_by, row.decided_at = turn.actor, turn.now
    turn.session.flush()
    _tell(turn, row)
    lint_again(turn.session, turn.pipeline, turn.now, turn.rego)
    reconsider(turn)


def _tell(turn: Turn, row: ExceptionRow) -> None:
    turn.log(
        "exemption.changed",
        exemption=row.name,
        exception=row.kind,
        state=row.state,
        rule=row.rule,
        reason=row.decision or row.reason,
        until=instant_text(row.until),
    )


def _require_limits(turn: Turn, row: ExceptionRow) -> None:
    """Raise Conflict where the organization's limits refuse what is asked for."""
    if row.until <= max(row.start, turn.now):
        raise Conflict("it would end before it begins; `until` is exclusive and lies ahead")
    known = _waivers(turn)
    if row.kind == Subject.EXEMPTION:
        refused = over_limit(known.policy, exemption(row))
    else:
        refused = opt_out_over_limit(known.policy, opt_out(row), row.requested_at)
    if refused:
        raise Conflict(f"{row.kind} from {row.rule} is refused: {refused}")
    most = known.policy.most
    counting = _counting(known)
    if most is not None and counting >= most:
        told = f"{counting} exceptions of {row.pipeline} count already, {most} are allowed"
        raise Conflict(f"{told}; revoke one first")


def _counting(known: Waivers) -> int:
    counting = [each for each in known.exceptions.exemptions if known.counts(each)]
    return len(counting) + len(known.exceptions.opt_outs)


def _require_only(turn: Turn, row: ExceptionRow) -> None:
    """Raise Conflict where the same thing was asked for already and still stands."""
    for each in stored(turn.session, row.pipeline):
        same = (each.rule, each.finding) == (row.rule, row.finding)
        if same and _state(turn, each) in {State.REQUESTED, State.APPROVED}:
            told = f"{each.name} from {row.rule} is {each.state} already"
            raise Conflict(f"{told}; revoke it before you ask for another one")


def _known_kind(wanted: Wanted) -> Subject:
    if wanted.kind is Subject.OPT_OUT and wanted.finding:
        raise Conflict("an opt-out is of a whole rule; ask for an exemption of one finding")
    return wanted.kind


def _known_rule(turn: Turn, name: str) -> str:
    """A rule of the pipeline's organization, those of its own included."""
    if name not in turn.tree().resolved(turn.pipeline.organization, turn.now).rules:
        raise Conflict(no_rule(name))
    if name in UNWAIVABLE:
        raise Conflict(f"no exception reaches {name}, which judges exceptions")
    return name


def _waivers(turn: Turn) -> Waivers:
    return waivers(turn.known, turn.tree(), turn.pipeline, turn.now)


def _state(turn: Turn, row: ExceptionRow) -> State:
    return state_at(row.state, row.kind, row.until, turn.now)


def _pipeline_of(ground: Ground, name: str) -> str:
    with ground.engines.reading() as session:
        return row_of(session.get(ExceptionRow, number_of(name)), name).pipeline


def _row(turn: Turn, name: str) -> ExceptionRow:
    return row_of(turn.session.get(ExceptionRow, number_of(name)), name)


def row_of(row: ExceptionRow | None, name: str) -> ExceptionRow:
    """The row; raises NotFound where there is none of this kind with this number."""
    if row is None or row.name != name:
        raise NotFound("exception in the service", name)
    return row


def number_of(name: str) -> int:
    """The number in ``ex-12``; raises NotFound for a name that is none of the service's."""
    prefix, _, number = name.partition("-")
    if prefix not in _PREFIXES or not number.isdecimal():
        raise NotFound("exception in the service", name)
    return int(number)


#: Who does what to an exception that was asked for.
ACTS: Final[Mapping[Verb, Callable[[Ground, str, str, str], None]]] = {
    Verb.APPROVE: approve,
    Verb.DENY: deny,
    Verb.REVOKE: revoke,
}
