"""Alarms of a stage: judged from the stored counts of all versions there, or reported by others."""

from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Final

from sqlmodel import col, select

from policies.alarm import Alarm
from policies.pipeline import Pipeline, Stage
from service.executor.turn import Turn
from service.promotions.alarms import AlarmLevel, Counts, alarm_level, missing, places
from service.store import reported
from service.store.tables import AlarmRow, CountRow, ReportedRow

#: Counts older than this say nothing about an alarm; no alarm may look back further.
_MOST: Final = timedelta(days=1)


def judge_alarms(turn: Turn, pipeline: Pipeline, only: str | None = None) -> bool:
    """Judge every alarm in production, or those of one stage, now; True if one has changed."""
    changed = [
        _judge(turn, pipeline, stage, alarm)
        for stage in pipeline.prod
        for alarm in pipeline.alarms.or_else(()) or ()
        if only in {None, stage.name}
    ]
    return any(changed)


def reports(turn: Turn, pipeline: Pipeline, stage: Stage, alarm: str) -> list[ReportedRow]:
    """What others said of one alarm that concerns the stage, and that still says something."""
    rows = reported.at_stage(reported.concerning(turn.session, turn.pipeline, pipeline), stage)
    return [each for each in rows if each.name == alarm and not reported.stale(each, turn.now)]


def _judge(turn: Turn, pipeline: Pipeline, stage: Stage, alarm: Alarm) -> bool:
    """Keep how the alarm stands at each of its places; True where one has changed."""
    seen = _reported if alarm.reported else _counted
    changed = False
    for place, level, had_data_at in seen(turn, pipeline, stage, alarm):
        changed |= _keep(turn, stage, alarm, place, level, had_data_at)
    turn.session.flush()
    return changed


Seen = tuple[str, AlarmLevel, datetime | None]
"""A place, the level there, and when there was last something to judge it by."""


def _counted(turn: Turn, _: Pipeline, stage: Stage, alarm: Alarm) -> Iterator[Seen]:
    since = turn.now - min(alarm.period * (alarm.of + 1), _MOST)
    asked = select(CountRow).where(
        CountRow.pipeline == turn.pipeline.name,
        CountRow.stage == stage.name,
        col(CountRow.start) >= since,
    )
    counts = [
        Counts(each.target, each.start, each.positive, each.negative)
        for each in turn.session.exec(asked)
    ]
    for place, targets in places(alarm, stage.name, stage.targets).items():
        mine = [each for each in counts if each.target in targets]
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
    key = (turn.pipeline.name, stage.name, alarm.name, place)
    row = turn.session.get(AlarmRow, key)
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
