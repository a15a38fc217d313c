"""Roll back automatically when an alarm fires during a release.

## Why it matters
Between the first bad answer and the moment a person has understood it lie many bad answers. An
alarm that rolls back by itself needs no one to be awake, and the question why can wait until
customers are well again.

Every production deployment must name alarms that make the engine roll back, in every phase of
`phases`. An alarm that only notifies does not count, nor does a name that no alarm has. At the
gate each named alarm must exist and have had data in the last fifteen minutes: an alarm that
cannot fire protects nobody.

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
  - {name: cell-1, kind: prod, wave: 1, deploy: hosts,
     bake: {time: 12h, alarms: [errors], on_alarm: rollback}}
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
  hosts: {type: local, hosts: 3, rollback_on: [failure, deadline, alarm]}
stages:
  - {name: cell-1, kind: prod, wave: 1, deploy: hosts,
     bake: {time: 12h, alarms: [errors], on_alarm: rollback}}
```

## Not reported
Stages that deploy nothing. Mobile apps, which a store delivers and nobody can take back. At the
gate, data of alarms on a stage in which nothing runs yet. A file whose format cannot name alarms
is unknown.

## Sources
Rollback by alarm during deployment and bake: Amazon's description of hands-off deployments, and
the AWS DevOps guidance. Fifteen minutes: ours.
"""

from collections.abc import Iterator
from datetime import timedelta
from typing import Final

from policies.facts import Fact
from policies.findings import Enforcement, Problem, Result, Severity
from policies.frozen import dataclass
from policies.observations import observed, together
from policies.phrases import clock, listed
from policies.pipeline import OnAlarm, Pipeline, PipelineKind, Stage
from policies.release import AlarmState
from policies.rule import Case, Family, Outcome, Params, Rule, Stricter, Unit, Used, param
from policies.steps import deploys, not_applicable, unclear, without_production


@dataclass(frozen=True, slots=True, kw_only=True)
class RollbackOnAlarm(Params):
    min_alarms: int = param(
        1,
        "Fewest alarms that must be able to roll a production stage back.",
        unit=Unit.COUNT,
        stricter=Stricter.MORE,
    )
    missing_data: str = param(
        "hold",
        "Whether an alarm without data stops the release (hold) or is let through (ignore).",
        unit=Unit.WORD,
        stricter=Stricter.NEITHER,
        allowed=("hold", "ignore"),
    )
    phases: frozenset[str] = param(
        frozenset({"deploy", "bake"}),
        "Phases of a stage in which an alarm must roll it back.",
        unit=Unit.WORDS,
        stricter=Stricter.SUPERSET,
        allowed=("deploy", "bake"),
    )
    scope: str = param(
        "stage",
        "Whose alarms must be able to fire: the stage's, or all of this pipeline's in its Regions.",
        unit=Unit.WORD,
        stricter=Stricter.NEITHER,
        allowed=("stage", "team_region"),
    )


#: How old the last data of an alarm may be: with older data it could not have fired.
_MAX_SILENCE: Final = timedelta(minutes=15)


def lint(pipeline: Pipeline, params: RollbackOnAlarm) -> Iterator[Problem]:
    stages = [stage for stage in pipeline.prod if deploys(stage)]
    if pipeline.kind.value is PipelineKind.MOBILE:
        yield not_applicable(pipeline, "a store delivers this app; nobody can take it back")
    elif not pipeline.prod:
        yield from without_production(pipeline)
    elif not stages:
        yield not_applicable(pipeline, "no production stage deploys anything")
    else:
        for stage in stages:
            yield from _unprotected(stage, params)
            yield from _dangling(pipeline, stage)
            yield from _blind(pipeline, stage, params)


def _names(stage: Stage) -> tuple[str, ...]:
    """The alarms that a stage names, for its deployment and for its bake."""
    deployed = (stage.deploy.rollback_alarms.or_else(None) if stage.deploy else None) or ()
    baked = (stage.bake.alarms.or_else(None) if stage.bake else None) or ()
    return tuple(dict.fromkeys((*deployed, *baked)))


def _protects(stage: Stage, phase: str) -> int | None:
    """How many alarms roll the stage back in a phase; None where the file cannot say."""
    if phase == "bake":
        if stage.bake is None:
            return 0 if stage.bake_known.known else None
        if not stage.bake.alarms.known or not stage.bake.on_alarm.known:
            return None
        acts = stage.bake.on_alarm.value is OnAlarm.ROLLBACK
        return len(stage.bake.alarms.or_else(None) or ()) if acts else 0
    if stage.deploy is None or not stage.deploy.rollback_on.known:
        return None
    acts = "alarm" in (stage.deploy.rollback_on.or_else(None) or ())
    if acts and not _names(stage) and not stage.deploy.rollback_alarms.known:
        return None
    return len(_names(stage)) if acts else 0


def _unprotected(stage: Stage, params: RollbackOnAlarm) -> Iterator[Problem]:
    counts = {phase: _protects(stage, phase) for phase in ("deploy", "bake")}
    few = [
        phase
        for phase, count in counts.items()
        if phase in params.phases and count is not None and count < params.min_alarms
    ]
    hidden = [phase for phase in counts if phase in params.phases and counts[phase] is None]
    if not few and not hidden:
        return
    where = f"stages/{stage.name}/rollback"
    if few:
        told = f"no alarm rolls {stage.name} back during {listed(few)}"
        if params.min_alarms > 1:
            told = f"fewer than {params.min_alarms} alarms roll {stage.name} back during "
            told += listed(few)
        yield Problem(stage.span, where, told, _fix(stage, few), inferred=_guessed(stage))
    else:
        message = f"whether an alarm rolls {stage.name} back during {listed(hidden)} cannot be told"
        yield unclear(stage.span, where, message)


