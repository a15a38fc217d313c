"""Watch the signals that show customer harm.

## Why it matters
A rollback on alarm is as good as its alarm. One that watches the processor never fires when every
answer is wrong, and one that watches the whole service hardly moves when only the canary errs.

The alarms that a production stage names, for its deployment and for its bake, must together watch
every signal of `required`. An alarm says in `signals` what it watches; a ratio of bad answers is a
`fault_rate`, a check inside the deployment counts as `health_checks` and the stage's synthetics as
`synthetics`. With `canary_scope` a stage with an `exposure` needs an alarm of its own answers, not
of the service as a whole. More than `max_metrics` alarms make it likely that one errs by chance.

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
  cpu: {negative_ratio: 1%, signals: [cpu]}
deployers:
  hosts: {type: local, hosts: 3}
stages:
  - {name: cell-1, kind: prod, deploy: hosts, bake: {time: 1h, alarms: [cpu]}}
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
  harm: {negative_ratio: 1%, signals: [fault_rate, latency_p99, health_checks, synthetics]}
deployers:
  hosts: {type: local, hosts: 3}
stages:
  - {name: cell-1, kind: prod, deploy: hosts, bake: {time: 1h, alarms: [harm]}}
```

## Not reported
Batches and libraries, whose harm shows in lag and throughput: their organization names those
signals in `required` of a ruleset of its own. Stages that name no alarm at all, which
`rollback-on-alarm` tells. Files of tools that cannot say what an alarm watches are unknown.

## Sources
The signals of an alarm for rollback, and one of the one-box alone: Amazon's description of
hands-off deployments and the AWS DevOps guidance. About a dozen metrics at most: the chapter on
canaries of Google's workbook. Which four are required at least: ours.
"""

from collections.abc import Iterator
from typing import Final

from policies.alarm import Alarm
from policies.findings import Enforcement, Problem, Result, Severity
from policies.frozen import dataclass
from policies.observations import declared, observed
from policies.phrases import listed
from policies.pipeline import Pipeline, PipelineKind, Stage
from policies.rule import Case, Family, GateFamily, Outcome, Params, Rule, Stricter, Unit, param
from policies.steps import deploys, not_applicable, unclear, without_production


@dataclass(frozen=True, slots=True, kw_only=True)
class AlarmCoverage(Params):
    required: frozenset[str] = param(
        frozenset({"fault_rate", "latency_p99", "health_checks", "synthetics"}),
        "Signals that the alarms of a production stage must watch.",
        unit=Unit.WORDS,
        stricter=Stricter.SUPERSET,
    )
    recommended: frozenset[str] = param(
        frozenset(
            {
                "latency_p50",
                "latency_p90",
                "cpu",
                "memory",
                "disk",
                "log_errors",
                "request_drop",
            }
        ),
        "Signals that are named beside the missing ones and not asked for.",
        unit=Unit.WORDS,
        stricter=Stricter.NEITHER,
    )
    canary_scope: bool = param(
        default=True,
        help="Whether a limited stage needs an alarm of its own answers.",
        unit=Unit.FLAG,
        stricter=Stricter.MORE,
    )
    max_metrics: int = param(
        12,
        "Most alarms that one stage may name.",
        unit=Unit.COUNT,
        stricter=Stricter.LESS,
    )


_EXEMPT: Final = frozenset({PipelineKind.BATCH, PipelineKind.LIBRARY})
#: What an alarm watches whose file does not say it: the share of bad answers.
_RATIO: Final = "fault_rate"


def lint(pipeline: Pipeline, params: AlarmCoverage) -> Iterator[Problem]:
    stages = [stage for stage in pipeline.prod if deploys(stage)]
    if pipeline.kind.value in _EXEMPT:
        message = f"the harm of a pipeline of kind {pipeline.kind.value} shows in other signals"
        yield not_applicable(pipeline, message)
    elif not pipeline.prod:
        yield from without_production(pipeline)
    elif not stages:
        yield not_applicable(pipeline, "no production stage deploys anything")
    else:
        for stage in stages:
            yield from _unwatched(pipeline, stage, params)


def _alarms(pipeline: Pipeline, stage: Stage) -> list[Alarm] | None:
    """The alarms that a stage names; None where the file cannot say them, or what they watch."""
    facts = [stage.deploy.rollback_alarms] if stage.deploy else []
    facts += [stage.bake.alarms] if stage.bake else []
    names = {name for fact in facts for name in fact.or_else(None) or ()}
    told = pipeline.alarms.known and (not stage.deploy or stage.deploy.rollback_alarms.known)
    if not told or not (stage.bake or stage.bake_known.known):
        return None
    return [alarm for alarm in pipeline.alarms.or_else(()) or () if alarm.name in names]


