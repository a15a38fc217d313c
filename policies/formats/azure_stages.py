"""Jobs of an Azure pipeline as stages of the model: what they deploy, where, and what guards them.

Approvals, business hours, exclusive locks and alarm queries are checks of an environment or of a
service connection; those facts are unknown, with the setting's name.
"""

import re
from collections.abc import Iterator, Mapping
from datetime import timedelta
from typing import Any, Final

from policies.classify import GUESSED, named, words
from policies.classify import environment as kind_of
from policies.classify.tasks import prepares
from policies.facts import SURE, Fact, Provenance, elsewhere, inferred, unknown
from policies.findings import Span
from policies.formats.artifacts import artifact_of
from policies.formats.azure_jobs import Job
from policies.formats.azure_steps import Hooks, failure_steps, hooks_of, steps_of
from policies.formats.azure_templates import BY_RUN
from policies.formats.naming import of_file, without_stage
from policies.formats.scripts import bound, deployment, engine, goes_back, share, slept, undoes
from policies.frozen import dataclass, replace
from policies.guards import Mutex, Queue
from policies.patterns import pattern
from policies.pipeline import Deploy, Stage, StageKind, Step, StepKind
from policies.references import Pin
from policies.source import Mapping as MappingNode
from policies.source import Node, Scalar, Sequence

