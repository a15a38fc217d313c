"""Widen in waves of growing size, smallest audience first.

## Why it matters
Each wave proves something about the next only where the next is not many times larger: a change
that has met three percent of the customers says little about a hundred. And the first audience
should be the one in which a fault harms fewest.

The weight of a target is its share of the traffic, or where nobody tells it, one of all targets
alike; a finding that rests on mere counts can warn and not block. A wave after the first may reach
at most `max_growth` times what all waves before it reached; no wave reaches more than
`last_wave_max`; the first reaches at most `first_wave_max`; four targets or more take at least
`min_waves` waves. With `low_traffic_first` the first wave takes from the third of the targets with
the least traffic. A stage with an `exposure` adds nothing: it serves a slice of its wave. At the
gate every stage of the waves before must be done.

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
  - {name: wave-1, kind: prod, wave: 1, deploy: hosts, targets: [{name: small, traffic: 3%}]}
  - name: wave-2
    kind: prod
    wave: 2
    deploy: hosts
    targets: [{name: east, traffic: 30%}, {name: west, traffic: 30%}, {name: north, traffic: 37%}]
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
  - {name: wave-1, kind: prod, wave: 1, deploy: hosts, targets: [{name: small, traffic: 10%}]}
  - {name: wave-2, kind: prod, wave: 2, deploy: hosts, targets: [{name: west, traffic: 40%}]}
  - {name: wave-3, kind: prod, wave: 3, deploy: hosts, targets: [{name: east, traffic: 50%}]}
```

## Not reported
Services of a single target, where the weights of the canary are the waves. Waves that a file
cannot tell are unknown.

## Sources
Waves of growing size, one region with little traffic first: Amazon's description of hands-off
deployments. Microsoft's rings grow about tenfold from the second on. Tenth, five times and half:
ours.
"""

from collections.abc import Iterator
from typing import Final

from policies.findings import Enforcement, Problem, Result, Severity
from policies.frozen import dataclass
from policies.observations import run_used, together
from policies.phrases import listed, percent
from policies.pipeline import Pipeline, Stage, Target
from policies.rule import Case, Family, GateFamily, Outcome, Params, Rule, Stricter, Unit, param
from policies.steps import deploys, not_applicable, unclear, without_production


@dataclass(frozen=True, slots=True, kw_only=True)
class WaveGrowth(Params):
    first_wave_max: float = param(
        0.10,
        "Largest share of the customers that the first wave may reach.",
        unit=Unit.SHARE,
        stricter=Stricter.LESS,
    )
    max_growth: float = param(
        5.0,
        "How many times what was reached before one wave may reach.",
        unit=Unit.FACTOR,
        stricter=Stricter.LESS,
    )
    last_wave_max: float = param(
        0.50,
        "Largest share of the customers that any one wave may add.",
        unit=Unit.SHARE,
        stricter=Stricter.LESS,
    )
    min_waves: int = param(
        3,
        "Fewest waves for four targets or more.",
        unit=Unit.COUNT,
        stricter=Stricter.MORE,
    )
    low_traffic_first: bool = param(
        default=True,
        help="Whether the first wave takes from the third of the targets with the least traffic.",
        unit=Unit.FLAG,
        stricter=Stricter.MORE,
    )


#: From so many targets on, waves are counted.
_MANY: Final = 4
#: Shares are written to a hundredth of a percent; what differs by less is equal.
_NEAR: Final = 1e-4


@dataclass(frozen=True, slots=True)
class _Wave:
    """One wave: its stages, and the share of the customers that its targets serve."""

    number: int
    stages: tuple[Stage, ...]
    share: float


def lint(pipeline: Pipeline, params: WaveGrowth) -> Iterator[Problem]:
    stages = [stage for stage in pipeline.prod if deploys(stage)]
    if not pipeline.prod:
        yield from without_production(pipeline)
        return
    hidden = [stage for stage in stages if not stage.wave.known]
    if len(stages) > 1 and hidden:
        why = hidden[0].wave.note or "it is set elsewhere"
        message = f"which wave {hidden[0].name} belongs to cannot be told: {why}"
        yield unclear(hidden[0].span, f"stages/{hidden[0].name}/wave", message)
        return
    targets = [each for stage in stages if not _slice(stage) for each in _targets(stage)]
    if len(targets) <= 1:
        yield not_applicable(pipeline, "there is one target; the canary's weights are its waves")
        return
    yield from _growth(pipeline, list(_waves(stages, targets)), targets, params)


def _slice(stage: Stage) -> bool:
    """Whether the stage serves a share of its wave only, such as a one-box."""
    return stage.exposure.or_else(None) is not None


def _targets(stage: Stage) -> tuple[Target, ...]:
    return stage.targets or (Target(stage.name),)


def _counted(targets: list[Target]) -> bool:
    """Whether weights are mere counts because the traffic of some target is not told."""
    return any(each.traffic is None for each in targets)


