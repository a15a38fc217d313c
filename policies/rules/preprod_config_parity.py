"""Run pre-production on the production configuration and dependencies.

## Why it matters
A release that was tested with other settings and other services was not tested with what it will
use. The difference is found by customers, and by then the tests have passed.

The last stop before production must run on production's configuration: `configuration: prod`, or
variables with the same keys and values, apart from the keys in `allowed_diff`. With `deps: mixed`
addresses may differ as well, which lets a sandbox stand for a dependency. At the gate the rendered
settings are compared, and with `deps: prod` each declared dependency must have been reached from
pre-production by this artifact.

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
  - name: gamma
    kind: preprod
    deploy: hosts
    variables: {PAYMENTS_URL: https://pay-sandbox.example}
  - name: cell-1
    kind: prod
    wave: 1
    deploy: hosts
    variables: {PAYMENTS_URL: https://pay.example}
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
  - {name: gamma, kind: preprod, configuration: prod, deploy: hosts}
  - {name: cell-1, kind: prod, wave: 1, deploy: hosts}
```

## Not reported
Pipelines without a pre-production stage, which are another rule's. Keys in `allowed_diff`: what
differs for a reason, such as secrets that are kept apart or a sandbox for payments and mail, is
listed there. A file that says nothing of its settings is unknown.

## Sources
Pre-production on production's settings and dependencies: the practice that Amazon's builders
describe, and their gamma stage. Azure's guidance for mission-critical services keeps dependencies
apart, for which there is `deps: mixed`.
"""

from collections.abc import Iterator, Mapping
from fnmatch import fnmatchcase
from typing import Final

