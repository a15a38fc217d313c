"""Roll back automatically when the deployment engine sees a failure.

## Why it matters
A deployment that stops halfway leaves two versions in production and nobody in charge. Trying
again is no rollback, and stopping is none either: the previous version has to come back by itself.

Every production deployment must roll back on each of `events`. At the gate every production stage
of this release that failed must have been rolled back without a person, in time, to another
digest. Going back may be faster than going forward, and still not take more than `rollback_batch`
of the hosts out at once.

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
  hosts: {type: local, hosts: 3, deadline: 10m, rollback_on: [alarm]}
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
  hosts: {type: local, hosts: 3, deadline: 10m, rollback_on: [failure, deadline]}
stages:
  - {name: cell-1, kind: prod, wave: 1, deploy: hosts}
```

## Not reported
Mobile apps, which a store delivers. Stages that deploy nothing. At the gate a first release, which
has nothing to go back to. A file that does not show how its engine ends a failed deployment is
unknown.

## Sources
Automatic rollback: the practice that Amazon's builders describe, the AWS DevOps guidance, and the
stage conditions of CodePipeline. Five minutes to begin: ours. A third of the hosts at once on the
way back: Amazon's description of hands-off deployments.
"""

from collections.abc import Iterator
from datetime import timedelta
from typing import Final

from policies.durations import format_duration
from policies.findings import Enforcement, Problem, Result, Severity
from policies.frozen import dataclass
from policies.observations import run_used, together
from policies.phrases import listed, percent
from policies.pipeline import Pipeline, PipelineKind, Stage
from policies.release import ReleaseKind, StageRun
from policies.rule import Case, Family, Outcome, Params, Rule, Stricter, Unit, param
from policies.steps import deploys, not_applicable, unclear, without_production


@dataclass(frozen=True, slots=True, kw_only=True)
class AutoRollbackOnFailure(Params):
    events: frozenset[str] = param(
        frozenset({"deploy_failure", "deadline"}),
        "What must roll a production deployment back without a person.",
        unit=Unit.WORDS,
        stricter=Stricter.SUPERSET,
        allowed=("deploy_failure", "deadline"),
    )
    start_within: timedelta = param(
        timedelta(minutes=5),
        "Longest time from a failure to the start of its rollback.",
        unit=Unit.DURATION,
        stricter=Stricter.LESS,
    )
    rollback_batch: float = param(
        0.33,
        "Largest share of the hosts that a rollback may replace at once.",
        unit=Unit.SHARE,
        stricter=Stricter.LESS,
    )


#: The words of pipeline files for the events of the catalogue.
_WORDS: Final = {"deploy_failure": "failure", "deadline": "deadline"}
_FAILED: Final = frozenset({"failed", "errored", "rolled_back"})


def lint(pipeline: Pipeline, params: AutoRollbackOnFailure) -> Iterator[Problem]:
    stages = [stage for stage in pipeline.prod if deploys(stage)]
    if pipeline.kind.value is PipelineKind.MOBILE:
        yield not_applicable(pipeline, "a store delivers this app; nobody can take it back")
    elif not pipeline.prod:
        yield from without_production(pipeline)
    elif not stages:
        yield not_applicable(pipeline, "no production stage deploys anything")
    else:
        for stage in stages:
            yield from _stays(stage, params)
            yield from _too_fast(stage, params)


def _stays(stage: Stage, params: AutoRollbackOnFailure) -> Iterator[Problem]:
    fact = stage.deploy.rollback_on if stage.deploy else None
    where = f"stages/{stage.name}/rollback_on"
    if fact is None or not fact.known:
        why = f": {fact.note}" if fact and fact.note else ""
        message = f"whether a failed deployment of {stage.name} is rolled back cannot be told{why}"
        yield unclear(fact.span if fact else stage.span, where, message)
        return
    told = fact.or_else(None) or frozenset()
    missing = [
        word for event, word in _WORDS.items() if event in params.events and word not in told
    ]
    if missing:
        engine = str(stage.deploy.engine.or_else("the engine")) if stage.deploy else "the engine"
        yield Problem(
            # The deployer is shared by stages; the stage is what stays half updated.
            stage.span,
            where,
            f"a deployment of {stage.name} is not rolled back on {listed(missing)}",
            f"Turn on rollback for {listed(missing)} in {engine}. A failed deploy currently leaves "
            f"{stage.environment or stage.name} half-updated until somebody notices.",
            inferred=fact.inferred or stage.kind.inferred,
        )


def _too_fast(stage: Stage, params: AutoRollbackOnFailure) -> Iterator[Problem]:
    """A rollback that takes more hosts out at once than the organization allows."""
    share = stage.deploy.rollback_batch.or_else(None) if stage.deploy else None
    if stage.deploy and share and share > params.rollback_batch:
        limit = percent(params.rollback_batch)
        yield Problem(
            stage.deploy.rollback_batch.span,
            f"stages/{stage.name}/rollback_batch",
            f"a rollback of {stage.name} replaces {percent(share)} of its hosts at once; "
            f"at most {limit} may be out",
            f"Set rollback_batch to {limit} or less; the rest has to carry the customers.",
            inferred=stage.deploy.rollback_batch.inferred or stage.kind.inferred,
        )


def gate(case: Case, params: AutoRollbackOnFailure) -> Outcome:
    if case.release.kind is ReleaseKind.FIRST:
        return Outcome(Result.NOT_APPLICABLE, "a first release has nothing to go back to")
    prod = {stage.name for stage in case.pipeline.prod}
    failed = [run for run in case.release.stages if run.stage in prod and run.outcome in _FAILED]
    if not failed:
        return Outcome(Result.PASS, "no production stage of this release has failed")
    return together([_judge(case, run, params) for run in failed])


def _judge(case: Case, run: StageRun, params: AutoRollbackOnFailure) -> Outcome:
    used = run_used(run, "outcome", "ended_at", "rolled_back_at", "rolled_back_auto")
    cure = f"bring the last good version back to {run.stage} before going on"
    told = ""
    if run.rolled_back_at is None:
        told = f"{run.stage} failed and was not rolled back"
    elif not run.rolled_back_auto:
        told = f"{run.stage} failed and a person had to roll it back"
        cure = "let the engine roll back by itself and start the next release"
    elif run.rolled_back_to == case.release.artifact.digest:
        told = f"{run.stage} was rolled back to the version that failed"
    elif run.ended_at and run.rolled_back_at - run.ended_at > params.start_within:
        took = format_duration(run.rolled_back_at - run.ended_at)
        limit = format_duration(params.start_within)
        told = f"the rollback of {run.stage} began {took} after the failure; the limit is {limit}"
        cure = "find out what delayed the rollback and start the next release"
    if told:
        return Outcome(Result.FAIL, told, cure, used=used)
    return Outcome(Result.PASS, f"{run.stage} failed and was rolled back by itself", used=used)


RULE = Rule(
    id="auto-rollback-on-failure",
    number=3,
    title="Roll back automatically when the deployment engine sees a failure",
    family=Family.HYGIENE,
    severity=Severity.HIGH,
    now=Enforcement.WARN,
    target=Enforcement.BLOCK,
    params=AutoRollbackOnFailure,
    docs=__doc__,
    lint=lint,
    gate=gate,
)
