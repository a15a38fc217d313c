"""Questions that rules ask about the steps and the order of a pipeline."""

from collections.abc import Iterable, Iterator, Sequence
from typing import Final

from policies.facts import SURE, Provenance, Unknown
from policies.findings import Problem, Result, Span
from policies.frozen import dataclass
from policies.phrases import listed
from policies.pipeline import Pipeline, Stage, StageKind, Step, StepKind

SECURITY: Final = frozenset(
    {StepKind.SECURITY, StepKind.SAST, StepKind.SCA, StepKind.SECRETS, StepKind.DAST}
)
#: Kinds that ask a running version something, so its answer proves more than a start.
ASKING: Final = frozenset(
    {
        StepKind.SMOKE,
        StepKind.INTEGRATION,
        StepKind.CONTRACT,
        StepKind.BROWSER,
        StepKind.LOAD,
        StepKind.FAULT,
        StepKind.DAST,
    }
)
TESTS: Final = (
    ASKING
    | SECURITY
    | {StepKind.UNIT, StepKind.LINT, StepKind.COVERAGE, StepKind.COMPLEXITY}
    | {StepKind.ROLLBACK_TEST}
)


def deploys(stage: Stage) -> bool:
    return stage.deploy is not None or StepKind.DEPLOY in stage.kinds


DEPLOYING: Final = frozenset({StepKind.DEPLOY})
#: The format that says all of a pipeline in one file.
_OWN: Final = "bakegate"
#: What a file does that makes a version, in front of its deployment.
_MAKING: Final = frozenset({StepKind.BUILD, StepKind.PUBLISH}) | (TESTS - ASKING)
_ENDS: Final = frozenset({StepKind.PUBLISH, StepKind.DEPLOY})


def has_kind(step: Step, kinds: Iterable[StepKind]) -> bool:
    return not isinstance(step.kind.value, Unknown) and step.kind.value in kinds


def unsure(step: Step) -> bool:
    """True when the step was read with too little confidence to block anything."""
    return step.kind.confidence < SURE


def kinds_of(words: Iterable[str]) -> frozenset[StepKind]:
    """The step kinds that a parameter names; ``security`` stands for all security tests."""
    found: set[StepKind] = set()
    for word in words:
        found |= SECURITY if word == "security" else {StepKind(word)}
    return frozenset(found)


@dataclass(frozen=True, slots=True)
class Search:
    """What a search for blocking steps saw: those that block, the soft and the unclear ones."""

    blocking: tuple[Step, ...]
    soft: tuple[Step, ...]
    unclear: tuple[Step, ...]
    """Steps whose kind, or whose softness, cannot be told from this file."""
    guessed: bool
    """True when absence rests on the classifier: some step seen was only inferred to be another."""

    def missing(self, pipeline: Pipeline) -> tuple[Result, bool]:
        """How an absence counts: its result, and whether it may at most warn."""
        if self.unclear or not whole(pipeline):
            return Result.UNKNOWN, True
        return Result.FAIL, self.guessed


#: Formats of which a repository holds several files that run for one change.
_SPLIT: Final = frozenset({"github-actions"})


def tests_elsewhere(pipeline: Pipeline, *, here: bool) -> bool:
    """Whether the tests of a change seem to stand in another file: there are none ``here``."""
    return pipeline.format in _SPLIT and not here


def built_elsewhere(pipeline: Pipeline) -> str:
    """Why what a file deploys seems to be built, and so tested, somewhere else; empty where not.

    A file of another tool that only deploys and asks what runs has what a build made that is not
    seen here.
    """
    return pipeline.order.once(built_elsewhere, lambda: _built_elsewhere(pipeline))


def _built_elsewhere(pipeline: Pipeline) -> str:
    artifact = pipeline.artifact
    if not artifact.known and artifact.provenance is Provenance.DECLARED:
        return artifact.note
    steps = (step for stage in pipeline.stages for step in stage.steps)
    if pipeline.format != _OWN and not any(has_kind(step, _MAKING) for step in steps):
        return "nothing in this file builds it"
    return ""


