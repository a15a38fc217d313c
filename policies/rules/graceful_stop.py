"""Drain the old version before stopping it.

## Why it matters
A process that is killed takes the requests with it that it was answering. Customers see errors at
every deployment, also at good ones, and the alarms of the release learn to be ignored.

Each production stage must have a way to stop: a hook that stops the old version, or a time to drain
of at least `min_drain`. Where a file declares both, the time must be long enough.

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
  hosts: {type: local, hosts: 3, hooks: {start: ./start}}
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
  hosts: {type: local, hosts: 3, drain: 30s, hooks: {stop: ./stop, start: ./start}}
stages:
  - {name: cell-1, kind: prod, wave: 1, deploy: hosts}
```

## Not reported
Stages before production. Batch jobs, whose queue gives the work to another worker, and what serves
no requests at all: libraries, apps of a store, infrastructure and configuration. How an engine
stops the old version is unknown where its own files are not read.

## Sources
Scripts that stop a version: the practice that Amazon's builders describe. Thirty seconds: the delay
after which Argo Rollouts scales the old version down.
"""

from collections.abc import Iterator
from datetime import timedelta
from typing import Final

from policies.durations import format_duration
from policies.findings import Enforcement, Problem, Severity
from policies.frozen import dataclass
from policies.pipeline import Deploy, Pipeline, PipelineKind, Stage
from policies.rule import Family, Params, Rule, Stricter, Unit, param
from policies.steps import deploys, not_applicable, unclear, without_production


@dataclass(frozen=True, slots=True, kw_only=True)
class GracefulStop(Params):
    min_drain: timedelta = param(
        timedelta(seconds=30),
        "Least time that requests in flight are given.",
        unit=Unit.DURATION,
        stricter=Stricter.MORE,
    )


_EXEMPT: Final = frozenset(
    {
        PipelineKind.BATCH,
        PipelineKind.CONFIG,
        PipelineKind.INFRA,
        PipelineKind.LIBRARY,
        PipelineKind.MOBILE,
    }
)


def lint(pipeline: Pipeline, params: GracefulStop) -> Iterator[Problem]:
    stages = [stage for stage in pipeline.prod if deploys(stage)]
    if pipeline.kind.value in _EXEMPT:
        message = f"a pipeline of kind {pipeline.kind.value} serves no requests"
        yield not_applicable(pipeline, message)
    elif not stages:
        yield from without_production(pipeline)
    else:
        for stage in stages:
            yield from _abrupt(stage, params)


def _abrupt(stage: Stage, params: GracefulStop) -> Iterator[Problem]:
    where, deploy = f"stages/{stage.name}/drain", stage.deploy
    drain = deploy.drain if deploy else None
    need = format_duration(params.min_drain)
    fix = f"Give in-flight requests {need}: add a stop hook and a grace period."
    if drain and isinstance(drain.value, timedelta):
        if drain.value < params.min_drain:
            message = f"{stage.name} drains for {format_duration(drain.value)}; at least {need}"
            yield Problem(drain.span, where, message, fix, inferred=drain.inferred)
    elif deploy and _stop_hook(deploy):
        return
    elif deploy is None or drain is None or not drain.known or _stop_hook(deploy) is None:
        why = f": {drain.note}" if drain and drain.note else ""
        message = f"how {stage.name} stops its old version cannot be told{why}"
        place = drain.span if drain and drain.span.path else stage.span
        yield unclear(place, where, message)
    else:
        message = f"{stage.name} stops its old version without draining it"
        yield Problem(stage.span, where, message, fix, inferred=stage.kind.inferred)


def _stop_hook(deploy: Deploy) -> bool | None:
    """Whether a hook stops the old version; None where the file does not tell."""
    if deploy.hooks is None:
        return False
    return bool(deploy.hooks.stop.value) if deploy.hooks.stop.known else None


RULE = Rule(
    id="graceful-stop",
    number=5,
    title="Drain the old version before stopping it",
    family=Family.HYGIENE,
    severity=Severity.LOW,
    now=Enforcement.OBSERVE,
    target=Enforcement.WARN,
    params=GracefulStop,
    docs=__doc__,
    lint=lint,
)