#: After which Azure ends a job that says nothing itself.
_DEFAULT_BOUND: Final = timedelta(hours=1)
#: Variables that Azure sets anew for each commit, run, or branch.
_UNIQUE: Final = (
    (pattern(r"Build\.SourceVersion\b", re.IGNORECASE), Pin.COMMIT),
    (pattern(r"Build\.Build(?:Id|Number)\b", re.IGNORECASE), Pin.VERSION),
    (pattern(r"Build\.SourceBranch(?:Name)?\b", re.IGNORECASE), Pin.MUTABLE),
)
OVERLAY: Final = "say it in bakegate.yaml"
_BEYOND: Final = f"Azure Pipelines cannot say this; {OVERLAY}"
_INSIDE: Final = f"what the deployment does inside is not seen; {OVERLAY}"
_EXPRESSION: Final = pattern(r"\$\{\{.*?\}\}|\$\([^)]*\)|\$\[[^\]]*\]")
_MACRO: Final = pattern(r"\$\((\w[\w.]*)\)")
_BRANCH: Final = pattern(r"SourceBranch(?:Name)?'?\]?,\s*'(?:refs/heads/)?([^']+)'")
#: Inputs of tasks that name the connection or the place that a task works on.
_TELLING: Final = pattern(
    r"(?:service)?connection|azuresubscription|environ|slotname|namespace|stage$|appname"
    r"|resourcegroup",
    re.IGNORECASE,
)
#: Names of variables whose value names an environment, or something that belongs to one.
_NAMING: Final = pattern(
    r"(?:^|_|[a-z])(?:env|environment|stage|tier|app|group|cluster|slot|site|server|connection"
    r"|subscription)(?:_?name)?$",
    re.IGNORECASE,
)
#: Kinds of steps beside which a job of an environment does something else than deploy.
_OTHERWISE: Final = frozenset(
    {
        StepKind.APPROVAL,
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
_LOCKS: Final = {"sequential": Queue.FIFO, "runLatest": Queue.LATEST}
#: Words of jobs that stand beside the deployment of their stage.
_PREPARING: Final = frozenset({"plan", "init", "status", "notify", "message"})
_SHORT: Final = 2
_SHARE: Final = pattern(r"\d{1,2}|100")


@dataclass(frozen=True, slots=True)
class _Environment:
    name: str
    span: Span


def stage_of(job: Job, lines: Mapping[str, list[str]]) -> Stage:
    steps = steps_of(job, lines)
    environment = _environment(job)
    deploys = _deploys(job, steps, environment)
    kind: Fact[StageKind | None] = Fact(_quiet_kind(steps), job.span, Provenance.INFERRED, 0.9)
    if deploys:
        kind = _kind(job, environment)
    beyond: Fact[Any] = unknown(job.span, _BEYOND)
    bake = slept(steps) if deploys else None
    guard = _guard(job, environment, steps)
    return Stage(
        name=job.name,
        span=job.span,
        kind=kind,
        needs=job.needs,
        steps=steps,
        deploy=_deploy(job, steps, lines) if deploys else None,
        wave=beyond,
        exposure=_exposure(job) if deploys else beyond,
        bake=bake,
        bake_known=Fact(value=True, span=job.span) if bake else beyond,
        transition=guard or Fact("automatic", job.span),
        approvals=guard or Fact(None, job.span),
        configuration=beyond,
        synthetics_known=False,
        environment=environment.name if environment else "",
        mutex=_mutex(job, environment),
        branches=_branches(job),
        permissions=unknown(job.span, "rights of the job stand in Project settings, Pipelines"),
    )


def beside(stages: tuple[Stage, ...], jobs: tuple[Job, ...]) -> tuple[Stage, ...]:
    """Approvals that the deployment beside them does not wait for guard nothing."""
    deploying: dict[str, list[Stage]] = {}
    for job, stage in zip(jobs, stages, strict=True):
        if stage.deploy and job.stage_name:
            deploying.setdefault(job.stage_name, []).append(stage)
    return tuple(
        _doubted(stage)
        if any(stage.name not in each.needs for each in deploying.get(job.stage_name, ()))
        else stage
        for job, stage in zip(jobs, stages, strict=True)
    )


def _doubted(stage: Stage) -> Stage:
    if stage.deploy or not any(step.kind.value is StepKind.APPROVAL for step in stage.steps):
        return stage
    note = "the deployment beside it does not wait for it"
    steps = tuple(
        replace(step, kind=replace(step.kind, confidence=GUESSED, note=note))
        if step.kind.value is StepKind.APPROVAL
        else step
        for step in stage.steps
    )
    return replace(stage, steps=steps)


def after_failure(job: Job) -> bool:
    """Whether a job, or its whole stage, runs only when something before it failed."""
    conditions = (body.get("condition") for body in (job.body, job.stage))
    texts = [each.text.lower() for each in conditions if isinstance(each, Scalar)]
    return any("failed()" in text and "succeededorfailed" not in text for text in texts)


def _environment(job: Job) -> _Environment | None:
    node = job.body.get("environment")
    if isinstance(node, MappingNode):
        node = node.get("name")
    if "template" in job.body.entries:
        node = _parameter(job, "environment")
    if not isinstance(node, Scalar) or not node.text:
        return None
    # A resource of the environment may stand behind a point.
    return _Environment(job_text(job, node.text), node.span)


def _parameter(job: Job, name: str) -> Node | None:
    """What a template that is not seen is given under a name."""
    node = job.body.get("parameters")
    entries = node.entries if isinstance(node, MappingNode) else {}
    return next((each.value for key, each in entries.items() if key.lower() == name), None)


def job_text(job: Job, text: str) -> str:
    """A text with the macros put in whose variables have one value in the file."""
    return _MACRO.sub(lambda found: job.variables.get(found[1], found[0]), text)


def _deploys(job: Job, steps: tuple[Step, ...], environment: _Environment | None) -> bool:
    """Whether a job deploys: by a task or command, as a deployment job, else by its names.

    A deployment job without steps of its own only waits for the checks of its environment.
    """
    if after_failure(job):
        return False
    if any(step.kind.value is StepKind.DEPLOY for step in steps):
        return True
    sure = {step.kind.value for step in steps if step.kind.confidence >= SURE}
    if sure & _OTHERWISE:
        return False
    own = job.name.rpartition("/")[2]
    helps = bool(_PREPARING & set(words(own)))
    texts = (own, job.text("displayName"), *(() if helps else (job.stage_name, job.title)))
    # A stage named as its environment is, such as Test, says where and not what.
    where = environment.name if environment else ""
    said = next((found for text in texts if text != where and (found := named(text))), None)
    if "deployment" in job.body.entries:
        return bool(steps) and said in (None, StepKind.DEPLOY)
    unclear = any(not step.kind.known or step.kind.confidence < SURE for step in steps)
    return unclear and said is StepKind.DEPLOY


def _quiet_kind(steps: tuple[Step, ...]) -> StageKind:
    builds = any(step.kind.value in (StepKind.BUILD, StepKind.PUBLISH) for step in steps)
    return StageKind.BUILD if builds else StageKind.TEST


def _kind(job: Job, environment: _Environment | None) -> Fact[StageKind | None]:
    """What a deploying job is for, from the surest of the things that say it."""
    plain = _EXPRESSION.sub(" ", environment.name).strip() if environment else ""
    if environment and (said := kind_of(plain)):
        return Fact(said, environment.span, confidence=0.95)
    for text, confidence in (*_by_run(job, environment), *_hints(job)):
        if said := kind_of(_EXPRESSION.sub(" ", text)):
            return Fact(said, job.span, Provenance.INFERRED, confidence)
    if environment and not plain:
        return unknown(environment.span, f"its environment is the expression {environment.name}")
    return unknown(job.span, "nothing here says which environment it deploys to")


def _by_run(job: Job, environment: _Environment | None) -> Iterator[tuple[str, float]]:
    """Of the environments between which each run chooses, the one that reaches furthest."""
    for match in _MACRO.finditer(environment.name if environment else ""):
        if value := job.variables.get(f"{BY_RUN}{match[1]}"):
            yield value, 0.7


def _hints(job: Job) -> Iterator[tuple[str, float]]:
    """Texts that may name an environment, and how much each is worth."""
    yield job.name.rpartition("/")[2], 0.8
    # Beside two words of what it does, "stage" at the end is the tool's own word.
    long = len(words(job.stage_name)) > _SHORT
    yield without_stage(job.stage_name, everywhere=long), 0.8
    yield job.text("displayName"), 0.7
    yield job.title, 0.7
    for group in _groups(job):
        yield group, 0.7
    for step in _tasks(job):
        for key, value in step.items():
            if _TELLING.search(key):
                yield job_text(job, value), 0.7
    for name, value in job.variables.items():
        if _NAMING.search(name):
            yield value, 0.6
    yield without_stage(of_file(job.span.path), everywhere=True), 0.6


def _groups(job: Job) -> Iterator[str]:
    """Variable groups, which are often one for each environment."""
    for body in (job.body, job.stage):
        node = body.get("variables")
        for item in node.items if isinstance(node, Sequence) else ():
            group = item.get("group") if isinstance(item, MappingNode) else None
            if isinstance(group, Scalar):
                yield group.text


def _tasks(job: Job) -> Iterator[dict[str, str]]:
    hooks = hooks_of(job)
    deploy = hooks.body.get("deploy") if hooks else job.body
    steps = deploy.get("steps") if isinstance(deploy, MappingNode) else None
    for step in (job.body, *(steps.items if isinstance(steps, Sequence) else ())):
        named_task = step.get("task") if isinstance(step, MappingNode) else None
        if isinstance(named_task, Scalar) and prepares(named_task.text):
            continue
        inputs = step.get("inputs") if isinstance(step, MappingNode) else None
        parameters = step.get("parameters") if isinstance(step, MappingNode) else None
        for node in (inputs, parameters):
            if isinstance(node, MappingNode):
                yield {
                    key: entry.value.text
                    for key, entry in node.entries.items()
                    if isinstance(entry.value, Scalar)
                }


def _deploy(job: Job, steps: tuple[Step, ...], lines: Mapping[str, list[str]]) -> Deploy:
    step = next((step for step in steps if step.kind.value is StepKind.DEPLOY), None)
    place = step.name.span if step else job.span
    by: Fact[str] = Fact(engine(step), place, Provenance.INFERRED)
    if step and step.kind.note:
        by = unknown(place, step.kind.note)
    made = deployment(
        place,
        by,
        beyond=_INSIDE,
        rollback=_rollback(job, steps, lines),
        deadline=_deadline(job, steps, step, place),
        artifact=artifact_of(steps, place, known=lambda text: job_text(job, text), unique=_unique),
    )
    hooks = hooks_of(job)
    return _strategy(made, hooks) if hooks else made


def _deadline(
    job: Job, steps: tuple[Step, ...], step: Step | None, place: Span
) -> Fact[timedelta | None]:
    # Every step has the end of its job, where it has none of its own.
    found = bound(step, steps[0].timeout if steps else Fact(None, place))
    if found.value is not None:
        return found
    if any(each.kind.note for each in steps):
        return unknown(place, "the template may end what it does itself")
    if "timeoutInMinutes" in job.body.entries:
        return Fact(None, place, note="timeoutInMinutes: 0 is as long as the agent allows")
    return inferred(_DEFAULT_BOUND, place)


def _unique(text: str) -> Pin | None:
    return next((pin for words, pin in _UNIQUE if words.search(text)), None)


def _rollback(job: Job, steps: tuple[Step, ...], lines: Mapping[str, list[str]]) -> Span | None:
    """Where the job goes back by itself: its ``on: failure`` hook, an undo, a command that does."""
    for step in failure_steps(job, lines):
        if step.kind.value is StepKind.DEPLOY or undoes(_words(step)):
            return step.name.span
    nodes = job.body.get("steps")
    written = nodes.items if isinstance(nodes, Sequence) else ()
    for step in steps:
        if goes_back(step.run.or_else(None) or ""):
            return step.name.span
    for item, step in zip(written, steps, strict=False):
        condition = item.get("condition") if isinstance(item, MappingNode) else None
        failed = isinstance(condition, Scalar) and "failed()" in condition.text
        if failed and undoes(_words(step)):
            return step.name.span
    return None


def _words(step: Step) -> str:
    return f"{step.name.value} {step.run.or_else(None) or ''}"


def _strategy(made: Deploy, hooks: Hooks) -> Deploy:
    """``rolling`` and ``canary`` say how it goes on; ``runOnce`` leaves that to the task."""
    if hooks.name == "rolling":
        return replace(made, strategy=Fact("rolling", hooks.span))
    if hooks.name == "canary":
        shares = _increments(hooks)
        exposures: Fact[tuple[float, ...] | None] = Fact((*shares, 1.0), hooks.span)
        return replace(
            made,
            strategy=Fact("canary", hooks.span),
            exposures=exposures if shares else made.exposures,
        )
    return made


def _increments(hooks: Hooks) -> tuple[float, ...]:
    node = hooks.body.get("increments")
    items = node.items if isinstance(node, Sequence) else ()
    texts = [item.text for item in items if isinstance(item, Scalar)]
    return tuple(int(text) / 100 for text in texts if _SHARE.fullmatch(text))


def _exposure(job: Job) -> Fact[float | None]:
    hooks = hooks_of(job)
    shares = _increments(hooks) if hooks and hooks.name == "canary" else ()
    if hooks and shares:
        return Fact(shares[0], hooks.span)
    for text in (job.name, job.text("displayName")):
        if part := share(text):
            return Fact(part, job.span, Provenance.INFERRED, 0.7)
    return unknown(job.span, _BEYOND)


def _guard(job: Job, environment: _Environment | None, steps: tuple[Step, ...]) -> Fact[Any] | None:
    """Approvals and checks are settings of an environment; without one there are none in sight."""
    if environment:
        where = f"Pipelines, Environments, {environment.name}, Approvals and checks"
        return elsewhere(environment.span, f"approvals and checks stand in {where}")
    hidden = next((step for step in steps if step.kind.note and step.uses.value), None)
    if hidden and "template" in job.body.entries:
        return elsewhere(hidden.name.span, f"{hidden.kind.note}; it may use an environment")
    return None


def _mutex(job: Job, environment: _Environment | None) -> Fact[Mutex | None]:
    """``lockBehavior`` says how runs wait for a lock; the lock itself is a check."""
    found = job.stage.get("lockBehavior")
    if isinstance(found, Scalar) and found.text in _LOCKS and environment:
        key = environment.name
        return Fact(Mutex(key, _LOCKS[found.text], found.span), found.span, confidence=0.7)
    where = f"{environment.name}, " if environment else ""
    note = f"an exclusive lock stands in Pipelines, Environments, {where}Approvals and checks"
    return unknown(job.span, note)


def _branches(job: Job) -> Fact[tuple[str, ...] | None]:
    """The branches that conditions of the job and of its stage name."""
    found: list[str] = []
    place = job.span
    for body in (job.stage, job.body):
        condition = body.get("condition")
        if isinstance(condition, Scalar) and "ne(" not in condition.text:
            matches = _BRANCH.findall(condition.text)
            place = condition.span if matches else place
            found.extend(matches)
    return Fact(tuple(dict.fromkeys(found)) or None, place, Provenance.INFERRED, 0.9)
