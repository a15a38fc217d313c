"""How fast a change can reach customers under a ruleset: windows, holidays, bakes and waves.

A simulation of one release that nothing goes wrong with: every stage starts when the stages that it
needs have baked and the time is open. What no file says is assumed and named: how long a build, a
test and a deployment take. What depends on customers or people (data points, approvals) takes no
time here, so the answer is the fastest that the rules allow, not a promise.
"""

from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from policies.findings import Enforcement
from policies.formats import read_pipelines
from policies.frozen import replace
from policies.pipeline import Pipeline, Stage, StageKind
from policies.release import ReleaseKind
from policies.rule import Params
from policies.rules import bake_time, time_window
from policies.ruleset import Resolved
from policies.ruleset.impact import with_impact
from policies.windows import OpenTime, WindowSet, for_release, without_soft

_NO_TIME: Final = timedelta()
#: Waves of the pipeline that a ruleset is tried on where no rule asks for more.
_WAVES: Final = 4
_MODEL: Final = """\
schema: bakegate/pipeline/v1
name: model
organization: model
source: {repository: ., branch: main, start: push}
build: {steps: [{name: package, kind: build, run: ./package app.tar.gz}], artifact: app.tar.gz}
deployers: {hosts: {type: local, hosts: 3}}
"""
_STAGE: Final = "  - {{name: {name}, kind: prod, wave: {wave}, {more}deploy: hosts}}\n"


@dataclass(frozen=True, slots=True)
class Assumed:
    """What no file says: how long things take. ``limited`` is a deployment to a one-box or canary.

    Ten and twenty minutes are the middle of what pipelines of a few targets take; ours to debate.
    """

    build: timedelta = timedelta(minutes=10)
    test: timedelta = timedelta(minutes=10)
    deploy: timedelta = timedelta(minutes=20)
    limited: timedelta = timedelta(minutes=10)


@dataclass(frozen=True, slots=True)
class Leg:
    """One stage on its way: ready for it, in it, fully deployed, tested, and baked."""

    stage: Stage
    after: str
    """The stage that it waited for longest; empty for the first."""
    ready: datetime
    start: datetime
    deployed: datetime
    tested: datetime
    baked: datetime
    opened_by: str = ""
    """The windows whose opening it waited for."""


@dataclass(frozen=True, slots=True)
class Forecast:
    """One release from check-in to all customers; None where no stage reaches customers."""

    check_in: datetime
    legs: Mapping[str, Leg]

    @property
    def first_customer(self) -> timedelta | None:
        """Until the first production stage starts to serve."""
        return min((each.deployed for each in self._prod), default=self.check_in) - self.check_in

    @property
    def all_customers(self) -> timedelta | None:
        """Until the last production stage is fully deployed; what it bakes gates nothing."""
        return max((each.deployed for each in self._prod), default=self.check_in) - self.check_in

    @property
    def costs(self) -> tuple[tuple[str, timedelta], ...]:
        """Where the time to all customers goes, the largest part first; they sum up to it."""
        parts: dict[str, timedelta] = defaultdict(timedelta)
        leg = max(self._prod, key=lambda each: each.deployed, default=None)
        parts["deployments"] += leg.deployed - leg.start if leg else _NO_TIME
        while leg:
            name = f"closed until {leg.opened_by or 'a window opens'}"
            parts[name] += leg.start - leg.ready
            leg = self.legs.get(leg.after)
            if leg:
                word = "build" if leg.stage.kind.value is StageKind.BUILD else "deployments"
                parts[word] += leg.deployed - leg.start
                parts["tests"] += leg.tested - leg.deployed
                parts[f"bake of {leg.stage.name}"] += leg.baked - leg.tested
        found = [(name, span) for name, span in parts.items() if span]
        return tuple(sorted(found, key=lambda pair: pair[1], reverse=True))

    @property
    def _prod(self) -> list[Leg]:
        return [each for each in self.legs.values() if each.stage.is_prod]


def model(resolved: Resolved) -> Pipeline:
    """A pipeline to try a ruleset on: a one-box and four waves, each opened as the rules ask."""
    growth, canary = (resolved.rules.get(name) for name in ("wave-growth", "canary-first"))
    waves = max(_WAVES, getattr(growth and growth.params, "min_waves", 0))
    every = getattr(canary and canary.params, "per_wave", True)
    stages = []
    for wave in range(1, waves + 1):
        if wave == 1 or every:
            stages.append(_STAGE.format(name=f"one-box-{wave}", wave=wave, more="exposure: 1%, "))
        stages.append(_STAGE.format(name=f"wave-{wave}", wave=wave, more=""))
    text = f"{_MODEL}stages:\n{''.join(stages)}"
    return read_pipelines(text.encode(), "model.yaml").pipelines[0]


