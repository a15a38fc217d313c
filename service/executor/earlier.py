"""What gates ask about earlier releases: when each was deployed where, and what went back and why.

A gate sees the newest releases of the pipeline, and besides, however old they are, those that were
rolled back with this artifact or with a commit that the release contains.
"""

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from typing import Final

from sqlmodel import col, select

from policies.release import EarlierRelease, Evidence, ReleaseKind, StageRun
from service.executor.scans import base_coverage
from service.executor.turn import Turn
from service.promotions.model import Outcome
from service.store.identities import rolled_back
from service.store.tables import EventRow, EvidenceRow, ReleaseRow, RunRow

#: Who reports what our own executor ran.
OURSELVES: Final = "bakegate"


@dataclass(frozen=True, slots=True)
class Back:
    """Why a run went back (``alarm``, ``failure`` ...), and to which digest."""

    cause: str
    digest: str


Backs = dict[tuple[str, str], Back]


def earlier(turn: Turn, release: ReleaseRow) -> tuple[EarlierRelease, ...]:
    rows = {each.id: each for each in (*_newest(turn, release), *_gone_back(turn, release))}
    newest_first = sorted(rows.values(), key=lambda each: each.number, reverse=True)
    runs = _runs(turn, rows)
    back = {run.release for each in runs.values() for run in each if _went_back(run)}
    backs = rollbacks(turn, back)
    return tuple(_earlier(turn, each, runs[each.id], backs) for each in newest_first)


def rollbacks(turn: Turn, releases: Iterable[str]) -> Backs:
    """What the log says of how releases went back, by release and stage."""
    names = list(releases)
    if not names:
        return {}
    asked = select(EventRow).where(
        EventRow.kind == "rollback.started", col(EventRow.release).in_(names)
    )
    return {
        (each.release, each.stage): Back(
            str(each.data.get("cause", "")), str(each.data.get("to", ""))
        )
        for each in turn.session.exec(asked.order_by(col(EventRow.sequence)))
        if each.release and each.stage
    }


def evidence(turn: Turn, release: ReleaseRow) -> tuple[Evidence, ...]:
    rows = turn.known.of_release(EvidenceRow, release.id)
    measured = any(each.coverage is not None for each in rows)
    base = base_coverage(turn, release) if measured else {}
    return tuple(
        Evidence(
            kind=each.kind,
            stage=each.stage,
            digest=release.digest,
            commit=release.commit,
            result=each.result,
            ended_at=each.ended_at,
            executed=each.executed,
            failed=each.failed,
            retries=each.retries,
            soft_failed=each.soft_failed,
            name=each.name,
            source=OURSELVES,
            coverage=each.coverage,
            coverage_base=base.get(each.name) if each.coverage is not None else None,
            findings=_tally(each.findings),
            new_findings=_tally(each.new_findings),
        )
        for each in rows
    )


def _tally(counts: dict[str, int] | None) -> tuple[tuple[str, int], ...] | None:
    return None if counts is None else tuple(counts.items())


def _newest(turn: Turn, release: ReleaseRow) -> list[ReleaseRow]:
    """Those that were built: one without an artifact never was anywhere."""
    return turn.known.before(release)


def _gone_back(turn: Turn, release: ReleaseRow) -> list[ReleaseRow]:
    commits = {release.commit, *(each["commit"] for each in release.changes)}
    related = {
        each.release
        for each in rolled_back(turn.known, release.pipeline)
        if each.commit in commits or (release.digest and each.digest == release.digest)
    }
    return [turn.release(each) for each in sorted(related - {release.id})]


def _runs(turn: Turn, releases: Collection[str]) -> dict[str, list[RunRow]]:
    """Every run of the releases, oldest first, in one question."""
    turn.known.read_runs(releases)
    return {each: turn.known.of_release(RunRow, each) for each in releases}


def _earlier(
    turn: Turn, release: ReleaseRow, runs: Iterable[RunRow], backs: Backs
) -> EarlierRelease:
    return EarlierRelease(
        id=release.id,
        kind=ReleaseKind(release.kind),
        digest=release.digest,
        commit=release.commit,
        created_at=release.created_at,
        # Only of an emergency are the tests of interest that came afterwards.
        evidence=evidence(turn, release) if release.kind == ReleaseKind.EMERGENCY else (),
        stages=tuple(_run(each, backs) for each in runs),
    )


def _run(run: RunRow, backs: Backs) -> StageRun:
    back = backs.get((run.release, run.stage)) if _went_back(run) else None
    return StageRun(
        stage=run.stage,
        state=run.outcome or run.state,
        started_at=run.started_at,
        deployed_at=run.deployed_at,
        ended_at=run.ended_at,
        outcome=run.outcome,
        rolled_back_at=run.ended_at if _went_back(run) else None,
        rolled_back_to=back.digest if back else "",
        rolled_back_cause=back.cause if back else "",
    )


def _went_back(run: RunRow) -> bool:
    return run.outcome == Outcome.ROLLED_BACK
