"""Touch one Region, zone or cell at a time.

## Why it matters
Regions, zones and cells exist so that one fault does not reach all of them. A change that is
deployed to two of them at once undoes that: a bad one harms both before anybody has seen the first.

The rule looks at what may run at the same time: targets of a stage whose `parallel` is more than 1,
and production stages that do not wait for each other. In the first two waves at most
`parallel_regions_first` regions, later `parallel_regions_later` (0 sets no limit); within a region
`parallel_az_per_region` zones, and within a zone `parallel_cells` cells. At the gate other releases
in flight count as well, and targets of this one that still bake.

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
  - name: wave-1
    kind: prod
    deploy: hosts
    parallel: 2
    targets: [{name: west, region: us-west}, {name: east, region: us-east}]
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
  - name: wave-1
    kind: prod
    deploy: hosts
    parallel: 2
    targets: [{name: one, region: us, zone: a}, {name: two, region: us, zone: a}]
```

## Not reported
Pipelines of kind config that touch no data path are for their organization to exempt. Targets
without a region cannot be compared, which is unknown where several run at once.

## Sources
One region, and one zone of it, at a time: the first objective of production deployments in Amazon's
description of hands-off deployments, and the AWS DevOps guidance. That the second wave keeps to one
region: ours.
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from typing import Final

from policies.findings import Enforcement, Problem, Related, Result, Severity
from policies.frozen import dataclass
from policies.graphs import decoded
from policies.observations import observed
from policies.phrases import listed
from policies.pipeline import Pipeline, Stage, Target
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
from policies.steps import deploys, not_applicable, unclear, without_production


@dataclass(frozen=True, slots=True, kw_only=True)
class FaultDomainIsolation(Params):
    parallel_regions_first: int = param(
        1,
        "Most regions at once in the first two waves.",
        unit=Unit.COUNT,
        stricter=Stricter.LESS,
    )
    parallel_regions_later: int = param(
        0,
        "Most regions at once in later waves; 0 sets no limit.",
        unit=Unit.COUNT,
        stricter=Stricter.NEITHER,
    )
    parallel_az_per_region: int = param(
        1, "Most zones of one region at once.", unit=Unit.COUNT, stricter=Stricter.LESS
    )
    parallel_cells: int = param(
        1, "Most cells of one zone at once.", unit=Unit.COUNT, stricter=Stricter.LESS
    )


#: Waves up to this one keep to the first limit.
_EARLY: Final = 2


def lint(pipeline: Pipeline, params: FaultDomainIsolation) -> Iterator[Problem]:
    stages = [stage for stage in pipeline.prod if deploys(stage)]
    if not pipeline.prod:
        yield from without_production(pipeline)
        return
    alone = [each for each in stages if len(each.targets) > 1 and each.parallel > 1]
    beside = _beside(pipeline, stages)
    if not alone and not any(beside):
        yield not_applicable(pipeline, "nothing is deployed to two places at once")
    for stage in alone:
        yield from _together([stage], stage.targets, stage.parallel, params)
    for last, others in zip(stages, beside, strict=True):
        yield from _first_of_pairs(pipeline, others, last, params)


def _first_of_pairs(
    pipeline: Pipeline, beside: int, last: Stage, params: FaultDomainIsolation
) -> Iterator[Problem]:
    """What a stage shares with the first stage beside it; the mend is the same for all of them."""
    for one in (pipeline.stages[number] for number in decoded(beside)):
        found = list(_together([one, last], (*_targets(one), *_targets(last)), 2, params))
        if found:
            yield from found
            return


def _beside(pipeline: Pipeline, stages: Sequence[Stage]) -> list[int]:
    """For each stage those before it that may run at the same time, as bits."""
    found, before = [], 0
    for last in stages:
        found.append(before & ~pipeline.above(last) & ~pipeline.below(last))
        before |= pipeline.bits([last])
    return found


def _targets(stage: Stage) -> tuple[Target, ...]:
    return stage.targets or (Target(stage.name),)


def _together(
    stages: Sequence[Stage], targets: Sequence[Target], width: int, params: FaultDomainIsolation
) -> Iterator[Problem]:
    first, last = stages[0], stages[-1]
    names = listed(stage.name for stage in stages)
    where = f"stages/{'+'.join(stage.name for stage in stages)}/parallel"
    if any(not each.region for each in targets):
        message = f"which regions {names} may touch at once cannot be told: a target has no region"
        yield unclear(last.span, where, message, "Give every target its region.")
        return
    wave = min(stage.wave.or_else(1) or 1 for stage in stages)
    for told in crowded(targets, width, wave, params):
        verb = "deploys" if len(stages) == 1 else "deploy"
        yield Problem(
            last.span,
            where,
            f"{names} {verb} to {told} at once",
            f"A bad change would hit {told} at once. {_mend(stages)}",
            inferred=any(stage.kind.inferred for stage in stages),
            related=() if len(stages) == 1 else (Related(first.span, "runs at the same time"),),
        )


def _mend(stages: Sequence[Stage]) -> str:
    if len(stages) == 1:
        return "Set parallel to 1."
    return f"Let {stages[-1].name} wait for {stages[0].name}."


def crowded(
    targets: Iterable[Target], width: int, wave: int, params: FaultDomainIsolation
) -> Iterator[str]:
    """What more than the limits of is touched where so many targets change at once, in words."""
    zones: dict[str, set[str]] = defaultdict(set)
    cells: dict[tuple[str, str], set[str]] = defaultdict(set)
    for each in targets:
        zones[each.region] |= {each.zone} if each.zone else set()
        cells[each.region, each.zone] |= {each.cell} if each.cell else set()
    limit = params.parallel_regions_first if wave <= _EARLY else params.parallel_regions_later
    if limit and min(width, len(zones)) > limit:
        yield f"the regions {listed(sorted(zones))}"
    for region, found in sorted(zones.items()):
        if min(width, len(found)) > params.parallel_az_per_region:
            yield f"the zones {listed(sorted(found))} of {region}"
    for (region, zone), found in sorted(cells.items()):
        if min(width, len(found)) > params.parallel_cells:
            yield f"the cells {listed(sorted(found))} of {zone or region}"


def gate(case: Case, params: FaultDomainIsolation) -> Outcome:
    flying = case.release.context.in_flight
    if flying is None:
        message = "which releases are in flight was not reported"
        return Outcome(Result.UNKNOWN, message, "report the releases in flight")
    places = {each.name: each for stage in case.pipeline.stages for each in _targets(stage)}
    busy = [
        name
        for each in flying
        if (each.release, each.stage) != (case.release.id, case.stage.name)
        for name in each.targets or _names(case.pipeline, each.stage)
    ]
    busy += [
        each.name
        for run in case.release.stages
        if run.stage != case.stage.name and run.state in {"deploying", "baking"}
        for each in _prod_targets(case.pipeline, run.stage)
    ]
    used = observed("context.in_flight", sorted(set(busy)), case.release.context.captured_at)
    others = [places[name] for name in dict.fromkeys(busy) if name in places]
    return _judged(case, others, params, used)


def _names(pipeline: Pipeline, stage: str) -> tuple[str, ...]:
    return tuple(each.name for each in _prod_targets(pipeline, stage))


def _prod_targets(pipeline: Pipeline, name: str) -> tuple[Target, ...]:
    stage = pipeline.stage(name)
    return _targets(stage) if stage and stage.is_prod else ()


def _judged(case: Case, others: list[Target], params: FaultDomainIsolation, used: Used) -> Outcome:
    """What this stage and the places that are busy would touch together."""
    own = _targets(case.stage)
    shared = [each for each in others if each not in own]
    if not shared:
        return Outcome(Result.PASS, "nothing else is in flight", used=(used,))
    unplaced = [each.name for each in (*own, *shared) if not each.region]
    if unplaced:
        message = f"the region of {listed(unplaced)} is not declared"
        return Outcome(Result.UNKNOWN, message, "give every target its region", used=(used,))
    wave = case.stage.wave.or_else(1) or 1
    told = list(crowded((*own, *shared), len(shared) + 1, wave, params))
    names = listed(each.name for each in shared)
    if not told:
        return Outcome(Result.PASS, f"{names} may be in flight beside it", used=(used,))
    message = f"with {names} in flight, {case.stage.name} would touch {listed(told)} at once"
    return Outcome(Result.FAIL, message, f"wait for {names}", waits=True, used=(used,))


RULE = Rule(
    id="fault-domain-isolation",
    number=33,
    title="Touch one Region, zone or cell at a time",
    family=Family.VALIDATING,
    severity=Severity.HIGH,
    now=Enforcement.WARN,
    target=Enforcement.BLOCK,
    params=FaultDomainIsolation,
    docs=__doc__,
    lint=lint,
    gate=gate,
    gate_family=GateFamily.CANARY,
)
