"""What a pipeline file says of itself: the message ``bakegate.inspect/v1``.

It speaks of the file alone: ``no`` means that nothing in it does this, ``unknown`` that it points
elsewhere (an expression, a called workflow, the settings of an environment), so that a careful
reader cannot tell. Rules are stricter: an absence that a format could not express is unknown there.
"""

from collections.abc import Iterable, Iterator
from typing import Any, Final

from policies.classify import words
from policies.formats import Read
from policies.pipeline import Pipeline, Stage, StageKind, Step, StepKind

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
#: Kinds that a workflow of no telling name may well hold.
_COMMON: Final = frozenset({"unit", "integration", "lint"})
_SLICES: Final = frozenset({"canary", "onebox", "bluegreen"})
#: Commands that ask a monitoring system something, so that a job can stop on its answer.
_METRICS: Final = (
    "get-metric-statistics",
    "get-metric-data",
    "describe-alarms",
    "/api/v1/query",
    "datadog-ci",
)
Answer = dict[str, Any]


def inspect(read: Read) -> dict[str, Any]:
    """Build the message of one file, also for a file that cannot be read."""
    return {
        "type": TYPE,
        "path": read.path,
        "pipelines": [_pipeline(pipeline) for pipeline in read.pipelines],
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
    before = _before(pipeline, goals)
    slices = _slices(goals)
    return {
        "name": pipeline.name,
        "format": pipeline.format,
        "deploys": [_deploy(stage) for stage in pipeline.stages if stage.deploy],
        "tests_before_production": {
            **{name: _test(name, kinds, before) for name, kinds in _TESTS.items()},
            "canary": slices if slices["value"] == "yes" else _no(),
        },
        "approval_before_production": _approval(goals, before),
        "alarm_gating": _alarms(pipeline, goals),
        "time_window": _windows(pipeline),
        "automatic_rollback": _rollback(goals),
        "progressive_exposure": slices,
        "bake": [
            {
                "stage": stage.name,
                "seconds": int(stage.bake.time.value.total_seconds()),
                "line": stage.bake.time.span.line,
            }
            for stage in pipeline.stages
            if stage.bake and stage.bake.time.known and stage.bake.time.value
        ],
    }


def _yes(line: int) -> Answer:
    return {"value": "yes", "line": line}


def _no() -> Answer:
    return {"value": "no", "line": None}


def _unknown(line: int) -> Answer:
    return {"value": "unknown", "line": line}


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
    return prod or [stage for stage in deploys if not stage.kind.known]


def _before(pipeline: Pipeline, goals: list[Stage]) -> list[Step]:
    """Steps on the way to production; all steps of a file that deploys nothing there."""
    if not goals:
        return [step for stage in pipeline.stages for step in stage.steps]
    return [
        step
        for goal in goals
        for steps in (*(stage.steps for stage in pipeline.upstream(goal)), _head(goal))
        for step in steps
    ]


def _head(stage: Stage) -> tuple[Step, ...]:
    """The steps of a stage in front of its deployment; a stage's own tests come after it."""
    for index, step in enumerate(stage.steps):
        if step.kind.value is StepKind.DEPLOY:
            return stage.steps[:index]
    return ()


def _test(name: str, kinds: frozenset[StepKind], before: Iterable[Step]) -> Answer:
    hidden: Step | None = None
    for step in before:
        if step.kind.value in kinds:
            return _yes(step.name.span.line)
        if not step.kind.known:
            hidden = hidden or step
    return _unknown(hidden.kind.span.line) if hidden and name in _COMMON else _no()


def _approval(goals: Iterable[Stage], before: Iterable[Step]) -> Answer:
    hidden = _no()
    for stage in goals:
        if stage.approvals.known and (stage.approvals.value or stage.transition.value == "manual"):
            return _yes(stage.approvals.span.line)
        if not stage.approvals.known:
            hidden = _unknown(stage.approvals.span.line)
    for step in before:
        # A step that waits for a person stops a release only where a tool makes it wait.
        if step.kind.value is StepKind.APPROVAL and step.uses.value:
            return _yes(step.name.span.line)
    return hidden


def _alarms(pipeline: Pipeline, goals: Iterable[Stage]) -> Answer:
    for stage in pipeline.stages:
        for span in _watched(stage):
            return _yes(span)
    remote = [stage for stage in goals if _calls_away(stage)]
    return _unknown(remote[0].span.line) if remote else _no()


def _watched(stage: Stage) -> Iterator[int]:
    """Lines where something that was measured can stop or undo a deployment."""
    if stage.bake and stage.bake.alarms.known and stage.bake.alarms.value:
        yield stage.bake.alarms.span.line
    if stage.deploy and stage.deploy.rollback_alarms.known and stage.deploy.rollback_alarms.value:
        yield stage.deploy.rollback_alarms.span.line
    for step in stage.steps:
        run = step.run.or_else(None) or ""
        if any(word in run for word in _METRICS):
            yield step.run.span.line


def _calls_away(stage: Stage) -> bool:
    """Whether the deployment stands in a workflow of another repository."""
    if stage.deploy is None or stage.deploy.engine.known:
        return False
    return not any((step.uses.or_else(None) or "").startswith("./") for step in stage.steps)


def _windows(pipeline: Pipeline) -> Answer:
    if pipeline.windows.known and pipeline.windows.value:
        return _yes(pipeline.windows.span.line)
    for stage in pipeline.stages:
        if stage.windows:
            return _yes(stage.windows[0].span.line)
    return _no()


def _rollback(goals: Iterable[Stage]) -> Answer:
    hidden = _no()
    for stage in goals:
        deploy = stage.deploy
        if deploy and deploy.rollback_on.known and deploy.rollback_on.value:
            return _yes(deploy.rollback_on.span.line)
        if deploy and not deploy.engine.known:
            hidden = _unknown(stage.span.line)
    return hidden


def _slices(goals: list[Stage]) -> Answer:
    """Whether production is reached in parts: a share, several waves, a canary by name."""
    for stage in goals:
        if stage.exposure.known and stage.exposure.value:
            return _yes(stage.exposure.span.line)
        if stage.deploy and _SLICES & {*words(stage.name), *words(stage.environment)}:
            return _yes(stage.span.line)
    waves = {stage.wave.value for stage in goals if stage.wave.known and stage.wave.value}
    return _yes(goals[-1].wave.span.line) if len(waves) > 1 else _no()
