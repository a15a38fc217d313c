"""Respect organization-wide freezes and thaw gradually.

## Why it matters
Before a sale or a closing of the books a change can cost more than it brings, so organizations
freeze. But what does not leave today waits for the thaw: the longer a freeze, the larger the batch
that follows it, and large batches fail more often.

Freezes are the `deny` windows of rulesets. A hard one holds releases into production until it
ends, a soft one (`strength: soft`) only warns; `tiers` and `applies_to` narrow a freeze. For a day
after a hard freeze a release with more than `thaw_max_changes` changes is held, so that a queue
leaves in small steps. A freeze longer than `max_len` is reported before merge, as a warning: its
owner, not the team, can shorten it.

## Fails
```yaml
schema: bakegate/ruleset/v1
time_windows:
- name: year-end
  effect: deny
  zone: Europe/Berlin
  between: {from: 2026-12-01T00:00, until: 2027-01-10T00:00}
```

## Passes
```yaml
schema: bakegate/ruleset/v1
time_windows:
- name: year-end
  effect: deny
  zone: Europe/Berlin
  between: {from: 2026-12-22T00:00, until: 2027-01-02T00:00}
```

## Not reported
Rollbacks and emergencies, which no freeze holds, and stages without customers. Freezes that end
every week: they let nothing pile up. The `deny` windows of pipelines and stages, which
`time-window` reports.

## Sources
Calendars of times in which nothing is promoted: a practice that Amazon's builders describe.
GitLab's documentation on deployment safety. The DORA capability of streamlined change approval, on
batches that grow while they wait.
"""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Final

from policies.durations import format_duration
from policies.findings import Enforcement, Problem, Result, Severity
from policies.frozen import dataclass, replace
from policies.observations import declared
from policies.phrases import clock, counted
from policies.pipeline import Pipeline
from policies.release import Calendar, ReleaseKind
from policies.rule import Case, Family, GateFamily, Outcome, Params, Rule, Stricter, Unit, param
from policies.steps import not_applicable, unclear, without_production
from policies.windows import THAW, Freeze, FreezeState, Strength

#: A day of the calendar may be an hour longer than 24 hours.
_CLOCK_CHANGE: Final = timedelta(hours=1)
_UNREAD: Final = "which freezes the organization has is not known here"


@dataclass(frozen=True, slots=True, kw_only=True)
class FreezeCalendar(Params):
    max_len: timedelta = param(
        timedelta(days=14),
        "Longest freeze that is not reported.",
        unit=Unit.DURATION,
        stricter=Stricter.LESS,
    )
    thaw_max_changes: int = param(
        10,
        "Most changes in a release on the day after a hard freeze.",
        unit=Unit.COUNT,
        stricter=Stricter.LESS,
    )


def lint(pipeline: Pipeline, params: FreezeCalendar) -> Iterator[Problem]:
    freezes = pipeline.around.freezes
    if not pipeline.prod:
        yield from without_production(pipeline)
    elif freezes is None:
        yield unclear(pipeline.span, "freezes", _UNREAD)
    elif not freezes:
        yield not_applicable(pipeline, "no freeze is planned")
    else:
        for each in freezes:
            if each.end - each.start > params.max_len + _CLOCK_CHANGE:
                yield _too_long(pipeline, each, params)


def _too_long(pipeline: Pipeline, freeze: Freeze, params: FreezeCalendar) -> Problem:
    days = timedelta(days=round((freeze.end - freeze.start) / timedelta(days=1)))
    return Problem(
        pipeline.span,
        f"freezes/{freeze.name}",
        f"freeze {freeze.name} ({freeze.place}) lasts {format_duration(days)} from "
        f"{_date(freeze.start)}; at most {format_duration(params.max_len)}, or the changes that"
        " wait become one large batch",
        f"Ask {freeze.owner or 'its owner'} to shorten it, or to make a part of it soft.",
        # The ruleset is at fault, not this file: nothing is refused for it.
        inferred=True,
    )


def gate(case: Case, params: FreezeCalendar) -> Outcome:
    freeze = _seen(case)
    if freeze is None:
        return Outcome(Result.UNKNOWN, _UNREAD, "report the freezes")
    if not freeze.configured:
        return Outcome(Result.NOT_APPLICABLE, "no freeze binds it")
    used = declared("freezes", [each.name for each in freeze.current], "time windows")
    return replace(_judged(case, freeze, params), used=(used,))


