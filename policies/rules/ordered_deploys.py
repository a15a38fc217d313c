"""Run one deployment at a time per target and never let an older build overwrite a newer one.

## Why it matters
Two deployments to one target leave a mixture that nobody built and nobody tested. A deployment that
is cancelled half way does the same, and a late, older build quietly takes back what the newer one
had mended.

Each pre-production and production stage that deploys needs a lock that makes a second deployment
wait, in the order that `preprod_queue` and `prod_queue` name, and that never cancels the running
one. With the scope `env` all stages of one environment share the lock; with `cell` independent
cells may each have their own. At the gate no other release may be in the stage, and this one must
not be older than what runs there.

## Fails
```yaml
on: {push: {branches: [main]}}
concurrency: {group: deploy-production, cancel-in-progress: true}
jobs:
  deploy:
    runs-on: ubuntu-latest
    environment: production
    steps:
      - run: kubectl apply -f app.yaml
```

## Passes
```yaml
on: {push: {branches: [main]}}
concurrency: {group: deploy-production, cancel-in-progress: false}
jobs:
  deploy:
    runs-on: ubuntu-latest
    environment: production
    steps:
      - run: kubectl apply -f app.yaml
```

## Not reported
Stages before pre-production, where a newer change may well replace an older one. Rollbacks, which
go back on purpose. Several releases of one pipeline may be on their way in different stages.

## Sources
Resource groups and the prevention of outdated deployments in GitLab's guide to safe deployments,
and the good practices of Argo Rollouts, which allow one rollout of a service at a time.
"""

from collections.abc import Iterator
from typing import Final

from policies.facts import Fact, placed
from policies.findings import Enforcement, Problem, Related, Result, Severity
from policies.frozen import dataclass
from policies.guards import Mutex, Queue
from policies.observations import observed, together
from policies.phrases import listed, short
from policies.pipeline import Pipeline, Stage
from policies.release import InFlight, ReleaseKind, Running
from policies.rule import Case, Family, Outcome, Params, Rule, Stricter, Unit, Used, param
from policies.steps import deploys, of_kind, unclear, without_production


@dataclass(frozen=True, slots=True, kw_only=True)
class OrderedDeploys(Params):
    scope: str = param(
        "env",
        "What one deployment at a time is counted for: an environment, or a cell of it.",
        unit=Unit.WORD,
        stricter=Stricter.NEITHER,
        allowed=("env", "cell"),
    )
    preprod_queue: str = param(
        "latest",
        "Which waiting release enters pre-production next: the latest alone, or all in order.",
        unit=Unit.WORD,
        stricter=Stricter.NEITHER,
        allowed=("latest", "fifo"),
    )
    prod_queue: str = param(
        "latest",
        "Which waiting release enters production next: the latest alone, or all in order.",
        unit=Unit.WORD,
        stricter=Stricter.NEITHER,
        allowed=("latest", "fifo"),
    )


_GUARDED: Final = ("preprod", "prod")


def lint(pipeline: Pipeline, params: OrderedDeploys) -> Iterator[Problem]:
    stages = [stage for stage in pipeline.stages if of_kind(stage, _GUARDED) and deploys(stage)]
    if not stages:
        yield from without_production(pipeline)
    for stage in stages:
        yield from _unordered(stage, params)
    if params.scope == "env":
        yield from _apart(stages)


def _unordered(stage: Stage, params: OrderedDeploys) -> Iterator[Problem]:
    mutex, where = placed(stage.mutex, stage.span), f"stages/{stage.name}/mutex"
    guessed = mutex.inferred or stage.kind.inferred
    if not mutex.known:
        why = f": {mutex.note}" if mutex.note else ""
        message = f"whether deployments of {stage.name} wait for one another cannot be told{why}"
        yield unclear(mutex.span, where, message)
        return
    told, fix = _told(stage, mutex, params)
    queued = isinstance(mutex.value, Mutex) and mutex.value.queue is Queue.FIFO
    if told and queued and mutex.note:
        message = f"in which order releases enter {stage.name} cannot be told: {mutex.note}"
        yield unclear(mutex.span, where, message)
    elif told:
        yield Problem(mutex.span, where, told, fix, inferred=guessed)


def _told(stage: Stage, mutex: Fact[Mutex | None], params: OrderedDeploys) -> tuple[str, str]:
    """What is wrong and what to do; empty where nothing is."""
    name = stage.environment or stage.name
    queue = mutex.value.queue if isinstance(mutex.value, Mutex) else None
    wanted = params.prod_queue if stage.is_prod else params.preprod_queue
    if queue is None:
        told = f"nothing keeps two deployments of {stage.name} apart"
        return told, f"Give all that deploys to {name} one lock, so that a second deployment waits."
    if queue is Queue.CANCEL:
        fix = f"Queue, do not cancel: let a newer run wait until the deployment to {name} has ended"
        return f"a newer run cancels a running deployment of {stage.name}", f"{fix}."
    if queue is Queue.PARALLEL:
        told = f"the lock of {stage.name} differs from run to run, so deployments do not wait"
        return told, f"Name the lock by {name} alone, so that every run asks for the same one."
    if queue.value != wanted:
        told = f"releases that wait for {stage.name} enter it as {queue.value}, not as {wanted}"
        return told, f"Let {name} take waiting releases as {wanted}."
    return "", ""


