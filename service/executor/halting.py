"""What the blocklist decides about releases on their way, and where it is too late.

A run goes on where the gate of its stage would still let the release in: the same rule, level,
exceptions and overrides are asked, so that an entry halts nothing that a gate only warns of.
"""

from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime
from typing import Any, Final

from sqlmodel import Session, col, select

from policies.blocklist import matches
from policies.release import Artifact, Context, Release, ReleaseKind
from policies.rule import BlocklistEntry
from policies.rules import artifact_blocklist
from service.executor.facts import artifact, record
from service.executor.gates import decide
from service.executor.transition import advance
from service.executor.turn import Turn
from service.promotions.blocklist import Decided, Runs
from service.promotions.decide import WATCHED
from service.promotions.model import Blocked, State
from service.store.blocklist import ancestors
from service.store.snapshot import Snapshot
from service.store.tables import DecisionRow, PipelineRow, ReleaseRow, RunRow, StageRow

_RULE: Final = artifact_blocklist.RULE.id


def halt_blocked(turn: Turn) -> list[Decided]:
    """Halt every run of the pipeline that the blocklist names now; says what became of each."""
    found = []
    for run in turn.runs():
        state = State(run.state)
        if state is State.WAITING:
            found += _waits(turn, run)
        elif state in WATCHED:
            found += _acts(turn, run, state)
    turn.session.flush()
    return found


def running(session: Session, entries: Iterable[BlocklistEntry], now: datetime) -> Iterator[Runs]:
    """Every target on which something runs that one of the entries names."""
    listed = tuple(entries)
    asked = select(PipelineRow, StageRow).join(StageRow, col(StageRow.pipeline) == PipelineRow.name)
    ordered = asked.order_by(col(PipelineRow.name), col(StageRow.stage))
    for row, stage in session.exec(ordered):
        for target, digest in sorted(stage.running.items()):
            release = _release(session, row.name, digest)
            hit = release and matches(listed, contents(session, row, release), row.name, now)
            if release and hit and any(each.contained for each in hit):
                yield Runs(row.name, stage.stage, target, release.id, digest)


def contents(session: Session, row: PipelineRow, release: ReleaseRow) -> Release:
    """A release as far as the blocklist reads it: what is in its artifact."""
    known = Snapshot(session, ())
    inside: Artifact = artifact(known, row, release)
    return Release(
        id=release.id,
        pipeline=row.name,
        kind=ReleaseKind(release.kind),
        created_at=release.created_at,
        created_by=release.created_by,
        artifact=inside,
        context=Context(ancestors=ancestors(known, row.repository, release.commit)),
    )


def _waits(turn: Turn, run: RunRow) -> list[Decided]:
    """A release that waits was asked about already; its newest decision says what holds it."""
    row = turn.session.get(DecisionRow, int(run.decision.removeprefix("d-") or 0))
    told = _verdict(row.message["results"]) if row else None
    return [_decided(run, "blocked" if told[0] else "waiting", told[1])] if told else []


def _acts(turn: Turn, run: RunRow, state: State) -> list[Decided]:
    release = turn.release(run.release)
    decision = decide(turn, record(turn, release), run.stage, release.definition)
    results = [
        {
            "rule": each.rule,
            "result": each.result,
            "verdict": each.verdict.word,
            "message": each.message,
        }
        for each in decision.results
    ]
    told = _verdict(results)
    run.blocked = told[1] if told and told[0] and state is State.DEPLOYING else ""
    if told is None:
        return []
    if not told[0]:
        return [_decided(run, str(state), told[1])]
    if state is State.DEPLOYING:
        return [_decided(run, "halting", told[1])]
    decided = Decided(run.pipeline, run.release, run.stage, str(state), "halted", told[1])
    advance(turn, run, Blocked(told[1]))
    return [decided]


def _verdict(results: Iterable[Mapping[str, Any]]) -> tuple[bool, str] | None:
    """Whether the blocklist blocks, and its sentence; None where it names nothing."""
    for each in results:
        if each["rule"] == _RULE and each["result"] == "fail":
            return each["verdict"] == "block", str(each["message"])
    return None


def _decided(run: RunRow, now: str, message: str) -> Decided:
    return Decided(run.pipeline, run.release, run.stage, run.state, now, message)


def _release(session: Session, pipeline: str, digest: str) -> ReleaseRow | None:
    """The newest release of an artifact: they have the same contents."""
    asked = (
        select(ReleaseRow)
        .where(ReleaseRow.pipeline == pipeline, ReleaseRow.digest == digest)
        .order_by(col(ReleaseRow.number).desc())
        .limit(1)
    )
    return session.exec(asked).first()
