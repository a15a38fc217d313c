"""Wait for enough clean observations, not only for time.

## Why it matters
Twelve quiet hours prove nothing when nobody called. What makes a bake worth something is how often
the new version was asked and answered well: after n clean answers the rate of faults is, with 95
percent confidence, at most about 3/n.

Before a release leaves a production stage, the new version must have given `min_positive` good
answers there and at most `max_negative` bad ones, and each operation that is counted by itself
`per_api_min` good ones. Bad are faults of the server and missed latency objectives; errors of
clients are neither. Stricter numbers that the stage declares count instead. A metric that is judged
statistically needs `samples_min` points. Where so many customers come that no run is without a bad
answer, `max_negative_rate` compares the share of bad answers with that of the old version.

After `hold_max` the message says whom to tell, and Bakegate's own executor tells the owner once, of
a release that a gate holds for as long, too; with `after_hold_max: accept` a stage that has baked
twice as long as it declares, and whose synthetics pass, is enough.

## Not reported
Services of tier 3. Rollbacks, which never wait. An emergency needs a quarter. Where no customers
come, the answers to synthetic requests count.

## Sources
Three thousand good answers and no bad one: the numbers that Amazon's builders give. A hundred
calls of one operation: the example in Amazon's description of hands-off deployments. Fifty points
of each metric: Spinnaker's advice for canaries. A day until the owner is told: ours. The choice of
n from 3/n is the rule of three of statistics: 3,000 bounds the fault rate at 0.1 percent, 30,000
at 0.01 percent.
"""

from datetime import timedelta
from typing import Final

from policies.durations import format_duration
from policies.findings import Enforcement, Result, Severity
from policies.frozen import dataclass, replace
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
    samples_min: int = param(
        50,
        "Fewest points of each metric that is judged statistically.",
        unit=Unit.COUNT,
        stricter=Stricter.MORE,
    )
    max_negative_rate: str = param(
        "baseline",
        "Whether more bad answers pass whose share is not above the old version's (baseline).",
        unit=Unit.WORD,
        stricter=Stricter.NEITHER,
        allowed=("baseline", "none"),
    )
    hold_max: timedelta = param(
        timedelta(hours=24),
        "How long after the stage was deployed the owner is told that it still waits.",
        unit=Unit.DURATION,
        stricter=Stricter.NEITHER,
    )
    after_hold_max: str = param(
        "hold",
        "What happens then: it holds on, or twice the bake with passing synthetics is accepted.",
        unit=Unit.WORD,
        stricter=Stricter.NEITHER,
        allowed=("hold", "accept"),
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


#: How often the declared bake stands for missing data points.
_TIMES_BAKE: Final = 2
#: After so many missed runs a synthetic has failed.
_MISSED: Final = 3
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


def own_points(stage: Stage, kind: ReleaseKind, params: MinDataPoints) -> int:
    """Good answers that ``stage`` waits for by its own words alone, or an emergency's share."""
    own = (stage.bake.positive.or_else(None) if stage.bake else None) or 0
    return _part(own, params.emergency) if kind is ReleaseKind.EMERGENCY else own


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
    outcome = _judge(case, run, run.data_points, needed, params)
    if outcome.waits and run.deployed_at and case.now - run.deployed_at >= params.hold_max:
        outcome = _overdue(case, stage, run, outcome, params)
    return replace(outcome, used=used)


def _overdue(
    case: Case, stage: Stage, run: StageRun, outcome: Outcome, params: MinDataPoints
) -> Outcome:
    """What waits longer than is right: no hold ends by time alone, but somebody is told."""
    bake = (stage.bake.time.or_else(None) if stage.bake else None) or timedelta()
    baked = timedelta(seconds=run.baked_s or 0)
    long_enough = bool(bake) and baked >= _TIMES_BAKE * bake
    if params.after_hold_max == "accept" and long_enough and _passing(case, stage):
        told = f"{run.stage} baked {format_duration(baked)} and its synthetics pass"
        return Outcome(Result.PASS, f"{told}, instead of: {outcome.message}")
    owner = case.pipeline.owner.team.or_else(None) or "its owner"
    message = f"{outcome.message}, for longer than {format_duration(params.hold_max)}"
    return replace(outcome, message=message, would_pass=f"{outcome.would_pass}; tell {owner}")


def _passing(case: Case, stage: Stage) -> bool:
    """Whether synthetics were reported for the stage and none has missed three runs."""
    mine = [each for each in case.release.context.synthetics or () if each.stage == stage.name]
    return bool(mine) and all(
        each.last_ok is not None and case.now - each.last_ok <= _MISSED * each.interval
        for each in mine
    )


def _harmful(points: DataPoints, needed: Needed, params: MinDataPoints) -> bool:
    """Whether there are more bad answers than may be, also beside the old version's."""
    if points.negative <= needed.negative:
        return False
    good, bad = points.baseline_positive, points.baseline_negative
    if params.max_negative_rate != "baseline" or good is None or bad is None or not good + bad:
        return True
    # Whole numbers, because a share of many answers is not exact.
    return points.negative * (good + bad) > bad * (points.positive + points.negative)


def _judge(
    case: Case, run: StageRun, points: DataPoints, needed: Needed, params: MinDataPoints
) -> Outcome:
    if _harmful(points, needed, params):
        message = (
            f"{points.negative} of {points.positive + points.negative} answers in {run.stage} "
            f"were bad; at most {needed.negative} may be"
        )
        if points.baseline_negative and points.baseline_positive:
            total = points.baseline_positive + points.baseline_negative
            message += f", and of the old version's {points.baseline_negative} of {total} were"
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
    few = [
        each.metric
        for each in points.metrics
        if each.samples is not None and each.samples < params.samples_min
    ]
    if few:
        message = f"fewer than {params.samples_min} points of {listed(few)} in {run.stage}"
        return Outcome(Result.FAIL, message, f"wait for more points of {listed(few)}", waits=True)
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