def _signals(stage: Stage, alarms: list[Alarm]) -> set[str]:
    found = {word for alarm in alarms for word in alarm.signals or (_RATIO,)}
    checks = stage.deploy.checks.or_else(None) if stage.deploy else None
    return (
        found
        | ({"health_checks"} if checks else set())
        | ({"synthetics"} if stage.synthetics else set())
    )


def _unwatched(pipeline: Pipeline, stage: Stage, params: AlarmCoverage) -> Iterator[Problem]:
    where = f"stages/{stage.name}/signals"
    alarms = _alarms(pipeline, stage)
    if alarms is None:
        message = f"what the alarms of {stage.name} watch cannot be told from this file"
        yield unclear(stage.span, where, message)
        return
    if not alarms:
        return  # rollback-on-alarm says so.
    missing = sorted(params.required - _signals(stage, alarms))
    if missing:
        more = sorted(params.recommended - _signals(stage, alarms))
        also = f" {listed(more)} are worth watching too." if len(more) > 1 else ""
        yield Problem(
            stage.span,
            where,
            f"the alarms of {stage.name} do not watch {listed(missing)}",
            f"Add alarms for {listed(missing)} to {stage.name}, or say in signals which of its "
            f"alarms watch them.{also}",
            inferred=stage.kind.inferred,
        )
    if params.canary_scope and _diluted(stage, alarms):
        yield Problem(
            alarms[0].span,
            f"stages/{stage.name}/scope",
            f"errors of {stage.name} are diluted in {listed(each.name for each in alarms)}, which "
            "watch the whole service",
            f"Add a fault-rate and a latency alarm of scope stage to {stage.name}.",
            inferred=stage.kind.inferred,
        )
    if len(alarms) > params.max_metrics:
        yield Problem(
            stage.span,
            f"stages/{stage.name}/many",
            f"{stage.name} names {len(alarms)} alarms; beyond {params.max_metrics} one of them is "
            "likely to fire by chance",
            "Keep the alarms that show harm to customers and drop the others.",
            inferred=stage.kind.inferred,
        )


def _diluted(stage: Stage, alarms: list[Alarm]) -> bool:
    """Whether a slice of the customers is watched by alarms of all of them only."""
    limited = stage.exposure.known and stage.exposure.value is not None
    return limited and all(alarm.scope == "service" for alarm in alarms)


def gate(case: Case, params: AlarmCoverage) -> Outcome:
    stage = case.stage
    alarms = _alarms(case.pipeline, stage)
    states = case.release.context.alarms
    if not alarms:
        message = f"what the alarms of {stage.name} watch is not known"
        return Outcome(Result.UNKNOWN, message, "name its alarms and what they watch")
    names = listed(alarm.name for alarm in alarms)
    if states is None:
        message = "no alarm states were reported"
        return Outcome(Result.UNKNOWN, message, f"report the states of {names}")
    reported = {each.name for each in states}
    alive = [alarm for alarm in alarms if alarm.name in reported]
    signals = _signals(stage, alive)
    used = (
        declared(f"signals.{stage.name}", sorted(signals), "pipeline"),
        observed("context.alarms", sorted(reported), case.release.context.captured_at),
    )
    silent = [alarm.name for alarm in alarms if alarm not in alive]
    if silent:
        message = f"the state of {listed(silent)} was not reported"
        return Outcome(Result.UNKNOWN, message, f"report the state of {listed(silent)}", used=used)
    missing = sorted(params.required - signals)
    if missing:
        message = f"the alarms of {stage.name} do not watch {listed(missing)}"
        return Outcome(Result.FAIL, message, f"add alarms for {listed(missing)}", used=used)
    if params.canary_scope and _diluted(stage, alive):
        message = f"errors of {stage.name} are diluted in alarms of the whole service"
        return Outcome(Result.FAIL, message, "add an alarm of scope stage", used=used)
    return Outcome(Result.PASS, f"{names} watch {listed(sorted(signals))}", used=used)


RULE = Rule(
    id="alarm-coverage",
    number=26,
    title="Watch the signals that show customer harm",
    family=Family.VALIDATING,
    severity=Severity.MEDIUM,
    now=Enforcement.OBSERVE,
    target=Enforcement.WARN,
    params=AlarmCoverage,
    docs=__doc__,
    lint=lint,
    gate=gate,
    gate_family=GateFamily.ALARMS,
)
