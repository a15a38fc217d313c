"""Release few changes at a time.

## Why it matters
When a release with forty changes fails, there are forty suspects, and the thirty-nine good ones go
back with the bad one. A release with one change names its culprit by itself. Large batches are
rarely wanted: they collect in front of something that waits.

A release carries at most `max_changes` merged changes since its base, and none that was merged
longer than `max_oldest` ago. Commits of one request count as one change; merges, and changes by
programs or of documents alone, do not count.

## Not reported
First releases, batches of updates by programs, and releases right after a hard freeze, for which
`freeze-calendar` says how many changes may go.

## Sources
Continuous delivery of small changes: Amazon's builders, DORA's page on working in small batches
and the AWS DevOps guidance. Ten changes and three days: ours; the aim is one.
"""

from datetime import timedelta
from typing import Final

from policies.durations import format_duration
from policies.findings import Enforcement, Result, Severity
from policies.frozen import dataclass
from policies.observations import observed, unchanged
from policies.phrases import counted, listed, short
from policies.release import Change, ReleaseKind
from policies.rule import Case, Family, Outcome, Params, Rule, Stricter, Unit, param


@dataclass(frozen=True, slots=True, kw_only=True)
class SmallBatches(Params):
    max_changes: int = param(
        10, "Most changes of one release.", unit=Unit.COUNT, stricter=Stricter.LESS
    )
    max_oldest: timedelta = param(
        timedelta(days=3),
        "Longest time since the oldest of its changes was merged.",
        unit=Unit.DURATION,
        stricter=Stricter.LESS,
    )


_DOCS: Final = frozenset({"docs"})
#: How long after a hard freeze the thaw rule of the freeze speaks instead of this one.
_THAW: Final = timedelta(hours=24)


def gate(case: Case, params: SmallBatches) -> Outcome:
    if case.release.kind is ReleaseKind.FIRST:
        return Outcome(Result.NOT_APPLICABLE, "a first release has no base to count from")
    thawed = [
        each.id
        for each in case.release.context.calendars or ()
        if each.level == "hard" and each.until <= case.now < each.until + _THAW
    ]
    if case.freeze and case.freeze.thawed:
        thawed.append(case.freeze.thawed_by)
    if thawed:
        message = f"{listed(thawed)} has just ended; freeze-calendar counts the changes"
        return Outcome(Result.NOT_APPLICABLE, message)
    if unchanged(case.release):
        return Outcome(Result.PASS, "nothing in it is new since the base")
    if not case.release.changes:
        message = "the changes since the base were not reported"
        return Outcome(Result.UNKNOWN, message, "report the changes")
    return _judge(case, [each for each in case.release.changes if _counts(each)], params)


def _counts(change: Change) -> bool:
    """Whether somebody would suspect it: it is no merge, no update by a program, no document."""
    only_docs = bool(change.files_class) and set(change.files_class or ()) <= _DOCS
    return not (change.bot or change.merge or only_docs)


def _judge(case: Case, changes: list[Change], params: SmallBatches) -> Outcome:
    number = len({each.pr or each.commit for each in changes})
    merged = {each.commit: each.merged_at for each in changes}
    oldest = min((at for at in merged.values() if at), default=case.now)
    age = case.now - oldest
    used = (observed("changes.count", number, None), observed("changes.oldest", oldest, None))
    told = counted(number, "change")
    cure = "release more often, or look at which wait collected these changes"
    if number > params.max_changes:
        message = f"it carries {told}; at most {params.max_changes} are asked for"
        return Outcome(Result.FAIL, message, cure, used=used)
    if age > params.max_oldest:
        message = f"it carries {told}, of which the oldest was merged {format_duration(age)} ago"
        return Outcome(Result.FAIL, message, cure, used=used)
    silent = [short(commit) for commit, at in merged.items() if at is None]
    if silent:
        message = f"when {listed(silent)} was merged was not reported"
        return Outcome(Result.UNKNOWN, message, "report when each change was merged", used=used)
    return Outcome(Result.PASS, f"it carries {told}", used=used)


RULE = Rule(
    id="small-batches",
    number=54,
    title="Release few changes at a time",
    family=Family.SPEED,
    severity=Severity.MEDIUM,
    now=Enforcement.WARN,
    target=Enforcement.WARN,
    params=SmallBatches,
    docs=__doc__,
    gate=gate,
)