def _apart(stages: list[Stage]) -> Iterator[Problem]:
    """Stages of one environment that do not share their lock."""
    first: dict[str, Stage] = {}
    for stage in stages:
        key, name = _key(stage), stage.environment
        if not key or not name or "${{" in name:
            continue
        other = first.setdefault(name, stage)
        if _key(other) != key:
            yield Problem(
                stage.mutex.span,
                f"stages/{stage.name}/mutex",
                f"{other.name} and {stage.name} deploy to {name} under different locks",
                f"Give all that deploys to {name} one lock; cells that are independent may each "
                "have their own where the rule's scope is `cell`.",
                # Parts of one environment may be independent, which the file does not say.
                inferred=True,
                related=(Related(other.mutex.span, f"the lock of {other.name}"),),
            )


def _key(stage: Stage) -> str:
    return stage.mutex.value.key if isinstance(stage.mutex.value, Mutex) else ""


def gate(case: Case, params: OrderedDeploys) -> Outcome:
    if case.release.kind is ReleaseKind.ROLLBACK:
        return Outcome(Result.NOT_APPLICABLE, "a rollback goes back on purpose")
    return together([_alone(case, params), _newer(case)])


def _alone(case: Case, params: OrderedDeploys) -> Outcome:
    flights = case.release.context.in_flight
    stage = case.stage.name
    if flights is None:
        message = f"nobody reported which releases are in {stage}"
        return Outcome(Result.UNKNOWN, message, "report the releases in flight")
    others = [each for each in flights if _meets(case, each, params)]
    used = tuple(
        observed(f"context.in_flight.{each.release}", each.stage, each.observed_at, each.source)
        for each in others
    )
    if not others:
        return Outcome(Result.PASS, f"no other release is in {stage}")
    names = listed(sorted({each.release for each in others}))
    message = f"{names} is in {stage}" if len(others) == 1 else f"{names} are in {stage}"
    return Outcome(Result.FAIL, message, f"wait until {stage} is free", waits=True, used=used)


def _meets(case: Case, other: InFlight, params: OrderedDeploys) -> bool:
    if other.release == case.release.id or other.stage != case.stage.name:
        return False
    mine = {each.name for each in case.stage.targets}
    apart = params.scope == "cell" and mine and other.targets
    return not apart or bool(mine & set(other.targets))


def _newer(case: Case) -> Outcome:
    stage = case.stage.name
    running = [each for each in case.release.context.running if each.stage == stage]
    # A record that tells what other stages run and nothing of this one says that it is empty.
    if case.release.kind is ReleaseKind.FIRST or (case.release.context.running and not running):
        return Outcome(Result.PASS, f"nothing runs in {stage} yet")
    if not running:
        message = f"nobody reported what runs in {stage}"
        return Outcome(Result.UNKNOWN, message, "report what runs there")
    return together([_compared(case, each) for each in running])


def _compared(case: Case, running: Running) -> Outcome:
    artifact, stage = case.release.artifact, case.stage.name
    used = (_running_used(running),)
    if running.digest == artifact.digest or running.commit == artifact.commit:
        return Outcome(Result.PASS, f"{stage} runs this build already", used=used)
    older = _older(case, running.commit) if running.commit else None
    name = short(running.commit or running.digest)
    if older is None:
        message = f"whether {short(artifact.commit)} is older than {name} was not reported"
        cure = "report which of the two commits contains the other"
        return Outcome(Result.UNKNOWN, message, cure, used=used)
    if older:
        message = f"{stage} runs {name}, which is newer than {short(artifact.commit)}"
        cure = "release a commit that contains what runs, or start a rollback"
        return Outcome(Result.FAIL, message, cure, used=used)
    return Outcome(Result.PASS, f"{stage} runs {name}, which is not newer", used=used)


def _running_used(running: Running) -> Used:
    value = {"digest": running.digest, "commit": running.commit}
    path = f"context.running.{running.stage}"
    return observed(path, value, running.observed_at, running.source or "release record")


def _older(case: Case, running: str) -> bool | None:
    """Whether what runs contains this artifact's commit; None where nobody looked."""
    context = case.release.context
    later = dict(context.descendants).get(running)
    if later is not None:
        return later
    contained = any(change.commit == running for change in case.release.changes)
    return False if contained or dict(context.ancestors).get(running) else None


RULE = Rule(
    id="ordered-deploys",
    number=6,
    title=(
        "Run one deployment at a time per target and never let an older build overwrite a newer one"
    ),
    family=Family.HYGIENE,
    severity=Severity.HIGH,
    now=Enforcement.WARN,
    target=Enforcement.BLOCK,
    params=OrderedDeploys,
    docs=__doc__,
    lint=lint,
    gate=gate,
    stages=frozenset(_GUARDED),
)
