"""Verify that the new artifact started and answers requests after every deployment.

## Why it matters
A deploy command that returned says that files were copied and processes told to start. Whether the
new version answers is known only to somebody who asked it.

Each stage of the kinds in `stages` that deploys must ask the new version something, stop when the
answer is wrong, and do so before the next stage begins: a validate hook, a check of the engine
before it moves traffic, or a step that calls the service. At the gate of the next stage the answer
itself counts: of the same digest and stage, passed, at most `max_delay` after the deployment.

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
  hosts: {type: local, hosts: 3, hooks: {start: ./start, validate: ./validate}}
stages:
  - {name: cell-1, kind: prod, wave: 1, deploy: hosts}
```

## Not reported
Libraries and infrastructure, which have no endpoint to ask, and stages that deploy nothing. For
workers without requests set `traffic_probe: false`: a start hook that checks the queue is enough.

## Sources
Scripts that validate a deployment: the practice that Amazon's builders describe, and DORA's page
on deployment automation. Ten minutes: the progress deadline that Argo Rollouts and Flagger use.
"""

from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Final

from policies.durations import format_duration
from policies.findings import Enforcement, Problem, Result, Severity
from policies.frozen import dataclass, replace
from policies.observations import PASSED, evidence_used, run_used, suites_named, together
from policies.paths import once
from policies.pipeline import Pipeline, PipelineKind, Stage, Step
from policies.release import Evidence
from policies.rule import Case, Family, Outcome, Params, Rule, Stricter, Unit, param
from policies.steps import (
    ASKING,
    deploys,
    guessed,
    joined,
    not_applicable,
    of_kind,
    search,
    steps_after_deploy,
    without_production,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class HealthCheckAfterDeploy(Params):
    stages: frozenset[str] = param(
        frozenset({"preprod", "prod"}),
        "Kinds of stage whose deployment must be checked.",
        unit=Unit.WORDS,
        stricter=Stricter.SUPERSET,
        allowed=("test", "preprod", "prod"),
    )
    max_delay: timedelta = param(
        timedelta(minutes=10),
        "Longest time from the end of a deployment to the answer.",
        unit=Unit.DURATION,
        stricter=Stricter.LESS,
    )
    traffic_probe: bool = param(
        default=True,
        help="Whether the check must ask the service something; a start hook alone does not.",
        unit=Unit.FLAG,
        stricter=Stricter.MORE,
    )


_EXEMPT: Final = frozenset({PipelineKind.LIBRARY, PipelineKind.INFRA})


def lint(pipeline: Pipeline, params: HealthCheckAfterDeploy) -> Iterator[Problem]:
    stages = [
        stage for stage in pipeline.stages if of_kind(stage, params.stages) and deploys(stage)
    ]
    if pipeline.kind.value in _EXEMPT:
        message = f"a pipeline of kind {pipeline.kind.value} has no endpoint to ask"
        yield not_applicable(pipeline, message)
    elif not stages and pipeline.prod:
        yield not_applicable(pipeline, "no such stage deploys anything")
    elif not stages:
        yield from without_production(pipeline)
    else:
        deployed = pipeline.bits(each for each in pipeline.stages if deploys(each))
        for stage in stages:
            yield from _unasked(pipeline, stage, params, deployed)


def _unasked(
    pipeline: Pipeline, stage: Stage, params: HealthCheckAfterDeploy, deployed: int
) -> Iterator[Problem]:
    asked = _engine_asks(stage, params)
    if asked:
        return
    asking = joined(
        search(steps_after_deploy(stage), ASKING),
        once(
            pipeline,
            (_gating_steps, pipeline.below(stage)),
            lambda: search(_gating_steps(pipeline, stage, deployed), ASKING),
        ),
    )
    if asking.blocking:
        return
    result, maybe = asking.missing(pipeline)
    message = f"nothing asks {stage.name} whether the new version answers"
    if asking.soft:
        message = f"the check of {stage.name} cannot stop the release: {asking.soft[0].soft.value}"
    if asked is None or result is Result.UNKNOWN:
        result, message = (
            Result.UNKNOWN,
            f"whether {stage.name} is asked for an answer cannot be told",
        )
    yield Problem(
        stage.span,
        f"stages/{stage.name}/check",
        message,
        f"Stage {stage.name} ends when the deploy command returns. Add a step that calls one real "
        "endpoint of the new version and fails the stage if it does not answer.",
        result,
        maybe or guessed(stage),
    )


def _engine_asks(stage: Stage, params: HealthCheckAfterDeploy) -> bool | None:
    """Whether the deployment itself asks; None where the file cannot say."""
    if stage.deploy is None:
        return False
    hooks, checks = stage.deploy.hooks, stage.deploy.checks
    if checks.or_else(None) or (hooks and hooks.validate.or_else(None)):
        return True
    if not params.traffic_probe and hooks and hooks.start.or_else(None):
        return True
    return False if checks.known and (hooks is None or hooks.validate.known) else None


def _gating_steps(pipeline: Pipeline, stage: Stage, deployed: int) -> list[Step]:
    """Steps of later stages that only test, and that every later deployment waits for.

    What is deployed to the same environment in between, such as its routes, is asked with it.
    """
    later = pipeline.below(stage)
    deploying = later & deployed
    places = once(pipeline, _places, lambda: _places(pipeline))
    same = deploying & places[stage.environment] if stage.environment else 0
    return [
        step
        for each in pipeline.of_bits(later & ~deployed)
        if not deploying & ~pipeline.below(each) & ~(same & pipeline.above(each))
        for step in each.steps
    ]


def _places(pipeline: Pipeline) -> dict[str, int]:
    """The stages of each environment, as bits."""
    members: dict[str, list[Stage]] = {}
    for stage in pipeline.stages:
        members.setdefault(stage.environment, []).append(stage)
    return {name: pipeline.bits(each) for name, each in members.items()}


def gate(case: Case, params: HealthCheckAfterDeploy) -> Outcome:
    before = [stage for stage in case.before if of_kind(stage, params.stages) and deploys(stage)]
    if case.pipeline.kind.value in _EXEMPT or not before:
        message = f"no deployment to check comes directly before {case.stage.name}"
        return Outcome(Result.NOT_APPLICABLE, message)
    return together([_answered(case, stage, params) for stage in before])


def _answered(case: Case, stage: Stage, params: HealthCheckAfterDeploy) -> Outcome:
    digest = case.release.artifact.digest
    asked = [
        each
        for each in case.release.evidence
        if each.kind in ASKING and each.stage == stage.name and each.digest == digest
    ]
    run = case.release.stage(stage.name)
    if not asked:
        message = f"no answer of the new version in {stage.name} was reported"
        return Outcome(Result.UNKNOWN, message, f"run a smoke test against {stage.name}")
    if run is None or run.deployed_at is None:
        message = f"nobody reported when {stage.name} was fully deployed"
        return Outcome(Result.UNKNOWN, message, "report the time of deployment")
    outcome = _first_answer(stage, asked, run.deployed_at, params)
    used = (*run_used(run, "deployed_at"), *(evidence_used(each) for each in asked))
    return replace(outcome, used=used)


def _first_answer(
    stage: Stage, asked: list[Evidence], deployed: datetime, params: HealthCheckAfterDeploy
) -> Outcome:
    after = [each for each in asked if each.ended_at >= deployed]
    good = [each for each in after if each.result in PASSED and not each.soft_failed]
    if not after:
        message = f"{suites_named(asked)} ran before {stage.name} was fully deployed"
        return Outcome(Result.UNKNOWN, message, f"run a smoke test against {stage.name}")
    if not good:
        message = f"the new version in {stage.name} did not answer as {suites_named(after)} expects"
        return Outcome(Result.FAIL, message, "mend the cause and release again")
    delay = min(each.ended_at for each in good) - deployed
    told = f"{stage.name} answered {format_duration(delay)} after its deployment"
    if delay > params.max_delay:
        message = f"{told}; the limit is {format_duration(params.max_delay)}"
        return Outcome(Result.FAIL, message, "check the new version right after it is deployed")
    return Outcome(Result.PASS, told)


RULE = Rule(
    id="health-check-after-deploy",
    number=1,
    title="Verify that the new artifact started and answers requests after every deployment",
    family=Family.HYGIENE,
    severity=Severity.HIGH,
    now=Enforcement.WARN,
    target=Enforcement.BLOCK,
    params=HealthCheckAfterDeploy,
    docs=__doc__,
    lint=lint,
    gate=gate,
)
