"""Jobs of a GitLab pipeline as stages of the model: what they deploy, who starts them, what waits.

Approvals of protected environments, freeze periods and the rights of variables are settings of the
project; those facts are unknown, with the setting's name.
"""

from collections.abc import Mapping as Table
from datetime import timedelta
from typing import Any, Final

from policies.classify import named
from policies.facts import SURE, Fact, Provenance, unknown
from policies.findings import Span
from policies.formats import gitlab_environments
from policies.formats.artifacts import artifact_of
from policies.formats.gitlab_children import Running
from policies.formats.gitlab_environments import Environment
from policies.formats.gitlab_jobs import Job
from policies.formats.gitlab_rules import Start
from policies.formats.gitlab_steps import steps_of
from policies.formats.scripts import bound, deployment, engine, goes_back, share, slept
from policies.guards import Mutex, Queue
from policies.patterns import pattern
from policies.pipeline import Deploy, Stage, StageKind, Step, StepKind
from policies.references import Pin

#: Variables that GitLab sets anew for each commit, pipeline, or branch.
_UNIQUE: Final = (
    (pattern(r"CI_COMMIT_(?:SHORT_)?SHA\b"), Pin.COMMIT),
    (pattern(r"CI_(?:COMMIT_TAG|PIPELINE_I?ID|JOB_ID)\b"), Pin.VERSION),
    (pattern(r"CI_COMMIT_(?:REF_NAME|REF_SLUG|BRANCH)\b"), Pin.MUTABLE),
)
OVERLAY: Final = "say it in bakegate.yaml"
_BEYOND: Final = f"GitLab CI cannot say this; {OVERLAY}"
_INSIDE: Final = f"what the deployment does inside is not seen; {OVERLAY}"
#: Kinds of steps beside which a job of an environment does something else than deploy.
_OTHERWISE: Final = frozenset(
    {
        StepKind.SMOKE,
        StepKind.INTEGRATION,
        StepKind.BROWSER,
        StepKind.LOAD,
        StepKind.DAST,
        StepKind.UNIT,
        StepKind.LINT,
        StepKind.SAST,
        StepKind.SCA,
        StepKind.BUILD,
        StepKind.PUBLISH,
    }
)


def stage_of(running: Running, texts: Table[str, list[str]]) -> Stage:
    job, start = running.job, running.start
    steps = steps_of(job, start, dict(texts), children=running.children)
    environment = gitlab_environments.of_job(job)
    deploys = not start.after_failure and _deploys(job, steps, environment)
    kind: Fact[StageKind | None] = Fact(_quiet_kind(steps), job.span, Provenance.INFERRED, 0.9)
    if deploys:
        kind = gitlab_environments.kind(job, environment)
    beyond: Fact[Any] = unknown(job.span, _BEYOND)
    bake = slept(steps) if deploys else None
    return Stage(
        name=job.name,
        span=job.span,
        kind=kind,
        needs=running.needs,
        steps=steps,
        deploy=_deploy(job, steps) if deploys else None,
        wave=beyond,
        exposure=_exposure(job) if deploys else beyond,
        bake=bake,
        bake_known=Fact(value=True, span=job.span) if bake else beyond,
        transition=_transition(job, start),
        approvals=_approvals(job, environment),
        configuration=beyond,
        synthetics_known=False,
        environment=environment.name if environment else "",
        mutex=_mutex(job),
        branches=Fact(start.branches, job.span, Provenance.INFERRED, 0.9),
        permissions=unknown(job.span, "rights of variables and tokens stand in Settings, CI/CD"),
    )


