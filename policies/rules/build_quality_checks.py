"""Run style, coverage and complexity checks on the build machine.

## Why it matters
What a machine can say of a change it should say before a person looks at it. Tests that cover less
with every change find less with every change, long before anybody notices.

A step of each kind in `kinds` must run before the artifact is published and be able to stop it. At
the gate the numbers count: coverage may not fall by more than `max_drop` against the main branch,
and the changed lines, or all where only those were measured, must reach `min_line_coverage`. Below
that, and not falling, warns only.

## Fails
```yaml
schema: bakegate/pipeline/v1
name: shop
organization: retail
source: {repository: ., branch: main, start: push}
build:
  steps:
    - {name: unit, kind: unit, run: python -m pytest -q --cov}
    - {name: package, kind: build, run: ./package dist/app.tar.gz}
  artifact: dist/app.tar.gz
deployers:
  hosts: {type: local, hosts: 3}
stages:
  - {name: beta, kind: test, deploy: hosts}
```

## Passes
```yaml
schema: bakegate/pipeline/v1
name: shop
organization: retail
source: {repository: ., branch: main, start: push}
build:
  steps:
    - {name: style, kind: lint, run: ruff check .}
    - {name: unit, kind: unit, run: python -m pytest -q --cov}
    - {name: package, kind: build, run: ./package dist/app.tar.gz}
  artifact: dist/app.tar.gz
deployers:
  hosts: {type: local, hosts: 3}
stages:
  - {name: beta, kind: test, deploy: hosts}
```

## Not reported
Pipelines that publish and deploy nothing. A workflow in which no test runs at all leaves them to
another file, and a tool that starts from a built artifact leaves them to the build, so the result
is unknown. At the gate releases that change only tests and documents. A repository with a long past
begins with `min_line_coverage: 0%` and asks only that coverage does not fall.

## Sources
Quality checks in the build: the practice that Amazon's builders describe and the AWS deployment
pipeline reference architecture. That builds are broken sparingly: the AWS DevOps guidance. Sixty
percent, one point and no bound of complexity: ours.
"""

from collections.abc import Iterator
from typing import Final

