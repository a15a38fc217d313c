"""What a pipeline file says of itself: the message ``bakegate.inspect/v1``.

It speaks of the file alone: ``no`` means that nothing in it does this, ``unknown`` that it points
elsewhere (an expression, a called workflow, the settings of an environment), so that a careful
reader cannot tell. Rules are stricter: an absence that a format could not express is unknown there.
"""

import re
from collections.abc import Iterable, Iterator
from typing import Any, Final

from policies.classify import named
from policies.facts import SURE
from policies.formats import Read
from policies.inspect.answers import Answer, above, elsewhere, no, unknown, yes
from policies.inspect.slices import canary, slices
from policies.inspect.templates import judges
from policies.patterns import pattern
from policies.pipeline import Deploy, Pipeline, Stage, StageKind, Step, StepKind

TYPE: Final = "bakegate.inspect/v1"
_TESTS: Final = {
    "unit": frozenset({StepKind.UNIT}),
    "integration": frozenset({StepKind.INTEGRATION, StepKind.CONTRACT, StepKind.BROWSER}),
    "load": frozenset({StepKind.LOAD}),
    "security": frozenset(
        {StepKind.SECURITY, StepKind.SAST, StepKind.SCA, StepKind.SECRETS, StepKind.DAST}
    ),
    "lint": frozenset({StepKind.LINT}),
}
#: Kinds that a workflow of no telling name may well hold, and those that a build may.
_COMMON: Final = frozenset({"unit", "integration", "lint"})
_BUILT: Final = frozenset({"unit"})
#: What the build that another repository keeps for many may well do besides.
_BUILT_ELSEWHERE: Final = frozenset({"unit", "lint"})
#: Below this a step's kind is a guess that a careful reader would not make.
_TELLING: Final = 0.65
#: What asks a deployed version; unit tests and linters run before.
_LATE: Final = frozenset({"integration"})
#: Commands and switches that ask a monitoring system something, so that a job stops on its answer.
_METRICS: Final = pattern(
    r"get-metric-statistics|get-metric-data|describe-alarms|/api/v1/query|datadog-ci gate"
    r"|(?<!no-)(?:check|verify|watch)-(?:telemetry|monitors?|alarms?|alerts?|metrics|slos?)"
)
#: Words of a way back.
_ROLLED_BACK: Final = pattern(r"\broll(?:ed|ing|s)?[-_ ]?back|rollout undo", re.IGNORECASE)


def inspect(read: Read) -> dict[str, Any]:
    """Build the message of one file, also for a file that cannot be read."""
    return {
        "type": TYPE,
        "path": read.path,
        "pipelines": [*map(_pipeline, read.pipelines), *judges(read)],
        "problems": [
            {
                "path": problem.span.path,
                "line": problem.span.line,
                "column": problem.span.column,
                "message": problem.message,
                "templated": problem.templated,
            }
            for problem in read.problems
        ],
    }


def _pipeline(pipeline: Pipeline) -> dict[str, Any]:
    goals = _goals(pipeline)
    # A file that reaches no production still says how it deploys.
    reached = goals or [stage for stage in pipeline.stages if stage.deploy]
    before = _before(pipeline, goals)
    return {
        "name": pipeline.name,
        "format": pipeline.format,
        "deploys": [_deploy(stage) for stage in pipeline.stages if stage.deploy],
        "tests_before_production": {**_tests(pipeline, goals), "canary": canary(reached)},
        "approval_before_production": _approval(pipeline, goals, before),
        "alarm_gating": _alarms(pipeline, reached),
        "time_window": _windows(pipeline),
        "automatic_rollback": _rollback(pipeline, reached),
        "progressive_exposure": slices(pipeline, reached),
        "bake": list(_bakes(pipeline)),
    }


def _bakes(pipeline: Pipeline) -> Iterator[dict[str, Any]]:
    """Every wait of known length after a deployment, and bakes that are not made of such waits."""
    deploying = pipeline.bits(stage for stage in pipeline.stages if stage.deploy)
    after = [each for each in pipeline.stages if each.deploy or pipeline.above(each) & deploying]
    waits = [(stage, step.timeout) for stage in after for step in stage.steps if _waits(step)]
    told = {time.span for _, time in waits}
    bakes = [(each, each.bake.time) for each in pipeline.stages if each.bake]
    for stage, time in (*(each for each in bakes if each[1].span not in told), *waits):
        if time.known and time.value:
            seconds = int(time.value.total_seconds())
            yield {"stage": stage.name, "seconds": seconds, "line": time.span.line}


