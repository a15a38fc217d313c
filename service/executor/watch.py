"""What the data points of one run say: alarms, negatives, and how far its bake is.

The needs of a bake come from the same functions as the rules that guard the next stage, so a gate
never waits for a bake that has ended here.
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from policies.alarm import Alarm
from policies.findings import Enforcement
from policies.phrases import listed
from policies.pipeline import Pipeline, Stage
from policies.release import ReleaseKind
from policies.rules import alarm_block, bake_time, min_data_points
from policies.ruleset import Resolved
from policies.ruleset.impact import with_impact
from service.executor.alarms import alarm_row, reports, silent_at
from service.executor.turn import Turn
from service.promotions.alarms import (
    AlarmLevel,
    Counts,
    alarm_level,
    observed,
    period_start,
    places,
    silent,
    still_since,
    stopped,
    worst,
)
from service.store.counts import recent
from service.store.tables import ReleaseRow, RunRow

#: The period of data points where a stage watches no alarm that would name one.
DEFAULT_PERIOD: Final = timedelta(minutes=1)
_MOMENT: Final = timedelta(seconds=1)
#: How soon a bake is looked at again that only data points or people can move.
QUIET: Final = timedelta(hours=1)
#: The tier that ``min-data-points`` does not apply to.
_EXEMPT_TIER: Final = 3


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
    fires: str
    """Which of them say that the release harms customers, in words; empty where none does."""
    still_since: datetime | None
    silent: tuple[str, ...]
    """Targets without data, for which the clock stands still."""
    last_data: datetime | None
    clear_in: timedelta | None
    """How long until all alarms were silent long enough; None while one is not silent."""
    period: timedelta
    """Of the data points: how often time alone may change an alarm, or stop the clock."""
    silence_at: datetime | None
    """When silence alone would next stop the clock or change an alarm; None where it cannot."""
    operations: tuple[tuple[str, int], ...] = ()
    """Good answers of each operation that customers' traffic was told by."""
    operation_needed: int = 0
    """Good answers that each of these needs."""

    @property
    def over(self) -> bool:
        clear = self.clear_in is not None and not self.clear_in
        return (
            self.time >= self.needed
            and self.positive >= self.positive_needed
            and not self.thin
            and self.quiet
            and clear
        )

    @property
    def quiet(self) -> bool:
        return all(level is AlarmLevel.OK for _, level in self.alarms)

    @property
    def thin(self) -> tuple[str, ...]:
        """Operations that were not called often enough yet."""
        return tuple(name for name, count in self.operations if count < self.operation_needed)

    @property
    def rest(self) -> timedelta:
        """How soon time alone can end the bake or stop its clock.

        New data points are looked at when they come, so what waits for them need not be looked at.
        """
        if self.time < self.needed or self.positive < self.positive_needed or self.thin:
            if self.still_since is not None:
                return QUIET
            if self.time < self.needed:
                return max(self.needed - self.time, self.clear_in or timedelta())
            return self.period
        return self.period if self.clear_in is None or not self.quiet else self.clear_in

    @property
    def earliest(self) -> timedelta:
        """The shortest time in which the bake can end, however many data points come."""
        return max(self.needed - self.time, self.clear_in or timedelta())

    @property
    def harm(self) -> str:
        """Why the run must not go on, empty when it may."""
        if self.fires:
            return self.fires
        if self.negative_allowed is not None and self.negative > self.negative_allowed:
            total = self.positive + self.negative
            allowed = self.negative_allowed
            return f"{self.negative} of {total} answers were negative, {allowed} are allowed"
        return ""

    @property
    def sentence(self) -> str:
        seconds = f"{self.time.total_seconds():.0f} of {self.needed.total_seconds():.0f} s"
        points = f"{self.positive} of {self.positive_needed} data points, {self.negative} negative"
        return "; ".join((f"baked {seconds}, {points}", *self._lacks))

    @property
    def _lacks(self) -> Iterator[str]:
        """What else the bake waits for."""
        if self.still_since:
            since = f"{self.still_since:%H:%M:%S}"
            yield f"the clock stands still since {since}: no data of {listed(self.silent)}"
        if self.thin:
            yield f"too few answers of {listed(self.thin)}"
        loud = [f"{name} is {level}" for name, level in self.alarms if level is not AlarmLevel.OK]
        if loud:
            yield f"alarm {listed(loud)}"
        elif self.clear_in is None:
            yield "an alarm of the stage is not clear"
        elif self.clear_in and self.time >= self.needed:
            yield f"alarms are clear for long enough in {self.clear_in.total_seconds():.0f} s"


def targets(stage: Stage) -> tuple[str, ...]:
    """Names of a stage's targets; a stage without any is its own one target."""
    return tuple(target.name for target in stage.targets) or (stage.name,)