def _fix(stage: Stage, few: list[str]) -> str:
    if _names(stage) and "deploy" in few:
        return (
            "Alarms are attached but do not roll back: add alarm to rollback_on of the deployment."
        )
    if _names(stage) and stage.bake is None:
        return f"Give {stage.name} a bake that watches its alarms and rolls back when one fires."
    if _names(stage):
        return "Alarms are attached but do not roll back: set on_alarm of the bake to rollback."
    return f"Name the alarms of {stage.name} whose firing must roll it back, for {listed(few)}."


def _guessed(stage: Stage) -> bool:
    facts: list[Fact[frozenset[str] | None] | Fact[OnAlarm | None] | Fact[bool]] = [
        stage.bake.on_alarm if stage.bake else stage.bake_known
    ]
    facts += [stage.deploy.rollback_on] if stage.deploy else []
    return stage.kind.inferred or any(fact.inferred for fact in facts)


def _dangling(pipeline: Pipeline, stage: Stage) -> Iterator[Problem]:
    if not pipeline.alarms.known:
        return
    declared = {alarm.name for alarm in pipeline.alarms.or_else(()) or ()}
    named = [stage.deploy.rollback_alarms] if stage.deploy else []
    named += [stage.bake.alarms] if stage.bake else []
    for fact in named:
        missing = [name for name in fact.or_else(None) or () if name not in declared]
        if missing:
            yield Problem(
                fact.span,
                f"stages/{stage.name}/alarms/{missing[0]}",
                f"{stage.name} names {listed(missing)}, which no alarm is called",
                f"Declare {listed(missing)} under alarms, or name an alarm that exists.",
                inferred=fact.inferred,
            )


def _blind(pipeline: Pipeline, stage: Stage, params: RollbackOnAlarm) -> Iterator[Problem]:
    for alarm in pipeline.alarms.or_else(()) or ():
        if alarm.missing == "ok" and params.missing_data == "hold" and alarm.name in _names(stage):
            yield Problem(
                alarm.span,
                f"stages/{stage.name}/alarms/{alarm.name}/missing",
                f"{alarm.name} reads missing data as ok, so silence of {stage.name} passes",
                f"Set missing of {alarm.name} to unknown.",
            )


def gate(case: Case, params: RollbackOnAlarm) -> Outcome:
    names = _names(case.stage)
    if not names:
        result = Result.FAIL if _told(case.stage) else Result.UNKNOWN
        message = f"{case.stage.name} names no alarm whose firing rolls it back"
        return Outcome(result, message, "name its alarms in the pipeline file")
    if case.release.context.alarms is None:
        message = "no alarm states were reported"
        return Outcome(Result.UNKNOWN, message, "report the states of the alarms")
    together_with = [case.stage, *(_neighbours(case) if params.scope == "team_region" else ())]
    asked = dict.fromkeys((each, name) for each in together_with for name in _names(each))
    return together([_alive(case, stage, name, params) for stage, name in asked])


def _neighbours(case: Case) -> tuple[Stage, ...]:
    """The other production stages of this pipeline that share a Region with the one to enter."""
    mine = {target.region for target in case.stage.targets if target.region}
    return tuple(
        each
        for each in case.pipeline.prod
        if each.name != case.stage.name and mine & {target.region for target in each.targets}
    )


def _told(stage: Stage) -> bool:
    """Whether the file could have named alarms, so that none named means none there."""
    baked = stage.bake.alarms.known if stage.bake else stage.bake_known.known
    return baked and (stage.deploy is None or stage.deploy.rollback_alarms.known)


def _alive(case: Case, stage: Stage, name: str, params: RollbackOnAlarm) -> Outcome:
    states = [each for each in case.release.context.alarms or () if each.name == name]
    used = tuple(_used(each) for each in states)
    declared = {alarm.name for alarm in case.pipeline.alarms.or_else(()) or ()}
    idle = case.release.context.runs(stage.name) is None
    if idle and (states or name in declared):
        # Nothing has answered here yet, so no alarm can have had data; the bake will need them.
        message = f"{name} exists; nothing runs in {stage.name} yet"
        return Outcome(Result.PASS, message, used=used)
    if not states:
        message = f"the state of {name} was not reported"
        return Outcome(Result.UNKNOWN, message, f"report the state of {name}")
    last = max((each.had_data_at for each in states if each.had_data_at), default=None)
    if last is not None and case.now - last <= _MAX_SILENCE:
        message = f"{name} had data at {clock(last, case.now)}"
        return Outcome(Result.PASS, message, used=used)
    if params.missing_data == "ignore":
        return Outcome(Result.PASS, f"{name} exists", used=used)
    told = f"since {clock(last, case.now)}" if last else "at any time"
    message = f"{name} had no data {told}, so it could not fire"
    return Outcome(Result.UNKNOWN, message, f"wait for data of {name}", used=used)


def _used(alarm: AlarmState) -> Used:
    value = {"state": alarm.state, "target": alarm.target}
    return observed(f"context.alarms.{alarm.name}", value, alarm.had_data_at or alarm.observed_at)


RULE = Rule(
    id="rollback-on-alarm",
    number=25,
    title="Roll back automatically when an alarm fires during a release",
    family=Family.VALIDATING,
    severity=Severity.HIGH,
    now=Enforcement.WARN,
    target=Enforcement.BLOCK,
    params=RollbackOnAlarm,
    docs=__doc__,
    lint=lint,
    gate=gate,
)
