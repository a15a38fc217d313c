"""What shell steps say of a deployment: its engine, waits of known length, ways back."""

import re
from collections.abc import Iterable, Mapping
from dataclasses import replace
from datetime import timedelta
from typing import Any, Final

from policies.classify import NAMED, commands
from policies.facts import Fact, Provenance, unknown
from policies.findings import Span
from policies.pipeline import Bake, Deploy, Pipeline, Stage, Step, StepKind

#: A wait at least this long is meant to let time pass; shorter ones poll.
LONG: Final = timedelta(minutes=2)
_UNITS: Final = {"m": 60, "h": 3600, "d": 86_400}
_NUMBER: Final = re.compile(r"[0-9]{1,6}")
#: Switches by which Helm goes back by itself.
_ATOMIC: Final = ("--atomic", "--rollback-on-failure")
_SHARE: Final = re.compile(
    r"\b(\d{1,2})\s?%|(?:rollout|canary|traffic|weight)[ _-]?(\d{1,2})\b(?!\d)", re.IGNORECASE
)
_UNDO: Final = re.compile(r"rollout undo|helm rollback|roll-?_?back", re.IGNORECASE)


def engine(step: Step | None) -> str:
    """The tool that a deploying step uses: its action or task, else its first command."""
    if step is None:
        return "script"
    uses, run = step.uses.or_else(None), step.run.or_else(None)
    if uses:
        return uses.partition("@")[0]
    return next((word for word, rest in commands(run or "") if rest), "script")


def goes_back(run: str) -> bool:
    """Whether a command undoes its own failure."""
    return "helm" in run and any(word in run for word in _ATOMIC)


def undoes(text: str) -> bool:
    """Whether words or commands bring an earlier version back."""
    return bool(_UNDO.search(text))


def sleep(step: Step) -> timedelta | None:
    """How long a step of kind ``wait`` sleeps; None where that is not written as a number."""
    if step.kind.value is not StepKind.WAIT:
        return None
    for word, rest in commands(step.run.or_else(None) or ""):
        if word == "sleep":
            digits, unit = rest.rstrip("smhd"), rest[-1:]
            seconds = _UNITS.get(unit, 1) * int(digits) if _NUMBER.fullmatch(digits) else None
            return None if seconds is None else timedelta(seconds=seconds)
    return None


def timer(place: Span, length: timedelta) -> Bake:
    """A bake that lets time pass and watches nothing."""
    nothing: Fact[Any] = Fact(None, place)
    return Bake(place, Fact(length, place), nothing, nothing, nothing, nothing)


def slept(steps: Iterable[Step]) -> Bake | None:
    """A long sleep of known length after the deployment of a stage."""
    deployed = False
    for step in steps:
        deployed = deployed or step.kind.value is StepKind.DEPLOY
        length = sleep(step) if deployed else None
        if length and length >= LONG:
            return timer(step.name.span, length)
    return None


def deployment(
    place: Span,
    by: Fact[str],
    *,
    beyond: str,
    rollback: Span | None = None,
) -> Deploy:
    """A deployment by commands, of which the file shows the call and not the inside.

    ``beyond`` says why the rest is unknown; ``rollback`` is where it goes back by itself.
    """
    hidden: Fact[Any] = unknown(place, beyond)
    return Deploy(
        span=place,
        engine=by,
        hosts=hidden,
        batch=hidden,
        min_healthy=hidden,
        deadline=hidden,
        rollback_on=Fact(frozenset({"failure"}), rollback, Provenance.INFERRED, 0.85)
        if rollback
        else hidden,
        rollback_alarms=hidden,
        checks=hidden,
        strategy=hidden,
        max_unavailable=hidden,
        surge=hidden,
        on_deadline=hidden,
        drain=hidden,
        retained=hidden,
        rollback_batch=hidden,
        artifact=hidden,
        exposures=hidden,
    )


def turned_back(pipeline: Pipeline, after_failure: Mapping[str, Span]) -> Pipeline:
    """The pipeline with the rollbacks that stand in jobs of their own.

    ``after_failure`` are the jobs that undo something after a failure, by name, and their places:
    whatever was deployed in front of such a job goes back by itself.
    """
    found: dict[str, Span] = {}
    for name, span in after_failure.items():
        stage = pipeline.stage(name)
        for above in pipeline.upstream(stage) if stage else ():
            found.setdefault(above.name, span)
    return replace(
        pipeline, stages=tuple(_undone(each, found.get(each.name)) for each in pipeline.stages)
    )


def _undone(stage: Stage, span: Span | None) -> Stage:
    if span is None or stage.deploy is None or stage.deploy.rollback_on.value:
        return stage
    event: Fact[frozenset[str] | None] = Fact(
        frozenset({"failure"}), span, Provenance.INFERRED, 0.85
    )
    return replace(stage, deploy=replace(stage.deploy, rollback_on=event))


def share(name: str) -> float | None:
    """The part of customers that a name tells, such as ``rollout 10%`` or ``blue_rollout_50``."""
    found = _SHARE.search(name)
    return int(found[1] or found[2]) / 100 if found else None


def said(name: str, steps: Iterable[Step]) -> str:
    """The words of a job: its name, and the names and commands of its steps."""
    words = (f"{step.name.value} {step.run.or_else(None) or ''}" for step in steps)
    return " ".join((name, *words))


def tested_after(pipeline: Pipeline) -> Pipeline:
    """Tests of no telling kind that wait for a deployment ask what was deployed.

    Only steps that are read by their names alone are taken so; a command says what it runs.
    """
    deploying = {stage.name for stage in pipeline.stages if stage.deploy}
    if not deploying:
        return pipeline
    return replace(
        pipeline,
        stages=tuple(
            _asking(stage) if stage.deploy is None and deploying & set(stage.needs) else stage
            for stage in pipeline.stages
        ),
    )


def _asking(stage: Stage) -> Stage:
    if not any(_by_name(step) for step in stage.steps):
        return stage
    steps = (
        replace(step, kind=replace(step.kind, value=StepKind.INTEGRATION))
        if _by_name(step)
        else step
        for step in stage.steps
    )
    return replace(stage, steps=tuple(steps))


def _by_name(step: Step) -> bool:
    return step.kind.value is StepKind.UNIT and step.kind.confidence <= NAMED
