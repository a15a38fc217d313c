"""GitHub Actions workflows into the model: jobs are stages, and much stands in settings instead.

Reviewers, wait timers and branch policies of environments, alarms, bakes and time windows cannot be
written in a workflow; those facts are unknown, with a note that names where they are set.
"""

from typing import Any, Final

from policies.classify import named
from policies.facts import SURE, Fact, Provenance, unknown
from policies.fields import texts
from policies.findings import Span
from policies.formats.across import tested_after, told_by_tools, turned_back
from policies.formats.duplicates import written_twice
from policies.formats.github_calls import Calls
from policies.formats.github_deploys import deploy_of
from policies.formats.github_environments import Environment, of_job
from policies.formats.github_environments import kind as environment_kind
from policies.formats.github_guards import (
    branches_of,
    default_permissions,
    mutex_of,
    permissions_of,
    spread,
)
from policies.formats.github_notices import notifies_of
from policies.formats.github_references import images_of
from policies.formats.github_soaks import soaked
from policies.formats.github_steps import steps_of, timeout_of
from policies.formats.github_workflow import (
    OVERLAY,
    Workflow,
    after_failure,
    events_of,
    lines_with,
    needs_of,
)
from policies.formats.model import Beside, Unreadable
from policies.formats.naming import slug, unflattened
from policies.formats.scripts import said, slept, undoes
from policies.frozen import replace
from policies.pipeline import (
    Origin,
    Owner,
    Pipeline,
    Stage,
    StageKind,
    Step,
    StepKind,
)
from policies.source import Entry, Mapping, Node, Scalar, Source

_FOLDER: Final = ".github/workflows"
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
    return "on" in root.entries or _FOLDER in unflattened(source.path)


def read(source: Source, beside: Beside) -> tuple[tuple[Pipeline, ...], tuple[Unreadable, ...]]:
    root = source.root
    if not isinstance(root, Mapping):
        raise TypeError("detect lets mappings pass only")
    title = root.get("name")
    visible = (
        title.span if isinstance(title, Scalar) and title.text else root.entries["jobs"].key.span
    )
    duplicates = tuple(written_twice(source, "GitHub"))
    root = Calls(beside.follower).written_out(root)
    jobs = root.get("jobs")
    found = jobs.entries if isinstance(jobs, Mapping) else {}
    workflow = _workflow(root, frozenset(found), (source, *beside.follower.parts.values()))
    branches = branches_of(workflow, found)
    stages = tuple(
        _stage(workflow, name, entry.key.span, entry.value, branches[name])
        for name, entry in found.items()
        if isinstance(entry.value, Mapping)
    )
    name = title.text if isinstance(title, Scalar) and title.text else slug(source.path)
    pipeline = replace(
        _pipeline(root, name, visible, stages),
        permissions=default_permissions(root, visible),
        references=tuple(
            each
            for entry in found.values()
            if isinstance(entry.value, Mapping)
            for each in images_of(entry.value)
        ),
        notifies=notifies_of(found, stages, visible),
    )
    whole = soaked(_turned_back(pipeline, found), workflow, found)
    return (told_by_tools(tested_after(whole)),), duplicates


def _workflow(root: Mapping, jobs: frozenset[str], files: tuple[Source, ...]) -> Workflow:
    lines = {each.path: each.text.split("\n") for each in files}
    secrets = {
        each.path: lines_with("secrets", lines[each.path])
        for each in files
        if "secrets" in each.text
    }
    return Workflow(root, jobs, lines, frozenset(events_of(root)), secrets)


def _turned_back(pipeline: Pipeline, jobs: dict[str, Entry]) -> Pipeline:
    undoing = _undoing(jobs, pipeline.stages)
    # A job for failures waits for what it names although it needs no success of it.
    bodies = ((name, jobs[name].value) for name in undoing)
    waits = {name: texts(body.get("needs")) for name, body in bodies if isinstance(body, Mapping)}
    return turned_back(pipeline, undoing, waits)


def _undoing(jobs: dict[str, Entry], stages: tuple[Stage, ...]) -> dict[str, Span]:
    """Jobs that bring an earlier version back after a failure, with their places."""
    return {
        stage.name: stage.span
        for stage in stages
        if _undoes(jobs[stage.name].value, stage.name, stage.steps)
    }


def _undoes(job: Node, name: str, steps: tuple[Step, ...]) -> bool:
    return isinstance(job, Mapping) and after_failure(job) and undoes(said(name, steps))


def _pipeline(root: Mapping, name: str, span: Span, stages: tuple[Stage, ...]) -> Pipeline:
    def beyond(what: str) -> Fact[Any]:
        return unknown(span, f"GitHub Actions cannot say {what}; {OVERLAY}")

    nothing: Fact[Any] = Fact(None, span)
    return Pipeline(
        name=name,
        format="github-actions",
        span=span,
        organization=Fact(None, span),
        kind=Fact(None, span, Provenance.INFERRED),
        tier=Fact(None, span),
        owner=Owner(nothing, nothing, nothing, nothing),
        origin=_origin(root, span),
        stages=stages,
        alarms=beyond("alarms"),
        windows=beyond("time windows"),
        complete=_complete(root, span),
        artifact=beyond("which artifact is released"),
    )


def _complete(root: Mapping, span: Span) -> Fact[bool]:
    if set(events_of(root)) == {"workflow_run"}:
        return unknown(span, "it runs after another workflow, which is not seen here")
    return Fact(value=True, span=span)


def _origin(root: Mapping, span: Span) -> Origin:
    node = root.get("on")
    events = events_of(root)
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


def _stage(
    workflow: Workflow, name: str, span: Span, job: Mapping, branches: Fact[tuple[str, ...] | None]
) -> Stage:
    steps = steps_of(workflow, name, job)
    environment = of_job(job)
    deploys = not _undoes(job, name, steps) and _deploys(name, steps, environment)
    if deploys:
        kind, environment = environment_kind(workflow.root, name, job, span)
    else:
        kind = Fact(_quiet_kind(steps), span, Provenance.INFERRED, 0.9)
    called = isinstance(job.get("uses"), Scalar)
    settings = _settings(span, environment, called=called)
    beyond: Fact[Any] = unknown(span, f"GitHub Actions cannot say this; {OVERLAY}")
    bake = slept(steps) if deploys else None
    return Stage(
        name=name,
        span=span,
        kind=kind,
        needs=needs_of(job, workflow.jobs),
        steps=steps,
        deploy=deploy_of(workflow, span, job, steps, called=called) if deploys else None,
        wave=beyond,
        exposure=beyond,
        bake=bake,
        bake_known=Fact(value=True, span=span) if bake else beyond,
        transition=settings or Fact("automatic", span),
        approvals=settings or Fact(None, span),
        configuration=beyond,
        synthetics_known=False,
        environment=environment.name if environment else "",
        timeout=timeout_of(job, span).or_else(None),
        branches=branches,
        mutex=mutex_of(workflow, job, span),
        permissions=permissions_of(job, span),
        analyses=beyond,
        variables=beyond,
        callers=beyond,
        **spread(job),
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
    # Of several jobs of a called workflow the call's name tells only the one in an environment.
    own = name if "(" in name or (environment and environment.job) else name.rpartition("/")[2]
    return unclear and named(own) is StepKind.DEPLOY


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
