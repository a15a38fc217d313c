"""Slow down where harm is large and repair is slow, and only there.

## Why it matters
One pace for all services is wrong twice: the most critical ones go too fast, and the others wait
for nothing. How many people a fault harms and how long a repair takes should set the pace.

The rule multiplies what `bake-time` asks of each wave: by `tier_0` to `tier_3`, by the tier of the
pipeline. Itself it checks three things. The time to remediate is declared. Where a repair takes
more than an hour, the first wave bakes at least `ttr_factor` times as long. And the other way
round: a pipeline of tier 2 or 3 whose bakes add up to more than `max_total` is slower than its
risk.

## Fails
```yaml
schema: bakegate/pipeline/v1
name: shop
organization: retail
tier: 0
owner: {team: shop, ttr: 4h}
source: {repository: ., branch: main, start: push}
build:
  steps:
    - {name: package, kind: build, run: ./package dist/app.tar.gz}
  artifact: dist/app.tar.gz
deployers:
  hosts: {type: local, hosts: 3}
stages:
  - {name: cell-1, kind: prod, wave: 1, deploy: hosts, bake: {time: 2h}}
  - {name: wave-2, kind: prod, wave: 2, deploy: hosts}
```

## Passes
```yaml
schema: bakegate/pipeline/v1
name: shop
organization: retail
tier: 0
owner: {team: shop, ttr: 4h}
source: {repository: ., branch: main, start: push}
build:
  steps:
    - {name: package, kind: build, run: ./package dist/app.tar.gz}
  artifact: dist/app.tar.gz
deployers:
  hosts: {type: local, hosts: 3}
stages:
  - {name: cell-1, kind: prod, wave: 1, deploy: hosts, bake: {time: 1d}}
  - {name: wave-2, kind: prod, wave: 2, deploy: hosts}
```

## Not reported
Pipelines of unknown tier, which `owner-declared` asks for. Bakes that a format cannot say are
unknown.

## Sources
That impact and time to remediate set the pace of a roll-out, from minutes to hours, is said in
Amazon's account of its practice; 120 hours for all regions, which is five business days, in its
description of hands-off deployments. The factors are ours.
"""

from collections.abc import Iterator
from datetime import timedelta
from typing import Final

from policies.durations import format_duration
from policies.facts import Unknown
from policies.findings import Enforcement, Problem, Severity
from policies.frozen import dataclass
from policies.pipeline import Pipeline, Stage
from policies.rule import Family, Params, Rule, Stricter, Unit, param
from policies.steps import not_applicable, unclear, without_production


@dataclass(frozen=True, slots=True, kw_only=True)
class BakeScalesWithImpact(Params):
    tier_0: float = param(
        2.0, "Factor on the bakes of tier 0.", unit=Unit.FACTOR, stricter=Stricter.MORE
    )
    tier_1: float = param(
        1.0, "Factor on the bakes of tier 1.", unit=Unit.FACTOR, stricter=Stricter.MORE
    )
    tier_2: float = param(
        0.5, "Factor on the bakes of tier 2.", unit=Unit.FACTOR, stricter=Stricter.MORE
    )
    tier_3: float = param(
        0.25, "Factor on the bakes of tier 3.", unit=Unit.FACTOR, stricter=Stricter.MORE
    )
    ttr_factor: float = param(
        4.0,
        "How many times the time to remediate the first wave bakes, where that is over an hour.",
        unit=Unit.FACTOR,
        stricter=Stricter.MORE,
    )
    max_total: timedelta = param(
        timedelta(hours=120),
        "Longest sum of bakes on the way to all customers, for tiers 2 and 3.",
        unit=Unit.DURATION,
        stricter=Stricter.LESS,
    )


#: Up to this long a repair needs no longer first bake.
_SOON: Final = timedelta(hours=1)
#: Tiers that may be slower than their risk.
_LIGHT: Final = 2


def factor(tier: int, params: BakeScalesWithImpact) -> float:
    """What the rows of ``bake-time`` are multiplied by for a tier."""
    return (params.tier_0, params.tier_1, params.tier_2, params.tier_3)[tier]


def lint(pipeline: Pipeline, params: BakeScalesWithImpact) -> Iterator[Problem]:
    tier, ttr = pipeline.tier.value, pipeline.owner.ttr
    if tier is None or isinstance(tier, Unknown):
        yield not_applicable(pipeline, "its tier is not declared")
    elif not pipeline.prod:
        yield from without_production(pipeline)
    else:
        if ttr.known and ttr.value is None:
            yield Problem(
                ttr.span if ttr.span.path else pipeline.span,
                "owner/ttr",
                f"how long a repair takes is not declared, and tier {tier} is",
                "Say in ttr of the owner how long a repair usually takes.",
            )
        yield from _short(pipeline, params)
        if tier >= _LIGHT:
            yield from _slow(pipeline, tier, params)


def _short(pipeline: Pipeline, params: BakeScalesWithImpact) -> Iterator[Problem]:
    """First bakes that end long before a repair would."""
    ttr = pipeline.owner.ttr.or_else(None)
    if ttr is None or ttr <= _SOON:
        return
    need = ttr * params.ttr_factor
    for stage in pipeline.first:
        if stage.exposure.or_else(None) is not None or not pipeline.below(stage):
            continue  # The one-box has a row of its own, and the last stage gates nothing.
        baked = _baked(stage)
        where = f"stages/{stage.name}/bake"
        if baked is None:
            yield unclear(stage.span, where, f"how long {stage.name} bakes cannot be told")
        elif baked < need:
            yield Problem(
                stage.bake.time.span if stage.bake and baked else stage.span,
                where,
                f"{stage.name} bakes {format_duration(baked)} and a repair takes "
                f"{format_duration(ttr)}; the first wave needs {format_duration(need)}",
                f"Repair takes {format_duration(ttr)} here, so {format_duration(baked)} is short. "
                f"Raise the first bake to {format_duration(need)} or shorten recovery.",
                inferred=stage.kind.inferred,
            )


def _baked(stage: Stage) -> timedelta | None:
    """None where the file cannot say it."""
    if stage.bake is None:
        return timedelta() if stage.bake_known.known else None
    return (stage.bake.time.or_else(None) or timedelta()) if stage.bake.time.known else None


def _slow(pipeline: Pipeline, tier: int, params: BakeScalesWithImpact) -> Iterator[Problem]:
    bakes = [_baked(stage) or timedelta() for stage in pipeline.stages]
    before = pipeline.order.before([each.total_seconds() for each in bakes])
    total = timedelta(
        seconds=max(before[pipeline.order.index[each.name]] for each in pipeline.prod)
    )
    if total <= params.max_total:
        return
    limit = format_duration(params.max_total)
    yield Problem(
        pipeline.span,
        "pipeline/total",
        f"the bakes add up to {format_duration(total)}, slower than the risk of tier {tier}; "
        f"at most {limit} are asked",
        "Shorten the bakes of later waves, or say why this service is more critical.",
    )


RULE = Rule(
    id="bake-scales-with-impact",
    number=31,
    title="Slow down where harm is large and repair is slow, and only there",
    family=Family.VALIDATING,
    severity=Severity.MEDIUM,
    now=Enforcement.OBSERVE,
    target=Enforcement.WARN,
    params=BakeScalesWithImpact,
    docs=__doc__,
    lint=lint,
)
