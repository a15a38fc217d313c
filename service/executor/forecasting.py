"""What a forecast rests on, looked up: what each release has before it, and how long that takes."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Final

from sqlmodel import select

from policies.engine.kinds import Meets, meets
from policies.findings import Enforcement
from policies.pipeline import Pipeline, Stage, StageKind
from policies.release import ReleaseKind
from policies.rules import bake_time, freeze_calendar, time_window
from policies.ruleset import Resolved
from policies.windows import (
    OpenTime,
    WindowSet,
    for_release,
    only_freezes,
    without_freezes,
    without_soft,
)
from service.executor.said import approvals, open_problems, open_steps
from service.executor.turn import Turn
from service.executor.watch import bake_needed
from service.promotions.forecast import forecasts
from service.promotions.model import Outcome
from service.promotions.views import ForecastView, PipelineView, RunView
from service.promotions.way import Step, Traveller, Usual, standing
from service.store.paces import paces
from service.store.pauses import reaching
from service.store.pauses import standing as paused_now
from service.store.tables import ReleaseRow, RunRow

#: How far ahead closed time is drawn where a forecast reaches no further.
_AHEAD: Final = timedelta(hours=6)


def with_forecasts(turn: Turn, view: PipelineView) -> PipelineView:
    """The view with a forecast for every release in flight, and when production is closed."""
    if not view.in_flight or not turn.tree().has(turn.pipeline.organization):
        usual = paces(turn.session, turn.pipeline.name, len(view.stages))
        return replace(view, usual=_whole(usual))
    looking = _Looking(turn)
    found = looking.forecasts(view.in_flight)
    last = max((each.end for one in found for each in one.stretches), default=turn.now)
    return replace(
        view,
        forecasts=found,
        closed=looking.closed(max(last, turn.now + _AHEAD)),
        usual=_whole(looking.usual),
    )


def _whole(usual: Mapping[str, Usual]) -> tuple[tuple[str, timedelta], ...]:
    return tuple((stage, each.whole) for stage, each in usual.items())


def forecast_of(turn: Turn, release: str, in_flight: tuple[RunView, ...]) -> ForecastView | None:
    """The forecast of one release among all that are in flight; None for one that is not."""
    if not turn.tree().has(turn.pipeline.organization):
        return None
    found = _Looking(turn).forecasts(in_flight)
    return next((each for each in found if each.release == release), None)


class _Looking:
    """What is looked up once for all releases of a pipeline."""

    def __init__(self, turn: Turn) -> None:
        self.turn = turn
        self.registered = turn.registered()
        self.resolved = turn.tree().resolved(turn.pipeline.organization, turn.now)
        self.usual: Mapping[str, Usual] = paces(
            turn.session, turn.pipeline.name, len(self.registered.stages)
        )
        self.pauses = paused_now(turn.known, turn.pipeline, turn.now)
        self._open: dict[tuple[str, str, str], OpenTime] = {}

    def forecasts(self, in_flight: tuple[RunView, ...]) -> tuple[ForecastView, ...]:
        names = dict.fromkeys(run.release for run in in_flight)
        travellers = [
            self._traveller(name, [run for run in in_flight if run.release == name])
            for name in names
        ]
        return forecasts(travellers, self.turn.now)

    def closed(self, until: datetime) -> tuple[tuple[datetime, datetime], ...]:
        """When no stage that reaches customers can be entered, by what binds all of them."""
        prod = [stage for stage in self.registered.stages if stage.is_prod]
        if not prod:
            return ()
        common = replace(prod[-1], windows=())
        sets = _binding(self.registered, common, ReleaseKind.NORMAL, self.resolved)
        return tuple(OpenTime(common.name, sets).closed(self.turn.now, until))

    def _traveller(self, name: str, runs: list[RunView]) -> Traveller:
        row = self.turn.release(name)
        pipeline = self.turn.definition(row)
        halted = [each.text for each in open_problems(self.turn, name)]
        return Traveller(
            name,
            tuple(self._step(row, pipeline, stage) for stage in pipeline.stages),
            self._done(name),
            tuple(standing(run, self.turn.now, halted[0] if halted else "") for run in runs),
        )

    def _done(self, release: str) -> frozenset[str]:
        asked = select(RunRow.stage).where(
            RunRow.release == release, RunRow.outcome == Outcome.SUCCEEDED
        )
        return frozenset(self.turn.session.exec(asked))

    def _step(self, row: ReleaseRow, pipeline: Pipeline, stage: Stage) -> Step:
        kind = ReleaseKind(row.kind)
        pauses = reaching(self.pauses, stage.name)
        ends = [each.until for each in pauses if each.until]
        params = self.resolved.rules[bake_time.RULE.id].params
        assert isinstance(params, bake_time.BakeTime)  # noqa: S101 - the catalogue pairs them
        return Step(
            stage=stage.name,
            needs=stage.needs,
            prod=stage.is_prod,
            usual=self.usual.get(stage.name),
            bake=bake_needed(pipeline, stage, row, self.resolved),
            open=self._time(pipeline, stage, kind, row.definition),
            staffed=params.clock == "staffed" and stage.is_prod,
            person=self._person(row, stage),
            paused=pauses[0].reason if pauses else "",
            paused_until=max(ends) if len(ends) == len(pauses) and ends else None,
        )

    def _person(self, row: ReleaseRow, stage: Stage) -> bool:
        """Whether somebody has to act before the release enters a stage."""
        given = {
            each.by
            for each in approvals(self.turn, row)
            if (each.stage, each.decision) == (stage.name, "approved")
        }
        asked = stage.approvals.or_else(None)
        manual = self.turn.stage(stage.name).transition == "manual"
        return (
            (manual and not given)
            or (asked is not None and len(given) < asked.count)
            or bool(open_steps(self.turn, row.id, stage))
        )

    def _time(self, pipeline: Pipeline, stage: Stage, kind: ReleaseKind, of: str) -> OpenTime:
        key = (of, stage.name, kind.value)
        if key not in self._open:
            sets = _binding(pipeline, stage, kind, self.resolved)
            self._open[key] = OpenTime(stage.name, sets)
        return self._open[key]


def _binding(
    pipeline: Pipeline, stage: Stage, kind: ReleaseKind, resolved: Resolved
) -> tuple[WindowSet, ...]:
    """The windows that hold a release before a stage: those of rules that block, for its kind."""
    word = (stage.kind.value or StageKind.PROD).value
    sets: tuple[WindowSet, ...] = ()
    agreed = resolved.rules[time_window.RULE.id]
    assert isinstance(agreed.params, time_window.TimeWindow)  # noqa: S101 - the catalogue pairs them
    if agreed.enforcement is Enforcement.BLOCK and word in agreed.params.stages:
        own = pipeline.windows.or_else(()) or ()
        sets += without_freezes(resolved.windows)
        sets += (WindowSet(f"pipeline {pipeline.name}", own),)
        sets += (WindowSet(f"stage {stage.name}", stage.windows),)
    freezes = resolved.rules[freeze_calendar.RULE.id]
    if freezes.enforcement is Enforcement.BLOCK and word in freeze_calendar.RULE.stages:
        sets += only_freezes(resolved.windows)
    if meets(kind, time_window.RULE) is not Meets.APPLIES:
        return ()
    return without_soft(for_release(sets, kind.value, pipeline.tier.or_else(None)))
