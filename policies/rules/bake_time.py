"""Leave each production stage running for a fixed time before the next.

## Why it matters
Some faults need time to show: leaks, nightly jobs, the daily peak. A stage that is followed at
once by the next proves only that the new version starts. Most time belongs to the first wave,
where a fault harms fewest; later waves may go faster, because each has less left to prove.

Which row a stage is held to: a stage with an `exposure` to `onebox`, the rest of the lowest wave
to `first_wave`, other waves to `later_wave`, and a stage of a later wave that only further stages
of its own wave wait for to `fault_domain`. A pipeline or release of kind `config` has the row
`config`. All other rows are multiplied by what `bake-scales-with-impact` asks of the pipeline's
tier, where that rule is on and the tier is known. A longer bake that the stage declares itself
counts instead.

At the gate the bake is the time since the stage was fully deployed in which its alarms had data:
while nothing is seen, the clock stands still. With `clock: staffed` only time counts in which the
windows that bind the release are open, so that a night is no bake; without windows there is
nothing to tell the two clocks apart. `profile` says how waves compare: `decreasing` as above,
`flat` holds every wave to `first_wave`, and `increasing` lets no wave bake shorter than the one
before it.

## Fails
```yaml
schema: bakegate/pipeline/v1
name: shop
organization: retail
source: {repository: ., branch: main, start: push}
build:
  steps:
    - {name: package, kind: build, run: ./package dist/app.tar.gz}
  artifact: dist/app.tar.gz
deployers:
  hosts: {type: local, hosts: 3}
stages:
  - {name: one-box, kind: prod, wave: 1, exposure: 1%, deploy: hosts, bake: {time: 10m}}
  - {name: cell-1, kind: prod, wave: 1, deploy: hosts}
```

## Passes
```yaml
schema: bakegate/pipeline/v1
name: shop
organization: retail
source: {repository: ., branch: main, start: push}
build:
  steps:
    - {name: package, kind: build, run: ./package dist/app.tar.gz}
  artifact: dist/app.tar.gz
deployers:
  hosts: {type: local, hosts: 3}
stages:
  - {name: one-box, kind: prod, wave: 1, exposure: 1%, deploy: hosts, bake: {time: 60m}}
  - {name: cell-1, kind: prod, wave: 1, deploy: hosts}
```

## Not reported
Stages that no production stage waits for: the last one gates nothing. Stages that are not
production. Rollbacks, which never wait. An emergency waits for a quarter. A file whose format
cannot say a bake is unknown.

## Sources
At least an hour for the one-box, twelve for the first wave, two to four for later ones: Amazon's
description of hands-off deployments. Thirty minutes for configuration: the rule of AWS Config for
the final bake of AppConfig. Thirty minutes between fault domains of one wave, and a quarter for
emergencies: ours. Azure's guidance lets bakes grow from group to group instead; an organization
that agrees sets `profile: increasing`.
"""

from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Final

from policies.durations import format_duration
from policies.findings import Enforcement, Problem, Result, Severity
from policies.frozen import dataclass, replace
from policies.observations import declared, no_prod_before, prod_before, run_used, together
from policies.phrases import clock, progress
from policies.pipeline import Pipeline, PipelineKind, Stage
from policies.release import ReleaseKind, StageRun
from policies.rule import (
    Case,
    Family,
    GateFamily,
    Outcome,
    Params,
    Rule,
    Stricter,
    Unit,
    Used,
    param,
)
from policies.steps import not_applicable, unclear, without_production
from policies.windows import open_intervals

_NONE: Final = timedelta()
#: How far the end of a bake in staffed time is looked for.
_IN_SIGHT: Final = timedelta(days=40)


@dataclass(frozen=True, slots=True, kw_only=True)
class BakeTime(Params):
    onebox: timedelta = param(
        timedelta(minutes=60),
        "Shortest bake of a one-box or canary.",
        unit=Unit.DURATION,
        stricter=Stricter.MORE,
    )
    first_wave: timedelta = param(
        timedelta(hours=12),
        "Shortest bake of the first wave's stages.",
        unit=Unit.DURATION,
        stricter=Stricter.MORE,
    )
    later_wave: timedelta = param(
        timedelta(hours=2),
        "Shortest bake at the end of a later wave.",
        unit=Unit.DURATION,
        stricter=Stricter.MORE,
    )
    fault_domain: timedelta = param(
        timedelta(minutes=30),
        "Shortest bake between two stages of one later wave.",
        unit=Unit.DURATION,
        stricter=Stricter.MORE,
    )
    config: timedelta = param(
        timedelta(minutes=30),
        "Shortest bake of a configuration change.",
        unit=Unit.DURATION,
        stricter=Stricter.MORE,
    )
    emergency: float = param(
        0.25,
        "Share of the bake that an emergency release waits for.",
        unit=Unit.SHARE,
        stricter=Stricter.MORE,
    )
    clock: str = param(
        "wall",
        "Whether all observed time counts (wall) or only that of open windows (staffed).",
        unit=Unit.WORD,
        stricter=Stricter.NEITHER,
        allowed=("wall", "staffed"),
    )
    profile: str = param(
        "decreasing",
        "How the bakes of later waves compare with those of earlier ones.",
        unit=Unit.WORD,
        stricter=Stricter.NEITHER,
        allowed=("decreasing", "flat", "increasing"),
    )


