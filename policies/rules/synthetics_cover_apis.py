"""Exercise every public API and dependency synthetically.

## Why it matters
An operation that no synthetic calls fails silently until a customer complains, and the operations
that are called least are those whose faults stay longest.

The rule compares what the pipeline declares, `operations` and `dependencies`, with what its
synthetics say they exercise and reach. At the gate only synthetics count that passed within a day.

## Fails
```yaml
schema: bakegate/pipeline/v1
name: shop
organization: retail
operations: [GET /cart, POST /cart]
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
      - name: buys
        every: 60s
        operations: [GET /cart]
        requests: [{get: /cart, expect: {status: 200}}]
```

## Passes
```yaml
schema: bakegate/pipeline/v1
name: shop
organization: retail
operations: [GET /cart, POST /cart]
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
      - name: buys
        every: 60s
        operations: [GET /cart, POST /cart]
        requests: [{get: /cart, expect: {status: 200}}]
```

## Not reported
Deprecated operations, which are not declared. Operations that cannot be taken back and have no
test tenant: leave room for them in `min_api`, so that they are listed and not asked for. Without
declared operations there is nothing to compare, which is unknown.

## Sources
That synthetics often cover all public APIs and dependencies: Amazon's account of its practice.
"""

from collections.abc import Iterable, Iterator
from datetime import timedelta
from typing import Final

from policies.facts import Fact
from policies.findings import Enforcement, Problem, Result, Severity, Span
from policies.frozen import dataclass, replace
from policies.observations import observed, together
from policies.phrases import listed, percent
from policies.pipeline import Pipeline, PipelineKind, Synthetic
from policies.rule import Case, Family, GateFamily, Outcome, Params, Rule, Stricter, Unit, param
from policies.steps import not_applicable, unclear, without_production


@dataclass(frozen=True, slots=True, kw_only=True)
class SyntheticsCoverApis(Params):
    min_api: float = param(
        1.0,
        "Smallest share of the public operations that synthetics exercise.",
        unit=Unit.SHARE,
        stricter=Stricter.MORE,
    )
    min_dependency: float = param(
        1.0,
        "Smallest share of the dependencies that synthetics reach.",
        unit=Unit.SHARE,
        stricter=Stricter.MORE,
    )


_EXEMPT: Final = frozenset({PipelineKind.BATCH, PipelineKind.LIBRARY, PipelineKind.MOBILE})
_DAY: Final = timedelta(hours=24)
#: So many missing names are told; the rest is counted.
_TOLD: Final = 5
_UNDECLARED: Final = "which public operations there are is not declared"


def lint(pipeline: Pipeline, params: SyntheticsCoverApis) -> Iterator[Problem]:
    if pipeline.kind.value in _EXEMPT:
        message = f"a pipeline of kind {pipeline.kind.value} has no public operations"
        yield not_applicable(pipeline, message)
        return
    if not pipeline.prod:
        yield from without_production(pipeline)
        return
    asked = _synthetics(pipeline)
    covered = {word for each in asked for word in each.operations}
    reached = {word for each in asked for word in each.dependencies}
    told = pipeline.operations.or_else(None) is not None
    if not told:
        place = pipeline.span
        yield unclear(place, "operations", _UNDECLARED, "Declare them under `operations`.")
    yield from _uncovered(pipeline.operations, covered, params.min_api, "operations", pipeline.span)
    yield from _uncovered(
        pipeline.dependencies, reached, params.min_dependency, "dependencies", pipeline.span
    )


def _synthetics(pipeline: Pipeline) -> list[Synthetic]:
    return [each for stage in pipeline.stages for each in stage.synthetics]


def _missing(names: Iterable[str], covered: set[str], least: float) -> list[str]:
    """The names that nothing covers; none where enough are covered."""
    all_names = list(names)
    missing = [name for name in all_names if name not in covered]
    return missing if all_names and 1 - len(missing) / len(all_names) < least else []


def _uncovered(
    fact: Fact[tuple[str, ...] | None], covered: set[str], least: float, word: str, span: Span
) -> Iterator[Problem]:
    names = fact.or_else(None) or ()
    missing = _missing(names, covered, least)
    if missing:
        yield Problem(
            fact.span if fact.span.path else span,
            word,
            f"synthetics cover {len(names) - len(missing)} of {len(names)} {word}; at least "
            f"{percent(least)} are asked: {_some(missing)} missing",
            f"{len(missing)} {word} would fail silently. Add them to a synthetic, starting with "
            "those that write.",
            inferred=fact.inferred,
        )


def _some(missing: list[str]) -> str:
    more = len(missing) - _TOLD
    verb = "is" if len(missing) == 1 else "are"
    return listed([*missing[:_TOLD], *([f"{more} more"] if more > 0 else [])]) + f" {verb}"


def gate(case: Case, params: SyntheticsCoverApis) -> Outcome:
    states = case.release.context.synthetics
    operations = case.pipeline.operations.or_else(None)
    if operations is None:
        return Outcome(Result.UNKNOWN, _UNDECLARED, "declare them in the pipeline file")
    if states is None:
        message = "no state of any synthetic was reported"
        return Outcome(Result.UNKNOWN, message, "report the last success of the synthetics")
    passed = {
        each.id for each in states if each.last_ok is not None and case.now - each.last_ok <= _DAY
    }
    alive = [each for each in _synthetics(case.pipeline) if each.name in passed]
    used = (observed("context.synthetics", sorted(passed), case.release.context.captured_at),)
    covered = {word for each in alive for word in each.operations}
    parts = [_judged(operations, covered, params.min_api, "operations")]
    if dependencies := case.pipeline.dependencies.or_else(None):
        reached = {word for each in alive for word in each.dependencies}
        parts.append(_judged(dependencies, reached, params.min_dependency, "dependencies"))
    return replace(together(parts), used=used)


def _judged(names: tuple[str, ...], covered: set[str], least: float, word: str) -> Outcome:
    missing = _missing(names, covered, least)
    told = f"{len(names) - len(missing)} of {len(names)} {word} were exercised within a day"
    if not missing:
        return Outcome(Result.PASS, told)
    cure = f"let synthetics exercise {listed(missing[:_TOLD])}"
    return Outcome(Result.FAIL, f"{told}: {_some(missing)} missing", cure)


RULE = Rule(
    id="synthetics-cover-apis",
    number=35,
    title="Exercise every public API and dependency synthetically",
    family=Family.VALIDATING,
    severity=Severity.MEDIUM,
    now=Enforcement.OBSERVE,
    target=Enforcement.WARN,
    params=SyntheticsCoverApis,
    docs=__doc__,
    lint=lint,
    gate=gate,
    gate_family=GateFamily.ALARMS,
)
