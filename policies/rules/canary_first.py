"""Expose a small slice of customers first.

## Why it matters
A defect that every test missed is met by customers. How many of them meet it before somebody
decides to go on is the one thing that a pipeline can still choose.

Each wave (with `per_wave: false` only the first) opens with exactly one limited stage, with a
decision of its own before the rest follows: a stage with an `exposure`, one whose engine moves a
share of the traffic first, or a single cell out of many. At the gate the exposure that was measured
in the limited stage counts.

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
  - {name: one-box, kind: prod, wave: 1, exposure: 50%, deploy: hosts}
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
  hosts: {type: local, hosts: 3}
stages:
  - {name: one-box, kind: prod, wave: 1, exposure: 1%, deploy: {use: hosts, hosts: 1}}
  - {name: cell-1, kind: prod, wave: 1, deploy: hosts}
```

## Not reported
Pipelines without a production stage; libraries, batch jobs and mobile apps, which no slice of
requests reaches. At the gate the first release of a service, which has no older version to shield
customers.

## Sources
One box serving at most ten percent of a Region or zone, and one in each wave: Amazon's description
of hands-off deployments and the AWS DevOps guidance. Azure's mission-critical guidance starts at
the same ten percent.
"""

from collections import defaultdict
from collections.abc import Iterator
from typing import Final

from policies.facts import Unknown
from policies.findings import Enforcement, Problem, Result, Severity
from policies.frozen import dataclass
from policies.observations import declared, no_prod_before, prod_before, run_used, together
from policies.paths import once
from policies.phrases import percent
from policies.pipeline import Pipeline, PipelineKind, Stage
from policies.release import ReleaseKind
from policies.rule import Case, Family, GateFamily, Outcome, Params, Rule, Stricter, Unit, param
from policies.steps import not_applicable, unclear, whole, without_production


@dataclass(frozen=True, slots=True, kw_only=True)
class CanaryFirst(Params):
    max_exposure: float = param(
        0.10,
        "Largest share of customers that the opening stage of a wave may reach.",
        unit=Unit.SHARE,
        stricter=Stricter.LESS,
    )
    unit: str = param(
        "requests",
        "What a share counts: requests, or hosts of the deployment.",
        unit=Unit.WORD,
        stricter=Stricter.NEITHER,
        allowed=("requests", "hosts"),
    )
    per_wave: bool = param(
        default=True,
        help="Whether every wave opens with a limited stage, not only the first.",
        unit=Unit.FLAG,
        stricter=Stricter.MORE,
    )
    allow: frozenset[str] = param(
        frozenset({"one-box", "canary", "cell", "cohort-flag"}),
        "Forms of a limited stage that count.",
        unit=Unit.WORDS,
        stricter=Stricter.SUBSET,
        allowed=("one-box", "canary", "cell", "cohort-flag"),
    )


_EXEMPT: Final = frozenset({PipelineKind.LIBRARY, PipelineKind.BATCH, PipelineKind.MOBILE})


def lint(pipeline: Pipeline, params: CanaryFirst) -> Iterator[Problem]:
    if pipeline.kind.value in _EXEMPT:
        message = f"no slice of requests reaches a pipeline of kind {pipeline.kind.value}"
        yield not_applicable(pipeline, message)
        return
    if not pipeline.prod:
        yield from without_production(pipeline)
        return
    members: dict[int, list[Stage]] = defaultdict(list)
    for stage in pipeline.prod:
        members[_wave(stage)].append(stage)
    waves = sorted(members)
    for wave in waves if params.per_wave else waves[:1]:
        yield from _opening(pipeline, wave, members[wave], params)


def _wave(stage: Stage) -> int:
    return stage.wave.value or 1


def _opening(
    pipeline: Pipeline, wave: int, members: list[Stage], params: CanaryFirst
) -> Iterator[Problem]:
    """Judge the stages of a wave that wait for no other stage of it."""
    opening = pipeline.heads(members)
    limited = [stage for stage in opening if _form(pipeline, stage)]
    for stage in limited:
        yield from _too_wide(pipeline, stage, params)
    if len(limited) < len(opening):
        names_limited = {stage.name for stage in limited}
        for stage in opening:
            if stage.name not in names_limited:
                yield _unlimited(pipeline, stage, wave)
    if len(limited) > 1:
        names = " and ".join(stage.name for stage in limited)
        yield Problem(
            limited[1].span,
            f"stages/{limited[1].name}/opening",
            f"wave {wave} opens with {names} at once; one limited stage comes first",
            f"Let {limited[1].name} wait for {limited[0].name}, which decides on its own metrics.",
            inferred=any(stage.kind.inferred for stage in limited),
        )


def _form(pipeline: Pipeline, stage: Stage) -> str:
    """How a stage is limited: one host, a share, one cell of many; empty when it is not."""
    if stage.exposure.known and stage.exposure.value is not None:
        return "one-box" if stage.deploy and stage.deploy.hosts.value == 1 else "canary"
    if _slice(stage) is not None:
        return "canary"
    cells = _cells(pipeline)
    return "cell" if stage.exposure.known and _size(stage) == 1 and cells > 1 else ""


def _slice(stage: Stage) -> float | None:
    """The first share of traffic that the stage's engine moves; None where it moves all at once."""
    shares = stage.deploy.exposures.or_else(()) if stage.deploy else ()
    return shares[0] if shares and shares[0] < 1 else None