def _waits(step: Step) -> bool:
    """Whether a step waits by its tool's own construct; a command that sleeps may only poll."""
    return step.kind.value is StepKind.WAIT and bool(step.uses.value)


def _deploy(stage: Stage) -> dict[str, Any]:
    kind = stage.kind.value
    return {
        "stage": stage.name,
        "environment": stage.environment or None,
        "kind": kind.value if isinstance(kind, StageKind) and kind in _KINDS else "unknown",
        "line": stage.span.line,
    }


_KINDS: Final = frozenset({StageKind.TEST, StageKind.PREPROD, StageKind.PROD})


def _goals(pipeline: Pipeline) -> list[Stage]:
    """The deployments to production; where none is known, those that may be one."""
    deploys = [stage for stage in pipeline.stages if stage.deploy]
    prod = [stage for stage in deploys if stage.is_prod]
    # What a test environment waits for is hardly production.
    early = pipeline.bits(stage for stage in deploys if stage.kind.known)
    return prod or [
        stage
        for stage in deploys
        if not stage.kind.known and (_chosen(stage) or not pipeline.below(stage) & early)
    ]


def _chosen(stage: Stage) -> bool:
    """Whether each run chooses the environment, which may then be production."""
    return "${{" in stage.environment


def _before(pipeline: Pipeline, goals: list[Stage]) -> list[Step]:
    """Steps on the way to production; all steps of a file that deploys nothing there."""
    if not goals:
        return [step for stage in pipeline.stages for step in stage.steps]
    upstream = above(pipeline, goals)
    seen = pipeline.bits(upstream)
    heads = (_head(goal) for goal in goals if not pipeline.bits([goal]) & seen)
    return [step for steps in (*(stage.steps for stage in upstream), *heads) for step in steps]


def _head(stage: Stage) -> tuple[Step, ...]:
    """The steps of a stage in front of its deployment; a stage's own tests come after it."""
    for index, step in enumerate(stage.steps):
        if step.kind.value is StepKind.DEPLOY:
            return stage.steps[:index]
    return ()


def _tests(pipeline: Pipeline, goals: list[Stage]) -> dict[str, Answer]:
    before = _before(pipeline, goals)
    late = frozenset(id(step) for step in _late(pipeline))
    found = {name: _test(name, kinds, before, late) for name, kinds in _TESTS.items()}
    if found["unit"]["value"] == "no" and elsewhere(pipeline.complete):
        # Of what another file brings in or stands around this one, unit tests are what all have.
        found["unit"] = unknown(pipeline.complete.span.line)
    if found["integration"]["value"] != "yes":
        # A smoke test of an earlier environment asks what runs there, from outside.
        for step in _smokes(pipeline, goals):
            found["integration"] = yes(step.name.span.line)
    return found


def _smokes(pipeline: Pipeline, goals: list[Stage]) -> Iterator[Step]:
    for stage in above(pipeline, goals):
        if stage.deploy and not stage.is_prod:
            yield from (step for step in stage.steps if step.kind.value is StepKind.SMOKE)


def _late(pipeline: Pipeline) -> Iterator[Step]:
    """Steps that run when something is deployed already."""
    deploying = pipeline.bits(stage for stage in pipeline.stages if stage.deploy)
    for stage in pipeline.stages:
        if pipeline.above(stage) & deploying:
            yield from stage.steps
        else:
            yield from stage.steps[len(_head(stage)) :] if stage.deploy else ()


def _test(
    name: str, kinds: frozenset[StepKind], before: Iterable[Step], late: frozenset[int]
) -> Answer:
    hidden: Step | None = None
    for step in before:
        if step.kind.value in kinds and step.kind.confidence >= _TELLING:
            return yes(step.name.span.line)
        if step.kind.value in kinds:
            hidden = hidden or step
        if not step.kind.known and name in _likely(step, late=id(step) in late):
            hidden = hidden or step
        if step.kind.value is StepKind.BUILD and name in _BUILT_ELSEWHERE and _called(step):
            hidden = hidden or step
    return unknown(hidden.kind.span.line) if hidden else no()


def _likely(step: Step, *, late: bool) -> frozenset[str]:
    """What a step that is not seen may well test."""
    texts = (str(step.name.value), step.uses.or_else(None) or "")
    if StepKind.BUILD in map(named, texts):
        return _BUILT
    return _LATE if late else _COMMON