def required(pipeline: Pipeline, stage: Stage, kind: ReleaseKind, params: BakeTime) -> timedelta:
    """How long ``stage`` bakes for a release of ``kind``: its row, or longer where it says so."""
    row, _ = _scaled(pipeline, stage, params)
    if kind is ReleaseKind.CONFIG:
        row = params.config
    own = stage.bake.time.or_else(None) if stage.bake else None
    need = max(row, own or timedelta())
    return need * params.emergency if kind is ReleaseKind.EMERGENCY else need


def own_time(stage: Stage, kind: ReleaseKind, params: BakeTime) -> timedelta:
    """How long ``stage`` bakes by its own words alone; an emergency waits for its share of that."""
    own = (stage.bake.time.or_else(None) if stage.bake else None) or _NONE
    return own * params.emergency if kind is ReleaseKind.EMERGENCY else own


def _scaled(pipeline: Pipeline, stage: Stage, params: BakeTime) -> tuple[timedelta, str]:
    """The row that a stage is held to, for the tier of its pipeline."""
    row, words = _rows(pipeline, stage, params)
    if pipeline.bake_factor == 1 or pipeline.kind.value is PipelineKind.CONFIG:
        return row, words
    return row * pipeline.bake_factor, f"{words} of tier {pipeline.tier.value}"


def _rows(pipeline: Pipeline, stage: Stage, params: BakeTime) -> tuple[timedelta, str]:
    """The row that a stage is held to, and its name in a sentence."""
    if pipeline.kind.value is PipelineKind.CONFIG:
        return params.config, "configuration"
    if stage.exposure.or_else(None) is not None:
        return params.onebox, "a one-box"
    own = stage.wave.or_else(1)
    if own == pipeline.first[0].wave.or_else(1):
        return params.first_wave, "the first wave"
    if params.profile != "decreasing":
        return _not_shorter(pipeline, own or 1, params)
    next_up = [each for each in pipeline.prod if stage.name in each.needs]
    if next_up and all(each.wave.or_else(1) == own for each in next_up):
        return params.fault_domain, "a fault domain of a later wave"
    return params.later_wave, "a later wave"


def _not_shorter(pipeline: Pipeline, wave: int, params: BakeTime) -> tuple[timedelta, str]:
    """The row of a later wave where waves do not get faster."""
    row, words = params.first_wave, "a wave of a flat profile"
    if params.profile == "increasing":
        earlier = [
            stage.bake.time.or_else(None) or timedelta()
            for stage in pipeline.prod
            if stage.bake and (stage.wave.or_else(1) or 1) < wave
        ]
        row, words = max([row, *earlier]), "a wave of an increasing profile"
    return row, words


def lint(pipeline: Pipeline, params: BakeTime) -> Iterator[Problem]:
    if not pipeline.prod:
        yield from without_production(pipeline)
        return
    prod = pipeline.bits(pipeline.prod)
    followed = [stage for stage in pipeline.prod if pipeline.below(stage) & prod]
    if not followed:
        yield not_applicable(pipeline, "no production stage waits for another")
    for stage in followed:
        yield from _too_short(pipeline, stage, params)


def _too_short(pipeline: Pipeline, stage: Stage, params: BakeTime) -> Iterator[Problem]:
    need, row = _scaled(pipeline, stage, params)
    where = f"stages/{stage.name}/bake"
    time = stage.bake.time if stage.bake else None
    if (time is None and not stage.bake_known.known) or (time and not time.known):
        fact = time or stage.bake_known
        why = fact.note or "its format has no word for it"
        yield unclear(fact.span, where, f"how long {stage.name} bakes cannot be told: {why}")
        return
    baked = time.or_else(None) if time else None
    if baked is not None and baked >= need:
        return
    told = f"{stage.name} bakes {format_duration(baked)}" if baked else f"{stage.name} has no bake"
    waits = f"{stage.name} waits {format_duration(baked or timedelta())}"
    yield Problem(
        time.span if time and baked is not None else stage.span,
        where,
        f"{told}; {row} needs {format_duration(need)}",
        f"{waits}; your organization asks {format_duration(need)} because slow-burning faults show "
        f"late. Set bake to {format_duration(need)}, or ask for the table of another tier.",
        inferred=_guessed(stage),
    )


