"""Bound every deployment in time and make the bound abort it.

## Why it matters
A deployment that hangs holds its environment half updated and its queue closed, and nobody is told,
because nothing has failed. A bound turns the hang into a failure that the engine can roll back.

Each deploying stage must declare a bound of at most `max_stage`, or of `max_batch` where the engine
starts counting anew with each batch. When `must_abort` is set, the bound must end the deployment
and not only report it. The default of a platform does not count where it is longer than the limit.

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
  hosts: {type: local, hosts: 3}
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
  hosts: {type: local, hosts: 3, deadline: 10m}
stages:
  - {name: cell-1, kind: prod, wave: 1, deploy: hosts}
```

## Not reported
Infrastructure, whose bulk changes may declare any bound of their own. Stages that deploy nothing.
Workflows that are called are judged where their own file is linted.

## Sources
Seeing that a deployment failed: the practice that Amazon's builders describe. Ten minutes without
progress: the default of Argo Rollouts and Flagger, of which the former only reports. Two hours for
a whole stage: ours, above what Argo Rollouts calls the upper end.
"""

from collections.abc import Iterator
from datetime import timedelta
from typing import Final

from policies.durations import format_duration
from policies.facts import Fact
from policies.findings import Enforcement, Problem, Severity
from policies.frozen import dataclass
from policies.pipeline import Deploy, Pipeline, PipelineKind, Stage
from policies.rule import Family, Params, Rule, Stricter, Unit, param
from policies.steps import deploys, incomplete, not_applicable, unclear, whole


@dataclass(frozen=True, slots=True, kw_only=True)
class DeployDeadline(Params):
    max_batch: timedelta = param(
        timedelta(minutes=10),
        "Longest bound of one batch, where the engine counts each batch anew.",
        unit=Unit.DURATION,
        stricter=Stricter.LESS,
    )
    max_stage: timedelta = param(
        timedelta(hours=2),
        "Longest bound of a whole deployment.",
        unit=Unit.DURATION,
        stricter=Stricter.LESS,
    )
    must_abort: bool = param(
        default=True,
        help="Whether the bound must end the deployment, not only report it.",
        unit=Unit.FLAG,
        stricter=Stricter.MORE,
    )


#: Formats whose engines count their deadline anew with each batch.
_EACH_BATCH: Final = frozenset({"argo-rollouts"})


def lint(pipeline: Pipeline, params: DeployDeadline) -> Iterator[Problem]:
    stages = [stage for stage in pipeline.stages if deploys(stage)]
    if not stages:
        yield (
            not_applicable(pipeline, "no stage deploys anything")
            if whole(pipeline)
            else incomplete(pipeline)
        )
    for stage in stages:
        if stage.deploy is None:
            message = f"how long a deployment of {stage.name} may take cannot be told"
            yield unclear(stage.span, f"stages/{stage.name}/deadline", message)
        else:
            yield from _unbound(pipeline, stage, stage.deploy, params)


def _unbound(
    pipeline: Pipeline, stage: Stage, deploy: Deploy, params: DeployDeadline
) -> Iterator[Problem]:
    bound, where = deploy.deadline, f"stages/{stage.name}/deadline"
    each_batch = pipeline.format in _EACH_BATCH
    limit = params.max_batch if each_batch else params.max_stage
    if not isinstance(bound.value, timedelta):
        yield _silent(stage, bound, limit, where)
        return
    length, most = format_duration(bound.value), format_duration(limit)
    if bound.value > limit and pipeline.kind.value is not PipelineKind.INFRA:
        what = f"one batch of {stage.name}" if each_batch else f"a deployment of {stage.name}"
        yield Problem(
            bound.span,
            where,
            f"{what} may take {length}; the limit is {most}",
            f"Lower the bound to {most} or less, or ask for an exemption that says why not.",
            inferred=bound.inferred,
        )
    if params.must_abort:
        yield from _reported(stage, deploy)


def _silent(stage: Stage, bound: Fact[timedelta | None], limit: timedelta, where: str) -> Problem:
    if not bound.known:
        why = f": {bound.note}" if bound.note else ""
        message = f"how long a deployment of {stage.name} may take cannot be told{why}"
        return unclear(bound.span, where, message)
    why = f"; {bound.note}" if bound.note else ""
    return Problem(
        stage.span,
        where,
        f"nothing bounds a deployment of {stage.name} in time{why}",
        f"Set a time-out of at most {format_duration(limit)} that fails, so that a stuck "
        f"deployment of {stage.name} ends and rolls back.",
        inferred=bound.inferred or stage.kind.inferred,
    )


def _reported(stage: Stage, deploy: Deploy) -> Iterator[Problem]:
    ends, where = deploy.on_deadline, f"stages/{stage.name}/on_deadline"
    if not ends.known:
        why = f": {ends.note}" if ends.note else ""
        message = f"whether the deadline of {stage.name} ends a deployment cannot be told{why}"
        yield unclear(ends.span if ends.span.path else deploy.span, where, message)
    elif ends.value != "abort":
        yield Problem(
            ends.span,
            where,
            f"the deadline of {stage.name} only reports; a stuck deployment stays stuck",
            f"Make the deadline abort, so that a stuck deployment of {stage.name} ends and rolls "
            "back.",
            inferred=ends.inferred,
        )


RULE = Rule(
    id="deploy-deadline",
    number=4,
    title="Bound every deployment in time and make the bound abort it",
    family=Family.HYGIENE,
    severity=Severity.MEDIUM,
    now=Enforcement.WARN,
    target=Enforcement.WARN,
    params=DeployDeadline,
    docs=__doc__,
    lint=lint,
)
