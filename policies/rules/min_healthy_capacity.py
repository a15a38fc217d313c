"""Keep enough capacity in service while deploying.

## Why it matters
Hosts that are being replaced serve nobody. When too many go at once, those that stay take more
than they can carry, and the deployment itself becomes the outage, however good the new version is.

At most `max_batch` of the hosts may be replaced at once, and at least `min_in_service` must serve
throughout, added capacity included. A fleet of few hosts cannot meet a share, so up to
`small_fleet_hosts` it must add a host before it takes one away. At the gate of the next stage the
capacity that was measured while the stage was deployed counts.

## Fails
```yaml
schema: bakegate/pipeline/v1
name: shop
organization: retail
source: {repository: ., branch: main, start: push}
build:
  steps:
    - {name: package, kind: build, run: ./package dist/app.tar.gz}
  artifact: dist/app.tar.gz
deployers:
  hosts: {type: local, hosts: 6, batch: 6}
stages:
  - {name: cell-1, kind: prod, wave: 1, deploy: hosts}
```

## Passes
```yaml
schema: bakegate/pipeline/v1
name: shop
organization: retail
source: {repository: ., branch: main, start: push}
build:
  steps:
    - {name: package, kind: build, run: ./package dist/app.tar.gz}
  artifact: dist/app.tar.gz
deployers:
  hosts: {type: local, hosts: 6, batch: 1}
stages:
  - {name: cell-1, kind: prod, wave: 1, deploy: hosts}
```

## Not reported
Stages before production. Services that declare `availability: single`, and batch jobs, which serve
nobody. A one-box or canary whose whole share is no more than one batch of the service. Engines
that move traffic between two versions: for them the rules about exposure hold. What an engine does
inside is unknown where its own files are not read.

## Sources
Two thirds in service and a third at once: what Amazon's builders publish on hands-off deployments,
and the AWS DevOps guidance. Few hosts add one first: ours.
"""

from collections.abc import Iterator
from math import ceil
from typing import Final

from policies.facts import Unknown
from policies.findings import Enforcement, Problem, Result, Severity
from policies.frozen import dataclass
from policies.observations import no_prod_before, prod_before, run_used, together
from policies.phrases import percent
from policies.pipeline import Deploy, Pipeline, PipelineKind, Stage
from policies.release import ReleaseKind
from policies.rule import Case, Family, Outcome, Params, Rule, Stricter, Unit, param
from policies.steps import deploys, not_applicable, unclear, without_production


@dataclass(frozen=True, slots=True, kw_only=True)
class MinHealthyCapacity(Params):
    min_in_service: float = param(
        0.66,
        "Least share of the wanted capacity that serves during a deployment.",
        unit=Unit.SHARE,
        stricter=Stricter.MORE,
    )
    max_batch: float = param(
        0.33,
        "Largest share of the hosts that may be replaced at once; one host always may.",
        unit=Unit.SHARE,
        stricter=Stricter.LESS,
    )
    small_fleet_hosts: int = param(
        3,
        "Up to this many hosts a fleet must add one before it takes one away.",
        unit=Unit.COUNT,
        # A fleet that counts as small no longer has to meet the shares.
        stricter=Stricter.NEITHER,
    )


_EXEMPT: Final = frozenset({PipelineKind.BATCH, PipelineKind.LIBRARY, PipelineKind.MOBILE})
#: Shares are written in whole percent, so a third of the hosts is what 33% means.
_ROUNDING: Final = 0.01
_SINGLE: Final = "single"


@dataclass(frozen=True, slots=True)
class _Loss:
    """What a deployment takes out: shares of the capacity, and hosts where they are counted."""

    batch: float
    floor: float
    surge: float
    hosts: int | None


def lint(pipeline: Pipeline, params: MinHealthyCapacity) -> Iterator[Problem]:
    stages = [stage for stage in pipeline.prod if deploys(stage)]
    if pipeline.kind.value in _EXEMPT:
        message = f"a pipeline of kind {pipeline.kind.value} serves nobody while it is deployed"
        yield not_applicable(pipeline, message)
        return
    if not stages:
        yield from without_production(pipeline)
    for stage in stages:
        yield from _short(stage, params)


def _short(stage: Stage, params: MinHealthyCapacity) -> Iterator[Problem]:
    deploy = stage.deploy
    if deploy and (_excused(deploy) or _slice(stage, params)):
        return
    loss = _loss(deploy) if deploy else None
    if deploy is None or loss is None:
        why = deploy.max_unavailable.note if deploy else ""
        message = f"how much of {stage.name} serves during a deployment cannot be told"
        place = deploy.span if deploy else stage.span
        where = f"stages/{stage.name}/capacity"
        yield unclear(place, where, f"{message}: {why}" if why else message)
        return
    told = _told(stage, loss, params)
    if told:
        fix = (
            f"At most {percent(params.max_batch)} may be out at once. Use a rolling update with "
            "surge, or blue/green; if the service tolerates less, declare `availability: single`."
        )
        where = f"stages/{stage.name}/capacity"
        yield Problem(stage.span, where, told, fix, inferred=_guessed(stage, deploy))