def _waves(stages: list[Stage], targets: list[Target]) -> Iterator[_Wave]:
    weight = {
        each.name: 1 / len(targets) if _counted(targets) else each.traffic or 0.0
        for each in targets
    }
    waves: dict[int, list[Stage]] = {}
    for stage in stages:
        waves.setdefault(stage.wave.or_else(1) or 1, []).append(stage)
    for number, members in sorted(waves.items()):
        full = [each for stage in members if not _slice(stage) for each in _targets(stage)]
        yield _Wave(number, tuple(members), sum(weight[each.name] for each in full))


def _growth(
    pipeline: Pipeline, waves: list[_Wave], targets: list[Target], params: WaveGrowth
) -> Iterator[Problem]:
    counted = _counted(targets)
    reached = 0.0
    for wave in waves:
        for told, fix in _complaints(wave, reached, len(targets), params):
            stage = wave.stages[0]
            yield Problem(
                stage.span,
                f"waves/{wave.number}",
                told + (", counting targets" if counted else ""),
                fix,
                inferred=counted or stage.kind.inferred or stage.wave.inferred,
            )
        reached += wave.share
    if len(targets) >= _MANY and len(waves) < params.min_waves:
        yield Problem(
            pipeline.span,
            "waves",
            f"{len(targets)} targets are reached in {len(waves)} waves; at least "
            f"{params.min_waves} are asked",
            f"Spread the targets over {params.min_waves} waves or more, smallest first.",
            inferred=any(stage.kind.inferred for wave in waves for stage in wave.stages),
        )
    if params.low_traffic_first and not counted:
        yield from _busy(waves[0], targets)


def _complaints(
    wave: _Wave, reached: float, targets: int, params: WaveGrowth
) -> Iterator[tuple[str, str]]:
    if not reached and wave.share > params.first_wave_max + _NEAR:
        yield (
            (
                f"the first wave reaches {percent(wave.share)} of the customers; at most "
                f"{percent(params.first_wave_max)} come first"
            ),
            "Start with a smaller target, or with a one-box of one of them.",
        )
    elif reached and wave.share > params.max_growth * reached + _NEAR:
        fit = max(1, int(params.max_growth * reached * targets))
        yield (
            (
                f"wave {wave.number} adds {percent(wave.share)} after {percent(reached)}; at most "
                f"{params.max_growth:.4g} times as much is asked"
            ),
            (
                f"Wave {wave.number} is {wave.share / reached:.3g}x everything tested so far. "
                f"Insert a wave of about {fit} {'target' if fit == 1 else 'targets'}."
            ),
        )
    if reached and wave.share > params.last_wave_max + _NEAR:
        yield (
            (
                f"wave {wave.number} adds {percent(wave.share)} at once; no wave adds more than "
                f"{percent(params.last_wave_max)}"
            ),
            f"Split wave {wave.number} in two.",
        )


def _busy(first: _Wave, targets: list[Target]) -> Iterator[Problem]:
    """Targets of the first wave that carry more traffic than two thirds of all."""
    third = max(1, len(targets) // 3)
    limit = sorted(each.traffic or 0.0 for each in targets)[third - 1]
    full = [each for stage in first.stages if not _slice(stage) for each in _targets(stage)]
    busy = [each.name for each in full if (each.traffic or 0.0) > limit + _NEAR]
    if busy:
        stage = first.stages[0]
        yield Problem(
            stage.span,
            "waves/first",
            f"the first wave reaches {listed(busy)}, which is not among the third of the targets "
            "with the least traffic",
            "Begin where fewest customers are.",
            inferred=stage.kind.inferred,
        )


def gate(case: Case, params: WaveGrowth) -> Outcome:
    del params  # How waves grow was judged in the file; here it is asked whether they are done.
    mine = case.stage.wave.or_else(1) or 1
    before = [
        stage
        for stage in case.pipeline.prod
        if deploys(stage) and (stage.wave.or_else(1) or 1) < mine
    ]
    if not before:
        return Outcome(Result.NOT_APPLICABLE, f"no wave comes before that of {case.stage.name}")
    return together([_done(case, stage) for stage in before])


def _done(case: Case, stage: Stage) -> Outcome:
    run = case.release.stage(stage.name)
    if run is None:
        message = f"no run of {stage.name} is recorded for this release"
        return Outcome(Result.UNKNOWN, message, f"release to {stage.name} first")
    used = run_used(run, "state", "outcome", "ended_at")
    if run.outcome == "succeeded":
        return Outcome(Result.PASS, f"{stage.name} is done", used=used)
    if run.outcome:
        message = f"{stage.name} ended as {run.outcome}"
        return Outcome(Result.FAIL, message, "start the next release", used=used)
    if run.state == "idle":
        # Another executor may say only that nothing goes on there any more.
        return Outcome(Result.PASS, f"{stage.name} is done", used=used)
    message = f"{stage.name} of an earlier wave is still {run.state}"
    return Outcome(Result.FAIL, message, f"wait for {stage.name}", waits=True, used=used)


RULE = Rule(
    id="wave-growth",
    number=32,
    title="Widen in waves of growing size, smallest audience first",
    family=Family.VALIDATING,
    severity=Severity.HIGH,
    now=Enforcement.WARN,
    target=Enforcement.BLOCK,
    params=WaveGrowth,
    docs=__doc__,
    lint=lint,
    gate=gate,
    gate_family=GateFamily.CANARY,
)
