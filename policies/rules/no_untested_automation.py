"""Do not automate promotion that no test protects.

## Why it matters
A pipeline that promotes by itself and tests nothing carries every mistake to customers faster than
a person would have. Measuring automation alone has led teams to leave their tests out.

From the level of automation in `from_level` on, unit tests and tests against a deployment must be
able to stop the release. From level 4 on, where production starts by itself, a pre-production stage
must come first, and alarms must roll production back. Level 3 means that everything before
production goes by itself, level 5 that nobody is needed at all.

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
  - {name: gamma, kind: preprod, deploy: hosts}
  - {name: cell-1, kind: prod, wave: 1, transition: manual, deploy: hosts}
```

## Passes
```yaml
schema: bakegate/pipeline/v1
name: shop
organization: retail
source: {repository: ., branch: main, start: push}
build:
  steps:
    - {name: unit, kind: unit, run: python -m pytest -q}
    - {name: package, kind: build, run: ./package dist/app.tar.gz}
  artifact: dist/app.tar.gz
deployers:
  hosts: {type: local, hosts: 3}
stages:
  - name: gamma
    kind: preprod
    deploy: hosts
    tests: [{name: api, kind: integration, run: ./integration "$BAKEGATE_URL"}]
  - {name: cell-1, kind: prod, wave: 1, transition: manual, deploy: hosts}
```

## Not reported
Pipelines that a person starts, or promotes before production. Pipelines without production. A
service of tier 3 with a canary and an instant way back asks for an exemption. Where a file cannot
say whether a person has to agree, the result is unknown.

## Sources
Automation together with tests: the practice that Amazon's builders describe, who saw that measuring
automation alone made teams skip tests.
"""

from collections.abc import Iterator
from typing import Final

from policies.automation import automation, goes_back_on_alarm
from policies.findings import Enforcement, Problem, Result, Severity
from policies.frozen import dataclass
from policies.history import History
from policies.paths import all_last_stops, of_another_run, path_to
from policies.phrases import listed
from policies.pipeline import Pipeline, PipelineKind, Stage, StageKind, StepKind
from policies.rule import Family, GateFamily, Params, Rule, Stricter, Unit, param
from policies.steps import (
    TESTS,
    deploys,
    entries,
    guessed,
    unclear,
    without_production,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class NoUntestedAutomation(Params):
    from_level: int = param(
        3,
        "Level of automation from which tests must protect a promotion.",
        unit=Unit.COUNT,
        stricter=Stricter.LESS,
    )


@dataclass(frozen=True, slots=True)
class _Lack:
    """Something that is missing: from which level it is needed, and what its absence allows."""

    words: str
    needed_from: int
    cap: int
    result: Result = Result.FAIL
    inferred: bool = False


_TESTS: Final = (
    ("blocking unit tests", frozenset({StepKind.UNIT}), 2),
    (
        "blocking integration tests",
        frozenset({StepKind.INTEGRATION, StepKind.BROWSER, StepKind.CONTRACT}),
        3,
    ),
)
#: What protects a description of infrastructure.
_CHECKS: Final = (
    ("blocking checks of the description", TESTS | {StepKind.LINT, StepKind.SAST}, 2),
)
#: From here on production starts by itself.
_TO_PRODUCTION: Final = 4
_WORDS: Final = (
    "is recorded",
    "is recorded",
    "builds by itself",
    "promotes by itself before production",
    "starts production by itself",
    "goes to all customers by itself",
)


def lint(pipeline: Pipeline, params: NoUntestedAutomation) -> Iterator[Problem]:
    firsts = entries(pipeline)
    if not firsts:
        yield from without_production(pipeline)
        return
    level = automation(pipeline)
    lacks = [*_untested(pipeline, firsts), *_unguarded(pipeline, firsts)]
    reached = [lack for lack in lacks if level.most >= max(lack.needed_from, params.from_level)]
    due = [
        lack
        for lack in reached
        if lack.result is Result.FAIL and level.least >= max(lack.needed_from, params.from_level)
    ]
    if due:
        yield _told(pipeline, due, min(level.least, len(_WORDS) - 1), firsts)
    elif reached:
        missing = listed(lack.words for lack in reached)
        message = f"whether the pipeline promotes by itself without {missing} cannot be told"
        yield unclear(pipeline.span, "pipeline/automation", message + _why(pipeline))


def _told(pipeline: Pipeline, due: list[_Lack], level: int, firsts: tuple[Stage, ...]) -> Problem:
    missing, cap = listed(lack.words for lack in due), min(lack.cap for lack in due)
    return Problem(
        pipeline.span,
        "pipeline/automation",
        f"the pipeline {_WORDS[level]} without {missing}",
        f"Add {missing}, or put a gate back; the level of automation is reported as {cap} until "
        "then.",
        inferred=any(lack.inferred for lack in due) or any(guessed(each) for each in firsts),
    )


def _untested(pipeline: Pipeline, firsts: tuple[Stage, ...]) -> Iterator[_Lack]:
    described = pipeline.kind.value is PipelineKind.INFRA
    for words, kinds, cap in _CHECKS if described else _TESTS:
        for first in firsts:
            found = path_to(pipeline, first).search(kinds)
            if not found.blocking:
                result, maybe = found.missing(pipeline)
                yield _Lack(words, 0, cap, result, maybe)
                break
    history = pipeline.history.value
    # A suite that is there and runs nothing protects nothing.
    if isinstance(history, History) and history.executed_tests == 0:
        yield _Lack("a test that is executed", 0, 2)


def _unguarded(pipeline: Pipeline, firsts: tuple[Stage, ...]) -> Iterator[_Lack]:
    """What a production that starts by itself needs besides tests."""
    stops = all_last_stops(pipeline, firsts)[0]
    dark = pipeline.preprod.value == "dark-cell"
    if not dark and not any(stop.kind.value is StageKind.PREPROD for stop in stops):
        hidden = any(not stop.kind.known for stop in stops) or (
            not stops and all(of_another_run(pipeline, first) for first in firsts)
        )
        result = Result.UNKNOWN if hidden else Result.FAIL
        inferred = any(stop.kind.inferred for stop in stops)
        yield _Lack("a pre-production stage", _TO_PRODUCTION, 3, result, inferred)
    back = [goes_back_on_alarm(stage) for stage in pipeline.prod if deploys(stage)]
    if not all(back):
        result = Result.FAIL if False in back else Result.UNKNOWN
        yield _Lack("alarms that roll production back", _TO_PRODUCTION, 4, result)


def _why(pipeline: Pipeline) -> str:
    """The first reason why it is unclear whether a person acts."""
    facts = [pipeline.origin.start.note]
    for stage in pipeline.stages:
        facts += [stage.transition.note, stage.approvals.note]
    found = next((note for note in facts if note), "")
    return f": {found}" if found else ""


RULE = Rule(
    id="no-untested-automation",
    number=23,
    title="Do not automate promotion that no test protects",
    family=Family.TESTING,
    severity=Severity.HIGH,
    now=Enforcement.WARN,
    target=Enforcement.BLOCK,
    params=NoUntestedAutomation,
    docs=__doc__,
    lint=lint,
    gate_family=GateFamily.TESTS,
)
