"""Data points: counted, and decided upon in the same transaction."""

from datetime import datetime

from policies.pipeline import Stage
from service.errors import NotFound
from service.executor.alarms import judge_alarms
from service.executor.ground import Ground
from service.executor.transition import look, reconsider
from service.executor.turn import Turn, found
from service.executor.watch import period_of, targets
from service.promotions.alarms import period_start
from service.store.tables import CountRow


def record_data_points(  # noqa: PLR0917 - the counts of one place, always named by callers
    ground: Ground,
    pipeline: str,
    stage: str,
    target: str,
    digest: str,
    positive: int,
    negative: int,
    operation: str = "",
) -> None:
    """Count answers of one version on one target, and act at once on what they mean."""
    with ground.turn(pipeline) as turn:
        kept = turn.acting(stage)
        planned = found(kept.stage(stage), "stage", stage)
        _known_target(turn, planned, target)
        start = _start(turn, stage, digest, period_start(turn.now, period_of(kept, planned)))
        key = (pipeline, stage, target, digest, start, operation)
        count = turn.session.get(CountRow, key) or CountRow(
            pipeline=pipeline,
            stage=stage,
            target=target,
            digest=digest,
            start=start,
            operation=operation,
        )
        turn.session.add(count)
        count.positive += positive
        count.negative += negative
        turn.session.flush()
        changed = judge_alarms(turn, kept, stage)
        for run in turn.runs(stage):
            look(turn, run)
        if changed:
            reconsider(turn)


def _known_target(turn: Turn, stage: Stage, target: str) -> None:
    """A target of the stage, or one that its file no longer has and on which something runs."""
    if target not in {*targets(stage), *turn.stage(stage.name).running}:
        raise NotFound(f"target of {stage.name}", target)


def _start(turn: Turn, stage: str, digest: str, period: datetime) -> datetime:
    """Where the count begins: the period, cut at the instant when a release was fully deployed.

    So a bake counts the answers since then exactly, and not those of the rest of the period.
    """
    ends = [
        run.deployed_at
        for run in turn.runs(stage)
        if run.deployed_at and turn.release(run.release).digest == digest
    ]
    return max([period, *ends])