def _seen(case: Case) -> FreezeState | None:
    """The freezes of the rulesets, and those of the calendars that the record reports, as one."""
    reported = case.release.context.calendars
    if not reported:
        return case.freeze
    known = case.freeze or FreezeState(configured=False)
    mine = [_as_freeze(each) for each in reported]
    now = [each for each in mine if each.start <= case.now < each.end]
    over = [each for each in mine if _is_hard(each) and each.end <= case.now < each.end + THAW]
    ends = [each.end for each in now if _is_hard(each)]
    if any(map(_is_hard, known.current)):
        # Where one has no known end, the whole has none.
        ends = [max([known.until, *ends])] if known.until else []
    return replace(
        known,
        configured=True,
        current=tuple(sorted((*known.current, *now), key=lambda each: not _is_hard(each))),
        until=max(ends, default=None),
        thawed=max((each.end for each in over), default=known.thawed),
        thawed_by=", ".join(_named(each) for each in over) or known.thawed_by,
    )


def _as_freeze(calendar: Calendar) -> Freeze:
    place = calendar.source or "release record"
    return Freeze(calendar.id, place, calendar.start, calendar.until, Strength(calendar.level))


def _is_hard(each: Freeze) -> bool:
    return each.strength is Strength.HARD


def _judged(case: Case, freeze: FreezeState, params: FreezeCalendar) -> Outcome:
    hard = [each for each in freeze.current if _is_hard(each)]
    if hard:
        return _frozen(case, freeze, hard)
    if freeze.unread:
        message = f"whether it is frozen cannot be told: {freeze.unread} was never read"
        return Outcome(Result.UNKNOWN, message, "let the service read the calendar")
    number = len(case.release.changes)
    thawing = freeze.thawed is not None and case.release.kind is not ReleaseKind.FIRST
    if freeze.thawed and thawing and number > params.thaw_max_changes:
        return _thawing(case, freeze, freeze.thawed, params)
    if freeze.current:
        told = "; ".join(_named(each) for each in freeze.current)
        cure = "wait until it ends, or go on knowing it"
        return Outcome(Result.FAIL, f"softly frozen by {told}", cure, warns_only=True)
    return Outcome(Result.PASS, _free(freeze))


def _frozen(case: Case, freeze: FreezeState, hard: list[Freeze]) -> Outcome:
    told = "; ".join(_named(each) for each in hard)
    if freeze.until is None:
        message = f"frozen by {told}, and no end is known"
        return Outcome(Result.FAIL, message, "end the freeze", waits=True)
    message = f"frozen until {_date(freeze.until)} by {told}"
    cure = f"wait until {clock(freeze.until, case.now)} UTC"
    return Outcome(Result.FAIL, message, cure, until=freeze.until, waits=True)


def _thawing(case: Case, freeze: FreezeState, thawed: datetime, params: FreezeCalendar) -> Outcome:
    """The day after a hard freeze: what piled up leaves in small steps."""
    end = thawed + THAW
    carried = counted(len(case.release.changes), "change")
    message = (
        f"{freeze.thawed_by} ended {_date(thawed)}, and it carries {carried}; at most"
        f" {params.thaw_max_changes} until {_date(end)}"
    )
    cure = f"release fewer changes at once, or wait until {clock(end, case.now)} UTC"
    return Outcome(Result.FAIL, message, cure, until=end, waits=True)


def _free(freeze: FreezeState) -> str:
    change = freeze.change
    if change is None or change.at is None:
        return "no freeze now, and none within 400 days"
    return f"no freeze now; the next, {change.by}, begins {_date(change.at)}"


def _named(each: Freeze) -> str:
    owner = f", owned by {each.owner}" if each.owner else ""
    reason = f": {each.reason.rstrip('.')}" if each.reason else ""
    return f"{each.name} ({each.place}{owner}){reason}"


def _date(at: datetime) -> str:
    return f"{at.astimezone(UTC):%a %Y-%m-%d %H:%M} UTC"


RULE = Rule(
    id="freeze-calendar",
    number=39,
    title="Respect organization-wide freezes and thaw gradually",
    family=Family.CONTROL,
    severity=Severity.MEDIUM,
    now=Enforcement.WARN,
    target=Enforcement.BLOCK,
    params=FreezeCalendar,
    docs=__doc__,
    lint=lint,
    gate=gate,
    gate_family=GateFamily.WINDOWS,
)
