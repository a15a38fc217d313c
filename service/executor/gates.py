"""Asking the gate of a stage for one release, and storing what it answered with all that it saw."""

from dataclasses import dataclass
from datetime import datetime
from json import dumps
from typing import Any

from sqlmodel import col, select

from policies.decision import Decision, Definition, GateInputs, to_message
from policies.engine.gate import gate
from policies.findings import Verdict
from policies.release import Release
from service.executor.alarms import judge_alarms
from service.executor.conditions import conditions
from service.executor.excepted import exceptions
from service.executor.facts import record
from service.executor.turn import Turn
from service.store.blocklist import in_force
from service.store.tables import Blob, DecisionRow, RunRow


@dataclass(frozen=True, slots=True)
class Asked:
    """A stored decision; ``sentence`` says what holds, in the words of the rules."""

    name: str
    verdict: Verdict
    until: datetime | None
    sentence: str
    message: dict[str, Any]


def ask(turn: Turn, run: RunRow) -> Asked:
    """May this run enter its stage now? All gates are evaluated on one snapshot."""
    release = turn.release(run.release)
    judge_alarms(turn, turn.definition(release))
    decision = decide(turn, record(turn, release), run.stage, release.definition)
    return store(turn, decision)


def decide(turn: Turn, release: Release, stage: str, definition: str) -> Decision:
    """The decision about a release record, ours or one that was handed in."""
    stored = turn.session.get_one(Blob, definition)
    tree, node = turn.tree(), turn.pipeline.organization
    known = exceptions(turn.session, tree, node, turn.pipeline.name)
    return gate(
        GateInputs(
            definition=Definition(stored.text, turn.pipeline.path),
            release=release,
            stage=stage,
            at=turn.now,
            resolved=tree.resolved(node, turn.now),
            blocklist=(*known.blocklist, *in_force(turn.session, turn.now)),
            exceptions=known,
            conditions=tuple(conditions(turn, release, stage)),
        ),
        turn.rego,
    )


def store(turn: Turn, decision: Decision) -> Asked:
    """Keep a decision; one with equal results only renews when it was checked."""
    subject = decision.subject
    message = to_message(decision, "")
    newest = turn.session.exec(
        select(DecisionRow)
        .where(DecisionRow.release == subject["release"], DecisionRow.stage == subject["stage"])
        .order_by(col(DecisionRow.id).desc())
        .limit(1)
    ).first()
    if newest and _said(newest.message) == _said(message):
        newest.checked_at, newest.until = turn.now, decision.until
        return _asked(newest)
    row = DecisionRow(
        pipeline=subject["pipeline"],
        release=subject["release"],
        stage=subject["stage"],
        verdict=decision.verdict.word,
        at=turn.now,
        checked_at=turn.now,
        until=decision.until,
        message={},
        inputs=turn.keep(dumps(dict(decision.inputs), sort_keys=True)),
    )
    turn.session.add(row)
    turn.session.flush()
    # Made once: its digest is over everything that the gate saw.
    row.message = message | {"decision": f"d-{row.id}"}
    turn.log(
        "gate.decided",
        subject["release"],
        subject["stage"],
        decision=f"d-{row.id}",
        verdict=decision.verdict.word,
        reasons=_reasons(row.message),
    )
    return _asked(row)


def _said(message: dict[str, Any]) -> list[tuple[str, ...]]:
    """What makes two decisions equal: results and verdicts, not the clock in their sentences.

    Of what holds, the facts count too: another approval is news, though it does not suffice.
    """
    rules = [
        (each["rule"], each["result"], each["verdict"], *_held_by(each))
        for each in message["results"]
    ]
    held = [(each["condition"], each["verdict"], each["message"]) for each in message["conditions"]]
    return [*rules, *held]


def _held_by(result: dict[str, Any]) -> list[str]:
    holds = result["verdict"] in {"hold", "block"}
    return [each["path"] for each in result["facts"]] if holds else []


def _reasons(message: dict[str, Any]) -> list[str]:
    """The sentences of everything that is at the decision's verdict, when it does not allow."""
    if message["verdict"] == "allow":
        return []
    parts = [*message["results"], *message["conditions"]]
    return [each["message"] for each in parts if each["verdict"] == message["verdict"]]


def _asked(row: DecisionRow) -> Asked:
    return Asked(
        name=f"d-{row.id}",
        verdict=Verdict.of(row.verdict),
        until=row.until,
        sentence="; ".join(_reasons(row.message)),
        message=row.message,
    )
