"""Read models with the progress of bakes, which only the executor can tell."""

from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

from sqlmodel import Session, col, select

from policies.pipeline import Pipeline
from policies.ruleset.account import account
from service.errors import NotFound
from service.executor.definitions import definition, organization
from service.executor.excepted import judged, judged_rules, waived, waivers
from service.executor.forecasting import forecast_of, with_forecasts
from service.executor.ground import SYSTEM, Ground
from service.executor.leading import automation_of
from service.executor.said import least_reason
from service.executor.turn import Turn, found
from service.executor.watch import bake
from service.promotions.counted import CountView
from service.promotions.differing import differing
from service.promotions.views import (
    BakeView,
    DecisionView,
    DiffersView,
    NoticeView,
    PipelineSummary,
    PipelineView,
    ReleaseLine,
    ReleaseView,
)
from service.promotions.wording import answer
from service.reports.compliance import compliance
from service.store import counts, notices, read, said
from service.store.summaries import summaries
from service.store.tables import Blob, ReleaseRow, RunRow, StageRow


def pipelines(ground: Ground, after: str, limit: int) -> tuple[PipelineSummary, ...]:
    def told(name: str) -> tuple[PipelineView, str, str]:
        with ground.engines.reading() as session:
            view = _view(session, _turn(ground, session, name))
        said = answer(view)
        return view, str(said.kind), said.sentence

    with ground.engines.reading() as session:
        return summaries(session, told, after, limit)


def pipeline(ground: Ground, name: str) -> PipelineView:
    """One pipeline with what is to be expected of its releases in flight."""
    with ground.engines.reading() as session:
        looking = _turn(ground, session, name)
        level = automation_of(session, name, looking.registered())
        view = replace(_view(session, looking), automation=level)
        return with_forecasts(looking, view)


def _view(session: Session, looking: Turn) -> PipelineView:
    row = looking.pipeline
    known = waivers(looking.known, looking.tree(), row, looking.now)
    return read.pipeline_view(
        session,
        row.name,
        looking.registered(),
        looking.now,
        bake=lambda run: _bake(looking, run),
        waived=lambda found: waived(known, found),
    )


def release(ground: Ground, name: str) -> ReleaseView:
    with ground.engines.reading() as session:
        row = read.release_row(session, name)
        looking = _turn(ground, session, row.pipeline)
        kept = looking.definition(row)
        view = read.release_view(session, name, kept, lambda run: _bake(looking, run))
        if view.outcome:
            return view
        runs = read.in_flight(session, row.pipeline, lambda run: _bake(looking, run))
        differs = _differs(looking, row)
        return replace(
            view,
            forecast=forecast_of(looking, name, runs),
            differs=differs,
            least_reason=least_reason(looking),
        )


def _differs(turn: Turn, row: ReleaseRow) -> DiffersView | None:
    """How the file changed since the release began."""
    names = (row.definition, turn.pipeline.definition)
    then, now = (turn.session.get_one(Blob, each).text for each in names)
    old, new = (then, turn.definition(row)), (now, turn.registered())
    return differing(old, new, turn.pipeline.path)


def data_points(
    ground: Ground, pipeline: str, stage: str, back: timedelta
) -> tuple[CountView, ...]:
    """What was counted lately in a stage; raises NotFound for one that never was."""
    with ground.engines.reading() as session:
        read.pipeline_row(session, pipeline)
        found(session.get(StageRow, (pipeline, stage)), "stage", f"{pipeline}/{stage}")
        since = ground.ports.clock.within(session) - back
        return counts.counts(session, pipeline, stage, since)


def releases(ground: Ground, pipeline: str | None, limit: int) -> tuple[ReleaseLine, ...]:
    """The newest releases; raises NotFound for a pipeline that nobody registered."""
    with ground.engines.reading() as session:
        if pipeline:
            read.pipeline_row(session, pipeline)
        return said.releases(session, pipeline, limit)


def release_of(ground: Ground, pipeline: str, commit: str) -> str | None:
    """The newest release of a commit, None when there is none."""
    asked = (
        select(ReleaseRow.id)
        .where(ReleaseRow.pipeline == pipeline, ReleaseRow.commit == commit)
        .order_by(col(ReleaseRow.number).desc())
        .limit(1)
    )
    with ground.engines.reading() as session:
        return session.exec(asked).first()


def registered_definition(ground: Ground, name: str) -> Pipeline:
    with ground.engines.reading() as session:
        row = read.pipeline_row(session, name)
        return definition(session, row.definition, row.path, row.name)


def repository(ground: Ground, name: str) -> str:
    with ground.engines.reading() as session:
        return read.pipeline_row(session, name).repository


def decision(ground: Ground, name: str) -> DecisionView:
    with ground.engines.reading() as session:
        return read.decision(session, name)


def version(ground: Ground, pipeline: str) -> int:
    with ground.engines.reading() as session:
        return read.pipeline_row(session, pipeline).sequence


def compliance_rows(
    ground: Ground, node: str | None, after: str = "", limit: int | None = None
) -> list[dict[str, Any]]:
    """Rules by their ids; so many behind the one that is named ``after``."""
    with ground.engines.reading() as session:
        now = ground.ports.clock.within(session)
        whole = not after and limit is None
        rules = None if whole else judged_rules(session, node, after, limit)
        return compliance(judged(session, now, rules), node)


def effective(ground: Ground, node: str, rule: str | None, at: datetime | None) -> dict[str, Any]:
    """What holds for a node, early steps included; raises NotFound."""
    with ground.engines.reading() as session:
        tree = organization(session)
        moment = at or ground.ports.clock.within(session)
    if not tree.has(node):
        raise NotFound("organization", node)
    resolved = tree.resolved(node, moment)
    if rule is not None and rule not in resolved.rules:
        raise NotFound("rule", rule)
    return account(resolved, moment, rule)


def told(
    ground: Ground, rule: str | None, after: str = "", limit: int | None = None
) -> tuple[NoticeView, ...]:
    with ground.engines.reading() as session:
        return notices.told(session, rule, after, limit)


def _turn(ground: Ground, session: Session, name: str) -> Turn:
    """A turn that only looks: the reading connection could not write if it tried to order."""
    row = read.pipeline_row(session, name)
    return ground.turn_in(session, row, SYSTEM, ground.ports.clock.within(session))


def _bake(turn: Turn, run: RunRow) -> BakeView | None:
    if run.deployed_at is None:
        return None
    row = turn.release(run.release)
    if turn.planned(row, run.stage).bake is None:
        return None
    # A bake that has ended is shown as it ended, not as it would look from here.
    looking = turn.at(run.ended_at or turn.now)
    seen = bake(looking, run, row)
    return BakeView(
        needed=seen.needed,
        observed=seen.time,
        positive=seen.positive,
        positive_needed=seen.positive_needed,
        negative=seen.negative,
        negative_allowed=seen.negative_allowed or 0,
        alarms=tuple((name, str(level)) for name, level in seen.alarms),
        earliest_end=looking.now + max(seen.earliest, timedelta()),
        still_since=seen.still_since,
    )