def _excused(deploy: Deploy) -> bool:
    """Declared to run once, or replaced beside the old version, or moved by traffic."""
    both = deploy.strategy.value == "blue-green"
    return deploy.availability.value == _SINGLE or both or bool(deploy.exposures.or_else(None))


def _slice(stage: Stage, params: MinHealthyCapacity) -> bool:
    """Whether the stage is so small a share of the service that all of it may be out."""
    share = stage.exposure.or_else(None)
    return share is not None and share <= params.max_batch


def _loss(deploy: Deploy) -> _Loss | None:
    """What the engine takes out at once; None where the file does not tell."""
    hosts = deploy.hosts.or_else(None)
    surge = deploy.surge.or_else(None) or 0.0
    if deploy.strategy.value == "recreate":
        return _Loss(1.0, 0.0, 0.0, hosts)
    out = deploy.max_unavailable.value
    if isinstance(out, float | int):
        return _Loss(out, 1 - out, surge, hosts)
    if not hosts or isinstance(deploy.batch.value, Unknown):
        return None
    # Our engine replaces one host at a time where the file says nothing else.
    batch = min(1.0, (deploy.batch.value or 1) / hosts)
    kept = (deploy.min_healthy.or_else(None) or 0) / hosts
    return _Loss(batch, max(kept, 1 - batch), surge, hosts)


def _told(stage: Stage, loss: _Loss, params: MinHealthyCapacity) -> str:
    """What is wrong, in words; empty where nothing is."""
    if loss.batch >= 1:
        return f"all of {stage.name} is replaced at once"
    if loss.hosts and loss.hosts <= params.small_fleet_hosts:
        # A host is added whole, so any surge adds one.
        adds = ceil(loss.surge * loss.hosts - _ROUNDING)
        few = f"{stage.name} has {loss.hosts} hosts and adds none before it takes one away"
        return "" if adds else few
    one_host = loss.hosts is not None and loss.batch * loss.hosts <= 1
    if loss.batch > params.max_batch + _ROUNDING and not one_host:
        told = f"{percent(loss.batch)} of {stage.name} are replaced at once"
        return f"{told}; at most {percent(params.max_batch)}"
    floor = min(1.0, loss.floor + loss.surge)
    if floor < params.min_in_service - _ROUNDING:
        told = f"only {percent(floor)} of {stage.name} serve during a deployment"
        return f"{told}; at least {percent(params.min_in_service)}"
    return ""


def _guessed(stage: Stage, deploy: Deploy) -> bool:
    used = (stage.kind, deploy.strategy, deploy.max_unavailable, deploy.batch)
    return any(fact.known and fact.inferred for fact in used)


def gate(case: Case, params: MinHealthyCapacity) -> Outcome:
    if case.pipeline.kind.value in _EXEMPT:
        message = f"a pipeline of kind {case.pipeline.kind.value} serves nobody"
        return Outcome(Result.NOT_APPLICABLE, message)
    if case.release.kind is ReleaseKind.FIRST:
        return Outcome(Result.NOT_APPLICABLE, "nothing served before a first release")
    before = [stage for stage in prod_before(case) if deploys(stage)]
    asked = [
        stage
        for stage in before
        if not _slice(stage, params) and not (stage.deploy and _excused(stage.deploy))
    ]
    if not before:
        return no_prod_before(case)
    if not asked:
        message = f"{before[0].name} may be out of service while it is deployed"
        return Outcome(Result.NOT_APPLICABLE, message)
    return together([_measured(case, stage, params) for stage in asked])


def _measured(case: Case, stage: Stage, params: MinHealthyCapacity) -> Outcome:
    run = case.release.stage(stage.name)
    if run is None or run.capacity_min is None:
        message = f"nobody reported how much of {stage.name} served while it was deployed"
        return Outcome(Result.UNKNOWN, message, "report the least capacity that was in service")
    used = run_used(run, "capacity_min")
    told = f"at least {percent(run.capacity_min)} of {stage.name} served while it was deployed"
    if run.capacity_min < params.min_in_service - _ROUNDING:
        limit = percent(params.min_in_service)
        message = f"only {told.removeprefix('at least ')}; at least {limit} must"
        cure = "deploy in smaller batches or add hosts first, and release again"
        return Outcome(Result.FAIL, message, cure, used=used)
    return Outcome(Result.PASS, told, used=used)


RULE = Rule(
    id="min-healthy-capacity",
    number=2,
    title="Keep enough capacity in service while deploying",
    family=Family.HYGIENE,
    severity=Severity.HIGH,
    now=Enforcement.WARN,
    target=Enforcement.BLOCK,
    params=MinHealthyCapacity,
    docs=__doc__,
    lint=lint,
    gate=gate,
)
