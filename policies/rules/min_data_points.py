"""Wait for enough clean observations, not only for time.

## Why it matters
Twelve quiet hours prove nothing when nobody called. What makes a bake worth something is how often
the new version was asked and answered well: after n clean answers the rate of faults is, with 95
percent confidence, at most about 3/n.

Before a release leaves a production stage, the new version must have given `min_positive` good
answers there and at most `max_negative` bad ones, and each operation that is counted by itself
`per_api_min` good ones. Bad are faults of the server and missed latency objectives; errors of
clients are neither. Stricter numbers that the stage declares count instead.

## Not reported
Services of tier 3. Rollbacks, which never wait. An emergency needs a quarter. Where no customers
come, the answers to synthetic requests count.

## Sources
Three thousand good answers and no bad one: the numbers that Amazon's builders give. A hundred
calls of one operation: the example in Amazon's description of hands-off deployments. The choice of
n from 3/n is the rule of three of statistics: 3,000 bounds the fault rate at 0.1 percent, 30,000
at 0.01 percent.
"""

from dataclasses import dataclass, replace
from typing import Final

from policies.findings import Enforcement, Result, Severity
from policies.observations import declared, no_prod_before, prod_before, run_used, together
from policies.phrases import clock, listed
from policies.pipeline import Stage
from policies.release import DataPoints, ReleaseKind, StageRun
from policies.rule import Case, Family, GateFamily, Outcome, Params, Rule, Stricter, Unit, param


@dataclass(frozen=True, slots=True, kw_only=True)
class MinDataPoints(Params):
    min_positive: int = param(
        3000,
        "Fewest good answers of the new version in the stage.",
        unit=Unit.COUNT,
        stricter=Stricter.MORE,
    )
    max_negative: int = param(
        0,
        "Most bad answers of the new version in the stage.",
        unit=Unit.COUNT,
        stricter=Stricter.LESS,
    )
    per_api_min: int = param(
        100,
        "Fewest good answers of each operation that is counted by itself.",
        unit=Unit.COUNT,
        stricter=Stricter.MORE,
    )
    emergency: float = param(
        0.25,
        "Share of the good answers that an emergency release needs.",
        unit=Unit.SHARE,
        stricter=Stricter.MORE,
    )


@dataclass(frozen=True, slots=True)
class Needed:
    """The data points that one stage needs for one release."""

    positive: int
    negative: int
    per_operation: int


#: The least critical tier, whose traffic may be too thin to wait for.
_EXEMPT_TIER: Final = 3


def required(stage: Stage, kind: ReleaseKind, params: MinDataPoints) -> Needed:
    """The organization's numbers, or the stage's own where these are stricter."""
    own_positive = stage.bake.positive.or_else(None) if stage.bake else None
    own_negative = stage.bake.negative.or_else(None) if stage.bake else None
    positive, each = max(params.min_positive, own_positive or 0), params.per_api_min
    if kind is ReleaseKind.EMERGENCY:
        positive, each = _part(positive, params.emergency), _part(each, params.emergency)
    negative = params.max_negative if own_negative is None else own_negative
    return Needed(positive, min(params.max_negative, negative), each)


def _part(count: int, share: float) -> int:
    return -int(-count * share // 1)


def gate(case: Case, params: MinDataPoints) -> Outcome:
    stages = prod_before(case)
    if case.pipeline.tier.value == _EXEMPT_TIER:
        return Outcome(Result.NOT_APPLICABLE, "a service of tier 3 does not wait for data points")
    if not stages:
        return no_prod_before(case)
    return together([_counted(case, stage, params) for stage in stages])


def _counted(case: Case, stage: Stage, params: MinDataPoints) -> Outcome:
    run = case.release.stage(stage.name)
    if run is None or run.data_points is None:
        message = f"no data points of the new version in {stage.name} were reported"
        return Outcome(Result.UNKNOWN, message, "report the answers of the new version")
    needed = required(stage, case.release.kind, params)
    numbers = {"positive": needed.positive, "negative": needed.negative}
    used = (
        *run_used(run, "deployed_at", "data_points"),
        declared(f"min-data-points.{stage.name}", numbers, "ruleset and pipeline"),
    )
    return replace(_judge(case, run, run.data_points, needed), used=used)


def _judge(case: Case, run: StageRun, points: DataPoints, needed: Needed) -> Outcome:
    if points.negative > needed.negative:
        message = (
            f"{points.negative} of {points.positive + points.negative} answers in {run.stage} "
            f"were bad; at most {needed.negative} may be"
        )
        return Outcome(Result.FAIL, message, "mend the cause and release again")
    if run.deployed_at is None or points.observed_at < run.deployed_at:
        message = f"no data points of {run.stage} were reported since it was fully deployed"
        return Outcome(Result.UNKNOWN, message, "report the answers of the new version")
    since = clock(run.deployed_at, case.now)
    if points.positive < needed.positive:
        message = (
            f"{points.positive} of {needed.positive} good answers in {run.stage} since {since}"
        )
        cure = f"wait until {needed.positive} good answers have come"
        return Outcome(Result.FAIL, message, cure, waits=True)
    thin = [name for name, count in points.per_operation if count < needed.per_operation]
    if thin:
        message = f"fewer than {needed.per_operation} good answers of {listed(thin)} in {run.stage}"
        return Outcome(
            Result.FAIL, message, f"wait for more requests to {listed(thin)}", waits=True
        )
    told = f"{points.positive} good answers in {run.stage}"
    return Outcome(Result.PASS, f"{told}, {points.negative} bad" if points.negative else told)


RULE = Rule(
    id="min-data-points",
    number=28,
    title="Wait for enough clean observations, not only for time",
    family=Family.VALIDATING,
    severity=Severity.HIGH,
    now=Enforcement.OBSERVE,
    target=Enforcement.BLOCK,
    params=MinDataPoints,
    docs=__doc__,
    gate=gate,
    gate_family=GateFamily.BAKE,
)