def search(steps: Sequence[Step], kinds: frozenset[StepKind]) -> Search:
    """Look for steps of these kinds in one walk: a dozen rules do, each for several kinds."""
    blocking: list[Step] = []
    soft: list[Step] = []
    unclear: list[Step] = []
    guessed = False
    for step in steps:
        kind = step.kind
        guessed = guessed or kind.inferred
        if isinstance(kind.value, Unknown):
            unclear.append(step)
        elif kind.value in kinds:
            how = step.soft.value
            (unclear if isinstance(how, Unknown) else soft if how else blocking).append(step)
    return Search(tuple(blocking), tuple(soft), tuple(unclear), guessed)


def joined(one: Search, other: Search) -> Search:
    """What a search through both saw."""
    return Search(
        one.blocking + other.blocking,
        one.soft + other.soft,
        one.unclear + other.unclear,
        one.guessed or other.guessed,
    )


def whole(pipeline: Pipeline) -> bool:
    """Whether all stages are visible; what cannot be seen must not count as absent."""
    return pipeline.complete.value is True


def steps_before(stage: Stage, kinds: frozenset[StepKind]) -> tuple[Step, ...]:
    """The steps of ``stage`` in front of its first step of ``kinds``; all of them without one."""
    for index, step in enumerate(stage.steps):
        if has_kind(step, kinds):
            return stage.steps[:index]
    return stage.steps


def steps_after_deploy(stage: Stage) -> tuple[Step, ...]:
    """The steps that run against what ``stage`` deployed; empty where it deploys nothing."""
    for index, step in enumerate(stage.steps):
        if has_kind(step, DEPLOYING):
            return stage.steps[index + 1 :]
    return stage.steps if stage.deploy else ()


def first_points(pipeline: Pipeline) -> tuple[Stage, ...]:
    """The stages that publish or deploy first: none of the stages before them does."""
    return pipeline.heads([each for each in pipeline.stages if deploys(each) or _publishes(each)])


def _publishes(stage: Stage) -> bool:
    return not _ENDS.isdisjoint(stage.kinds)


def steps_before_end(point: Stage) -> tuple[Step, ...]:
    """The steps of a stage in front of the one that publishes or deploys; none without one."""
    return steps_before(point, _ENDS) if _publishes(point) else ()


def entries(pipeline: Pipeline) -> tuple[Stage, ...]:
    """The production stages that a release is deployed to without having been in production."""
    return pipeline.order.once(
        entries, lambda: pipeline.heads([stage for stage in pipeline.prod if deploys(stage)])
    )


def without_production(pipeline: Pipeline) -> tuple[Problem, ...]:
    """What a rule about production says where it sees none: unclear, or not its business."""
    return pipeline.order.once(without_production, lambda: tuple(_without_production(pipeline)))


def _without_production(pipeline: Pipeline) -> Iterator[Problem]:
    hidden = [stage for stage in pipeline.stages if not stage.kind.known]
    for stage in hidden:
        message = f"whether {stage.name} is a production stage cannot be told: {note(stage)}"
        yield unclear(stage.kind.span, f"stages/{stage.name}", message)
    if not hidden and pipeline.prod:
        yield not_applicable(pipeline, "no production stage deploys anything")
    elif not hidden and whole(pipeline):
        yield not_applicable(pipeline, "the pipeline has no production stage")
    elif not hidden:
        yield incomplete(pipeline)


def note(stage: Stage) -> str:
    return stage.kind.note or "its kind is set elsewhere"


def incomplete(pipeline: Pipeline) -> Problem:
    why = pipeline.complete.note or "stages are defined elsewhere"
    return unclear(pipeline.complete.span, "pipeline", f"not all stages can be seen: {why}")


def guessed(stage: Stage) -> bool:
    """Whether what the stage is, or what it runs, was only inferred: an absence there may warn."""
    return stage.kind.inferred or any(step.kind.inferred for step in stage.steps)


def unclear(span: Span, where: str, message: str, fix: str = "") -> Problem:
    return Problem(span, where, message, fix, result=Result.UNKNOWN, inferred=True)


def not_applicable(pipeline: Pipeline, message: str) -> Problem:
    return Problem(pipeline.span, "pipeline", message, result=Result.NOT_APPLICABLE)


def named(steps: Iterable[Step]) -> str:
    return listed(str(step.name.or_else(step.kind.or_else(StepKind.OTHER))) for step in steps)


def of_kind(stage: Stage, kinds: Iterable[str]) -> bool:
    """Whether the stage is of one of the kinds that a parameter names; unknown kinds are not."""
    return isinstance(stage.kind.value, StageKind) and stage.kind.value in kinds
