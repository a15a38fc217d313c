"""Watch alarms during the bake and act on them.

## Why it matters
A bake without watchers is a timer without eyes: the time passes, the fault grows, and the next
stage starts on schedule. Only an alarm that acts by itself turns waiting into a check.

The rule looks at the bake of every production stage: it must name alarms, at least those that may
roll the deployment back, and act on them as `on_alarm` asks. A sleep, delay or wait timer in or
between production stages is reported, because nothing looks while it runs.

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
alarms:
  errors: {negative_ratio: 1%, minimum: 50, periods: 3 of 5, period: 1m, missing: unknown,
           scope: service}
deployers:
  hosts: {type: local, hosts: 3}
stages:
  - {name: one-box, kind: prod, wave: 1, exposure: 1%, deploy: hosts, bake: {time: 60m}}
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
alarms:
  errors: {negative_ratio: 1%, minimum: 50, periods: 3 of 5, period: 1m, missing: unknown,
           scope: service}
deployers:
  hosts: {type: local, hosts: 3}
stages:
  - {name: one-box, kind: prod, wave: 1, exposure: 1%, deploy: hosts,
     bake: {time: 60m, alarms: [errors], on_alarm: rollback}}
```

## Not reported
Production stages without a bake, which `bake-time` judges. The last stage of a pipeline of kind
`tool`. A file whose format has no word for a bake is unknown.

## Sources
Rollback during the entire bake: Amazon's description of hands-off deployments, and the AWS DevOps
guidance. A halt instead of a rollback is for organizations that cannot go back.
"""

from collections.abc import Iterator

from policies.findings import Enforcement, Problem, Severity
from policies.frozen import dataclass
from policies.phrases import listed
from policies.pipeline import Bake, OnAlarm, Pipeline, PipelineKind, Stage, Step, StepKind
from policies.rule import Family, GateFamily, Params, Rule, Stricter, Unit, param
from policies.steps import (
    has_kind,
    named,
    not_applicable,
    unclear,
    unsure,
    without_production,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class BakeMonitored(Params):
    on_alarm: str = param(
        "rollback",
        "What an alarm during a bake must do; halt also accepts a rollback.",
        unit=Unit.WORD,
        stricter=Stricter.NEITHER,
        allowed=("rollback", "halt"),
    )


def lint(pipeline: Pipeline, params: BakeMonitored) -> Iterator[Problem]:
    if not pipeline.prod:
        yield from without_production(pipeline)
        return
    stages = [stage for stage in pipeline.prod if not _exempt(pipeline, stage)]
    timers = _timers(pipeline)
    told = {stage.name for stage, _ in timers}
    for stage, step in timers:
        yield _blind(stage, step)
    for stage in stages:
        # A wait that was read as the bake is told once, as the timer that it is.
        if stage.bake and stage.name not in told:
            yield from _judge(stage, stage.bake, params)
    if timers or any(stage.bake for stage in stages):
        return
    hidden = [stage for stage in stages if not stage.bake_known.known]
    for stage in hidden:
        why = stage.bake_known.note or "its format has no word for it"
        message = f"whether {stage.name} bakes under watch cannot be told: {why}"
        yield unclear(stage.bake_known.span, f"stages/{stage.name}/bake", message)
    if not hidden:
        yield not_applicable(pipeline, "no production stage bakes")


def _exempt(pipeline: Pipeline, stage: Stage) -> bool:
    return pipeline.kind.value is PipelineKind.TOOL and not pipeline.below(stage)


def _timers(pipeline: Pipeline) -> list[tuple[Stage, Step]]:
    """Waits in production stages, and in stages that stand between two of them."""
    found: list[tuple[Stage, Step]] = []
    waiting = [stage for stage in pipeline.stages if StepKind.WAIT in stage.kinds]
    prod = pipeline.bits(pipeline.prod) if waiting else 0
    for stage in waiting:
        between = pipeline.above(stage) & prod and pipeline.below(stage) & prod
        if (stage.is_prod or between) and not _watched(stage):
            found += [(stage, step) for step in stage.steps if has_kind(step, {StepKind.WAIT})]
    return found


def _watched(stage: Stage) -> bool:
    """Whether something is measured for as long as the stage lasts, its waits included."""
    if stage.bake and stage.bake.alarms.or_else(None):
        return True
    return any(each.background for each in stage.analyses.or_else(None) or ())


def _blind(stage: Stage, step: Step) -> Problem:
    return Problem(
        step.name.span,
        f"stages/{stage.name}/steps/{step.name.or_else('')}",
        f"{named([step])} is a timer without eyes: no alarm is watched while it runs",
        "The pipeline sleeps and looks at nothing. Let Bakegate hold the stage (it watches "
        "the alarms of its bake) or use background analysis.",
        inferred=unsure(step) or stage.kind.inferred,
    )


def _judge(stage: Stage, bake: Bake, params: BakeMonitored) -> Iterator[Problem]:
    where = f"stages/{stage.name}/bake"
    alarms = bake.alarms.or_else(None) or ()
    if not bake.alarms.known:
        message = f"which alarms {stage.name} watches while it bakes cannot be told"
        yield unclear(bake.alarms.span, f"{where}/alarms", message)
    elif not alarms:
        yield Problem(
            bake.span,
            f"{where}/alarms",
            f"{stage.name} bakes without watching an alarm",
            "The pipeline sleeps and looks at nothing. Name the alarms of this bake, "
            "so that Bakegate watches them until it ends.",
            inferred=bake.alarms.inferred or stage.kind.inferred,
        )
    else:
        yield from _fewer(stage, bake, alarms, where)
        yield from _inactive(stage, bake, params, where)


def _fewer(stage: Stage, bake: Bake, alarms: tuple[str, ...], where: str) -> Iterator[Problem]:
    deployed = (stage.deploy.rollback_alarms.or_else(None) if stage.deploy else None) or ()
    missing = [name for name in deployed if name not in alarms]
    if missing:
        yield Problem(
            bake.alarms.span,
            f"{where}/alarms",
            f"the bake of {stage.name} does not watch {listed(missing)}, which its deployment does",
            f"Add {listed(missing)} to the alarms of the bake.",
            inferred=bake.alarms.inferred or stage.kind.inferred,
        )


def _inactive(stage: Stage, bake: Bake, params: BakeMonitored, where: str) -> Iterator[Problem]:
    action = bake.on_alarm
    accepted = {"rollback", params.on_alarm}
    if not action.known:
        message = f"what an alarm does while {stage.name} bakes cannot be told"
        yield unclear(action.span, f"{where}/on_alarm", message)
    elif action.or_else(OnAlarm.NONE) not in accepted:
        does = "does nothing" if action.or_else(OnAlarm.NONE) == OnAlarm.NONE else "only halts it"
        yield Problem(
            action.span,
            f"{where}/on_alarm",
            f"an alarm during the bake of {stage.name} {does}",
            f"Set on_alarm to {params.on_alarm}.",
            inferred=action.inferred or stage.kind.inferred,
        )


RULE = Rule(
    id="bake-monitored",
    number=30,
    title="Watch alarms during the bake and act on them",
    family=Family.VALIDATING,
    severity=Severity.HIGH,
    now=Enforcement.WARN,
    target=Enforcement.BLOCK,
    params=BakeMonitored,
    docs=__doc__,
    lint=lint,
    gate_family=GateFamily.BAKE,
)
