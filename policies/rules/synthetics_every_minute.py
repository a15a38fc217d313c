"""Run synthetic checks at least every minute.

## Why it matters
Customers are few at night and in the first minutes of a new version. A synthetic asks all the
time, so a bad release is seen within a minute and not with the first complaint.

The rule asks every stage of the kinds in `stages` that deploys something for a synthetic that runs
at least every `max_interval`, and with `outside_in` for one that asks from outside of the service's
own network. At the gate the last success of each synthetic of this stage and of the stages before
it must not be older than three intervals.

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
  - name: cell-1
    kind: prod
    deploy: hosts
    synthetics:
      - {name: buys, every: 5m, outside: true, requests: [{get: /, expect: {status: 200}}]}
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
  hosts: {type: local, hosts: 3}
stages:
  - name: cell-1
    kind: prod
    deploy: hosts
    synthetics:
      - {name: buys, every: 60s, outside: true, requests: [{get: /, expect: {status: 200}}]}
```

## Not reported
Services of tiers that `block_tiers` does not name, beyond a warning. Batches, libraries and mobile
apps, which nobody asks anything. Stages of other kinds. Whether a prober stands outside is unknown
until the file says so. A third party's limit on requests is declared by raising `max_interval` for
that organization.

## Sources
Synthetics every minute against every stage: Amazon's account of its practice, and the synthetic
tests of the AWS deployment pipeline reference architecture. Three intervals, and asking from
outside: ours.
"""

from collections.abc import Iterator
from datetime import timedelta
from typing import Final

from policies.durations import format_duration
from policies.findings import Enforcement, Problem, Result, Severity
from policies.frozen import dataclass
from policies.observations import observed, together
from policies.phrases import clock
from policies.pipeline import Pipeline, PipelineKind, Stage, Synthetic
from policies.release import SyntheticState
from policies.rule import Case, Family, GateFamily, Outcome, Rule, Stricter, Tiered, Unit, param
from policies.steps import deploys, not_applicable, of_kind, unclear, without_production


@dataclass(frozen=True, slots=True, kw_only=True)
class SyntheticsEveryMinute(Tiered):
    max_interval: timedelta = param(
        timedelta(seconds=60),
        "Longest time between two runs of a synthetic.",
        unit=Unit.DURATION,
        stricter=Stricter.LESS,
    )
    stages: frozenset[str] = param(
        frozenset({"preprod", "prod"}),
        "Kinds of stage that need a synthetic.",
        unit=Unit.WORDS,
        stricter=Stricter.SUPERSET,
        allowed=("test", "preprod", "prod"),
    )
    outside_in: bool = param(
        default=True,
        help="Whether a synthetic must ask from outside of the service's own network.",
        unit=Unit.FLAG,
        stricter=Stricter.MORE,
    )


_EXEMPT: Final = frozenset({PipelineKind.BATCH, PipelineKind.LIBRARY, PipelineKind.MOBILE})
#: After so many missed runs a synthetic has failed.
_MISSED: Final = 3


def lint(pipeline: Pipeline, params: SyntheticsEveryMinute) -> Iterator[Problem]:
    stages = [each for each in pipeline.stages if of_kind(each, params.stages) and deploys(each)]
    if pipeline.kind.value in _EXEMPT:
        message = f"nobody asks a pipeline of kind {pipeline.kind.value} anything"
        yield not_applicable(pipeline, message)
    elif not stages and pipeline.prod:
        yield not_applicable(pipeline, "no such stage deploys anything")
    elif not stages:
        yield from without_production(pipeline)
    else:
        for stage in stages:
            yield from _blind(stage, params)