from policies.facts import Fact
from policies.findings import Enforcement, Problem, Related, Result, Severity, Span
from policies.frozen import dataclass
from policies.observations import PASSED, evidence_used, latest_suites, observed, together
from policies.paths import last_stops, last_stops_bits
from policies.phrases import listed, short
from policies.pipeline import Pipeline, Stage, StageKind
from policies.rule import Case, Family, GateFamily, Outcome, Params, Rule, Stricter, Unit, param
from policies.steps import (
    entries,
    not_applicable,
    note,
    unclear,
    without_production,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class PreprodConfigParity(Params):
    allowed_diff: frozenset[str] = param(
        frozenset({"capacity.*", "endpoint.self", "tags.*"}),
        "Keys that may differ; `*` stands for any letters.",
        unit=Unit.WORDS,
        stricter=Stricter.SUBSET,
    )
    deps: str = param(
        "prod",
        "Whether pre-production calls production's dependencies, or sandboxes in places.",
        unit=Unit.WORD,
        stricter=Stricter.NEITHER,
        allowed=("prod", "mixed"),
    )


_PRODUCTION: Final = frozenset({"prod", "production"})
_ADDRESS: Final = "://"
#: The kind of evidence that says whether a dependency was reached; its suite is the dependency.
_REACHED: Final = "connectivity"


def lint(pipeline: Pipeline, params: PreprodConfigParity) -> Iterator[Problem]:
    firsts = entries(pipeline)
    if not firsts:
        yield from without_production(pipeline)
        return
    pairs = [
        (stop, first)
        for first in firsts
        for stop in pipeline.each_of_bits(last_stops_bits(pipeline, [first])[0])
    ]
    good = [(stop, first) for stop, first in pairs if stop.kind.value is StageKind.PREPROD]
    hidden = [stop for stop, _ in pairs if not stop.kind.known]
    if not good and hidden:
        message = f"whether {hidden[0].name} is a pre-production stage cannot be told"
        where = f"stages/{hidden[0].name}/configuration"
        yield unclear(hidden[0].span, where, f"{message}: {note(hidden[0])}")
    elif not good:
        yield not_applicable(pipeline, "no pre-production stage comes directly before production")
    for stop, first in good:
        yield from _differs(stop, first, params)


def _differs(stop: Stage, first: Stage, params: PreprodConfigParity) -> Iterator[Problem]:
    named, where = stop.configuration, f"stages/{stop.name}/configuration"
    other = named.or_else(None)
    if other and other not in _PRODUCTION:
        yield Problem(
            named.span,
            where,
            f"{stop.name} runs on the configuration {other}, not on production's",
            f"Run {stop.name} on the configuration that {first.name} uses.",
            inferred=named.inferred,
        )
    mine, theirs = stop.variables.or_else(None), first.variables.or_else(None)
    if mine is not None and theirs is not None:
        for key in _different(mine, theirs, params):
            yield _key_differs(stop, first, key)
    elif not other:
        facts: list[Fact[str | None] | Fact[Mapping[str, str] | None]] = [named, stop.variables]
        why = next((fact.note for fact in facts if fact.note), "the file does not say it")
        message = f"whether {stop.name} runs on production's configuration cannot be told: {why}"
        yield unclear(stop.span, where, message)


def _different(
    mine: Mapping[str, str], theirs: Mapping[str, str], params: PreprodConfigParity
) -> list[str]:
    keys = sorted({*mine, *theirs})
    return [
        key
        for key in keys
        if mine.get(key) != theirs.get(key)
        and not _allowed(key, params)
        and not _sandboxed(mine.get(key, ""), theirs.get(key, ""), params)
    ]


def _allowed(key: str, params: PreprodConfigParity) -> bool:
    return any(fnmatchcase(key, pattern) for pattern in params.allowed_diff)


def _sandboxed(mine: str, theirs: str, params: PreprodConfigParity) -> bool:
    return params.deps == "mixed" and _ADDRESS in mine and _ADDRESS in theirs


def _key_differs(stop: Stage, first: Stage, key: str) -> Problem:
    return Problem(
        _place(stop.variables, stop),
        f"stages/{stop.name}/variables/{key}",
        f"{key} differs between {stop.name} and {first.name}",
        f"Key {key} differs between pre-production and production, so this release is not tested "
        "with what it will use. Align it or add the key to allowed_diff with a reason.",
        inferred=stop.variables.inferred or first.variables.inferred,
        related=(Related(_place(first.variables, first), f"what {first.name} uses"),),
    )


def _place(fact: Fact[Mapping[str, str] | None], stage: Stage) -> Span:
    return fact.span if fact.span.path else stage.span


def gate(case: Case, params: PreprodConfigParity) -> Outcome:
    stops, _ = last_stops(case.pipeline, case.stage)
    good = [stop for stop in stops if stop.kind.value is StageKind.PREPROD]
    if not good:
        message = f"no pre-production stage comes directly before {case.stage.name}"
        return Outcome(Result.NOT_APPLICABLE, message)
    parts = [_compared(case, params)]
    if params.deps == "prod":
        dependencies = case.pipeline.dependencies.or_else(None) or ()
        parts += [_reached(case, good, name) for name in dependencies]
    return together(parts)


def _compared(case: Case, params: PreprodConfigParity) -> Outcome:
    told = case.release.context.config_differences
    if told is None:
        message = "nobody compared the configuration of pre-production and production"
        return Outcome(Result.UNKNOWN, message, "compare the rendered configurations")
    source = told.source or "release record"
    used = (observed("context.config_differences", list(told.value), told.observed_at, source),)
    different = [key for key in told.value if not _allowed(key, params)]
    if different:
        verb = "differs" if len(different) == 1 else "differ"
        message = f"{listed(different)} {verb} between pre-production and production"
        cure = "align them, or add them to allowed_diff with a reason"
        return Outcome(Result.FAIL, message, cure, used=used)
    return Outcome(Result.PASS, "pre-production runs on production's configuration", used=used)


def _reached(case: Case, stops: list[Stage], dependency: str) -> Outcome:
    names, digest = {stop.name for stop in stops}, case.release.artifact.digest
    checks = latest_suites(
        each
        for each in case.release.evidence
        if each.kind == _REACHED
        and each.name == dependency
        and each.stage in names
        and each.digest == digest
    )
    used = tuple(evidence_used(each) for each in checks)
    where = listed(sorted(names))
    if not checks:
        message = f"nobody reported whether {short(digest)} reaches {dependency} from {where}"
        return Outcome(Result.UNKNOWN, message, f"check that it reaches {dependency}")
    if any(each.result not in PASSED for each in checks):
        message = f"{short(digest)} does not reach {dependency} from {where}"
        cure = f"let {where} reach {dependency} as production does"
        return Outcome(Result.FAIL, message, cure, used=used)
    return Outcome(Result.PASS, f"it reaches {dependency} from {where}", used=used)


RULE = Rule(
    id="preprod-config-parity",
    number=16,
    title="Run pre-production on the production configuration and dependencies",
    family=Family.TESTING,
    severity=Severity.MEDIUM,
    now=Enforcement.OBSERVE,
    target=Enforcement.WARN,
    params=PreprodConfigParity,
    docs=__doc__,
    lint=lint,
    gate=gate,
    gate_family=GateFamily.TESTS,
)