from policies.findings import Enforcement, Problem, Result, Severity
from policies.frozen import dataclass
from policies.observations import (
    PASSED,
    evidence_used,
    latest_suites,
    only_touches,
    suites_named,
    together,
)
from policies.paths import Path, path_to
from policies.patterns import pattern
from policies.phrases import listed, percent, short
from policies.pipeline import Pipeline, Stage, Step, StepKind
from policies.release import Evidence
from policies.rule import Case, Family, GateFamily, Outcome, Params, Rule, Stricter, Unit, param
from policies.steps import (
    TESTS,
    Search,
    built_elsewhere,
    first_points,
    guessed,
    incomplete,
    named,
    not_applicable,
    tests_elsewhere,
    whole,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class BuildQualityChecks(Params):
    kinds: frozenset[str] = param(
        frozenset({"lint", "coverage"}),
        "Kinds of check that must run in the build.",
        unit=Unit.WORDS,
        stricter=Stricter.SUPERSET,
        allowed=("lint", "coverage", "complexity"),
    )
    min_line_coverage: float = param(
        0.6,
        "Least share of the lines that the tests execute.",
        unit=Unit.SHARE,
        stricter=Stricter.MORE,
    )
    max_drop: float = param(
        0.01,
        "Most that coverage may fall against the main branch, in points.",
        unit=Unit.SHARE,
        stricter=Stricter.LESS,
    )
    complexity_max: int = param(
        1_000_000,
        "Highest complexity of one function; the default asks for nothing.",
        unit=Unit.COUNT,
        stricter=Stricter.LESS,
    )


#: Words by which a test runner is told to measure coverage as well.
_COVERS: Final = pattern(r"--?cov(?:er(?:age|profile)?)?\b|\bcoverage\b|\b(?:nyc|c8|jacoco)\b")
#: Kinds of reports that only a coverage run writes.
_REPORTS: Final = frozenset({"coverage", "cobertura"})
#: Changes that a build's checks say nothing about.
_QUIET: Final = ("docs", "test")
_ROUNDING: Final = 1e-9


def lint(pipeline: Pipeline, params: BuildQualityChecks) -> Iterator[Problem]:
    points = first_points(pipeline)
    if not points:
        yield (
            not_applicable(pipeline, "the pipeline publishes and deploys nothing")
            if whole(pipeline)
            else incomplete(pipeline)
        )
    for point in points:
        yield from _unchecked(pipeline, point, params)


def _unchecked(pipeline: Pipeline, point: Stage, params: BuildQualityChecks) -> Iterator[Problem]:
    path = path_to(pipeline, point)
    found = {kind: _checks(path, kind) for kind in sorted(params.kinds)}
    missing = [kind for kind, checks in found.items() if not checks.blocking]
    if not missing:
        return
    soft = [step for kind in missing for step in found[kind].soft]
    result, maybe = found[missing[0]].missing(pipeline)
    if built_elsewhere(pipeline) or tests_elsewhere(pipeline, here=path.has(TESTS)):
        result = Result.UNKNOWN
    artifact = pipeline.artifact.or_else(None) or "the artifact"
    message = f"no {listed(missing)} check runs before {artifact} is published"
    fix = f"Add {listed(missing)} to the build, or label the step that does it in bakegate.yaml."
    if soft:
        message = f"{named(soft)} cannot stop the build: {soft[0].soft.value}"
        fix = "Let the check stop the build, and lower its threshold where it asks too much."
    if result is Result.UNKNOWN:
        message = f"whether {listed(missing)} checks run before {artifact} is published is unclear"
    where = f"stages/{point.name}/quality"
    yield Problem(point.span, where, message, fix, result, maybe or guessed(point))


def _checks(path: Path, kind: str) -> Search:
    """The checks of a kind; a test run that measures coverage is one of those too."""
    found = path.search(frozenset({StepKind(kind)}))
    if kind != "coverage":
        return found
    tests = path.search(frozenset({StepKind.UNIT}), only=_covers)
    return Search(
        found.blocking + tests.blocking, found.soft + tests.soft, found.unclear, found.guessed
    )


def _covers(step: Step) -> bool:
    # The kind first: most steps are no tests, and the words are looked for in whole scripts.
    if step.kind.value is not StepKind.UNIT:
        return False
    reports = any(kind in _REPORTS for kind, _ in step.reports)
    return reports or bool(_COVERS.search(step.run.or_else(None) or ""))


def gate(case: Case, params: BuildQualityChecks) -> Outcome:
    if only_touches(case.release, _QUIET):
        message = "this release changes only tests and documents"
        return Outcome(Result.NOT_APPLICABLE, message)
    parts = [_judge_kind(case, kind, params) for kind in sorted(params.kinds)]
    return together(parts or [Outcome(Result.PASS, "no kind of check is required")])


def _judge_kind(case: Case, kind: str, params: BuildQualityChecks) -> Outcome:
    commit = case.release.artifact.commit
    suites = latest_suites(
        each for each in case.release.evidence if each.kind == kind and each.commit == commit
    )
    if not suites:
        message = f"no {kind} result was reported for commit {short(commit)}"
        return Outcome(Result.UNKNOWN, message, f"report the {kind} check of this commit")
    return together([_judge(each, kind, params) for each in suites])


def _judge(suite: Evidence, kind: str, params: BuildQualityChecks) -> Outcome:
    name, used = suites_named([suite]), (evidence_used(suite),)
    if suite.result not in PASSED or suite.failed or suite.soft_failed:
        message = f"{name} ended with {suite.result}"
        if suite.soft_failed:
            message = f"{name} failed and was allowed to"
        return Outcome(Result.FAIL, message, "mend what the check found", used=used)
    if kind == "coverage":
        return _coverage(suite, params)
    if kind == "complexity":
        return _complexity(suite, params)
    return Outcome(Result.PASS, f"{name} passed", used=used)


def _coverage(suite: Evidence, params: BuildQualityChecks) -> Outcome:
    used = (evidence_used(suite),)
    covered, base = suite.coverage, suite.coverage_base
    if covered is None or base is None:
        what = "its coverage" if covered is None else "the coverage of the main branch"
        message = f"{suites_named([suite])} did not say {what}"
        return Outcome(Result.UNKNOWN, message, f"report {what}", used=used)
    fell = base - covered
    if fell > params.max_drop + _ROUNDING:
        message = f"coverage fell {fell * 100:.3g} points with this change, to {percent(covered)}"
        cure = "cover what this change added, or record why not"
        return Outcome(Result.FAIL, message, cure, used=used)
    measured = covered if suite.coverage_changed is None else suite.coverage_changed
    lines = "lines" if suite.coverage_changed is None else "changed lines"
    told = f"tests cover {percent(measured)} of the {lines}"
    if measured < params.min_line_coverage - _ROUNDING:
        message = f"{told}; at least {percent(params.min_line_coverage)}"
        cure = f"cover {percent(params.min_line_coverage)} of the {lines}"
        return Outcome(Result.FAIL, message, cure, warns_only=True, used=used)
    return Outcome(Result.PASS, told, used=used)


def _complexity(suite: Evidence, params: BuildQualityChecks) -> Outcome:
    used = (evidence_used(suite),)
    if suite.complexity is None:
        message = f"{suites_named([suite])} did not say how complex the code is"
        return Outcome(Result.UNKNOWN, message, "report the highest complexity", used=used)
    told = f"the highest complexity of a function is {suite.complexity}"
    if suite.complexity > params.complexity_max:
        message = f"{told}; at most {params.complexity_max}"
        return Outcome(Result.FAIL, message, "split the function", used=used)
    return Outcome(Result.PASS, told, used=used)


RULE = Rule(
    id="build-quality-checks",
    number=10,
    title="Run style, coverage and complexity checks on the build machine",
    family=Family.TESTING,
    severity=Severity.MEDIUM,
    now=Enforcement.OBSERVE,
    target=Enforcement.WARN,
    params=BuildQualityChecks,
    docs=__doc__,
    lint=lint,
    gate=gate,
    gate_family=GateFamily.TESTS,
)
