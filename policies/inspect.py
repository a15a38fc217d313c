"""What a pipeline file says of itself: the message ``bakegate.inspect/v1``.

It speaks of the file alone: ``no`` means that nothing in it does this, ``unknown`` that it points
elsewhere (an expression, a called workflow, the settings of an environment), so that a careful
reader cannot tell. Rules are stricter: an absence that a format could not express is unknown there.
"""

import re
from collections.abc import Iterable, Iterator
from typing import Any, Final

from policies.classify import named, places, words
from policies.facts import SURE, Fact, Provenance
from policies.formats import Read
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
#: Below this a step's kind is a guess that a careful reader would not make.
_TELLING: Final = 0.65
#: What asks a deployed version; unit tests and linters run before.
_LATE: Final = frozenset({"integration"})
_SLICES: Final = frozenset({"canary", "onebox"})
_COLOURS: Final = frozenset({"blue", "green"})
#: Strategies of an engine that reach a part of customers first.
_SLICING: Final = frozenset({"canary", "linear", "one-box"})
#: Tools whose second colour cannot be tried before the switch: they replace everything at once.
_AT_ONCE: Final = frozenset({"spinnaker"})
#: Commands and switches that ask a monitoring system something, so that a job stops on its answer.
_METRICS: Final = re.compile(
    r"get-metric-statistics|get-metric-data|describe-alarms|/api/v1/query|datadog-ci gate"
    r"|(?<!no-)(?:check|verify|watch)-(?:telemetry|monitors?|alarms?|alerts?|metrics|slos?)"
)
#: Commands, settings and actions that give a new version a share of the traffic.
_SHIFTS: Final = re.compile(
    r"--routing-config|AdditionalVersionWeights|canary-weight|traffic-(?:shift|percent)"
    r"|update-traffic\b.*=\d{1,2}\b"
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
    # A file that reaches no production still says how it deploys.
    reached = goals or [stage for stage in pipeline.stages if stage.deploy]
    before = _before(pipeline, goals)
    return {
        "name": pipeline.name,
        "format": pipeline.format,
        "deploys": [_deploy(stage) for stage in pipeline.stages if stage.deploy],
        "tests_before_production": {**_tests(pipeline, goals), "canary": _canary(reached)},
        "approval_before_production": _approval(pipeline, goals, before),
        "alarm_gating": _alarms(pipeline, reached),
        "time_window": _windows(pipeline),
        "automatic_rollback": _rollback(pipeline, reached),
        "progressive_exposure": _slices(pipeline, reached),
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
    # What a test environment waits for is hardly production.
    early = pipeline.bits(stage for stage in deploys if stage.kind.known)
    return prod or [
        stage for stage in deploys if not stage.kind.known and not pipeline.below(stage) & early
    ]


def _before(pipeline: Pipeline, goals: list[Stage]) -> list[Step]:
    """Steps on the way to production; all steps of a file that deploys nothing there."""
    if not goals:
        return [step for stage in pipeline.stages for step in stage.steps]
    upstream = _above(pipeline, goals)
    seen = pipeline.bits(upstream)
    heads = (_head(goal) for goal in goals if not pipeline.bits([goal]) & seen)
    return [step for steps in (*(stage.steps for stage in upstream), *heads) for step in steps]


def _above(pipeline: Pipeline, goals: Iterable[Stage]) -> tuple[Stage, ...]:
    bits = 0
    for goal in goals:
        bits |= pipeline.above(goal)
    return pipeline.of_bits(bits)


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
    if found["unit"]["value"] == "no" and _elsewhere(pipeline.complete):
        # Of what another file brings in or stands around this one, unit tests are what all have.
        found["unit"] = _unknown(pipeline.complete.span.line)
    if found["integration"]["value"] != "yes":
        # A smoke test of an earlier environment asks what runs there, from outside.
        for step in _smokes(pipeline, goals):
            found["integration"] = _yes(step.name.span.line)
    return found


def _smokes(pipeline: Pipeline, goals: list[Stage]) -> Iterator[Step]:
    for stage in _above(pipeline, goals):
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
            return _yes(step.name.span.line)
        if step.kind.value in kinds:
            hidden = hidden or step
        if not step.kind.known and name in _likely(step, late=id(step) in late):
            hidden = hidden or step
    return _unknown(hidden.kind.span.line) if hidden else _no()


def _likely(step: Step, *, late: bool) -> frozenset[str]:
    """What a step that is not seen may well test."""
    texts = (str(step.name.value), step.uses.or_else(None) or "")
    if StepKind.BUILD in map(named, texts):
        return _BUILT
    return _LATE if late else _COMMON


def _approval(pipeline: Pipeline, goals: list[Stage], before: Iterable[Step]) -> Answer:
    hidden = _no()
    for stage in goals:
        if stage.approvals.known and stage.approvals.value:
            return _yes(stage.approvals.span.line)
        if stage.transition.value == "manual":
            return _yes(stage.transition.span.line)
        # Where the file starts a stage by itself, approvals that are settings are not its own.
        if not stage.transition.known or _elsewhere(stage.approvals):
            hidden = _unknown(stage.approvals.span.line)
    for stage in _above(pipeline, goals):
        if stage.transition.value == "manual":
            return _yes(stage.transition.span.line)
        if stage.deploy is None and _elsewhere(stage.approvals):
            hidden = _unknown(stage.approvals.span.line)
    for step in before:
        # A step that waits for a person stops a release only where a tool makes it wait, and where
        # what it guards waits for it.
        waits = step.uses.value and not step.soft.value and step.kind.confidence >= SURE
        if step.kind.value is StepKind.APPROVAL and waits:
            return _yes(step.name.span.line)
    return hidden


def _alarms(pipeline: Pipeline, goals: Iterable[Stage]) -> Answer:
    for stage in pipeline.stages:
        for line in _watched(stage):
            return _yes(line)
    for stage in goals:
        if _calls_away(stage):
            return _unknown(stage.span.line)
        if stage.deploy and _elsewhere(stage.deploy.rollback_alarms):
            return _unknown(stage.deploy.rollback_alarms.span.line)
    return _no()


def _elsewhere(fact: Fact[Any]) -> bool:
    """Whether the file points to the place where this is set, so that it may be set there."""
    return not fact.known and fact.provenance is Provenance.DECLARED


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
        return _yes(pipeline.windows.span.line)
    for stage in pipeline.stages:
        if stage.windows:
            return _yes(stage.windows[0].span.line)
    hidden = pipeline.windows
    return _unknown(hidden.span.line) if _elsewhere(hidden) else _no()


def _rollback(pipeline: Pipeline, goals: Iterable[Stage]) -> Answer:
    """Whether anything in the file goes back by itself; production says it, or points elsewhere."""
    for stage in (*goals, *pipeline.stages):
        if stage.deploy and stage.deploy.rollback_on.known and _triggered(stage.deploy):
            return _yes(stage.deploy.rollback_on.span.line)
    hidden = _no()
    for stage in goals:
        if stage.deploy and not stage.deploy.engine.known:
            hidden = _unknown(stage.span.line)
        elif stage.deploy and _elsewhere(stage.deploy.rollback_on):
            hidden = _unknown(stage.deploy.rollback_on.span.line)
    return hidden


def _triggered(deploy: Deploy) -> bool:
    """Whether a rollback that is switched on has something that starts it."""
    events = deploy.rollback_on.or_else(frozenset()) or frozenset()
    return bool(events - {"alarm"}) or ("alarm" in events and bool(deploy.rollback_alarms.value))


def _slices(pipeline: Pipeline, goals: list[Stage]) -> Answer:
    """Whether production is reached in parts, or in two colours between which it is switched."""
    parts = _parts(goals)
    if parts["value"] != "yes":
        for stage in _chained(pipeline, goals):
            return _yes(stage.span.line)
        for stage in goals if pipeline.format not in _AT_ONCE else ():
            if stage.deploy and _two_colours(stage):
                return _yes(stage.span.line)
    return parts


def _parts(goals: list[Stage]) -> Answer:
    """Whether a part of customers comes first: a share, several waves, a canary by name."""
    hidden = _no()
    for stage in goals:
        if stage.exposure.known and stage.exposure.value:
            return _yes(stage.exposure.span.line)
        if stage.deploy and stage.deploy.exposures.known and stage.deploy.exposures.value:
            return _yes(stage.deploy.exposures.span.line)
        if stage.deploy and stage.deploy.strategy.value in _SLICING:
            return _yes(stage.deploy.strategy.span.line)
        if _named_slice(stage):
            return _yes(stage.span.line)
        for step in stage.steps if stage.deploy else ():
            if _SHIFTS.search(f"{step.run.or_else(None)} {step.uses.or_else(None)}"):
                return _yes(step.name.span.line)
        if stage.deploy and _elsewhere(stage.deploy.exposures):
            hidden = _unknown(stage.deploy.exposures.span.line)
    waves = {stage.wave.value for stage in goals if stage.wave.known and stage.wave.value}
    return _yes(goals[-1].wave.span.line) if len(waves) > 1 else hidden


def _named_slice(stage: Stage) -> bool:
    """Whether a name says canary, where the engine does not say which shares it moves."""
    if stage.deploy is None or stage.deploy.exposures.known:
        return False
    return bool(_SLICES & {*words(stage.name), *words(stage.environment)})


def _two_colours(stage: Stage) -> bool:
    """Whether a stage switches between two full copies, by its strategy or by its names."""
    if stage.deploy and stage.deploy.strategy.known:
        return stage.deploy.strategy.value == "blue-green"
    names = (stage.name, stage.environment, *(str(step.name.value) for step in stage.steps))
    if any("bluegreen" in "".join(words(name)) for name in names):
        return True
    runs = " ".join(step.run.or_else(None) or "" for step in stage.steps).lower()
    return "blue" in runs and set(words(runs)) >= _COLOURS


def _canary(goals: list[Stage]) -> Answer:
    parts = _parts(goals)
    return parts if parts["value"] == "yes" else _no()


def _chained(pipeline: Pipeline, goals: Iterable[Stage]) -> Iterator[Stage]:
    """The same deployment of one place after another, as waves are written without the word."""
    placed = [stage for stage in goals if stage.is_prod and places(stage.name)]
    for stage in placed:
        for above in pipeline.upstream(stage):
            if above in placed and _commands(above) == _commands(stage):
                yield above


def _commands(stage: Stage) -> list[tuple[str | None, str | None]]:
    return [(step.run.or_else(None), step.uses.or_else(None)) for step in stage.steps]
