"""Record why a release did not work.

## Why it matters
The rules of this catalogue came from failures that somebody had written down and sorted. An
organization that records the reasons of its own finds its next rule there; one that does not has
the same failure again.

Every run in production of the last 30 days that failed, went back or was let through by an override
has a reason code of the `taxonomy`, at the latest `within` after it ended. Where the same code
comes three times the message says so: it is a candidate for a rule.

## Not reported
Runs that a newer release replaced. Failures in test stages, which is what these are for.

## Sources
Rules that came from catalogued release failures: the practice that Amazon's builders describe.
Three days, and the codes: ours.
"""

from collections import Counter
from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Final

from policies.findings import Enforcement, Result, Severity
from policies.frozen import dataclass
from policies.observations import observed, ran_in_prod, together
from policies.phrases import clock, listed
from policies.release import EarlierRelease, StageRun
from policies.rule import Case, Family, Outcome, Params, Rule, Stricter, Unit, param


@dataclass(frozen=True, slots=True, kw_only=True)
class FailureReason(Params):
    within: timedelta = param(
        timedelta(hours=72),
        "How long after it ended a failed run may be without a reason.",
        unit=Unit.DURATION,
        stricter=Stricter.LESS,
    )
    taxonomy: frozenset[str] = param(
        frozenset(
            {
                *("test-gap", "config", "capacity", "dependency", "data-compat"),
                *("alarm-gap", "human-step", "other"),
            }
        ),
        "Reason codes that count.",
        unit=Unit.WORDS,
        stricter=Stricter.SUBSET,
    )


#: How far back runs are looked at.
_LOOK_BACK: Final = timedelta(days=30)
#: So many equal reasons propose a rule.
_PATTERN: Final = 3
#: Outcomes of what did not work, as a sentence says them.
_ENDED: Final = {"failed": "failed", "errored": "failed", "rolled_back": "was rolled back"}


def gate(case: Case, params: FailureReason) -> Outcome:
    if case.release.context.earlier is None:
        message = "the earlier releases of this pipeline were not reported"
        return Outcome(Result.UNKNOWN, message, "report the earlier releases")
    runs = list(_of_interest(case))
    parts = [_judge(case, name, run, at, params) for name, run, at in runs]
    if any(part.result is Result.FAIL for part in parts):
        return together(parts)
    codes = Counter(run.reason_code for _, run, _ in runs if run.reason_code)
    often = sorted(code for code, count in codes.items() if count >= _PATTERN)
    told = "every failure in production has its reason" if parts else "nothing failed in production"
    if often:
        told = f"{listed(often)} came {_PATTERN} times or more in 30 days: a candidate for a rule"
    return Outcome(Result.PASS, told, used=together(parts).used if parts else ())


def _of_interest(case: Case) -> Iterator[tuple[str, StageRun, datetime]]:
    """Runs that did not work, with when that was known."""
    for earlier in case.release.context.earlier or ():
        for run in earlier.stages:
            at = run.rolled_back_at or run.ended_at
            if at is None or case.now - at > _LOOK_BACK:
                continue
            if _did_not_work(earlier, run) and ran_in_prod(case, run):
                yield earlier.id, run, at


def _did_not_work(earlier: EarlierRelease, run: StageRun) -> bool:
    overridden = any(each.stage == run.stage for each in earlier.overrides)
    return run.outcome in _ENDED or run.rolled_back_at is not None or overridden


def _judge(case: Case, name: str, run: StageRun, at: datetime, params: FailureReason) -> Outcome:
    used = (observed(f"earlier.{name}.{run.stage}.reason_code", run.reason_code, at),)
    cure = f"record the reason of {name}: one of {listed(sorted(params.taxonomy) or ['none'])}"
    if run.reason_code and run.reason_code not in params.taxonomy:
        message = f"{run.reason_code}, given for {name} in {run.stage}, is no known reason"
        return Outcome(Result.FAIL, message, cure, used=used)
    if run.reason_code or case.now - at <= params.within:
        return Outcome(Result.PASS, f"{name} in {run.stage} has its reason", used=used)
    ended = _ENDED.get(run.outcome, "was let through by an override")
    message = f"{name} {ended} in {run.stage} at {clock(at, case.now)}; nobody said why"
    return Outcome(Result.FAIL, message, cure, used=used)


RULE = Rule(
    id="failure-reason",
    number=70,
    title="Record why a release did not work",
    family=Family.OWNERSHIP,
    severity=Severity.LOW,
    now=Enforcement.OBSERVE,
    target=Enforcement.WARN,
    params=FailureReason,
    docs=__doc__,
    gate=gate,
)
