"""Alarms of a stage over all versions that answer there, judged from the stored counts."""

from datetime import timedelta
from typing import Final

from sqlmodel import col, select

from policies.pipeline import Alarm, Pipeline, Stage
from service.executor.turn import Turn
from service.promotions.alarms import AlarmLevel, Counts, alarm_level
from service.store.tables import AlarmRow, CountRow

#: Counts older than this say nothing about an alarm; no alarm may look back further.
_MOST: Final = timedelta(days=1)


def judge_alarms(turn: Turn, pipeline: Pipeline, only: str | None = None) -> bool:
    """Judge every alarm in production, or those of one stage, now; True if one has changed."""
    changed = [
        _judge(turn, stage, alarm)
        for stage in pipeline.prod
        for alarm in pipeline.alarms.or_else(()) or ()
        if only in {None, stage.name}
    ]
    return any(changed)


def _judge(turn: Turn, stage: Stage, alarm: Alarm) -> bool:
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
    level = alarm_level(alarm, counts, turn.now)
    row = turn.session.get(AlarmRow, (turn.pipeline.name, stage.name, alarm.name))
    if row is None:
        row = AlarmRow(
            pipeline=turn.pipeline.name,
            stage=stage.name,
            name=alarm.name,
            level=AlarmLevel.UNKNOWN,
            since=turn.now,
        )
        turn.session.add(row)
    if counts:
        row.had_data_at = min(max(each.start for each in counts) + alarm.period, turn.now)
    changed = row.level != level
    if changed:
        turn.log("alarm.changed", None, stage.name, alarm=alarm.name, was=row.level, now=level)
        row.level, row.since = level, turn.now
    turn.session.flush()
    return changed
