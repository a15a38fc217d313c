"""Have every change reviewed by someone else before it ships.

## Why it matters
The review is the last step at which a person looks at a change; everything after it is automatic.
One commit that reached the main branch around it makes every check behind it judge something that
only one person has seen.

Each commit between the base and the artifact, merges aside, needs the approval of `min_reviewers`
people who are neither its author nor, where that is known, the one who pushed last. With
`last_push_approved` an approval counts only if it is not older than the last push. That holds for
code, infrastructure, configuration, tests and pipeline files alike. Approvals by programs count
only with `bots_count`.

## Not reported
Merges, which change nothing themselves. With `bot_changes` off, changes that a program wrote. An
emergency release has `post_review` to be reviewed after the fact.

## Sources
The review as the last manual step: Amazon's description of hands-off deployments. Two people for
every change, programs not counted: the Code-Review check of OpenSSF Scorecard. Peer review instead
of outside approval: DORA. Twenty-four hours: ours.
"""

from collections.abc import Iterator
from datetime import timedelta

from policies.findings import Enforcement, Result, Severity
from policies.frozen import dataclass
from policies.observations import observed, together, unchanged
from policies.phrases import clock, counted, short
from policies.release import Change, ReleaseKind, Review
from policies.rule import Case, Family, Outcome, Params, Rule, Stricter, Unit, Used, param


@dataclass(frozen=True, slots=True, kw_only=True)
class CodeReviewed(Params):
    min_reviewers: int = param(
        1,
        "Fewest people other than the author who approved a change.",
        unit=Unit.COUNT,
        stricter=Stricter.MORE,
    )
    bots_count: bool = param(
        False,
        "Whether approvals by programs count.",
        unit=Unit.FLAG,
        stricter=Stricter.LESS,
    )
    last_push_approved: bool = param(
        True,
        "Whether an approval must not be older than the last push.",
        unit=Unit.FLAG,
        stricter=Stricter.MORE,
    )
    bot_changes: bool = param(
        True,
        "Whether changes that a program wrote need a review.",
        unit=Unit.FLAG,
        stricter=Stricter.MORE,
    )
    post_review: timedelta = param(
        timedelta(hours=24),
        "How long after it was made an emergency release may go without a review.",
        unit=Unit.DURATION,
        stricter=Stricter.LESS,
    )


def gate(case: Case, params: CodeReviewed) -> Outcome:
    if unchanged(case.release):
        return Outcome(Result.PASS, "nothing in it is new since the base")
    if not case.release.changes:
        message = "the changes since the base were not reported"
        return Outcome(Result.UNKNOWN, message, "report the changes and who reviewed them")
    judged = [
        _judge(each, params)
        for each in case.release.changes
        if not each.merge and (params.bot_changes or not each.bot)
    ]
    if not judged:
        return Outcome(Result.PASS, "no change in it needs a review")
    outcome = together(judged)
    if outcome.result is Result.PASS:
        message = f"the review of {counted(len(judged), 'change')} is on record"
        return Outcome(Result.PASS, message, used=outcome.used)
    until = case.release.created_at + params.post_review
    if case.release.kind is ReleaseKind.EMERGENCY and case.now < until:
        message = f"an emergency, to be reviewed until {clock(until, case.now)}: {outcome.message}"
        return Outcome(Result.PASS, message, used=outcome.used)
    return outcome


def _judge(change: Change, params: CodeReviewed) -> Outcome:
    used, name = (_used(change),), _name(change)
    if change.reviewers is None:
        message = f"who reviewed {name} was not reported"
        return Outcome(Result.UNKNOWN, message, "report the reviewers of each change", used=used)
    others = [each for each in change.reviewers if _another(change, each, params)]
    fresh = [each for each in others if _after_push(change, each, params)]
    if len({each.by for each in fresh}) >= params.min_reviewers:
        return Outcome(Result.PASS, f"{name} was reviewed", used=used)
    known = [each for each in others if each.at is None and each not in fresh]
    if len({each.by for each in (*fresh, *known)}) >= params.min_reviewers:
        message = f"whether {name} was approved after its last push was not reported"
        return Outcome(Result.UNKNOWN, message, "report when it was approved", used=used)
    told = f"{name} reached the release without review"
    if fresh:
        told = f"{name} was approved by {len({each.by for each in fresh})} of the "
        told += f"{params.min_reviewers} people asked for"
    elif others:
        told = f"{name} was pushed again after it had been approved"
    cure = f"have {short(change.commit)} reviewed, or revert it"
    return Outcome(Result.FAIL, told, cure, used=used)


def _another(change: Change, review: Review, params: CodeReviewed) -> bool:
    """Whether the approval is that of somebody else than who made the change."""
    if review.bot and not params.bots_count:
        return False
    return review.by not in set(_makers(change))


def _makers(change: Change) -> Iterator[str]:
    yield change.author
    if change.pushed_by:
        yield change.pushed_by


def _after_push(change: Change, review: Review, params: CodeReviewed) -> bool:
    """Whether it counts with the push; where no time of a push is known, none came later."""
    if not params.last_push_approved or change.pushed_at is None:
        return True
    return review.at is not None and review.at >= change.pushed_at


def _name(change: Change) -> str:
    by = f" by {change.author}" if change.author else ""
    return f"{short(change.commit)}{by}"


def _used(change: Change) -> Used:
    value = {
        "author": change.author,
        "pushed_by": change.pushed_by,
        "reviewers": None if change.reviewers is None else [each.by for each in change.reviewers],
    }
    return observed(f"changes.{short(change.commit)}", value, change.merged_at)


RULE = Rule(
    id="code-reviewed",
    number=66,
    title="Have every change reviewed by someone else before it ships",
    family=Family.OWNERSHIP,
    severity=Severity.HIGH,
    now=Enforcement.WARN,
    target=Enforcement.BLOCK,
    params=CodeReviewed,
    docs=__doc__,
    gate=gate,
)
