"""Start the build from the commit, not from a person or a clock.

## Why it matters
A change that waits for somebody to press a button is not tested and not released, and nobody sees
that it waits. A build at night finds in the morning what could have been found in minutes, with a
whole day of changes to search through.

The rule looks at what starts the pipeline: a push or a merge must be among it. At the gate it asks
how long the builds of the last thirty days waited between check-in and start, by the median.

## Fails
```yaml
on: {workflow_dispatch: {}}
jobs:
  release:
    runs-on: ubuntu-latest
    steps:
      - run: docker build -t registry.example/shop:$GITHUB_SHA .
      - run: docker push registry.example/shop:$GITHUB_SHA
```

## Passes
```yaml
on: {push: {branches: [main]}, schedule: [{cron: "0 2 * * *"}]}
jobs:
  release:
    runs-on: ubuntu-latest
    steps:
      - run: docker build -t registry.example/shop:$GITHUB_SHA .
      - run: docker push registry.example/shop:$GITHUB_SHA
```

## Not reported
Pipelines that build nothing: what they deploy was built elsewhere. Builds whose result is only
looked at, as a scan of an image does. A nightly run beside a build
for each push. Workflows that other workflows call.

## Sources
Amazon's account of its sixteen days from check-in to production, most of them waiting for a person
to start something; the AWS DevOps guidance on continuous integration. Five minutes: ours.
"""

from collections.abc import Iterator
from datetime import timedelta
from typing import Final

from policies.durations import format_duration
from policies.findings import Enforcement, Problem, Result, Severity
from policies.frozen import dataclass
from policies.observations import observed
from policies.phrases import listed
from policies.pipeline import Pipeline, StageKind, StepKind
from policies.rule import Case, Family, Outcome, Params, Rule, Stricter, Unit, param
from policies.steps import first_points, has_kind, incomplete, not_applicable, unclear, whole


@dataclass(frozen=True, slots=True, kw_only=True)
class AutoBuild(Params):
    max_start_delay: timedelta = param(
        timedelta(minutes=5),
        "Longest median time from check-in to the start of the build.",
        unit=Unit.DURATION,
        stricter=Stricter.LESS,
    )


_WINDOW: Final = timedelta(days=30)
_BUILDING: Final = frozenset({StepKind.BUILD, StepKind.PUBLISH})
#: What starts a pipeline because of a commit.
_FROM_COMMIT: Final = frozenset({"push", "poll", "artifact"})
_WORDS: Final = {"manual": "a person", "schedule": "a clock", "api": "another system"}


def lint(pipeline: Pipeline, params: AutoBuild) -> Iterator[Problem]:
    del params  # A file says what starts a build, not how soon.
    builds = any(has_kind(step, _BUILDING) for stage in pipeline.stages for step in stage.steps)
    if not builds or not first_points(pipeline):
        yield (
            not_applicable(pipeline, "the pipeline builds nothing that it publishes or deploys")
            if whole(pipeline)
            else incomplete(pipeline)
        )
        return
    start = pipeline.origin.start
    if not start.known:
        why = start.note or "it is set elsewhere"
        yield unclear(start.span, "source/start", f"what starts the build cannot be told: {why}")
        return
    starts = start.or_else(None) or ()
    if _FROM_COMMIT.intersection(starts):
        return
    by = listed(_WORDS.get(each, each) for each in starts) if starts else "nothing in this file"
    verb = "starts" if len(starts) < 2 else "start"  # noqa: PLR2004 - one is singular
    yield Problem(
        start.span,
        "source/start",
        f"{by} {verb} the build, so changes wait for it",
        "Changes wait for somebody to press build. Start the pipeline at each push to the branch "
        "that is released.",
        inferred=start.inferred,
    )


def gate(case: Case, params: AutoBuild) -> Outcome:
    delays = list(_delays(case))
    if not delays:
        message = "nobody reported when the build of any release started"
        return Outcome(Result.UNKNOWN, message, "report the start of the build stage")
    ordered = sorted(delays)
    middle = (ordered[(len(ordered) - 1) // 2] + ordered[len(ordered) // 2]) / 2
    used = (observed("history.start_delay", format_duration(middle), case.now, "earlier releases"),)
    told = f"builds started {format_duration(middle) or '0s'} after check-in by the median"
    count = f" of {len(delays)} releases" if len(delays) > 1 else ""
    if middle <= params.max_start_delay:
        return Outcome(Result.PASS, told + count, used=used)
    limit = format_duration(params.max_start_delay)
    cure = "start the build at each push, and see what it waits for"
    return Outcome(Result.FAIL, f"{told}{count}; the limit is {limit}", cure, used=used)


def _delays(case: Case) -> Iterator[timedelta]:
    """From check-in to the start of the build, of this release and of those of thirty days."""
    builds = {
        stage.name for stage in case.pipeline.stages if stage.kind.value is StageKind.BUILD
    } or {"build"}
    merged = [each.merged_at for each in case.release.changes if each.merged_at]
    own = max(merged, default=case.release.created_at)
    for runs, since in (
        (case.release.stages, own),
        *((each.stages, each.created_at) for each in case.release.context.earlier or ()),
    ):
        if case.now - since > _WINDOW:
            continue
        for run in runs:
            if run.stage in builds and run.started_at and run.started_at >= since:
                yield run.started_at - since


RULE = Rule(
    id="auto-build",
    number=48,
    title="Start the build from the commit, not from a person or a clock",
    family=Family.SPEED,
    severity=Severity.MEDIUM,
    now=Enforcement.WARN,
    target=Enforcement.WARN,
    params=AutoBuild,
    docs=__doc__,
    lint=lint,
    gate=gate,
)
