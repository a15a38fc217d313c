"""Send configuration and flag changes through the same kind of pipeline.

## Why it matters
A flag that goes from nobody to everybody in one click breaks production as well as code does, and
no test, no canary and no alarm stood in its way.

What changes production without the code is declared in `config_sources`; each source of the kinds
in `kinds` must name the pipeline that deploys it. A pipeline of kind `config` must itself go in
steps: more than one production stage or a limited one first, a bake of at least `min_bake` before
the last, and a rollback on alarm. At the gate the configuration that runs must be the one that this
pipeline put there.

## Fails
```yaml
schema: bakegate/pipeline/v1
name: shop
organization: retail
config_sources: [{name: flags, kind: flags}]
source: {repository: ., branch: main, start: push}
build:
  steps:
    - {name: package, kind: build, run: ./package dist/app.tar.gz}
  artifact: dist/app.tar.gz
deployers:
  hosts: {type: local, hosts: 3}
stages:
  - {name: cell-1, kind: prod, deploy: hosts}
```

## Passes
```yaml
schema: bakegate/pipeline/v1
name: shop
organization: retail
config_sources: [{name: flags, kind: flags, pipeline: shop-flags}]
source: {repository: ., branch: main, start: push}
build:
  steps:
    - {name: package, kind: build, run: ./package dist/app.tar.gz}
  artifact: dist/app.tar.gz
deployers:
  hosts: {type: local, hosts: 3}
stages:
  - {name: cell-1, kind: prod, deploy: hosts}
```

## Not reported
Switches that only turn something off, and toggles for one customer: they are no sources. A
pipeline that deploys nothing, or declares no source, has nothing to judge; one whose file cannot
declare them is unknown.

## Sources
Pipelines for flags, configuration, infrastructure and operating systems beside that of the code:
Amazon's description of hands-off deployments. Thirty minutes: the rule of AWS Config for the final
bake of AppConfig.
"""

from collections.abc import Iterator
from datetime import timedelta

from policies.durations import format_duration
from policies.findings import Enforcement, Problem, Result, Severity
from policies.frozen import dataclass
from policies.observations import observed
from policies.phrases import clock, listed
from policies.pipeline import OnAlarm, Pipeline, PipelineKind, Stage
from policies.release import Running
from policies.rule import Case, Family, Outcome, Params, Rule, Stricter, Unit, param
from policies.steps import deploys, not_applicable, unclear


@dataclass(frozen=True, slots=True, kw_only=True)
class ConfigViaPipeline(Params):
    kinds: frozenset[str] = param(
        frozenset({"flags", "config", "infra", "os"}),
        "Kinds of source that need a pipeline of their own.",
        unit=Unit.WORDS,
        stricter=Stricter.SUPERSET,
        allowed=("flags", "config", "infra", "os", "model"),
    )
    min_bake: timedelta = param(
        timedelta(minutes=30),
        "Shortest bake of a change of configuration before its last stage.",
        unit=Unit.DURATION,
        stricter=Stricter.MORE,
    )


def lint(pipeline: Pipeline, params: ConfigViaPipeline) -> Iterator[Problem]:
    if pipeline.kind.value is PipelineKind.CONFIG:
        yield from _own_steps(pipeline, params)
        return
    sources = pipeline.config_sources
    if not any(deploys(stage) for stage in pipeline.stages):
        yield not_applicable(pipeline, "the pipeline deploys nothing")
    elif not sources.known:
        message = "what changes production without this pipeline is not declared"
        fix = "Declare it under config_sources, with an empty list where there is nothing."
        yield unclear(pipeline.span, "config_sources", message, fix)
    elif not sources.value:
        yield not_applicable(pipeline, "it declares no source of configuration")
    for each in sources.or_else(None) or ():
        if each.kind in params.kinds and not each.pipeline:
            yield Problem(
                each.span,
                f"config_sources/{each.name}",
                f"no pipeline owns the source {each.name}, which holds {each.kind}",
                "A flag flip can break production like code. Deploy "
                f"{each.name} through a staged pipeline with rollback alarms.",
                inferred=sources.inferred,
            )