class Simulation:
    """One pipeline under one ruleset; open time is computed once for all check-ins."""

    def __init__(self, pipeline: Pipeline, resolved: Resolved, assumed: Assumed) -> None:
        self.pipeline = with_impact(pipeline, resolved)
        self.resolved = resolved
        self.assumed = assumed
        self._times: dict[str, OpenTime] = {}

    def forecast(self, check_in: datetime) -> Forecast:
        """Let one release go; raises NeverOpen."""
        legs: dict[str, Leg] = {}
        for stage in self._in_order():
            before = [legs[name] for name in stage.needs if name in legs]
            last = max(before, key=lambda each: each.baked, default=None)
            ready = last.baked if last else check_in
            legs[stage.name] = self._leg(stage, last.stage.name if last else "", ready)
        return Forecast(check_in, legs)

    def without_windows(self) -> "Simulation":
        """The same where time is always open."""
        own = replace(self.pipeline, windows=replace(self.pipeline.windows, value=None))
        stages = tuple(replace(each, windows=()) for each in own.stages)
        bare = replace(own, stages=stages)
        return Simulation(bare, replace(self.resolved, placed=()), self.assumed)

    def bake(self, stage: Stage) -> timedelta:
        """How long a stage is asked to bake: what its file says, and more where the rule asks."""
        own = (stage.bake.time.or_else(None) if stage.bake else None) or _NO_TIME
        params = self._asked(bake_time.RULE.id)
        if not stage.is_prod or not isinstance(params, bake_time.BakeTime):
            return own
        return bake_time.required(self.pipeline, stage, ReleaseKind.NORMAL, params)

    def _leg(self, stage: Stage, after: str, ready: datetime) -> Leg:
        start, by = self._open(stage).opening(ready)
        deployed = start + self._deploys(stage)
        tested = deployed + self._tests(stage)
        baked = self._baked(stage, tested)
        return Leg(stage, after, ready, start, deployed, tested, baked, by)

    def _baked(self, stage: Stage, since: datetime) -> datetime:
        """The end of a bake; a staffed clock counts only time that is open."""
        params = self._asked(bake_time.RULE.id)
        if isinstance(params, bake_time.BakeTime) and params.clock == "staffed" and stage.is_prod:
            return self._open(stage).after(since, self.bake(stage))
        return since + self.bake(stage)

    def _deploys(self, stage: Stage) -> timedelta:
        if stage.kind.value is StageKind.BUILD:
            return self.assumed.build
        if stage.deploy is None and not stage.is_prod:
            return _NO_TIME
        if stage.exposure.or_else(None) is not None:
            return self.assumed.limited
        rounds = -(-max(len(stage.targets), 1) // max(stage.parallel, 1))
        return self.assumed.deploy * rounds

    def _tests(self, stage: Stage) -> timedelta:
        build = stage.kind.value is StageKind.BUILD
        return self.assumed.test if stage.steps and not build else _NO_TIME

    def _asked(self, rule: str) -> Params | None:
        """The parameters of a rule that shows itself to teams; one below ``warn`` holds nobody."""
        effective = self.resolved.rules.get(rule)
        return effective.params if effective and effective.enforcement >= Enforcement.WARN else None

    def _open(self, stage: Stage) -> OpenTime:
        if stage.name not in self._times:
            sets = self._sets(stage)
            self._times[stage.name] = OpenTime(
                stage.name,
                without_soft(for_release(sets, "normal", self.pipeline.tier.or_else(None))),
            )
        return self._times[stage.name]

    def _sets(self, stage: Stage) -> tuple[WindowSet, ...]:
        """Every place whose time counts for this stage, as the gate takes them."""
        params = self._asked(time_window.RULE.id)
        kind = (stage.kind.value or StageKind.PROD).value
        if not isinstance(params, time_window.TimeWindow) or kind not in params.stages:
            return ()
        own = self.pipeline.windows.or_else(()) or ()
        return (
            *self.resolved.windows,
            WindowSet(f"pipeline {self.pipeline.name}", own),
            WindowSet(f"stage {stage.name}", stage.windows),
        )

    def _in_order(self) -> Iterator[Stage]:
        """Every stage after those that it needs."""
        rest = list(self.pipeline.stages)
        done: set[str] = set()
        names = {stage.name for stage in rest}
        while rest:
            ready = [stage for stage in rest if set(stage.needs) & names <= done]
            # In a circle nothing is ever ready; the first stage of it breaks it.
            for stage in ready or rest[:1]:
                done.add(stage.name)
                yield stage
            rest = [stage for stage in rest if stage.name not in done]
