"""Alarms of a stage: judged from the stored counts of all versions there, or reported by others."""

from collections import defaultdict
from collections.abc import Iterable, Iterator
from datetime import datetime, timedelta
from typing import Final

from policies.alarm import Alarm
from policies.pipeline import Pipeline, Stage
from service.executor.turn import Turn
from service.promotions.alarms import AlarmLevel, Counts, alarm_level, missing, places
from service.promotions.reported import SAYS_FOR
from service.store import reported
from service.store.counts import recent
from service.store.tables import AlarmRow, ReportedRow

_MOMENT: Final = timedelta(seconds=1)
#: Counts older than this say nothing about an alarm; no alarm may look back further.
_MOST: Final = timedelta(days=1)


def judge_alarms(turn: Turn, pipeline: Pipeline, only: str | None = None) -> bool:
    """Judge every alarm in production, or those of one stage, now; True if one has changed."""
    stages = [stage for stage in pipeline.prod if only in {None, stage.name}]
    alarms = pipeline.alarms.or_else(()) or ()
    if not (stages and alarms):
        return False
    names = [each.name for each in stages]
    counts = _counts(turn, names, max(_reach(each) for each in alarms))
    changed = [
        _judge(turn, pipeline, stage, alarm, counts[stage.name])
        for stage in stages
        for alarm in alarms
    ]
    return any(changed)


def reports(turn: Turn, pipeline: Pipeline, stage: Stage, alarm: str) -> list[ReportedRow]:
    """What others said of one alarm that concerns the stage, and that still says something."""
    rows = reported.at_stage(reported.concerning(turn.known, turn.pipeline, pipeline), stage)
    return [each for each in rows if each.name == alarm and not reported.stale(each, turn.now)]


def silent_at(
    turn: Turn, pipeline: Pipeline, stage: Stage | None = None, alarm: str = ""
) -> datetime | None:
    """When the first of the reports that say something now says nothing more."""
    rows = reported.concerning(turn.known, turn.pipeline, pipeline)
    mine = reported.at_stage(rows, stage) if stage else rows
    ends = [
        # A moment later: a report says something up to the end of its time.
        each.reported_at + SAYS_FOR + _MOMENT
        for each in mine
        if alarm in {"", each.name} and not reported.stale(each, turn.now)
    ]
    return min(ends, default=None)


def alarm_row(turn: Turn, stage: str, alarm: str, place: str) -> AlarmRow | None:
    """How an alarm of the pipeline stands at a place; None where it was never judged there."""
    rows = turn.known.of_pipeline(AlarmRow, turn.pipeline.name)
    wanted = (stage, alarm, place)
    return next((each for each in rows if (each.stage, each.name, each.place) == wanted), None)


def _judge(
    turn: Turn, pipeline: Pipeline, stage: Stage, alarm: Alarm, counts: Iterable[Counts]
) -> bool:
    """Keep how the alarm stands at each of its places; True where one has changed."""
    if alarm.reported:
        seen = _reported(turn, pipeline, stage, alarm)
    else:
        seen = _counted(turn, stage, alarm, counts)
    changed = False
    for place, level, had_data_at in seen:
        changed |= _keep(turn, stage, alarm, place, level, had_data_at)
    return changed


Seen = tuple[str, AlarmLevel, datetime | None]
"""A place, the level there, and when there was last something to judge it by."""


def _reach(alarm: Alarm) -> timedelta:
    """How far back the alarm looks."""
    return min(alarm.period * (alarm.of + 1), _MOST)


def _counts(turn: Turn, stages: list[str], reach: timedelta) -> dict[str, list[Counts]]:
    """The counts of every stage, in one question."""
    found: dict[str, list[Counts]] = defaultdict(list)
    for each in recent(turn.known, turn.pipeline.name, turn.now - reach):
        if each.stage in stages:
            counts = Counts(each.target, each.start, each.positive, each.negative)
            found[each.stage].append(counts)
    return found


def _counted(turn: Turn, stage: Stage, alarm: Alarm, counts: Iterable[Counts]) -> Iterator[Seen]:
    recent = [each for each in counts if each.start >= turn.now - _reach(alarm)]
    for place, targets in places(alarm, stage.name, stage.targets).items():
        mine = [each for each in recent if each.target in targets]
        latest = max((each.start + alarm.period for each in mine), default=None)
        yield place, alarm_level(alarm, mine, turn.now), latest and min(latest, turn.now)


def _reported(turn: Turn, pipeline: Pipeline, stage: Stage, alarm: Alarm) -> Iterator[Seen]:
    """The worst that others say of the stage as a whole; of silence, what is agreed for it."""
    rows = reports(turn, pipeline, stage, alarm.name)
    firing = any(each.level == AlarmLevel.ALARM for each in rows)
    level = AlarmLevel.ALARM if firing else AlarmLevel.OK if rows else missing(alarm)
    yield "", level, max((each.reported_at for each in rows), default=None)


def _keep(  # noqa: PLR0917 - one row, as its columns come
    turn: Turn, stage: Stage, alarm: Alarm, place: str, level: AlarmLevel, had: datetime | None
) -> bool:
    row = alarm_row(turn, stage.name, alarm.name, place)
    if row is None:
        row = AlarmRow(
            pipeline=turn.pipeline.name,
            stage=stage.name,
            name=alarm.name,
            place=place,
            level=AlarmLevel.UNKNOWN,
            since=turn.now,
        )
        turn.session.add(row)
    row.had_data_at = had or row.had_data_at
    changed = row.level != level
    if changed:
        where = {"place": place} if place else {}
        told = {"alarm": alarm.name, "was": row.level, "now": level}
        turn.log("alarm.changed", None, stage.name, **told, **where)
        row.level, row.since = level, turn.now
    return changed
