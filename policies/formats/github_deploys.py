"""Deployments of GitHub Actions jobs: engine, way back, bound in time, and waits after them.

What an engine does inside (batches, capacity, drain) stands in its own files, which are not seen.
"""

from datetime import timedelta
from typing import Any, Final

from policies.facts import Fact, Provenance, unknown
from policies.fields import texts
from policies.findings import Span
from policies.formats.github_references import artifact_of
from policies.formats.github_steps import timeout_of
from policies.formats.github_workflow import OVERLAY, Workflow, condition, step_nodes
from policies.formats.scripts import bound, engine, goes_back, undoes
from policies.pipeline import Deploy, Step, StepKind
from policies.source import Mapping

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
    by: Fact[str] = Fact(engine(step), place, Provenance.INFERRED)
    if called:
        workflow_called = " ".join(texts(job.get("uses")))
        by = unknown(place, f"the called workflow {workflow_called} is not read")
    beyond: Fact[Any] = unknown(place, f"what the deployment does inside is not seen; {OVERLAY}")
    inside: dict[str, Any] = dict.fromkeys(_INSIDE, beyond)
    rollback = None if called else _rollback(job, steps)
    return Deploy(
        span=place,
        engine=by,
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


def _deadline(job: Mapping, step: Step | None, place: Span) -> Fact[timedelta | None]:
    """The nearest bound: of the command, the step, or the job; GitHub's own is six hours."""
    found = bound(step, timeout_of(job, place))
    if found.value is not None:
        return found
    return Fact(None, place, note="GitHub ends a job after six hours")


def _rollback(job: Mapping, steps: tuple[Step, ...]) -> Span | None:
    """Where the job goes back by itself: an undo after a failure, or a command that has one."""
    for node, step in zip(step_nodes(job), steps, strict=True):
        run = step.run.or_else(None) or ""
        if goes_back(run):
            return step.run.span
        if "failure()" in condition(node) and undoes(f"{run} {step.name.value}"):
            return step.name.span
    return None
