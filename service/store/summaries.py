"""Pipelines as rows of a list, a page at a time: a row takes as long as a page of its own."""

from collections.abc import Callable

from sqlmodel import Session, col, func, select

from service.promotions.views import PipelineSummary, PipelineView
from service.store.tables import PipelineRow, RunRow


def _newest_runs(session: Session, pipeline: str) -> list[RunRow]:
    """The newest run of each stage, oldest first."""
    newest = select(func.max(RunRow.id)).where(RunRow.pipeline == pipeline).group_by(RunRow.stage)
    return list(
        session.exec(select(RunRow).where(col(RunRow.id).in_(newest)).order_by(col(RunRow.id)))
    )


def summaries(
    session: Session,
    told: Callable[[str], tuple[PipelineView, str, str]],
    after: str,
    limit: int,
) -> tuple[PipelineSummary, ...]:
    """A row for each pipeline by name; ``told`` gives its view, what it needs and its sentence."""
    found = []
    named = select(PipelineRow).where(PipelineRow.name > after).order_by(col(PipelineRow.name))
    for row in session.exec(named.limit(limit)):
        runs = _newest_runs(session, row.name)
        newest = runs[-1] if runs else None
        view, attention, sentence = told(row.name)
        order = {stage.name: place for place, stage in enumerate(view.stages)}
        found.append(
            PipelineSummary(
                name=row.name,
                organization=row.organization,
                team=view.team,
                tier=view.tier,
                newest_release=newest.release if newest else None,
                newest_state=(newest.outcome or newest.state) if newest else "idle",
                answer=sentence,
                attention=attention,
                since=newest.entered_at if newest else None,
                stages=tuple(
                    (run.stage, run.outcome or run.state, run.release.rpartition(":")[2])
                    for run in sorted(runs, key=lambda run: order.get(run.stage, len(order)))
                ),
            )
        )
    return tuple(found)
