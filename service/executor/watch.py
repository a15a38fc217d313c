"""What the data points of one run say: alarms, negatives, and how far its bake is.

The needs of a bake come from the same functions as the rules that guard the next stage, so a gate never
waits for a bake that has ended here.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from sqlmodel import col, select

from policies.findings import Enforcement
from policies.pipeline import Alarm, Pipeline, Stage
from policies.release import ReleaseKind
from policies.rules import bake_time, min_data_points
from policies.ruleset import Resolved
from service.executor.turn import Turn
from service.promotions.alarms import (
    AlarmLevel,
    Counts,
    alarm_level,
    observed,
    period_start,
    still_since,
)
from service.store.tables import CountRow, ReleaseRow, RunRow

#: The period of data points where a stage watches no alarm that would name one.
DEFAULT_PERIOD: Final = timedelta(minutes=1)


@dataclass(frozen=True, slots=True)
class Bake:
    """``time`` has passed of ``needed``, with ``positive`` and ``negative`` answers."""

    needed: timedelta
    time: timedelta
    positive: int
    positive_needed: int
    negative: int
    negative_allowed: int | None
    alarms: tuple[tuple[str, AlarmLevel], ...]
    still_since: datetime | None
    last_data: datetime | None

    @property
    def over(self) -> bool:
        quiet = all(level is AlarmLevel.OK for _, level in self.alarms)
        return self.time >= self.needed and self.positive >= self.positive_needed and quiet

    @property
    def harm(self) -> str:
        """Why the run must not go on, empty when it may."""
        firing = [name for name, level in self.alarms if level is AlarmLevel.ALARM]
        if firing:
            return f"alarm {', '.join(firing)} fires on {self.negative} negative answers"
        if self.negative_allowed is not None and self.negative > self.negative_allowed:
            total = self.positive + self.negative
            allowed = self.negative_allowed
            return f"{self.negative} of {total} answers were negative, {allowed} are allowed"
        return ""

    @property
    def sentence(self) -> str:
        seconds = f"{self.time.total_seconds():.0f} of {self.needed.total_seconds():.0f} s"
        points = f"{self.positive} of {self.positive_needed} data points, {self.negative} negative"
        return f"baked {seconds}, {points}"


def targets(stage: Stage) -> tuple[str, ...]:
    """Names of a stage's targets; a stage without any is its own one target."""
    return tuple(target.name for target in stage.targets) or (stage.name,)


def watched(pipeline: Pipeline, stage: Stage) -> tuple[Alarm, ...]:
    """The alarms that the stage names, for its bake or its deployment."""
    names = set(stage.bake.alarms.or_else(()) or ()) if stage.bake else set()
    if stage.deploy:
        names |= set(stage.deploy.rollback_alarms.or_else(()) or ())
    return tuple(each for each in pipeline.alarms.or_else(()) or () if each.name in names)


def period_of(pipeline: Pipeline, stage: Stage) -> timedelta:
    alarms = watched(pipeline, stage) or (pipeline.alarms.or_else(()) or ())
    return min((each.period for each in alarms), default=DEFAULT_PERIOD)


def bake(turn: Turn, run: RunRow, release: ReleaseRow) -> Bake:
    """How the run stands now; before it is fully deployed no time counts, but every harm does."""
    pipeline = turn.definition(release)
    stage = turn.planned(release, run.stage)
    resolved = turn.tree().resolved(turn.pipeline.organization, turn.now)
    period = period_of(pipeline, stage)
    counts = _counts(turn, run, release.digest)
    since = run.deployed_at
    whole = [each for each in counts if since and each.start >= period_start(since, period)]
    return Bake(
        needed=_time(pipeline, stage, release, resolved),
        time=observed(whole, targets(stage), period, since, turn.now) if since else timedelta(),
        positive=sum(each.positive for each in whole),
        positive_needed=_positive(pipeline, stage, release, resolved),
        negative=sum(each.negative for each in counts),
        negative_allowed=_negative(stage, release, resolved),
        alarms=tuple(
            (each.name, alarm_level(each, counts, turn.now)) for each in watched(pipeline, stage)
        ),
        still_since=still_since(whole, targets(stage), period, since, turn.now) if since else None,
        last_data=max((each.start + period for each in counts), default=None),
    )


def _counts(turn: Turn, run: RunRow, digest: str) -> list[Counts]:
    asked = select(CountRow).where(
        CountRow.pipeline == run.pipeline,
        CountRow.stage == run.stage,
        CountRow.digest == digest,
        col(CountRow.start) >= (run.started_at or run.entered_at) - timedelta(minutes=1),
    )
    rows = turn.session.exec(asked)
    return [Counts(each.target, each.start, each.positive, each.negative) for each in rows]


def _blocks(resolved: Resolved, rule: str) -> bool:
    return resolved.rules[rule].enforcement is Enforcement.BLOCK


def _guards(pipeline: Pipeline, stage: Stage) -> bool:
    """Whether a production stage waits for this one: the last stage gates nothing."""
    return stage.is_prod and any(stage.name in each.needs for each in pipeline.prod)


def _time(pipeline: Pipeline, stage: Stage, release: ReleaseRow, resolved: Resolved) -> timedelta:
    own = stage.bake.time.or_else(None) if stage.bake else None
    params = resolved.rules[bake_time.RULE.id].params
    if _blocks(resolved, bake_time.RULE.id) and _guards(pipeline, stage):
        assert isinstance(params, bake_time.BakeTime)  # the catalogue pairs rule and parameters
        return bake_time.required(pipeline, stage, ReleaseKind(release.kind), params)
    return own or timedelta()


def _positive(pipeline: Pipeline, stage: Stage, release: ReleaseRow, resolved: Resolved) -> int:
    own = stage.bake.positive.or_else(None) if stage.bake else None
    params = resolved.rules[min_data_points.RULE.id].params
    if _blocks(resolved, min_data_points.RULE.id) and _guards(pipeline, stage):
        assert isinstance(params, min_data_points.MinDataPoints)  # as above
        return min_data_points.required(stage, ReleaseKind(release.kind), params).positive
    return own or 0


def _negative(stage: Stage, release: ReleaseRow, resolved: Resolved) -> int | None:
    own = stage.bake.negative.or_else(None) if stage.bake else None
    params = resolved.rules[min_data_points.RULE.id].params
    if _blocks(resolved, min_data_points.RULE.id) and stage.is_prod:
        assert isinstance(params, min_data_points.MinDataPoints)  # as above
        return min_data_points.required(stage, ReleaseKind(release.kind), params).negative
    return own
