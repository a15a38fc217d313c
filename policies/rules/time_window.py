"""Let changes reach customers only in the agreed hours.

## Why it matters
A change that goes wrong at night finds nobody, or finds somebody asleep. Whether the agreed hours
are those when people are at work or those when customers are few is the organization's choice;
that there are agreed hours is this rule.

Windows stand in `time_windows` of rulesets, pipelines and stages, and time is open only where all
of them are open. The rule fails a pipeline file only where no window applies to a stage of the
kinds in `stages`. At the gate it holds a release until the time opens. A stage that runs when the
time closes is not stopped. `mode` says what the windows stand for; with `low_traffic` the hours in
which customers are few are written down by the organization, because Bakegate does not measure
traffic over weeks, and `window-headroom` does not ask that people stay.

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
  - {name: cell-1, kind: prod, wave: 1, deploy: hosts}
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
  - {name: cell-1, kind: prod, wave: 1, deploy: hosts}
time_windows:
  - name: staffed
    effect: allow
    zone: Europe/Berlin
    weekly:
      - {days: [mon, tue, wed, thu], from: "09:00", until: "16:00"}
      - {days: [fri], from: "09:00", until: "12:00"}
```

## Not reported
Rollbacks and emergencies, which no window holds. Stages of other kinds than `stages` names. Teams
that follow the sun write several windows.

## Sources
Staffed hours for those who want people at hand, and hours of little traffic for those who want few
customers at hand: both are practices that Amazon's builders describe. Nights, weekends and
holidays left out: Amazon's description of hands-off deployments.
"""

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Final

from policies.findings import Enforcement, Problem, Result, Severity
from policies.frozen import dataclass
from policies.observations import observed
from policies.phrases import clock
from policies.pipeline import Pipeline, Stage
from policies.rule import Case, Family, GateFamily, Outcome, Params, Rule, Stricter, Unit, param
from policies.steps import not_applicable, of_kind, unclear, without_production

#: What the agreed hours are, by mode.
_HOURS: Final = {
    "staffed": "in which people are at hand",
    "low_traffic": "in which customers are few",
    "custom": "in which changes may reach customers",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class TimeWindow(Params):
    mode: str = param(
        "staffed",
        "What the windows stand for: people at hand, few customers, or something else.",
        unit=Unit.WORD,
        stricter=Stricter.NEITHER,
        allowed=("staffed", "low_traffic", "custom"),
    )
    stages: frozenset[str] = param(
        frozenset({"prod"}),
        "Kinds of stage that a release enters only while the time is open.",
        unit=Unit.WORDS,
        stricter=Stricter.SUPERSET,
        allowed=("test", "preprod", "prod"),
    )


def lint(pipeline: Pipeline, params: TimeWindow) -> Iterator[Problem]:
    stages = [stage for stage in pipeline.stages if of_kind(stage, params.stages)]
    if not stages and pipeline.prod:
        yield not_applicable(pipeline, "no stage is of such a kind")
    elif not stages:
        yield from without_production(pipeline)
    elif not pipeline.around.windows:
        for stage in stages:
            yield from _always_open(pipeline, stage, params)


def _always_open(pipeline: Pipeline, stage: Stage, params: TimeWindow) -> Iterator[Problem]:
    if stage.windows or pipeline.windows.or_else(None):
        return
    where = f"stages/{stage.name}/time_windows"
    if not pipeline.windows.known or pipeline.around.windows is None:
        why = pipeline.windows.note or "the organization's windows are not known here"
        message = f"whether a time window applies to {stage.name} cannot be told: {why}"
        yield unclear(stage.span, where, message)
        return
    yield Problem(
        stage.span,
        where,
        f"no time window applies to {stage.name}, so it may start at any hour",
        f"Agree on the hours {_HOURS[params.mode]}, and write them as time_windows of the ruleset "
        "or of this pipeline.",
        inferred=stage.kind.inferred,
    )


def gate(case: Case, params: TimeWindow) -> Outcome:
    if not of_kind(case.stage, params.stages):
        message = f"no window holds {case.stage.name}"
        return Outcome(Result.NOT_APPLICABLE, message)
    window = case.window
    value = {"open": window.open, "by": window.by}
    used = (observed(f"window.{case.stage.name}", value, case.now, "time windows"),)
    if not window.configured:
        return Outcome(Result.PASS, f"no time window applies to {case.stage.name}", used=used)
    by = f" by {window.by}" if window.by else ""
    if window.unread:
        message = f"whether the time is open cannot be told: {window.unread} was never read"
        return Outcome(Result.UNKNOWN, message, "let the service read the calendar", used=used)
    if window.open:
        until = f" until {_day(window.until)}" if window.until else ""
        return Outcome(Result.PASS, f"the time is open{until}{by}", used=used)
    if window.until is None:
        message = f"the time of {case.stage.name} is closed{by}, and no opening is known"
        cure = "add a window that opens"
        return Outcome(Result.FAIL, message, cure, waits=True, used=used)
    message = f"the time of {case.stage.name} is closed{by}; it opens {_day(window.until)}"
    cure = f"wait until {clock(window.until, case.now)} UTC"
    return Outcome(Result.FAIL, message, cure, until=window.until, waits=True, used=used)


def _day(at: datetime) -> str:
    """Write an opening with its day, as people speak of it: ``Mon 2026-11-30 08:00 UTC``."""
    return f"{at.astimezone(UTC):%a %Y-%m-%d %H:%M} UTC"


RULE = Rule(
    id="time-window",
    number=37,
    title="Let changes reach customers only in the agreed hours",
    family=Family.CONTROL,
    severity=Severity.MEDIUM,
    now=Enforcement.WARN,
    target=Enforcement.BLOCK,
    params=TimeWindow,
    docs=__doc__,
    lint=lint,
    gate=gate,
    gate_family=GateFamily.WINDOWS,
    stages=frozenset({"test", "preprod", "prod"}),
)