def _called(step: Step) -> bool:
    """Whether a step is a workflow of another repository, of which nothing is seen."""
    uses = step.uses.or_else(None) or ""
    return "/.github/workflows/" in uses and not uses.startswith("./")


def _approval(pipeline: Pipeline, goals: list[Stage], before: Iterable[Step]) -> Answer:
    hidden = no()
    for stage in goals:
        if stage.approvals.known and stage.approvals.value:
            return yes(stage.approvals.span.line)
        if stage.transition.value == "manual":
            return yes(stage.transition.span.line)
        # Where the file starts a stage by itself, approvals that are settings are not its own.
        if not stage.transition.known or elsewhere(stage.approvals):
            hidden = unknown(stage.approvals.span.line)
    for stage in above(pipeline, goals):
        if stage.transition.value == "manual":
            return yes(stage.transition.span.line)
        if stage.deploy is None and _asks_elsewhere(stage):
            hidden = unknown(stage.approvals.span.line)
    for step in before:
        # A step that waits for a person stops a release only where a tool makes it wait, and where
        # what it guards waits for it.
        waits = step.uses.value and not step.soft.value and step.kind.confidence >= SURE
        if step.kind.value is StepKind.APPROVAL and waits:
            return yes(step.name.span.line)
    return hidden


def _asks_elsewhere(stage: Stage) -> bool:
    """Whether a job that deploys nothing stands in an environment, whose settings may hold it."""
    hidden = not stage.approvals.known
    return hidden and (bool(stage.environment) or elsewhere(stage.approvals))


def _alarms(pipeline: Pipeline, goals: Iterable[Stage]) -> Answer:
    for stage in pipeline.stages:
        for line in _watched(stage):
            return yes(line)
    for stage in goals:
        if _calls_away(stage):
            return unknown(stage.span.line)
        if stage.deploy and elsewhere(stage.deploy.rollback_alarms):
            return unknown(stage.deploy.rollback_alarms.span.line)
    return no()


def _watched(stage: Stage) -> Iterator[int]:
    """Lines where something that was measured can stop or undo a deployment."""
    if stage.bake and stage.bake.alarms.known and stage.bake.alarms.value:
        yield stage.bake.alarms.span.line
    if stage.deploy and stage.deploy.rollback_alarms.known and stage.deploy.rollback_alarms.value:
        yield stage.deploy.rollback_alarms.span.line
    for analysis in stage.analyses.or_else(()) or ():
        if not analysis.skipped:
            yield analysis.span.line
    for step in stage.steps:
        run = step.run.or_else(None) or ""
        if _METRICS.search(run):
            yield step.run.span.line


def _calls_away(stage: Stage) -> bool:
    """Whether the deployment stands in a workflow of another repository."""
    if stage.deploy is None or stage.deploy.engine.known:
        return False
    return not any((step.uses.or_else(None) or "").startswith("./") for step in stage.steps)


def _windows(pipeline: Pipeline) -> Answer:
    if pipeline.windows.known and pipeline.windows.value:
        return yes(pipeline.windows.span.line)
    for stage in pipeline.stages:
        if stage.windows:
            return yes(stage.windows[0].span.line)
    hidden = pipeline.windows
    return unknown(hidden.span.line) if elsewhere(hidden) else no()


def _rollback(pipeline: Pipeline, goals: Iterable[Stage]) -> Answer:
    """Whether anything in the file goes back by itself; production says it, or points elsewhere."""
    for stage in (*goals, *pipeline.stages):
        if stage.deploy and stage.deploy.rollback_on.known and _triggered(stage.deploy):
            return yes(stage.deploy.rollback_on.span.line)
    hidden = no()
    for stage in goals:
        if stage.deploy and not stage.deploy.engine.known:
            hidden = unknown(stage.span.line)
        elif stage.deploy and elsewhere(stage.deploy.rollback_on):
            hidden = unknown(stage.deploy.rollback_on.span.line)
    if goals and hidden["value"] == "no":
        # A script that knows of rollbacks knows an engine that makes them.
        for stage in pipeline.stages:
            for step in stage.steps:
                if _ROLLED_BACK.search(f"{step.name.value} {step.run.or_else('')}"):
                    return unknown(step.name.span.line)
    return hidden


def _triggered(deploy: Deploy) -> bool:
    """Whether a rollback that is switched on has something that starts it."""
    events = deploy.rollback_on.or_else(frozenset()) or frozenset()
    return bool(events - {"alarm"}) or ("alarm" in events and bool(deploy.rollback_alarms.value))