def _blind(stage: Stage, params: SyntheticsEveryMinute) -> Iterator[Problem]:
    where = f"stages/{stage.name}/synthetics"
    limit = format_duration(params.max_interval)
    if not stage.synthetics and not stage.synthetics_known:
        message = f"whether synthetics ask {stage.name} cannot be told from this file"
        yield unclear(stage.span, where, message)
    elif not stage.synthetics:
        yield Problem(
            stage.span,
            where,
            f"no synthetic asks {stage.name}",
            f"Add a synthetic to {stage.name} that runs at least every {limit}.",
            inferred=stage.kind.inferred,
        )
    else:
        quick = [each for each in stage.synthetics if _quick(each, params)]
        if not quick:
            yield _slow(stage, params)
        elif params.outside_in:
            yield from _inside(stage, quick, where)


def _quick(synthetic: Synthetic, params: SyntheticsEveryMinute) -> bool:
    every = synthetic.every.or_else(None)
    return every is not None and every <= params.max_interval


def _slow(stage: Stage, params: SyntheticsEveryMinute) -> Problem:
    """The quickest synthetic of a stage, which is too slow."""
    found = min(stage.synthetics, key=lambda each: each.every.or_else(None) or timedelta.max)
    every, limit = found.every.or_else(None), format_duration(params.max_interval)
    told = f"runs every {format_duration(every)}" if every else "does not say how often it runs"
    return Problem(
        found.every.span if every else found.span,
        f"stages/{stage.name}/synthetics/{found.name}",
        f"synthetic {found.name} of {stage.name} {told}; the standard is {limit}",
        f"Run {found.name} at least every {limit}, so that a bad release is seen within a minute.",
        inferred=stage.kind.inferred,
    )


def _inside(stage: Stage, quick: list[Synthetic], where: str) -> Iterator[Problem]:
    if any(each.outside.value is True for each in quick):
        return
    hidden = [each for each in quick if not each.outside.known]
    if hidden:
        message = f"whether {hidden[0].name} asks {stage.name} from outside cannot be told"
        yield unclear(hidden[0].span, where, message, "Say `outside: true` or `outside: false`.")
    else:
        yield Problem(
            quick[0].outside.span,
            where,
            f"all synthetics of {stage.name} ask from inside of the service's own network",
            "Let one of them ask from where customers are, through the same names and gateways.",
            inferred=stage.kind.inferred,
        )


def gate(case: Case, params: SyntheticsEveryMinute) -> Outcome:
    del params  # How often they run was judged in the file; here it is asked whether they pass.
    names = {case.stage.name, *(stage.name for stage in case.before)}
    states = case.release.context.synthetics
    if states is None:
        message = "no state of any synthetic was reported"
        return Outcome(Result.UNKNOWN, message, "report the last success of the synthetics")
    mine = [each for each in states if each.stage in names]
    if not mine:
        message = f"no synthetic of {case.stage.name} or the stages before it was reported"
        return Outcome(Result.UNKNOWN, message, "report the last success of the synthetics")
    return together([_alive(case, each) for each in mine])


def _alive(case: Case, state: SyntheticState) -> Outcome:
    used = (observed(f"context.synthetics.{state.id}", state.last_ok, state.observed_at),)
    limit = _MISSED * state.interval
    told = clock(state.last_ok, case.now) if state.last_ok else ""
    if state.last_ok and case.now - state.last_ok <= limit:
        return Outcome(Result.PASS, f"{state.id} passed in {state.stage} at {told}", used=used)
    if state.observed_at and case.now - state.observed_at > limit:
        seen = clock(state.observed_at, case.now)
        message = f"{state.id} of {state.stage} was last looked at {seen}"
        return Outcome(Result.UNKNOWN, message, f"report the state of {state.id}", used=used)
    since = f"since {told}" if told else "at any time"
    message = f"{state.id} has not passed in {state.stage} {since}"
    return Outcome(Result.FAIL, message, f"wait until {state.id} passes", waits=True, used=used)


RULE = Rule(
    id="synthetics-every-minute",
    number=34,
    title="Run synthetic checks at least every minute",
    family=Family.VALIDATING,
    severity=Severity.HIGH,
    now=Enforcement.WARN,
    target=Enforcement.BLOCK,
    params=SyntheticsEveryMinute,
    docs=__doc__,
    lint=lint,
    gate=gate,
    gate_family=GateFamily.ALARMS,
)
