"""Data points: counted, and decided upon in the same transaction."""

from sqlmodel import select

from policies.pipeline import Stage
from service.errors import NotFound
from service.executor.alarms import judge_alarms
from service.executor.definitions import definition
from service.executor.ground import Ground
from service.executor.transition import look, reconsider
from service.executor.turn import Turn, found
from service.executor.watch import period_of, targets
from service.promotions.alarms import period_start
from service.store.tables import AlarmRow, CountRow


def record_data_points(
    ground: Ground,
    pipeline: str,
    stage: str,
    target: str,
    digest: str,
    positive: int,
    negative: int,
) -> None:
    """Count answers of one version on one target, and act at once on what they mean."""
    with ground.turn(pipeline) as turn:
        row = turn.pipeline
        kept = definition(turn.session, row.definition, row.path, row.name)
        planned = found(kept.stage(stage), "stage", stage)
        _known_target(planned, target)
        start = period_start(turn.now, period_of(kept, planned))
        count = turn.session.get(CountRow, (pipeline, stage, target, digest, start))
        if count is None:
            count = CountRow(
                pipeline=pipeline, stage=stage, target=target, digest=digest, start=start
            )
            turn.session.add(count)
        count.positive += positive
        count.negative += negative
        turn.session.flush()
        before = _levels(turn)
        judge_alarms(turn, kept)
        for run in turn.runs(stage):
            look(turn, run)
        if _levels(turn) != before:
            reconsider(turn)


def _known_target(stage: Stage, target: str) -> None:
    if target not in targets(stage):
        raise NotFound(f"target of {stage.name}", target)


def _levels(turn: Turn) -> list[tuple[str, str, str]]:
    turn.session.flush()
    asked = select(AlarmRow).where(AlarmRow.pipeline == turn.pipeline.name)
    return sorted((each.stage, each.name, each.level) for each in turn.session.exec(asked))
