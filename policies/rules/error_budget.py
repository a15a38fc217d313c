"""Slow normal releases when the service has used its error budget.

## Why it matters
An objective says how much harm a service may do its customers in a month. When that is used up, the
next risk is not worth a feature: what makes the service reliable again goes first, and the rest
waits.

More than `min_remaining` of the budget of the last `window` must be left. What load tests and
outages of dependencies used, where tagged, does not count. When it is spent, only releases go whose
every change carries a label of `allow`.

## Not reported
Services without an objective. Tiers less critical than `least_tier`. Rollbacks and emergencies.
Merges, which change nothing themselves.

## Sources
The policy for error budgets of Google's site reliability workbook: four weeks, and what may still
be released. An hour as the age of a report: ours.
"""

from datetime import timedelta

from policies.durations import format_duration
from policies.findings import Enforcement, Result, Severity
from policies.frozen import dataclass
from policies.observations import seen_used, too_old, unchanged
from policies.phrases import clock, listed, percent, short
from policies.release import Change, Objective
from policies.rule import Case, Family, Outcome, Params, Rule, Stricter, Unit, param


@dataclass(frozen=True, slots=True, kw_only=True)
class ErrorBudget(Params):
    window: timedelta = param(
        timedelta(days=28),
        "Time over which the budget is counted.",
        unit=Unit.DURATION,
        stricter=Stricter.NEITHER,
    )
    min_remaining: float = param(
        0.0,
        "Share of the budget of which more must be left.",
        unit=Unit.SHARE,
        stricter=Stricter.MORE,
    )
    allow: frozenset[str] = param(
        frozenset({"p0-fix", "security", "rollback"}),
        "Labels of changes that may be released without a budget.",
        unit=Unit.WORDS,
        stricter=Stricter.SUBSET,
    )
    least_tier: int = param(
        1,
        "Least critical tier that the rule speaks of.",
        unit=Unit.COUNT,
        stricter=Stricter.MORE,
    )
    max_state_age: timedelta = param(
        timedelta(hours=1),
        "Oldest report of the budget that still says something.",
        unit=Unit.DURATION,
        stricter=Stricter.LESS,
    )


def gate(case: Case, params: ErrorBudget) -> Outcome:
    slo, tier = case.release.context.slo, case.pipeline.tier.value
    if isinstance(tier, int) and tier > params.least_tier:
        return Outcome(Result.NOT_APPLICABLE, f"a service of tier {tier} is not slowed")
    if slo is None:
        message = "the service's error budget was not reported"
        return Outcome(Result.UNKNOWN, message, "report the error budget")
    if slo.target is None:
        return Outcome(Result.NOT_APPLICABLE, "the service has no objective")
    old = too_old(case, slo, params.max_state_age, "the error budget")
    if old:
        return old
    if slo.remaining is None or (slo.window and slo.window != params.window):
        message = f"the error budget of {format_duration(params.window)} was not reported"
        return Outcome(Result.UNKNOWN, message, "report what is left of the budget")
    return _judge(case, slo, slo.remaining, params)


def _judge(case: Case, slo: Objective, remaining: float, params: ErrorBudget) -> Outcome:
    left = min(remaining + (slo.excluded or 0), 1.0)
    used = (seen_used("context.slo.remaining", remaining, slo, case.release.context),)
    told = f"{percent(left)} of the error budget of {format_duration(params.window)} is left"
    if left > params.min_remaining:
        return Outcome(Result.PASS, told, used=used)
    changes = [each for each in case.release.changes if not each.merge]
    others = [each for each in changes if each.labels is not None and not _goes(each, params)]
    allowed = listed(sorted(params.allow)) if params.allow else "no label"
    if others:
        names = listed(short(each.commit) for each in others)
        back = slo.recovers_at if slo.recovers_at and slo.recovers_at > case.now else None
        wait = f"wait until {clock(back, case.now)} UTC" if back else "wait until it recovers"
        message = f"{told}; {names} carries none of {allowed}"
        cure = f"{wait}, or release what is labelled {allowed} alone"
        return Outcome(Result.FAIL, message, cure, until=back, waits=True, used=used)
    silent = any(each.labels is None for each in changes)
    if silent or not (changes or unchanged(case.release)):
        message = f"{told}, and what its changes are for was not reported"
        return Outcome(Result.UNKNOWN, message, "report the labels of the changes", used=used)
    return Outcome(Result.PASS, f"{told}; the release may go without", used=used)


def _goes(change: Change, params: ErrorBudget) -> bool:
    return bool(params.allow & {label.lower() for label in change.labels or ()})


RULE = Rule(
    id="error-budget",
    number=43,
    title="Slow normal releases when the service has used its error budget",
    family=Family.CONTROL,
    severity=Severity.MEDIUM,
    now=Enforcement.OBSERVE,
    target=Enforcement.WARN,
    params=ErrorBudget,
    docs=__doc__,
    gate=gate,
)