def _deploys(job: Job, steps: tuple[Step, ...], environment: Environment | None) -> bool:
    """Whether a job deploys: by a command, by its environment, else by its name or stage.

    A job of an environment that only tests or builds something deploys nothing there.
    """
    if environment and not environment.deploys:
        return False
    if any(step.kind.value is StepKind.DEPLOY for step in steps):
        return True
    sure = {step.kind.value for step in steps if step.kind.confidence >= SURE}
    if environment:
        # Publishing may be how an environment with a tier of its own gets a version.
        shown = {StepKind.BUILD, StepKind.PUBLISH} if environment.tier else set()
        return not (sure - shown) & _OTHERWISE
    said = named(job.name)
    unclear = any(not step.kind.known or step.kind.confidence < SURE for step in steps)
    if not unclear or sure & _OTHERWISE:
        return False
    if said is None and _only_an_environment(job):
        return True
    return said is StepKind.DEPLOY or (said is None and named(job.text("stage")) is StepKind.DEPLOY)


def _only_an_environment(job: Job) -> bool:
    """A job named ``production`` whose script stands in a file that is not in sight."""
    return bool(gitlab_environments.named_like_one(job.name)) and "script" not in job.body.entries


def _quiet_kind(steps: tuple[Step, ...]) -> StageKind:
    builds = any(step.kind.value in (StepKind.BUILD, StepKind.PUBLISH) for step in steps)
    return StageKind.BUILD if builds else StageKind.TEST


def _deploy(job: Job, steps: tuple[Step, ...]) -> Deploy:
    step = next((step for step in steps if step.kind.value is StepKind.DEPLOY), None)
    place = step.name.span if step else job.span
    by: Fact[str] = Fact(engine(step), place, Provenance.INFERRED)
    hidden = next((each for each in steps if each.run.value is None and each.kind.note), None)
    if hidden and (step is None or step is hidden):
        by = unknown(hidden.name.span, hidden.kind.note)
    return deployment(
        place,
        by,
        beyond=_INSIDE,
        rollback=_rollback(steps),
        deadline=_deadline(job, step, place),
        artifact=artifact_of(steps, place, known=job.expanded, unique=_unique),
    )


def _deadline(job: Job, step: Step | None, place: Span) -> Fact[timedelta | None]:
    found = bound(step, step.timeout if step else Fact(None, place))
    if found.value is not None:
        return found
    return unknown(job.span, "the timeout of all jobs stands in Settings, CI/CD, General pipelines")


def _unique(text: str) -> Pin | None:
    return next((pin for words, pin in _UNIQUE if words.search(text)), None)


def _rollback(steps: tuple[Step, ...]) -> Span | None:
    back = (step for step in steps if goes_back(step.run.or_else(None) or ""))
    return next((step.name.span for step in back), None)


def _exposure(job: Job) -> Fact[float | None]:
    """A job named ``rollout 10%`` reaches a part of the customers."""
    found = share(job.name)
    if found is None:
        return unknown(job.span, _BEYOND)
    return Fact(found, job.span, Provenance.INFERRED, 0.7)


def _transition(job: Job, start: Start) -> Fact[str | None]:
    if job.missing and not {"when", "rules", "only", "except"} & set(job.body.entries):
        bases = ", ".join(job.missing)
        return unknown(job.place("extends"), f"{bases}, defined in no file in sight, may say when")
    return start.transition(job.span)


def _approvals(job: Job, environment: Environment | None) -> Fact[Any]:
    if environment is None:
        return Fact(None, job.span)
    where = f"Settings, CI/CD, Protected environments, {environment.name}"
    return unknown(environment.span, f"required approvals stand in {where}")


def _mutex(job: Job) -> Fact[Mutex | None]:
    """``resource_group``: all wait, in an order that is a setting; or a newer pipeline cancels."""
    interruptible = job.place("interruptible")
    if job.text("interruptible") == "true":
        key = job.text("resource_group") or job.name
        return Fact(Mutex(key, Queue.CANCEL, interruptible), interruptible)
    group = job.text("resource_group")
    if group:
        place = job.place("resource_group")
        mutex = Mutex(job.expanded(group), Queue.FIFO, place)
        return Fact(mutex, place, note="the process mode of a resource group is a setting")
    if job.missing:
        return unknown(job.span, f"{', '.join(job.missing)} may name a resource_group")
    return Fact(None, job.span)
