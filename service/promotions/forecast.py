"""When the releases in flight are expected in each later stage and at all customers.

A simulation of one pipeline in which nothing goes wrong: a stage takes as long as it took its last
releases at the median, bakes at least as long as it is asked to, is entered when it is free and its
time is open, and people act as soon as nothing else holds. Where two releases wait for one stage
the newer one supersedes the older. What cannot be told is not guessed: it is None, with the reason.

Beside it stands a sure bound, for each release alone: bakes, windows and holds that have an end,
with work that takes no time. No expectation is ever earlier than that.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from heapq import heappop, heappush
from itertools import count
from typing import Final

from policies.windows import NeverOpen
from service.promotions.model import State
from service.promotions.views import ArrivalView, ForecastView, StretchView
from service.promotions.waits import Cause
from service.promotions.way import Here, Step, Traveller

_NONE: Final = timedelta()


def forecasts(travellers: Iterable[Traveller], now: datetime) -> tuple[ForecastView, ...]:
    """One forecast for each release in flight, in the order in which they are given."""
    given = tuple(travellers)
    traces = _Simulation(given, now).run()
    return tuple(_view(each, traces[each.release], now) for each in given)


def earliest(traveller: Traveller, now: datetime) -> Mapping[str, datetime | None]:
    """When each stage that is not behind the release can have it, whatever goes well.

    None where no instant can be told: what is before it is blocked, or its time never opens.
    """
    here = {each.stage: each for each in traveller.here}
    ends: dict[str, datetime | None] = dict.fromkeys(traveller.done, now)
    reached: dict[str, datetime | None] = {}
    for step in traveller.steps:
        if step.stage in traveller.done:
            continue
        at = here.get(step.stage)
        entered = _earliest_entry(step, at, [ends.get(need, now) for need in step.needs], now)
        reached[step.stage] = at.deployed_at or entered if at else entered
        ends[step.stage] = entered and _earliest_end(step, at, entered)
    return reached


def _earliest_entry(
    step: Step, at: Here | None, needs: list[datetime | None], now: datetime
) -> datetime | None:
    if at and at.state is not State.WAITING:
        return now
    if (at and at.blocked) or None in needs:
        return None
    floors = (at.sure if at else None, step.paused_until)
    ready = max([now, *(each for each in (*needs, *floors) if each)])
    try:
        return step.open.opening(ready)[0]
    except NeverOpen:
        return None


def _earliest_end(step: Step, at: Here | None, entered: datetime) -> datetime | None:
    if at and at.state is State.BAKING:
        return max(entered, at.sure or entered)
    return _baked(step, entered, step.bake)


def _baked(step: Step, since: datetime, length: timedelta) -> datetime | None:
    if not step.staffed:
        return since + length
    try:
        return step.open.after(since, length)
    except NeverOpen:
        return None


def _view(traveller: Traveller, trace: "_Trace", now: datetime) -> ForecastView:
    bounds = earliest(traveller, now)
    ahead = [step for step in traveller.steps if step.stage not in traveller.done]
    prod = [step.stage for step in ahead if step.prod]
    expected = [trace.reached.get(stage) for stage in prod]
    sure = [bounds[stage] for stage in prod]
    return ForecastView(
        release=traveller.release,
        arrivals=tuple(
            ArrivalView(
                step.stage,
                bounds[step.stage],
                trace.entered.get(step.stage),
                trace.reached.get(step.stage),
            )
            for step in ahead
        ),
        earliest=_latest(sure),
        all_customers=_latest(expected),
        people=tuple(trace.people),
        unknown="" if prod and _latest(expected) else trace.unknown,
        superseded_by=trace.superseded_by,
        superseded_at=trace.superseded_at,
        stretches=tuple(trace.stretches),
    )


def _latest(instants: list[datetime | None]) -> datetime | None:
    known = [each for each in instants if each]
    return max(known) if known and len(known) == len(instants) else None


@dataclass(slots=True)
class _Trace:
    """What the simulation wrote down of one release."""

    entered: dict[str, datetime] = field(default_factory=dict)
    reached: dict[str, datetime] = field(default_factory=dict)
    ready: dict[str, datetime] = field(default_factory=dict)
    done: set[str] = field(default_factory=set)
    people: list[tuple[str, datetime]] = field(default_factory=list)
    stretches: list[StretchView] = field(default_factory=list)
    cause: Cause = Cause.UNKNOWN
    """What it waited for when it was looked at last."""
    unknown: str = ""
    superseded_by: str = ""
    superseded_at: datetime | None = None

    def stretch(self, cause: str, stage: str, since: datetime, until: datetime) -> None:
        if since < until:
            self.stretches.append(StretchView(cause, stage, since, until))


class _Simulation:
    """All releases of one pipeline, event by event."""

    def __init__(self, travellers: tuple[Traveller, ...], now: datetime) -> None:
        self.now = now
        self.travellers = {each.release: each for each in travellers}
        self.traces = {each.release: _Trace(done=set(each.done)) for each in travellers}
        self.inside: dict[str, str] = {}
        self.waiting: dict[str, str] = {}
        self.freed: dict[str, datetime] = {}
        self._queue: list[tuple[datetime, int, Callable[[datetime], None]]] = []
        self._order = count()

    def run(self) -> Mapping[str, _Trace]:
        places = [(each, here) for each in self.travellers.values() for here in each.here]
        for each, here in places:
            if here.state is not State.WAITING:
                self._begin(each, here)
        for each, here in places:
            if here.state is State.WAITING:
                self._arrive(self.now, each.release, here.stage)
        while self._queue:
            at, _, happen = heappop(self._queue)
            happen(at)
        for stage, release in self.waiting.items():
            if holder := self.inside.get(stage):
                told = f"{holder} is in {stage}, and nobody can tell until when"
                self._unknown(release, told)
        return self.traces

    def _at(self, when: datetime, happen: Callable[[datetime], None]) -> None:
        heappush(self._queue, (when, next(self._order), happen))

    def _begin(self, traveller: Traveller, here: Here) -> None:
        """A release is in a stage already; what it still has to do there lies before it."""
        self.inside[here.stage] = traveller.release
        trace = self.traces[traveller.release]
        if here.deployed_at:
            trace.reached[here.stage] = here.deployed_at
        if here.stuck:
            self._unknown(traveller.release, here.stuck)
            return
        self._work(traveller.release, traveller.by_name[here.stage], here)

    def _work(self, release: str, step: Step, here: Here) -> None:
        """Deploy, test and bake; what has begun began at ``here.since``, and none of it is over."""
        trace, now, usual = self.traces[release], self.now, step.usual
        if here.state is State.BAKING:
            self._bake(release, step, now, here)
            return
        if usual is None:
            self._unknown(release, f"no release has gone through {step.stage} yet")
            return
        since = max(here.since, here.deployed_at or here.since)
        reached = here.deployed_at or max(now, here.since + usual.deploy)
        trace.reached[step.stage] = reached
        tested = max(now, reached + usual.test)
        trace.stretch("work", step.stage, max(now, since), tested)
        self._bake(release, step, tested)

    def _bake(self, release: str, step: Step, since: datetime, here: Here | None = None) -> None:
        usual = step.usual.bake if step.usual else _NONE
        if here is None:
            end = _baked(step, since, max(step.bake, usual))
        elif here.likely is None and step.usual is None:
            self._unknown(release, f"no answers have come in {step.stage} yet")
            return
        else:
            begun = (here.deployed_at or here.since) + (step.usual.test if step.usual else _NONE)
            end = max(since, here.likely or since, here.sure or since, begun + usual)
        if end is None:
            self._unknown(release, f"the bake of {step.stage} never ends in open time")
            return
        self.traces[release].stretch("bake", step.stage, since, end)
        self._at(end, lambda at: self._ended(at, release, step.stage))

    def _ended(self, at: datetime, release: str, stage: str) -> None:
        trace = self.traces[release]
        trace.done.add(stage)
        self.inside.pop(stage)
        self.freed[stage] = at
        for step in self.travellers[release].steps:
            begun = step.stage in trace.done or step.stage in trace.ready
            if not begun and not trace.superseded_by and trace.done.issuperset(step.needs):
                self._arrive(at, release, step.stage)
        self._try(at, stage)

    def _arrive(self, at: datetime, release: str, stage: str) -> None:
        """Wait before a stage: only the newest release does, and carries the others' changes."""
        self.traces[release].ready[stage] = at
        other = self.waiting.get(stage)
        newest = max(filter(None, (release, other)), key=lambda each: self.travellers[each].number)
        for each in (release, other):
            if each and each != newest:
                self._supersede(at, each, newest)
        self.waiting[stage] = newest
        self._try(at, stage)

    def _supersede(self, at: datetime, older: str, newer: str) -> None:
        trace = self.traces[older]
        trace.superseded_by, trace.superseded_at = newer, at
        for stage, release in list(self.waiting.items()):
            if release == older:
                del self.waiting[stage]
                cause = Cause.MUTEX if stage in self.inside else trace.cause
                trace.stretch(cause.value, stage, trace.ready[stage], at)

    def _try(self, at: datetime, stage: str) -> None:
        """Let in who waits, or look again when it can be."""
        release = self.waiting.get(stage)
        if release is None or stage in self.inside:
            return
        step = self.travellers[release].by_name[stage]
        here = next((e for e in self.travellers[release].here if e.stage == stage), None)
        entry = self._entry(at, release, step, here)
        if entry is None:
            self.traces[release].cause = here.cause if here else Cause.UNKNOWN
            return
        if entry > at:
            held = here is not None and here.sure is not None and here.sure > at
            self.traces[release].cause = here.cause if here and held else Cause.WINDOW
            self._at(entry, lambda when: self._try(when, stage))
            return
        self._enter(at, release, step, here)

    def _entry(self, at: datetime, release: str, step: Step, here: Here | None) -> datetime | None:
        """The first instant from ``at`` on at which the gate lets it in, as far as is known."""
        told = here.stuck if here else ""
        if step.paused and not step.paused_until:
            told = told or f"{step.stage} is paused: {step.paused}"
        if told:
            self._unknown(release, told)
            return None
        floors = (at, here.sure if here else None, step.paused_until)
        try:
            return step.open.opening(max(each for each in floors if each))[0]
        except NeverOpen as error:
            self._unknown(release, str(error))
            return None

    def _enter(self, at: datetime, release: str, step: Step, here: Here | None) -> None:
        del self.waiting[step.stage]
        self.inside[step.stage] = release
        trace = self.traces[release]
        ready = trace.ready[step.stage]
        free = max(ready, min(at, self.freed.get(step.stage, ready)))
        held = max(free, min(at, here.sure)) if here and here.sure else free
        trace.stretch(Cause.MUTEX.value, step.stage, ready, free)
        cause = here.cause if here else Cause.RULE
        trace.stretch(cause.value, step.stage, free, held)
        trace.stretch(Cause.WINDOW.value, step.stage, held, at)
        if step.person or (here and here.person):
            trace.people.append((step.stage, at))
        trace.entered[step.stage] = at
        usual = step.usual
        if usual is None:
            self._unknown(release, f"no release has gone through {step.stage} yet")
            return
        trace.reached[step.stage] = at + usual.deploy
        tested = at + usual.deploy + usual.test
        trace.stretch("work", step.stage, at, tested)
        self._bake(release, step, tested)

    def _unknown(self, release: str, told: str) -> None:
        trace = self.traces[release]
        trace.unknown = trace.unknown or told
