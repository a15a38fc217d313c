"""Give the quickest feedback first.

## Why it matters
A mistake that a unit test finds in a minute costs its author a minute. Behind half an hour of other
tests it costs the author the train of thought, and the next change is on its way already.

No unit test and no style check may wait for an integration, browser, load or failure test. Where
earlier runs are known, and at least `window_runs` of them, half of the builds must have answered
within `build_max` and half of the first test stages within `beta_max`.

## Fails
```yaml
on: {push: {branches: [main]}}
jobs:
  e2e:
    runs-on: ubuntu-latest
    steps:
      - run: npm run test:e2e
  lint:
    needs: e2e
    runs-on: ubuntu-latest
    steps:
      - run: npm run lint
```

## Passes
```yaml
on: {push: {branches: [main]}}
jobs:
  lint:
    runs-on: ubuntu-latest
    steps:
      - run: npm run lint
  e2e:
    runs-on: ubuntu-latest
    steps:
      - run: npm run test:e2e
```

## Not reported
Long tests that start early beside the short ones. What runs after a deployment: it asks the running
version and is no feedback on the code. Pipelines with fewer recorded runs than `window_runs`, and
those whose runs nobody recorded, are judged by their order alone.

## Sources
Small and fast tests first: the practice that Amazon's builders describe. Ten minutes for a build
and thirty for the first test stage: the AWS deployment pipeline reference architecture and DORA's
page on test automation.
"""

from collections.abc import Iterator
from datetime import timedelta
from typing import Final

from policies.durations import format_duration
from policies.findings import Enforcement, Problem, Related, Severity
from policies.frozen import dataclass
from policies.history import History
from policies.pipeline import Pipeline, Stage, Step, StepKind
from policies.rule import Family, Params, Rule, Stricter, Unit, param
from policies.steps import deploys, has_kind, incomplete, named, unsure, whole


@dataclass(frozen=True, slots=True, kw_only=True)
class FastTestsFirst(Params):
    build_max: timedelta = param(
        timedelta(minutes=10),
        "Longest time that half of the builds may take.",
        unit=Unit.DURATION,
        stricter=Stricter.LESS,
    )
    beta_max: timedelta = param(
        timedelta(minutes=30),
        "Longest time that half of the runs may spend in the first test stage.",
        unit=Unit.DURATION,
        stricter=Stricter.LESS,
    )
    window_runs: int = param(
        20,
        "Fewest recorded runs by which times are judged.",
        unit=Unit.COUNT,
        stricter=Stricter.LESS,
    )


_QUICK: Final = frozenset({StepKind.UNIT, StepKind.LINT})
_SLOW: Final = frozenset(
    {StepKind.INTEGRATION, StepKind.BROWSER, StepKind.LOAD, StepKind.FAULT, StepKind.DAST}
)


def lint(pipeline: Pipeline, params: FastTestsFirst) -> Iterator[Problem]:
    if not whole(pipeline):
        yield incomplete(pipeline)
    slow = pipeline.bits(stage for stage in pipeline.stages if _has(stage, _SLOW))
    deployed = pipeline.bits(stage for stage in pipeline.stages if deploys(stage))
    for stage in pipeline.stages:
        above = pipeline.above(stage)
        # What follows a deployment asks the running version.
        if not deploys(stage) and not above & deployed:
            yield from _late(pipeline, stage, above & slow)
    yield from _long(pipeline, params)


def _has(stage: Stage, kinds: frozenset[StepKind]) -> bool:
    return any(has_kind(step, kinds) for step in stage.steps)


def _late(pipeline: Pipeline, stage: Stage, behind: int) -> Iterator[Problem]:
    """The first quick step of a stage that waits for a slow one."""
    earlier = next(
        (step for each in pipeline.of_bits(behind) for step in each.steps if has_kind(step, _SLOW)),
        None,
    )
    for step in stage.steps:
        if has_kind(step, _SLOW):
            earlier = earlier or step
        elif earlier and has_kind(step, _QUICK) and not unsure(step):
            yield _waits(stage, step, earlier)
            return


def _waits(stage: Stage, step: Step, earlier: Step) -> Problem:
    slow = named([earlier])
    return Problem(
        step.name.span,
        f"stages/{stage.name}/steps/{step.name.or_else('')}/order",
        f"{named([step])} waits for {slow}",
        f"Developers wait for the first answer. Run unit and lint before or beside {slow}.",
        inferred=step.kind.inferred or unsure(step) or earlier.kind.inferred,
        related=(Related(earlier.name.span, "what it waits for"),),
    )


def _long(pipeline: Pipeline, params: FastTestsFirst) -> Iterator[Problem]:
    history = pipeline.history.value
    if not isinstance(history, History) or history.runs < params.window_runs:
        return
    times = (
        ("build", history.build, params.build_max),
        ("first test stage", history.first_test_stage, params.beta_max),
    )
    for what, took, limit in times:
        if took is not None and took > limit:
            yield Problem(
                pipeline.span,
                f"pipeline/{what}",
                f"half of the runs of the {what} take {format_duration(took)} or more; "
                f"the limit is {format_duration(limit)}",
                f"Developers wait {format_duration(took)} for an answer. Move what is slow beside "
                "the path, or split it.",
            )


RULE = Rule(
    id="fast-tests-first",
    number=20,
    title="Give the quickest feedback first",
    family=Family.TESTING,
    severity=Severity.LOW,
    now=Enforcement.OBSERVE,
    target=Enforcement.WARN,
    params=FastTestsFirst,
    docs=__doc__,
    lint=lint,
)