def _size(stage: Stage) -> int:
    return max(1, len(stage.targets))


def _cells(pipeline: Pipeline) -> int:
    """Targets that take a full share of customers; a slice of one is not counted again."""
    return once(
        pipeline,
        _cells,
        lambda: sum(_size(stage) for stage in pipeline.prod if stage.exposure.value is None),
    )


def _hosts(pipeline: Pipeline) -> int:
    """Hosts of all targets together, as far as they are known."""
    counts = [(_size(each), each.deploy.hosts.value) for each in pipeline.prod if each.deploy]
    return sum(size * hosts for size, hosts in counts if isinstance(hosts, int))


def _share(pipeline: Pipeline, stage: Stage, params: CanaryFirst) -> float | Unknown | None:
    if stage.exposure.known and stage.exposure.value is None:
        moved = _slice(stage)
        return 1 / _cells(pipeline) if moved is None else moved
    if params.unit == "requests":
        return stage.exposure.value
    own = stage.deploy.hosts.value if stage.deploy else None
    total = once(pipeline, _hosts, lambda: _hosts(pipeline))
    return own / total if isinstance(own, int) and total else None


def _too_wide(pipeline: Pipeline, stage: Stage, params: CanaryFirst) -> Iterator[Problem]:
    form, share = _form(pipeline, stage), _share(pipeline, stage, params)
    if isinstance(share, float) and 0 < share <= params.max_exposure and form in params.allow:
        return
    where, guessed = f"stages/{stage.name}/exposure", stage.exposure.inferred or stage.kind.inferred
    limit = percent(params.max_exposure)
    if share is None or isinstance(share, Unknown):
        message = f"the share of hosts that {stage.name} exposes cannot be told"
        yield unclear(stage.exposure.span, where, message)
    elif share == 0:
        message = f"{stage.name} exposes nobody, so it decides nothing"
        fix = f"Expose some customers, at most {limit}, and decide on their metrics."
        yield Problem(stage.exposure.span, where, message, fix, inferred=guessed)
    elif share > params.max_exposure:
        message = f"{stage.name} exposes {percent(share)} of customers; at most {limit} come first"
        yield Problem(stage.exposure.span, where, message, _fix(share, params), inferred=guessed)
    elif form not in params.allow:
        message = f"{stage.name} is limited as a {form}, which the organization does not accept"
        fix = f"Open the wave with one of: {', '.join(sorted(params.allow))}."
        yield Problem(stage.exposure.span, where, message, fix, inferred=guessed)


def _fix(share: float, params: CanaryFirst) -> str:
    return (
        f"First exposure is {percent(share)}. Start at ≤{percent(params.max_exposure)} "
        "and decide on its own metrics before widening."
    )


def _unlimited(pipeline: Pipeline, stage: Stage, wave: int) -> Problem:
    where = f"stages/{stage.name}/exposure"
    if not stage.exposure.known:
        why = stage.exposure.note or "the file does not say it"
        message = f"how many customers {stage.name} exposes cannot be told: {why}"
        return unclear(stage.exposure.span, where, message)
    if not whole(pipeline):
        message = f"whether a limited stage comes before {stage.name} cannot be told"
        return unclear(stage.exposure.span, where, message)
    return Problem(
        stage.exposure.span,
        where,
        f"wave {wave} opens with {stage.name}, which exposes all its customers at once",
        f"Open wave {wave} with a stage that exposes a small share, and decide on its own metrics "
        "before widening.",
        inferred=stage.exposure.inferred or stage.kind.inferred or stage.wave.inferred,
    )


def gate(case: Case, params: CanaryFirst) -> Outcome:
    if case.release.kind is ReleaseKind.FIRST:
        return Outcome(Result.NOT_APPLICABLE, "a first release has no older version beside it")
    limited = [stage for stage in prod_before(case) if stage.exposure.or_else(None) is not None]
    if not limited:
        outcome = no_prod_before(case)
        message = outcome.message.replace("production", "limited production")
        return Outcome(outcome.result, message)
    return together([_measured(case, stage, params) for stage in limited])


def _measured(case: Case, stage: Stage, params: CanaryFirst) -> Outcome:
    run = case.release.stage(stage.name)
    if run is None or run.exposure is None:
        message = f"nobody reported which share of customers {stage.name} exposed"
        said = declared(f"stages.{stage.name}.exposure", stage.exposure.or_else(None), "pipeline")
        return Outcome(Result.UNKNOWN, message, "report the measured exposure", used=(said,))
    used = run_used(run, "exposure")
    limit = percent(params.max_exposure)
    if run.exposure == 0:
        message = f"{stage.name} exposed nobody, so it proved nothing"
        return Outcome(Result.FAIL, message, "route customers to it and release again", used=used)
    if run.exposure > params.max_exposure:
        message = f"{stage.name} exposed {percent(run.exposure)} of customers; at most {limit}"
        return Outcome(Result.FAIL, message, f"start at {limit} or less", used=used)
    return Outcome(Result.PASS, f"{stage.name} exposed {percent(run.exposure)}", used=used)


RULE = Rule(
    id="canary-first",
    number=24,
    title="Expose a small slice of customers first",
    family=Family.VALIDATING,
    severity=Severity.HIGH,
    now=Enforcement.WARN,
    target=Enforcement.BLOCK,
    params=CanaryFirst,
    docs=__doc__,
    lint=lint,
    gate=gate,
    gate_family=GateFamily.CANARY,
)
