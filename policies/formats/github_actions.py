"""GitHub Actions workflows into the model: jobs are stages, and much stands in settings instead.

Reviewers, wait timers and branch policies of environments, alarms, bakes and time windows cannot be
written in a workflow; those facts are unknown, with a note that names where they are set.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Final

from policies.classify import commands, named
from policies.facts import SURE, Fact, Provenance, unknown
from policies.fields import texts
from policies.findings import Span
from policies.formats.github_environments import Environment, of_job
from policies.formats.github_environments import kind as environment_kind
from policies.formats.github_steps import steps_of
from policies.formats.model import Beside, Format, Unreadable
from policies.pipeline import (
    Bake,
    Deploy,
    Origin,
    Owner,
    Pipeline,
    Stage,
    StageKind,
    Step,
    StepKind,
)
from policies.source import Mapping, Node, Scalar, Sequence, Source

_FOLDER: Final = ".github/workflows"
_OVERLAY: Final = "say it in bakegate.yaml"
#: A wait at least this long is meant to let time pass; shorter ones poll.
_LONG: Final = timedelta(minutes=2)
_UNITS: Final = {"m": 60, "h": 3600, "d": 86_400}
_SLUG: Final = re.compile(r"[a-z0-9]+")
_NUMBER: Final = re.compile(r"[0-9]{1,6}")
_STARTS: Final = {
    "push": "push",
    "schedule": "schedule",
    "workflow_dispatch": "manual",
    "repository_dispatch": "manual",
    "release": "push",
    "pull_request": "push",
    "workflow_run": "push",
    "merge_group": "push",
}


def detect(source: Source) -> bool:
    root = source.root
    if not isinstance(root, Mapping) or "jobs" not in root.entries:
        return False
    return "on" in root.entries or _FOLDER in source.path.replace("__", "/")


def read(source: Source, _beside: Beside) -> tuple[tuple[Pipeline, ...], tuple[Unreadable, ...]]:
    root = source.root
    if not isinstance(root, Mapping):
        raise TypeError("detect lets mappings pass only")
    title = root.get("name")
    visible = (
        title.span if isinstance(title, Scalar) and title.text else root.entries["jobs"].key.span
    )
    jobs = root.get("jobs")
    found = jobs.entries if isinstance(jobs, Mapping) else {}
    workflow = _Workflow(root, frozenset(found), source.text.split("\n"))
    stages = tuple(
        _stage(workflow, name, entry.key.span, entry.value)
        for name, entry in found.items()
        if isinstance(entry.value, Mapping)
    )
    name = title.text if isinstance(title, Scalar) and title.text else _slug(source.path)
    return (_pipeline(root, name, visible, stages),), tuple(_duplicates(root))


def _pipeline(root: Mapping, name: str, span: Span, stages: tuple[Stage, ...]) -> Pipeline:
    def beyond(what: str) -> Fact[Any]:
        return unknown(span, f"GitHub Actions cannot say {what}; {_OVERLAY}")

    nothing: Fact[Any] = Fact(None, span)
    return Pipeline(
        name=name,
        format=FORMAT.name,
        span=span,
        organization=Fact(None, span),
        kind=Fact(None, span, Provenance.INFERRED),
        tier=Fact(None, span),
        owner=Owner(nothing, nothing, nothing, nothing),
        origin=_origin(root, span),
        stages=stages,
        alarms=beyond("alarms"),
        windows=beyond("time windows"),
        complete=Fact(value=True, span=span),
        artifact=beyond("which artifact is released"),
    )


def _slug(path: str) -> str:
    """A name for a workflow that gives itself none: its path without suffix."""
    stem = path.rpartition(".")[0] or path
    return "-".join(_SLUG.findall(stem.lower())) or "workflow"


def _origin(root: Mapping, span: Span) -> Origin:
    node = root.get("on")
    events = tuple(node.entries) if isinstance(node, Mapping) else texts(node)
    place = root.entries["on"].key.span if node else span
    starts = tuple(dict.fromkeys(_STARTS[each] for each in events if each in _STARTS))
    push = node.get("push") if isinstance(node, Mapping) else None
    branches = push.get("branches") if isinstance(push, Mapping) else None
    called = "workflow_call" in events and not starts
    return Origin(
        repository=Fact(".", span, Provenance.INFERRED),
        branches=Fact(texts(branches) or None, branches.span if branches else place),
        start=unknown(place, "another workflow starts this one")
        if called
        else Fact(starts or None, place),
    )


@dataclass(frozen=True, slots=True)
class _Workflow:
    """What every job of a workflow is read with."""

    root: Mapping
    jobs: frozenset[str]
    lines: list[str]


def _stage(workflow: _Workflow, name: str, span: Span, job: Mapping) -> Stage:
    steps = steps_of(name, job, workflow.lines)
    environment = of_job(job)
    deploys = _deploys(name, steps, environment)
    if deploys:
        kind, environment = environment_kind(workflow.root, name, job, span)
    else:
        kind = Fact(_quiet_kind(steps), span, Provenance.INFERRED, 0.9)
    called = isinstance(job.get("uses"), Scalar)
    settings = _settings(span, environment, called=called)
    beyond: Fact[Any] = unknown(span, f"GitHub Actions cannot say this; {_OVERLAY}")
    bake = _bake(steps) if deploys else None
    return Stage(
        name=name,
        span=span,
        kind=kind,
        needs=_needs(job, workflow.jobs),
        steps=steps,
        deploy=_deploy(span, job, steps, called=called) if deploys else None,
        wave=beyond,
        exposure=beyond,
        bake=bake,
        bake_known=Fact(value=True, span=span) if bake else beyond,
        transition=settings or Fact("automatic", span),
        approvals=settings or Fact(None, span),
        configuration=beyond,
        synthetics_known=False,
        environment=environment.name if environment else "",
    )


def _deploys(name: str, steps: tuple[Step, ...], environment: Environment | None) -> bool:
    """Whether a job deploys: by a step, else by its name where its steps may hide it.

    An environment alone does not say so: builds, backups and tests use environments as well.
    """
    if environment and not environment.deploys:
        return False
    if any(step.kind.value is StepKind.DEPLOY for step in steps):
        return True
    unclear = any(not step.kind.known or step.kind.confidence < SURE for step in steps)
    return unclear and named(name) is StepKind.DEPLOY


def _quiet_kind(steps: tuple[Step, ...]) -> StageKind:
    builds = any(step.kind.value in (StepKind.BUILD, StepKind.PUBLISH) for step in steps)
    return StageKind.BUILD if builds else StageKind.TEST


def _settings(span: Span, environment: Environment | None, *, called: bool) -> Fact[Any] | None:
    """Reviewers and wait timers are settings of an environment; without one there are none."""
    if called:
        return unknown(span, "the called workflow may use an environment with reviewers")
    if environment and environment.job:
        where = f"Settings, Environments, {environment.name}"
        return unknown(environment.span, f"required reviewers and wait timers stand in {where}")
    return None


def _needs(job: Mapping, known: frozenset[str]) -> tuple[str, ...]:
    """The jobs whose success this one really needs.

    ``always()`` and its like start a job whatever happened before, unless it asks for results.
    """
    condition = job.get("if")
    text = condition.text if isinstance(condition, Scalar) else ""
    ignores = any(word in text for word in ("always()", "!cancelled()", "failure()"))
    if ignores and ".result" not in text:
        return ()
    return tuple(name for name in texts(job.get("needs")) if name in known)


def _deploy(span: Span, job: Mapping, steps: tuple[Step, ...], *, called: bool) -> Deploy:
    step = next((step for step in steps if step.kind.value is StepKind.DEPLOY), None)
    place = step.name.span if step else span
    engine: Fact[str] = Fact(_engine(step), place, Provenance.INFERRED)
    if called:
        engine = unknown(place, f"the called workflow {texts(job.get('uses'))[0]} is not read")
    beyond: Fact[Any] = unknown(place, f"what the deployment does inside is not seen; {_OVERLAY}")
    rollback = None if called else _rollback(job, steps)
    return Deploy(
        span=place,
        engine=engine,
        hosts=beyond,
        batch=beyond,
        min_healthy=beyond,
        deadline=beyond,
        rollback_on=Fact(frozenset({"failure"}), rollback, Provenance.INFERRED, 0.85)
        if rollback
        else beyond,
        rollback_alarms=beyond,
        checks=beyond,
    )


def _engine(step: Step | None) -> str:
    if step is None:
        return "script"
    uses, run = step.uses.or_else(None), step.run.or_else(None)
    if uses:
        return uses.partition("@")[0]
    return next((word for word, rest in commands(run or "") if rest), "script")


def _rollback(job: Mapping, steps: tuple[Step, ...]) -> Span | None:
    """Where the job goes back by itself: an undo after a failure, or a command that has one."""
    nodes = job.get("steps")
    items = nodes.items if isinstance(nodes, Sequence) else ()
    for node, step in zip(
        (item for item in items if isinstance(item, Mapping)), steps, strict=True
    ):
        run = step.run.or_else(None) or ""
        if "helm" in run and ("--atomic" in run or "--rollback-on-failure" in run):
            return step.run.span
        condition = node.get("if")
        failed = isinstance(condition, Scalar) and "failure()" in condition.text
        undo = "rollout undo" in run or "rollback" in f"{run} {step.name.value}".lower()
        if failed and undo:
            return step.name.span
    return None


def _bake(steps: tuple[Step, ...]) -> Bake | None:
    """A sleep of known length after the deployment: a timer that watches nothing."""
    deployed = False
    for step in steps:
        deployed = deployed or step.kind.value is StepKind.DEPLOY
        length = _sleep(step) if deployed else None
        if length and length >= _LONG:
            place = step.name.span
            nothing: Fact[Any] = Fact(None, place)
            return Bake(place, Fact(length, place), nothing, nothing, nothing, nothing)
    return None


def _sleep(step: Step) -> timedelta | None:
    """How long a step of kind ``wait`` sleeps; None where that is not written as a number."""
    if step.kind.value is not StepKind.WAIT:
        return None
    for word, rest in commands(step.run.or_else(None) or ""):
        if word == "sleep":
            digits, unit = rest.rstrip("smhd"), rest[-1:]
            seconds = _UNITS.get(unit, 1) * int(digits) if _NUMBER.fullmatch(digits) else None
            return None if seconds is None else timedelta(seconds=seconds)
    return None


def _duplicates(node: Node) -> Iterator[Unreadable]:
    """Keys that are written twice: GitHub refuses such a file, and the last one is read here."""
    match node:
        case Mapping(entries=entries, duplicates=duplicates):
            for key in duplicates:
                message = f"key '{key.text}' is written twice, which GitHub refuses; keep one"
                yield Unreadable(key.span, message)
            for entry in entries.values():
                yield from _duplicates(entry.value)
        case Sequence(items=items):
            for item in items:
                yield from _duplicates(item)
        case Scalar():
            return


FORMAT: Final = Format("github-actions", "GitHub Actions workflow", detect, read)