def watched(pipeline: Pipeline, stage: Stage) -> tuple[Alarm, ...]:
    """The alarms that the stage names, for its bake or its deployment."""
    names = set(stage.bake.alarms.or_else(()) or ()) if stage.bake else set()
    if stage.deploy:
        names |= set(stage.deploy.rollback_alarms.or_else(()) or ())
    return tuple(each for each in pipeline.alarms.or_else(()) or () if each.name in names)


@dataclass(frozen=True, slots=True)
class _Watched:
    """How an alarm stands for one release; ``harm`` says what it did, where it did something."""

    name: str
    level: AlarmLevel
    harm: str


def _counted(alarm: Alarm, stage: Stage, counts: list[Counts], now: datetime) -> _Watched:
    """By the answers of this release alone, at each of the alarm's places."""
    level = worst(
        alarm_level(alarm, [each for each in counts if each.target in targets], now)
        for targets in places(alarm, stage.name, stage.targets).values()
    )
    negative = sum(each.negative for each in counts)
    told = f"alarm {alarm.name} fires on {negative} negative answers"
    return _Watched(alarm.name, level, told if level is AlarmLevel.ALARM else "")


def _reported(turn: Turn, run: RunRow, pipeline: Pipeline, stage: Stage, alarm: Alarm) -> _Watched:
    """By what another system says.

    What fired before the release came is not its harm, but a bake does not end while it fires.
    """
    row = alarm_row(turn, stage.name, alarm.name, "")
    if row is None:
        return _Watched(alarm.name, AlarmLevel.UNKNOWN, "")
    level, came = AlarmLevel(row.level), run.started_at or turn.now
    said = reports(turn, pipeline, stage, alarm.name)
    if not said and level is AlarmLevel.ALARM and row.since > came:
        return _Watched(
            alarm.name, level, f"alarm {alarm.name} counts as firing: nobody reports it"
        )
    new = [each for each in said if each.level == AlarmLevel.ALARM and each.since > came]
    why = f", as {new[0].by} reports: {new[0].message}" if new and new[0].message else ""
    return _Watched(alarm.name, level, f"alarm {alarm.name} fires{why}" if new else "")


def period_of(pipeline: Pipeline, stage: Stage) -> timedelta:
    alarms = watched(pipeline, stage) or (pipeline.alarms.or_else(()) or ())
    return min((each.period for each in alarms), default=DEFAULT_PERIOD)


def bake(turn: Turn, run: RunRow, release: ReleaseRow) -> Bake:
    """How the run stands now; before it is fully deployed no time counts, but every harm does."""
    pipeline = turn.definition(release)
    stage = turn.planned(release, run.stage)
    resolved = turn.tree().resolved(turn.pipeline.organization, turn.now)
    period = period_of(pipeline, stage)
    counts = _counts(turn, run, release.digest, period)
    since = run.deployed_at
    whole = [each for each in counts if since and each.start >= since]
    alarms = [
        _reported(turn, run, pipeline, stage, each)
        if each.reported
        else _counted(each, stage, counts, turn.now)
        for each in watched(pipeline, stage)
    ]
    return Bake(
        needed=bake_needed(pipeline, stage, release, resolved),
        time=observed(whole, targets(stage), period, since, turn.now) if since else timedelta(),
        positive=sum(each.positive for each in whole),
        positive_needed=_positive(pipeline, stage, release, resolved),
        negative=sum(each.negative for each in counts),
        negative_allowed=_negative(pipeline, stage, release, resolved),
        alarms=tuple((each.name, each.level) for each in alarms),
        fires="; ".join(each.harm for each in alarms if each.harm),
        still_since=still_since(whole, targets(stage), period, since, turn.now) if since else None,
        silent=silent(whole, targets(stage), period, since, turn.now) if since else (),
        last_data=max((each.start + period for each in counts), default=None),
        clear_in=_clear_in(turn, pipeline, stage, resolved),
        period=period,
        silence_at=_silence_at(turn, pipeline, stage, counts, since),
        operations=_operations(stage, whole),
        operation_needed=_each_operation(pipeline, stage, release, resolved),
    )


def _silence_at(
    turn: Turn, pipeline: Pipeline, stage: Stage, counts: list[Counts], since: datetime | None
) -> datetime | None:
    """Nothing comes to say that nothing comes any more: so it is looked for at that moment."""
    period = period_of(pipeline, stage)
    ends = []
    if since:
        whole = [each for each in counts if each.start >= since]
        # A moment later: until then the period before the running one may still be told.
        ends.append(stopped(whole, targets(stage), period, since) + period + _MOMENT)
    last = max((each.start for each in counts), default=since or turn.now)
    judged = [each for each in watched(pipeline, stage) if not each.reported]
    ends += [period_start(last, each.period) + each.of * each.period for each in judged]
    told = [each for each in watched(pipeline, stage) if each.reported]
    ends += [silence for each in told if (silence := silent_at(turn, pipeline, stage, each.name))]
    return min((end for end in ends if end > turn.now), default=None)


