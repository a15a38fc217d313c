"""Asking the gate of a stage for one release, and storing what it answered with all that it saw."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from policies.decision import Decision, Definition, GateInputs, to_message
from policies.engine.gate import gate
from policies.findings import Verdict
from policies.release import Release
from service.executor.alarms import judge_alarms
from service.executor.conditions import conditions
from service.executor.excepted import exceptions
from service.executor.facts import record
from service.executor.turn import Turn, found
from service.store.blocklist import in_force
from service.store.tables import Blob, DecisionRow, RunRow
from service.store.writing import digest_of, next_number, write_together


@dataclass(frozen=True, slots=True)
class Asked:
    """A stored decision; ``sentence`` says what holds, in the words of the rules."""

    name: str
    verdict: Verdict
    until: datetime | None
    sentence: str
    message: dict[str, Any]

    @property
    def by_rules(self) -> bool:
        return held_by_rules(self.message)


def ask(turn: Turn, run: RunRow) -> Asked:
    """May this run enter its stage now? All gates are evaluated on one snapshot."""
    release = turn.release(run.release)
    judge_alarms(turn, turn.definition(release))
    decision = decide(turn, record(turn, release), run.stage, release.definition)
    return store(turn, decision)


def decide(turn: Turn, release: Release, stage: str, definition: str) -> Decision:
    """The decision about a release record, ours or one that was handed in."""
    text = found(turn.known.text(definition), "definition", definition)
    tree, node = turn.tree(), turn.pipeline.organization
    known = exceptions(turn.known, tree, node, turn.pipeline.name)
    return gate(
        GateInputs(
            definition=Definition(text, turn.pipeline.path),
            release=release,
            stage=stage,
            at=turn.now,
            resolved=tree.resolved(node, turn.now),
            blocklist=(*known.blocklist, *in_force(turn.known, turn.now)),
            exceptions=known,
            conditions=tuple(conditions(turn, release, stage)),
        ),
        turn.rego,
    )


def store(turn: Turn, decision: Decision) -> Asked:
    """Keep a decision; one with equal results only renews when it was checked."""
    subject = decision.subject
    message = to_message(decision, "")
    newest = turn.known.newest_decision(subject["release"], subject["stage"])
    if newest and _said(newest.message) == _said(message):
        newest.checked_at, newest.until = turn.now, decision.until
        return _asked(newest)
    number, inputs = (
        next_number(turn.session, DecisionRow),
        decision.stored,
    )
    # A decision names its inputs, so these are written first.
    write_together(turn.session, Blob, {"digest": digest_of(inputs), "text": inputs})
    row = DecisionRow(
        id=number,
        pipeline=subject["pipeline"],
        release=subject["release"],
        stage=subject["stage"],
        verdict=decision.verdict.word,
        at=turn.now,
        checked_at=turn.now,
        until=decision.until,
        message=message | {"decision": f"d-{number}"},
        inputs=digest_of(inputs),
    )
    turn.session.add(row)
    turn.log(
        "gate.decided",
        subject["release"],
        subject["stage"],
        decision=f"d-{row.id}",
        verdict=decision.verdict.word,
        reasons=_reasons(row.message),
    )
    return _asked(row)


def held_by_rules(message: dict[str, Any]) -> bool:
    """Whether a rule holds or blocks, and not a condition alone."""
    return any(each["verdict"] in {"hold", "block"} for each in message["results"])


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
