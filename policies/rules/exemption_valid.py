"""Allow opt-outs, but dated and seen.

## Why it matters
A rule without exceptions is obeyed on paper. An exception without an end is a rule that nobody
keeps, and after two years nobody remembers why. So both are written down: who asked, why, who
agreed, and until when.

An exemption may last `temp_max`; it stops counting at its end, and in the last week before it the
team is warned. An opt-out stays, but its review may lie at most `permanent_review` ahead; when the
review is past, this rule fails until somebody has looked again. Who approved must lead a node above
the pipeline (`approver: leader`, as `leaders` of the organization file name them) or own the
ruleset (`approver: rule_owner`).

At the gate only exceptions that count can fail it: one that has ended sets nothing aside there.

## Fails
```yaml
schema: bakegate/exceptions/v1
exemptions:
  - id: ex-1
    pipeline: shop
    rule: bake-time
    reason: legacy
    approved_by: lee
    from: 2026-11-01
    until: 2028-11-01
```

## Passes
```yaml
schema: bakegate/exceptions/v1
exemptions:
  - id: ex-1
    pipeline: shop
    rule: bake-time
    reason: The engine moves to the new hosts in December.
    approved_by: lee
    from: 2026-11-01
    until: 2027-01-01
```

## Not reported
Who approved, where the organization file names no leaders. Overrides, which are of one release and
have a rule of their own.

## Sources
Temporary and permanent opt-outs that leaders see: a practice that Amazon's builders describe. The
AWS DevOps guidance on exceptions with an end.
"""

from collections.abc import Iterator
from datetime import timedelta
from typing import Final

from policies.durations import format_duration
from policies.findings import Enforcement, Problem, Result, Severity
from policies.frozen import dataclass
from policies.granted import Granted
from policies.observations import declared
from policies.phrases import listed
from policies.pipeline import Pipeline
from policies.rule import Case, Family, Outcome, Params, Rule, Stricter, Unit, param
from policies.steps import not_applicable, unclear

#: How long before its end a team is told that an exemption ends.
_NOTICE: Final = timedelta(days=7)
#: A day of the calendar may be an hour longer than 24 hours.
_CLOCK_CHANGE: Final = timedelta(hours=1)
_UNREAD: Final = "which exemptions and opt-outs apply is not known here"


@dataclass(frozen=True, slots=True, kw_only=True)
class ExemptionValid(Params):
    temp_max: timedelta = param(
        timedelta(days=90),
        "Longest exemption.",
        unit=Unit.DURATION,
        stricter=Stricter.LESS,
    )
    permanent_review: timedelta = param(
        timedelta(days=180),
        "How far ahead the review of an opt-out may lie.",
        unit=Unit.DURATION,
        stricter=Stricter.LESS,
    )
    approver: str = param(
        "leader",
        "Who must have approved: a leader up the tree, or the owner of a ruleset that applies.",
        unit=Unit.WORD,
        stricter=Stricter.NEITHER,
        allowed=("leader", "rule_owner"),
    )


def lint(pipeline: Pipeline, params: ExemptionValid) -> Iterator[Problem]:
    granted = pipeline.around.granted
    if granted is None:
        yield unclear(pipeline.span, "exceptions", _UNREAD)
        return
    if not granted:
        yield not_applicable(pipeline, "it has no exemption and no opt-out")
    for each in granted:
        found = _complaints(each, params) or _notices(each)
        for message in found:
            yield Problem(
                each.span or pipeline.span,
                f"exceptions/{each.id}",
                f"{_named(each)} {message}",
                f"Renew {each.id} with a reason, or remove it and do what {each.rule} asks.",
                # What ends soon, or has ended, is in order: its owner is told, nothing is stopped.
                inferred=not _complaints(each, params),
            )


def gate(case: Case, params: ExemptionValid) -> Outcome:
    if case.granted is None:
        return Outcome(Result.UNKNOWN, _UNREAD, "report the exemptions of the pipeline")
    counting = [each for each in case.granted if _counts(each)]
    if not counting:
        return Outcome(Result.NOT_APPLICABLE, "no exemption and no opt-out counts")
    used = (declared("exceptions", [each.id for each in counting], "exceptions"),)
    wrong = [(each, message) for each in counting for message in _complaints(each, params)]
    if not wrong:
        told = "; ".join(f"{_named(each)}, {_end(each)}" for each in counting)
        return Outcome(Result.PASS, told, used=used)
    message = "; ".join(f"{_named(each)} {told}" for each, told in wrong)
    names = listed(dict.fromkeys(each.id for each, _ in wrong))
    return Outcome(Result.FAIL, message, f"renew {names} with a reason, or remove it", used=used)


def _counts(each: Granted) -> bool:
    """Whether it sets anything aside now; a limit that refuses it did so already."""
    return not each.refused and (each.kind == "opt-out" or each.left > timedelta())


def _complaints(each: Granted, params: ExemptionValid) -> list[str]:
    ended = each.kind == "exemption" and each.left <= timedelta()
    if ended:
        return []
    return [told for told in (_length(each, params), _approval(each, params)) if told]


def _length(each: Granted, params: ExemptionValid) -> str:
    if each.refused:
        return f"does not count: {each.refused}"
    if each.lasts is not None and each.lasts > params.temp_max + _CLOCK_CHANGE:
        longest = format_duration(params.temp_max)
        return f"lasts {_days(each.lasts)}; at most {longest} are allowed"
    if each.lasts is None and each.left <= timedelta():
        return f"should have been reviewed by {each.last_day}"
    if each.lasts is None and each.left > params.permanent_review + _CLOCK_CHANGE:
        furthest = format_duration(params.permanent_review)
        return f"is reviewed in {_days(each.left)}; at most {furthest} ahead are allowed"
    return ""


def _approval(each: Granted, params: ExemptionValid) -> str:
    if not each.reason.strip():
        return "gives no reason"
    if not each.approved_by.strip():
        return "names nobody who approved it"
    if params.approver == "rule_owner" and not each.owned:
        return f"was approved by {each.approved_by}, who owns no ruleset that applies"
    if params.approver == "leader" and each.led is False:
        return f"was approved by {each.approved_by}, who leads no node above this pipeline"
    return ""


def _notices(each: Granted) -> list[str]:
    if each.kind == "opt-out" or each.left > _NOTICE:
        return []
    if each.left > timedelta():
        return [f"ends after {each.last_day}; from then on {each.rule} applies again"]
    return [f"has ended after {each.last_day}; {each.rule} applies again"]


def _end(each: Granted) -> str:
    word = "reviewed" if each.kind == "opt-out" else "lasts"
    return f"{word} until {each.last_day}"


def _named(each: Granted) -> str:
    return f"{each.kind} {each.id} from {each.rule}"


def _days(length: timedelta) -> str:
    return f"{-(-(length - _CLOCK_CHANGE) // timedelta(days=1))}d"


RULE = Rule(
    id="exemption-valid",
    number=68,
    title="Allow opt-outs, but dated and seen",
    family=Family.OWNERSHIP,
    severity=Severity.MEDIUM,
    now=Enforcement.BLOCK,
    target=Enforcement.BLOCK,
    params=ExemptionValid,
    docs=__doc__,
    lint=lint,
    gate=gate,
)