def _counts(turn: Turn, run: RunRow, digest: str, period: timedelta) -> list[Counts]:
    since = period_start(run.started_at or run.entered_at, period)
    return [
        Counts(each.target, each.start, each.positive, each.negative, each.operation)
        for each in recent(turn.known, run.pipeline, since)
        if each.stage == run.stage and each.digest == digest
    ]


def _operations(stage: Stage, counts: Iterable[Counts]) -> tuple[tuple[str, int], ...]:
    """Good answers of each operation that somebody told by its name.

    What our own probes ask is left out: they ask everything equally often, so that their numbers
    say nothing about customers. They count among all answers.
    """
    probed = {request.name for each in stage.synthetics for request in each.requests}
    totals: dict[str, int] = defaultdict(int)
    for each in counts:
        if each.operation and each.operation not in probed:
            totals[each.operation] += each.positive
    return tuple(sorted(totals.items()))


def _blocks(resolved: Resolved, rule: str) -> bool:
    return resolved.rules[rule].enforcement is Enforcement.BLOCK


def _clear_in(turn: Turn, pipeline: Pipeline, stage: Stage, resolved: Resolved) -> timedelta | None:
    """What ``alarm-block`` will ask of this stage's alarms when the next one wants to start."""
    params = resolved.rules[alarm_block.RULE.id].params
    if not _blocks(resolved, alarm_block.RULE.id) or not _guards(pipeline, stage):
        return timedelta()
    assert isinstance(params, alarm_block.AlarmBlock)  # noqa: S101 - the catalogue pairs them
    left = timedelta()
    for alarm in pipeline.alarms.or_else(()) or ():
        for place in [""] if alarm.reported else places(alarm, stage.name, stage.targets):
            row = alarm_row(turn, stage.name, alarm.name, place)
            if row is None or row.level != AlarmLevel.OK:
                return None
            left = max(left, params.clear_for - (turn.now - row.since))
    return left


def _waits_for_points(pipeline: Pipeline, resolved: Resolved) -> bool:
    """The least critical tier does not wait for data points, whatever the level of the rule."""
    return pipeline.tier.value != _EXEMPT_TIER and _blocks(resolved, min_data_points.RULE.id)


def _guards(pipeline: Pipeline, stage: Stage) -> bool:
    """Whether a production stage waits for this one: the last stage gates nothing."""
    return stage.is_prod and any(stage.name in each.needs for each in pipeline.prod)


def bake_needed(
    pipeline: Pipeline, stage: Stage, release: ReleaseRow, resolved: Resolved
) -> timedelta:
    """The shortest bake: what the stage declares, and more where its ruleset asks for it."""
    params, kind = resolved.rules[bake_time.RULE.id].params, ReleaseKind(release.kind)
    assert isinstance(params, bake_time.BakeTime)  # noqa: S101 - the catalogue pairs them
    if _blocks(resolved, bake_time.RULE.id) and _guards(pipeline, stage):
        return bake_time.required(with_impact(pipeline, resolved), stage, kind, params)
    return bake_time.own_time(stage, kind, params)


def _each_operation(
    pipeline: Pipeline, stage: Stage, release: ReleaseRow, resolved: Resolved
) -> int:
    params = resolved.rules[min_data_points.RULE.id].params
    if _waits_for_points(pipeline, resolved) and _guards(pipeline, stage):
        assert isinstance(params, min_data_points.MinDataPoints)  # noqa: S101 - the catalogue pairs them
        return min_data_points.required(stage, ReleaseKind(release.kind), params).per_operation
    return 0


def _positive(pipeline: Pipeline, stage: Stage, release: ReleaseRow, resolved: Resolved) -> int:
    params, kind = resolved.rules[min_data_points.RULE.id].params, ReleaseKind(release.kind)
    assert isinstance(params, min_data_points.MinDataPoints)  # noqa: S101 - the catalogue pairs them
    if _waits_for_points(pipeline, resolved) and _guards(pipeline, stage):
        return min_data_points.required(stage, kind, params).positive
    return min_data_points.own_points(stage, kind, params)


def _negative(
    pipeline: Pipeline, stage: Stage, release: ReleaseRow, resolved: Resolved
) -> int | None:
    own = stage.bake.negative.or_else(None) if stage.bake else None
    params = resolved.rules[min_data_points.RULE.id].params
    if _waits_for_points(pipeline, resolved) and stage.is_prod:
        assert isinstance(params, min_data_points.MinDataPoints)  # noqa: S101 - the catalogue pairs them
        return min_data_points.required(stage, ReleaseKind(release.kind), params).negative
    return own