def _guessed(stage: Stage) -> bool:
    time = stage.bake.time if stage.bake else stage.bake_known
    return time.inferred or stage.kind.inferred or stage.wave.inferred


def gate(case: Case, params: BakeTime) -> Outcome:
    stages = prod_before(case)
    if not stages:
        return no_prod_before(case)
    return together([_baked(case, stage, params) for stage in stages])


def _baked(case: Case, stage: Stage, params: BakeTime) -> Outcome:
    run = case.release.stage(stage.name)
    need = required(case.pipeline, stage, case.release.kind, params)
    if run is None:
        message = f"no run of {stage.name} is recorded for this release"
        return Outcome(Result.UNKNOWN, message, f"release to {stage.name} first")
    used = (
        *run_used(run, "deployed_at", "baked_s"),
        declared(f"bake-time.{stage.name}", format_duration(need), "ruleset and pipeline"),
    )
    if run.deployed_at is None:
        return _not_deployed(run, used)
    if run.baked_s is None:
        message = f"nobody reported how long {stage.name} was watched with data"
        return Outcome(Result.UNKNOWN, message, "report the observed bake time", used=used)
    staffed = params.clock == "staffed" and case.window.configured
    watched = Watched(
        case=case,
        deployed=run.deployed_at,
        seen=run.bake_observed_at or case.now,
        staffed=staffed,
    )
    counted = watched.counted(timedelta(seconds=run.baked_s))
    if counted >= need:
        told = f"{stage.name} baked {format_duration(counted)}{' while staffed' if staffed else ''}"
        message = f"{told}; {format_duration(need)} are needed"
        return Outcome(Result.PASS, message, used=used)
    return replace(_still_baking(run, watched, need - counted, need), used=used)


def _not_deployed(run: StageRun, used: tuple[Used, ...]) -> Outcome:
    if run.state == "deploying":
        message = f"{run.stage} is still being deployed"
        return Outcome(Result.FAIL, message, "wait for the deployment", waits=True, used=used)
    message = f"nobody reported when {run.stage} was fully deployed"
    return Outcome(Result.UNKNOWN, message, "report the time of deployment", used=used)


@dataclass(frozen=True, slots=True, kw_only=True)
class Watched:
    """The time from a deployment to the last observation of its bake, under the windows."""

    case: Case
    deployed: datetime
    seen: datetime
    staffed: bool

    def counted(self, baked: timedelta) -> timedelta:
        """How much of an observed bake counts; of a staffed clock what surely lay in open time.

        Which hours had data is not recorded, so all time that was closed is taken off.
        """
        if not self.staffed:
            return baked
        spans = open_intervals(self.case.windows, self.deployed, self.seen)
        closed = self.seen - self.deployed - sum((each.end - each.start for each in spans), _NONE)
        return max(_NONE, baked - closed)

    def until(self, rest: timedelta) -> datetime | None:
        """When so much more will have counted; None where that is not in sight."""
        if not self.staffed:
            return self.seen + rest
        for each in open_intervals(self.case.windows, self.seen, self.seen + _IN_SIGHT):
            if each.end - each.start >= rest:
                return each.start + rest
            rest -= each.end - each.start
        return None


def _still_baking(run: StageRun, watched: Watched, rest: timedelta, need: timedelta) -> Outcome:
    now, seen, until = watched.case.now, watched.seen, watched.until(rest)
    if seen < watched.deployed or (until and until <= now):
        # The bake could have ended since; whoever watches it has gone quiet, or its data have.
        message = f"the bake of {run.stage} was last observed at {clock(seen, now)}"
        return Outcome(Result.UNKNOWN, message, "report the observed bake time")
    since = clock(watched.deployed, now)
    message = f"{progress(need - rest, need)} since {run.stage} was fully deployed at {since}"
    still = seen - watched.deployed - (need - rest)
    if still >= timedelta(minutes=1):
        without = "without data or people" if watched.staffed else "without data"
        message += f"; {format_duration(still)} {without} do not count"
    cure = f"wait until {clock(until, now)} UTC" if until else "wait for a window that opens"
    return Outcome(Result.FAIL, message, cure, until=until, waits=True)


RULE = Rule(
    id="bake-time",
    number=29,
    title="Leave each production stage running for a fixed time before the next",
    family=Family.VALIDATING,
    severity=Severity.HIGH,
    now=Enforcement.WARN,
    target=Enforcement.BLOCK,
    params=BakeTime,
    docs=__doc__,
    lint=lint,
    gate=gate,
    gate_family=GateFamily.BAKE,
)
