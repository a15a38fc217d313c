"""Deployments of GitHub Actions jobs: engine, way back, bound in time, and waits after them.

What an engine does inside (batches, capacity, drain) stands in its own files, which are not seen.
"""

import re
from datetime import timedelta
from typing import Any, Final

from policies.classify import commands
from policies.facts import Fact, Provenance, inferred, unknown
from policies.fields import texts
from policies.findings import Span
from policies.formats.github_references import artifact_of
from policies.formats.github_steps import timeout_of
from policies.formats.github_workflow import OVERLAY, Workflow, condition, step_nodes
from policies.pipeline import Bake, Deploy, Step, StepKind
from policies.source import Mapping

#: A wait at least this long is meant to let time pass; shorter ones poll.
_LONG: Final = timedelta(minutes=2)
_UNITS: Final = {"s": 1, "m": 60, "h": 3600, "d": 86_400}
_NUMBER: Final = re.compile(r"[0-9]{1,6}")
#: The bound that helm, kubectl and oc put on a deployment that they wait for.
_BOUND: Final = re.compile(r"--timeout[= ]\"?([0-9]{1,6})([smh])\b")

#: What an engine does inside.
_INSIDE: Final = (
    "strategy",
    "max_unavailable",
    "surge",
    "drain",
    "retained",
    "rollback_batch",
    "availability",
    "forward_only",
    "exposures",
)


def deploy_of(
    workflow: Workflow, span: Span, job: Mapping, steps: tuple[Step, ...], *, called: bool
) -> Deploy:
    step = next((step for step in steps if step.kind.value is StepKind.DEPLOY), None)
    place = step.name.span if step else span
    engine: Fact[str] = Fact(_engine(step), place, Provenance.INFERRED)
    if called:
        workflow_called = " ".join(texts(job.get("uses")))
        engine = unknown(place, f"the called workflow {workflow_called} is not read")
    beyond: Fact[Any] = unknown(place, f"what the deployment does inside is not seen; {OVERLAY}")
    inside: dict[str, Any] = dict.fromkeys(_INSIDE, beyond)
    rollback = None if called else _rollback(job, steps)
    return Deploy(
        span=place,
        engine=engine,
        hosts=beyond,
        batch=beyond,
        min_healthy=beyond,
        deadline=beyond if called else _deadline(job, step, place),
        rollback_on=Fact(frozenset({"failure"}), rollback, Provenance.INFERRED, 0.85)
        if rollback
        else beyond,
        rollback_alarms=beyond,
        checks=beyond,
        on_deadline=beyond if called else Fact("abort", place),
        artifact=artifact_of(workflow, job, steps, place),
        **inside,
    )


def _engine(step: Step | None) -> str:
    if step is None:
        return "script"
    uses, run = step.uses.or_else(None), step.run.or_else(None)
    if uses:
        return uses.partition("@")[0]
    return next((word for word, rest in commands(run or "") if rest), "script")


def _deadline(job: Mapping, step: Step | None, place: Span) -> Fact[timedelta | None]:
    """The nearest bound: of the command, the step, or the job; GitHub's own is six hours."""
    run = step.run.or_else(None) if step else None
    found = _BOUND.search(run or "")
    if step and found:
        length = timedelta(seconds=int(found[1]) * _UNITS[found[2]])
        return inferred(length, step.run.span)
    if step and step.timeout.value is not None:
        return step.timeout
    of_job = timeout_of(job, place)
    if of_job.value is not None:
        return of_job
    return Fact(None, place, note="GitHub ends a job after six hours")


def _rollback(job: Mapping, steps: tuple[Step, ...]) -> Span | None:
    """Where the job goes back by itself: an undo after a failure, or a command that has one."""
    for node, step in zip(step_nodes(job), steps, strict=True):
        run = step.run.or_else(None) or ""
        if "helm" in run and ("--atomic" in run or "--rollback-on-failure" in run):
            return step.run.span
        failed = "failure()" in condition(node)
        undo = "rollout undo" in run or "rollback" in f"{run} {step.name.value}".lower()
        if failed and undo:
            return step.name.span
    return None


def bake_of(steps: tuple[Step, ...]) -> Bake | None:
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
