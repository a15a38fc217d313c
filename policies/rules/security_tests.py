"""Run security tests in the pipeline.

## Why it matters
A secret in the code, a library with a known hole or an injection that a scanner would have seen is
cheap to mend before the release and expensive after it.

A step of each kind in `build_kinds` must run before the artifact is published, and for a service
that the public reaches one of each kind in `preprod_kinds` against a deployment in front of
production, all able to stop the release. At the gate the findings count: any secret, and of the
other kinds what is as severe as `fail_at` and not accepted.

## Fails
```yaml
schema: bakegate/pipeline/v1
name: shop
organization: retail
source: {repository: ., branch: main, start: push}
build:
  steps:
    - {name: secrets, kind: secrets, run: gitleaks detect}
    - {name: packages, kind: sca, run: pip-audit, soft_fail: true}
    - {name: code, kind: sast, run: bandit -r shop}
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
    - {name: secrets, kind: secrets, run: gitleaks detect}
    - {name: packages, kind: sca, run: pip-audit}
    - {name: code, kind: sast, run: bandit -r shop}
    - {name: package, kind: build, run: ./package dist/app.tar.gz}
  artifact: dist/app.tar.gz
deployers:
  hosts: {type: local, hosts: 3}
stages:
  - {name: beta, kind: test, deploy: hosts}
```

## Not reported
Pipelines that publish and deploy nothing. A workflow in which no test of security runs leaves them
to another file, and a tool that starts from a built artifact leaves them to the build, so the
result is unknown. At the gate releases that change only documents, and
findings that somebody accepted until a date. For the first 90 days of a repository an organization
may set `old_findings: false`, so that only new ones count. A step that only says that it tests
security counts for every kind. That a service is public is known from `has_ui` or `operations`.

## Sources
Security tests among the tests before production: the practice that Amazon's builders describe. The
kinds, and running an attack against pre-production: the AWS deployment pipeline reference
architecture and the AWS DevOps guidance.
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
    ran_here,
    suites_named,
    together,
)
from policies.paths import Path, ahead, none_here, path_to
from policies.phrases import listed, short
from policies.pipeline import Pipeline, Stage, StepKind
from policies.release import Danger, Evidence
from policies.rule import Case, Family, GateFamily, Outcome, Params, Rule, Stricter, Unit, param
from policies.steps import (
    SECURITY,
    Search,
    built_elsewhere,
    entries,
    first_points,
    guessed,
    incomplete,
    named,
    not_applicable,
    whole,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class SecurityTests(Params):
    build_kinds: frozenset[str] = param(
        frozenset({"secrets", "sca", "sast"}),
        "Kinds of security test that must run before the artifact is published.",
        unit=Unit.WORDS,
        stricter=Stricter.SUPERSET,
        allowed=("secrets", "sca", "sast"),
    )
    preprod_kinds: frozenset[str] = param(
        frozenset({"dast"}),
        "Kinds of security test that must run against a deployment of a public service.",
        unit=Unit.WORDS,
        stricter=Stricter.SUPERSET,
        allowed=("dast",),
    )
    fail_at: str = param(
        "high",
        "Least severity of a finding that stops a release; a secret always does.",
        unit=Unit.WORD,
        stricter=Stricter.NEITHER,
        allowed=("low", "medium", "high", "critical"),
    )
    old_findings: bool = param(
        default=True,
        help="Whether findings that the base release has too count.",
        unit=Unit.FLAG,
        stricter=Stricter.MORE,
    )


_WORSE: Final = tuple(danger.value for danger in Danger)
_SECRETS: Final = "secrets"


def lint(pipeline: Pipeline, params: SecurityTests) -> Iterator[Problem]:
    points = first_points(pipeline)
    if not points:
        yield (
            not_applicable(pipeline, "the pipeline publishes and deploys nothing")
            if whole(pipeline)
            else incomplete(pipeline)
        )
    for point in points:
        yield from _missing(pipeline, point, path_to(pipeline, point), params.build_kinds)
    if _public(pipeline):
        for first in entries(pipeline):
            path = Path(ahead(pipeline, first), ())
            yield from _missing(pipeline, first, path, params.preprod_kinds)


def _public(pipeline: Pipeline) -> bool:
    return bool(pipeline.has_ui.value) or bool(pipeline.operations.or_else(None))


def _missing(
    pipeline: Pipeline, point: Stage, path: Path, kinds: frozenset[str]
) -> Iterator[Problem]:
    found = {kind: _scans(path, kind) for kind in sorted(kinds)}
    missing = [kind for kind, scans in found.items() if not scans.blocking]
    soft = [step for kind in missing for step in found[kind].soft]
    absent = [kind for kind in missing if not found[kind].soft]
    for step in dict.fromkeys(soft):
        yield Problem(
            step.soft.span,
            f"stages/{point.name}/security/{step.name.or_else('')}",
            f"{named([step])} runs but cannot stop anything: {step.soft.value}",
            f"Remove {step.soft.value}, or set the threshold that you accept.",
            inferred=step.kind.inferred or step.soft.inferred,
        )
    if not absent:
        return
    result, maybe = found[absent[0]].missing(pipeline)
    if built_elsewhere(pipeline) or none_here(pipeline, SECURITY):
        result = Result.UNKNOWN
    told = f"no {listed(absent)} test runs before {point.name}"
    if result is Result.UNKNOWN:
        told = f"whether {listed(absent)} tests run before {point.name} cannot be told"
    fix = (
        f"Add {listed(absent)} to the pipeline and let it stop the release; "
        "if it runs under another name, label it in bakegate.yaml."
    )
    where = f"stages/{point.name}/security"
    yield Problem(point.span, where, told, fix, result, maybe or guessed(point))


def _scans(path: Path, kind: str) -> Search:
    return path.search(frozenset({StepKind(kind), StepKind.SECURITY}))


def gate(case: Case, params: SecurityTests) -> Outcome:
    if only_touches(case.release, ("docs",)):
        return Outcome(Result.NOT_APPLICABLE, "this release changes only documents")
    kinds = set(params.build_kinds)
    if _public(case.pipeline):
        kinds |= params.preprod_kinds
    parts = [_judge_kind(case, kind, params) for kind in sorted(kinds)]
    return together(parts or [Outcome(Result.PASS, "no kind of test is required")])


def _judge_kind(case: Case, kind: str, params: SecurityTests) -> Outcome:
    counted = {kind, StepKind.SECURITY.value}
    suites = latest_suites(
        each
        for each in case.release.evidence
        if each.kind in counted and ran_here(case.release, each)
    )
    if not suites:
        artifact = case.release.artifact
        message = f"no {kind} result was reported for {short(artifact.digest or artifact.commit)}"
        return Outcome(Result.UNKNOWN, message, f"run the {kind} test and report its findings")
    return together([_judge(each, kind, params) for each in suites])


def _judge(suite: Evidence, kind: str, params: SecurityTests) -> Outcome:
    name, used = suites_named([suite]), (evidence_used(suite),)
    fresh = suite.new_findings
    findings = suite.findings if params.old_findings or fresh is None else fresh
    least = 0 if kind == _SECRETS else _WORSE.index(params.fail_at)
    counts = {each: count for each, count in findings or () if count}
    serious = [each for each in _WORSE[least:][::-1] if each in counts]
    if serious:
        told = listed(f"{counts[each]} {each}" for each in serious)
        message = f"{name} found problems that nobody accepted: {told}"
        return Outcome(Result.FAIL, message, "mend them, or accept them until a date", used=used)
    if suite.soft_failed:
        message = f"{name} failed and was allowed to"
        return Outcome(Result.FAIL, message, "let the test stop the release", used=used)
    # A test that counts its findings is judged by them: it may fail at less than this rule does.
    if findings is None and suite.result not in PASSED:
        message = f"{name} ended with {suite.result}"
        return Outcome(Result.FAIL, message, "mend the cause and release again", used=used)
    return Outcome(Result.PASS, f"{name} found nothing that stops a release", used=used)


RULE = Rule(
    id="security-tests",
    number=14,
    title="Run security tests in the pipeline",
    family=Family.TESTING,
    severity=Severity.HIGH,
    now=Enforcement.WARN,
    target=Enforcement.BLOCK,
    params=SecurityTests,
    docs=__doc__,
    lint=lint,
    gate=gate,
    gate_family=GateFamily.TESTS,
)