def _own_steps(pipeline: Pipeline, params: ConfigViaPipeline) -> Iterator[Problem]:
    """A pipeline of configuration goes in steps, waits in between, and goes back by itself."""
    stages = [stage for stage in pipeline.prod if deploys(stage)]
    limited = [stage for stage in stages if stage.exposure.or_else(None) is not None]
    if not stages:
        yield not_applicable(pipeline, "no production stage deploys anything")
        return
    if len(stages) == 1 and not limited:
        if not stages[0].exposure.known:
            message = f"whether {stages[0].name} reaches all customers at once cannot be told"
            yield unclear(stages[0].span, f"stages/{stages[0].name}/exposure", message)
        else:
            yield Problem(
                stages[0].span,
                f"stages/{stages[0].name}/exposure",
                f"{stages[0].name} gives the configuration to all customers at once",
                "Begin with a stage that serves a few of them, and let the rest follow.",
                inferred=stages[0].kind.inferred,
            )
    for stage in stages:
        yield from _watched(pipeline, stage, params)


def _watched(pipeline: Pipeline, stage: Stage, params: ConfigViaPipeline) -> Iterator[Problem]:
    where = f"stages/{stage.name}/bake"
    last = not pipeline.below(stage) & pipeline.bits(pipeline.prod)
    bake = stage.bake
    if bake is None and not stage.bake_known.known:
        yield unclear(stage.span, where, f"how long {stage.name} is watched cannot be told")
        return
    time = (bake.time.or_else(None) if bake else None) or timedelta()
    lacks = []
    if not last and time < params.min_bake:
        lacks.append(f"bakes {format_duration(time)} of {format_duration(params.min_bake)}")
    if not bake or bake.on_alarm.value is not OnAlarm.ROLLBACK:
        lacks.append("rolls back on no alarm")
    if lacks:
        yield Problem(
            stage.span,
            where,
            f"{stage.name} {listed(lacks)}",
            f"Give {stage.name} a bake of {format_duration(params.min_bake)} or more that names "
            "alarms and rolls back on them.",
            inferred=stage.kind.inferred,
        )


def gate(case: Case, params: ConfigViaPipeline) -> Outcome:
    del params  # Which sources need a pipeline was judged in the file.
    running = case.release.context.runs(case.stage.name)
    if running is None or not running.config_version:
        message = f"which configuration runs in {case.stage.name} was not reported"
        return Outcome(Result.UNKNOWN, message, "report the version of the running configuration")
    known = _recorded(case)
    if known is None:
        message = f"no earlier release recorded the configuration of {case.stage.name}"
        return Outcome(Result.UNKNOWN, message, "record the configuration with each release")
    value = {"running": running.config_version, "recorded": known, "actor": running.actor}
    used = (observed(f"context.running.{case.stage.name}", value, running.observed_at),)
    if running.config_version == known:
        message = f"{case.stage.name} runs the configuration that this pipeline put there"
        return Outcome(Result.PASS, message, used=used)
    message = (
        f"the configuration of {case.stage.name} was changed by other means{_by(case, running)}"
    )
    cure = "put the change into its source and release it through a pipeline"
    return Outcome(Result.FAIL, message, cure, used=used)


def _by(case: Case, running: Running) -> str:
    who = f" by {running.actor}" if running.actor else ""
    when = f" at {clock(running.since, case.now)}" if running.since else ""
    return who + when


def _recorded(case: Case) -> str | None:
    """The configuration that the newest release before this one left in the stage."""
    for earlier in case.release.context.earlier or ():
        run = earlier.stage(case.stage.name)
        if run and run.config_version:
            return run.config_version
    return None


RULE = Rule(
    id="config-via-pipeline",
    number=46,
    title="Send configuration and flag changes through the same kind of pipeline",
    family=Family.CONTROL,
    severity=Severity.MEDIUM,
    now=Enforcement.OBSERVE,
    target=Enforcement.WARN,
    params=ConfigViaPipeline,
    docs=__doc__,
    lint=lint,
    gate=gate,
)
