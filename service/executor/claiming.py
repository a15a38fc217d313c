"""Taking an effect: a fencing epoch for one attempt of it, and what the attempt needs to know.

Nothing is decided here, so the pipeline's lock is not taken. Who has the stage's row has the newest
epoch, and asks only then whether the run still waits for the effect: what is ordered later gets a
higher one.
"""

from dataclasses import dataclass
from typing import Any, Final

import sqlalchemy as sa
from sqlmodel import Session, col

from policies.pipeline import Pipeline, Stage
from service.executor.definitions import definition
from service.executor.ground import SYSTEM, Ground
from service.executor.transition import domains, planned
from service.executor.turn import found
from service.promotions.decide import batch
from service.promotions.domains import ANYWHERE, Domains
from service.promotions.model import Effect, Moving
from service.store.tables import PipelineRow, ReleaseRow, RunRow, StageRow

#: As plain values: as objects they take three times as long.
_TAKE: Final = (
    sa.update(StageRow)
    .where(
        col(StageRow.pipeline) == RunRow.pipeline,
        col(StageRow.stage) == RunRow.stage,
        col(RunRow.id) == sa.bindparam("run"),
    )
    .values(epoch=col(StageRow.epoch) + 1)
    .returning(col(StageRow.epoch))
)
_ASK: Final = (
    sa.select(
        col(RunRow.op),
        col(RunRow.stage),
        col(RunRow.progress),
        col(RunRow.attempt),
        col(RunRow.blocked),
        col(StageRow.good),
        col(ReleaseRow.id).label("release"),
        col(ReleaseRow.digest),
        col(ReleaseRow.commit),
        col(ReleaseRow.pushed),
        col(ReleaseRow.definition),
        col(PipelineRow.name).label("pipeline"),
        col(PipelineRow.repository),
        col(PipelineRow.path),
    )
    .join(ReleaseRow, col(ReleaseRow.id) == RunRow.release)
    .join(PipelineRow, col(PipelineRow.name) == RunRow.pipeline)
    .join(
        StageRow,
        sa.and_(col(StageRow.pipeline) == RunRow.pipeline, col(StageRow.stage) == RunRow.stage),
    )
    .where(col(RunRow.id) == sa.bindparam("run"))
)


@dataclass(frozen=True, slots=True)
class Claim:
    """What an attempt needs to know; ``epoch`` is higher than that of every earlier attempt."""

    epoch: int
    release: str
    digest: str
    commit: str
    repository: str
    pipeline: Pipeline
    stage: Stage
    targets: tuple[str, ...]
    back_to: str
    attempt: int
    pushed: bool
    begins: bool
    """Whether no batch of the way back was done yet."""

    @property
    def again(self) -> str:
        """What a retry adds to every key; the first attempt at a stage has the plain one."""
        return f".{self.attempt}" if self.attempt > 1 else ""


def claim(ground: Ground, op: str, run_id: int, kind: Effect) -> Claim | None:
    """Take a new epoch for an attempt of ``op``; None when the run no longer waits for it."""
    with ground.engines.transaction() as session:
        connection, number = session.connection(), {"run": run_id}
        epoch = connection.execute(_TAKE, number).scalar_one_or_none()
        row = connection.execute(_ASK, number).one_or_none()
        if epoch is None or row is None or row.op != op:
            session.rollback()
            return None
        return _taken(ground, session, epoch, row, kind)


def _taken(ground: Ground, session: Session, epoch: int, row: Any, kind: Effect) -> Claim:
    pipeline = definition(session, row.definition, row.path, row.pipeline)
    stage = found(pipeline.stage(row.stage), "stage", row.stage)
    good = row.good if row.good != row.digest else ""
    apart = _domains(ground, session, row.pipeline, stage)
    progress = tuple(Moving(**each) for each in row.progress)
    return Claim(
        epoch=epoch,
        release=row.release,
        digest=row.digest,
        commit=row.commit,
        repository=row.repository,
        pipeline=pipeline,
        stage=stage,
        targets=batch(planned(stage, good, row.blocked, apart), progress, kind),
        back_to=row.good,
        attempt=row.attempt,
        pushed=row.pushed,
        begins=all(each.in_service is None for each in progress),
    )


def _domains(ground: Ground, session: Session, pipeline: str, stage: Stage) -> Domains:
    """Asked of the database only where several targets may change at once."""
    if stage.parallel == 1:
        return ANYWHERE
    row = found(session.get(PipelineRow, pipeline), "pipeline", pipeline)
    now = ground.ports.clock.within(session)
    return domains(ground.turn_in(session, row, SYSTEM, now), stage)
