"""Split data and protocol changes into prepare and activate.

## Why it matters
While a release rolls out, old and new versions run beside each other and read what the other one
wrote; after a rollback the old one reads what only the new one wrote. A change of stored or
exchanged data survives both only in steps: first every instance can read both forms (prepare), then
the new form is written (activate), and later the old one is forgotten (clean up).

A release whose changes touch one of `classes` must declare which step it is, where `need_label` is
on. An activation needs its preparation in every production stage for at least `min_gap`, a clean-up
its activation. Preparing and activating in one release fails.

## Not reported
First releases, which have no version beside them. Changes declared `none` (stores that only one
instance reads) or `additive`, and `one_way` changes, which cannot go back and say so.

## Sources
Two steps with some days between them: Amazon's description of rollback safety. Schema changes
apart from code: the AWS DevOps guidance and DORA's page on database changes.
"""

from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Final

from policies.durations import format_duration
from policies.findings import Enforcement, Result, Severity
from policies.frozen import dataclass
from policies.observations import observed, unchanged
from policies.phrases import clock, listed, short
from policies.release import ChangeClass, Compat, EarlierRelease, ReleaseKind
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


@dataclass(frozen=True, slots=True, kw_only=True)
class TwoPhaseChange(Params):
    classes: frozenset[str] = param(
        frozenset({"schema", "protocol", "serialization"}),
        "Classes of files whose change must be split.",
        unit=Unit.WORDS,
        stricter=Stricter.SUPERSET,
        allowed=("schema", "protocol", "serialization"),
    )
    min_gap: timedelta = param(
        timedelta(hours=48),
        "How long one step must run everywhere before the next one.",
        unit=Unit.DURATION,
        stricter=Stricter.MORE,
    )
    need_label: bool = param(
        True,
        "Whether a release that touches such files must declare its step.",
        unit=Unit.FLAG,
        stricter=Stricter.MORE,
    )


#: The step that each step builds on.
_BEFORE: Final = {
    ChangeClass.ACTIVATE: ChangeClass.PREPARE,
    ChangeClass.CLEANUP: ChangeClass.ACTIVATE,
}
_NOUNS: Final = {
    ChangeClass.PREPARE: "preparation",
    ChangeClass.ACTIVATE: "activation",
}
_BOTH: Final = frozenset({ChangeClass.PREPARE.value, ChangeClass.ACTIVATE.value})


def gate(case: Case, params: TwoPhaseChange) -> Outcome:
    if case.release.kind is ReleaseKind.FIRST:
        return Outcome(Result.NOT_APPLICABLE, "a first release runs beside no other version")
    if set(_labels(case)) >= _BOTH:
        message = "it prepares and activates a change in one release"
        return Outcome(Result.FAIL, message, "ship the preparation first", used=_used(case))
    compat = case.release.compat
    if compat is None:
        return _undeclared(case, params)
    if compat.change_class in _BEFORE:
        return _follows(case, compat, params)
    message = f"it is declared {compat.change_class.value}"
    return Outcome(Result.PASS, message, used=_used(case))


def _labels(case: Case) -> Iterator[str]:
    for change in case.release.changes:
        yield from change.labels or ()


def _undeclared(case: Case, params: TwoPhaseChange) -> Outcome:
    changes = case.release.changes
    touched = {kind for each in changes for kind in each.files_class or ()} & params.classes
    if touched and params.need_label:
        message = f"it changes {listed(sorted(touched))} and does not declare how"
        cure = (
            f"ship 'read both' first, wait {format_duration(params.min_gap)} everywhere, "
            "then switch writers; declare each step"
        )
        return Outcome(Result.FAIL, message, cure, used=_used(case))
    silent = [short(each.commit) for each in changes if each.files_class is None]
    if silent or not (changes or unchanged(case.release)):
        what = listed(silent) if silent else "it"
        message = f"which classes of files {what} changes was not reported"
        return Outcome(Result.UNKNOWN, message, "report what the changes touch")
    return Outcome(Result.PASS, "it changes no stored or exchanged data", used=_used(case))


def _follows(case: Case, compat: Compat, params: TwoPhaseChange) -> Outcome:
    """A step that must come after another one: where and since when that one runs."""
    step, before = compat.change_class, _BEFORE[compat.change_class]
    name, used = compat.prepares_release, _used(case)
    if not name:
        message = f"it is an {_NOUNS[step]}" if step is ChangeClass.ACTIVATE else "it is a clean-up"
        message += f" and does not name the release of its {_NOUNS[before]}"
        return Outcome(Result.FAIL, message, f"name the {_NOUNS[before]}", used=used)
    known = {each.id: each for each in case.release.context.earlier or ()}
    if name not in known:
        message = f"{name}, which it builds on, is not among the earlier releases reported"
        return Outcome(Result.UNKNOWN, message, f"report {name}", used=used)
    found = known[name]
    if found.compat is None or found.compat.change_class is not before:
        said = found.compat.change_class.value if found.compat else "nothing"
        message = f"{name} declares {said}, so it is no {_NOUNS[before]}"
        result = Result.FAIL if found.compat else Result.UNKNOWN
        return Outcome(result, message, f"name the {_NOUNS[before]}", used=used)
    return _everywhere(case, found, params)


def _everywhere(case: Case, found: EarlierRelease, params: TwoPhaseChange) -> Outcome:
    used = (*_used(case), *_runs_used(case, found))
    gap = format_duration(params.min_gap)
    since: list[datetime] = []
    for stage in case.pipeline.prod:
        run = found.stage(stage.name)
        if run and run.rolled_back_at:
            message = f"{found.id} was rolled back in {stage.name}"
            return Outcome(Result.FAIL, message, "prepare the change again", used=used)
        if run is None or run.deployed_at is None:
            message = f"{found.id} does not run in {stage.name} yet"
            cure = f"wait until it has run everywhere for {gap}"
            return Outcome(Result.FAIL, message, cure, waits=True, used=used)
        since.append(run.deployed_at)
    until = max(since, default=case.now) + params.min_gap
    if case.now < until:
        message = f"{found.id} runs everywhere only since {clock(max(since), case.now)}"
        cure = f"wait until {clock(until, case.now)} UTC"
        return Outcome(Result.FAIL, message, cure, until=until, waits=True, used=used)
    return Outcome(Result.PASS, f"{found.id} has run everywhere for {gap}", used=used)


def _used(case: Case) -> tuple[Used, ...]:
    compat = case.release.compat
    value = compat.change_class.value if compat else None
    return (observed("compat.change_class", value, case.release.created_at),)


def _runs_used(case: Case, found: EarlierRelease) -> Iterator[Used]:
    for stage in case.pipeline.prod:
        run = found.stage(stage.name)
        at = run.deployed_at if run else None
        yield observed(f"earlier.{found.id}.{stage.name}.deployed_at", at, at)


RULE = Rule(
    id="two-phase-change",
    number=22,
    title="Split data and protocol changes into prepare and activate",
    family=Family.TESTING,
    severity=Severity.HIGH,
    now=Enforcement.WARN,
    target=Enforcement.BLOCK,
    params=TwoPhaseChange,
    docs=__doc__,
    gate=gate,
    gate_family=GateFamily.TESTS,
)
