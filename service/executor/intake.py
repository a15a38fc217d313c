"""Asking gates and switching transitions: what people and machines ask for."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from policies.decision import to_message
from policies.engine.gate import GateError
from policies.plain import DataError, patched
from policies.record import release_from_json, release_to_json
from policies.release import Release
from service.errors import Conflict
from service.executor import facts, gates
from service.executor.ground import Ground
from service.executor.transition import enter
from service.executor.turn import Turn


def ask_gate(
    ground: Ground,
    pipeline: str,
    release: str | None,
    stage: str,
    *,
    dry_run: bool,
    at: datetime | None,
    record: Mapping[str, Any] | None,
    actor: str,
    assume: Mapping[str, Any] | None = None,
) -> dict[str, Any]:
    """Ask the gate about one of our releases, or about a record that was handed in.

    A dry run stores nothing and may ask for another moment, or assume other facts: ``assume`` is a
    merge patch of the record. Raises Conflict where the question makes no sense, NotFound for what
    does not exist.
    """
    if at and not dry_run:
        raise Conflict("another moment can only be asked for in a dry run")
    if assume and not dry_run:
        raise Conflict("facts can only be assumed in a dry run")
    with ground.turn(pipeline, actor) as begun:
        turn = begun.at(at) if at else begun
        known, definition = _subject(turn, release, record)
        known = _assuming(known, assume) if assume else known
        try:
            decision = gates.decide(turn, known, stage, definition)
        except GateError as error:
            raise Conflict(str(error)) from error
        if dry_run:
            # What was looked up stays; nothing was written, and nothing is kept of the answer.
            return to_message(decision, "")
        return gates.store(turn, decision).message


def switch_transition(  # noqa: PLR0917 - one switch with its reason, as the API names them
    ground: Ground, pipeline: str, stage: str, mode: str, reason: str, actor: str
) -> None:
    """Make a stage's transition manual at once, or automatic with a reason."""
    if mode not in {"automatic", "manual"}:
        told = f"a transition is automatic or manual, not {mode!r}"
        raise Conflict(told)
    if mode == "automatic" and not reason.strip():
        raise Conflict("say why the transition may be automatic again")
    with ground.turn(pipeline, actor) as turn:
        kept = turn.stage(stage)
        kept.transition, kept.reason = mode, reason
        turn.log("transition.switched", None, stage, to=mode, reason=reason)
        enter(turn, stage)


def _subject(
    turn: Turn, release: str | None, record: Mapping[str, Any] | None
) -> tuple[Release, str]:
    if record is not None:
        return _given(record, "record"), turn.pipeline.definition
    if release is None:
        raise Conflict("name a release, or hand in a record")
    row = turn.release(release)
    return facts.record(turn, row), row.definition


def _given(record: Mapping[str, Any], name: str) -> Release:
    try:
        return release_from_json(record, name)
    except DataError as error:
        raise Conflict(str(error)) from error


def _assuming(release: Release, assume: Mapping[str, Any]) -> Release:
    """The release as it would be if some facts were others."""
    return _given(patched(release_to_json(release), assume), "record, as assumed")
