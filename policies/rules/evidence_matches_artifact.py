"""Accept only test evidence for the artifact being released.

## Why it matters
Tests prove something about what they ran on. An artifact that is built again after its tests, or
tests that ran on the build of yesterday, leave a release that looks tested and is not.

Every test of a kind in `required` that the pipeline runs before a stage must have evidence: from
that stage, of this artifact (for the tests of the build: of its commit and build run), passed, and
not older than `max_age`. Tests that passed only after more than `max_retries` tries are flaky, and
warn. A signature that does not hold fails; evidence without any warns, or fails where `signed` is
on.

## Not reported
Evidence of another digest of the same build, such as another processor's under one index. Missing
signatures of tests that Bakegate itself ran.

## Sources
One build that is tested and promoted: the AWS deployment pipeline reference architecture. Evidence
bound to the artifact: the AWS DevOps guidance. Seven days and two tries: ours.
"""

from collections.abc import Iterator, Sequence
from datetime import timedelta
from typing import Final

from policies.findings import Enforcement, Result, Severity
from policies.frozen import dataclass, replace
from policies.observations import PASSED, evidence_used, latest_suites, together
from policies.phrases import clock, listed, short
from policies.pipeline import Stage, StageKind, StepKind
from policies.release import Evidence
from policies.rule import Case, Family, GateFamily, Outcome, Params, Rule, Stricter, Unit, param
from policies.steps import has_kind, kinds_of, whole


@dataclass(frozen=True, slots=True, kw_only=True)
class EvidenceMatchesArtifact(Params):
    required: frozenset[str] = param(
        frozenset({"unit", "integration", "browser", "contract", "fault", "load", "security"}),
        "Kinds of test that need evidence wherever the pipeline runs them.",
        unit=Unit.WORDS,
        stricter=Stricter.SUPERSET,
        allowed=(
            *("unit", "lint", "coverage", "complexity", "integration", "browser", "contract"),
            *("fault", "load", "security", "smoke", "rollback-test"),
        ),
    )
    max_age: timedelta = param(
        timedelta(hours=168),
        "Oldest end of a test that still proves something.",
        unit=Unit.DURATION,
        stricter=Stricter.LESS,
    )
    max_retries: int = param(
        2,
        "Most tries after the first of a test that is not flaky.",
        unit=Unit.COUNT,
        stricter=Stricter.LESS,
    )
    signed: bool = param(
        False,
        "Whether evidence without a signature fails instead of warning.",
        unit=Unit.FLAG,
        stricter=Stricter.MORE,
    )


#: Kinds that run on the commit, before there is an artifact.
_OF_BUILD: Final = frozenset(
    {
        *(StepKind.UNIT, StepKind.LINT, StepKind.COVERAGE, StepKind.COMPLEXITY),
        *(StepKind.SAST, StepKind.SCA, StepKind.SECRETS),
    }
)
#: Who reports what Bakegate itself ran.
_OURSELVES: Final = "bakegate"


def gate(case: Case, params: EvidenceMatchesArtifact) -> Outcome:
    asked = list(dict.fromkeys(_asked(case, params)))
    parts = [part for stage, kind in asked for part in _judge_kind(case, stage, kind, params)]
    if not parts and _hidden(case):
        message = f"not all that runs before {case.stage.name} can be seen"
        return Outcome(
            Result.UNKNOWN, message, "name the tests in the pipeline file or its overlay"
        )
    if not parts:
        return Outcome(Result.PASS, f"no test runs before {case.stage.name}")
    hard = [part for part in parts if not part.warns_only]
    if any(part.result is not Result.PASS for part in hard):
        return together(hard)
    soft = [part for part in parts if part.warns_only]
    if soft:
        return replace(together(soft), warns_only=True)
    told = listed(f"{kind} in {stage.name}" for stage, kind in asked)
    return replace(together(hard), message=f"{told} passed on {_name(case)}")


def _hidden(case: Case) -> bool:
    """Whether stages or steps in front of this one are defined where the gate does not look."""
    steps = (step for stage in case.pipeline.upstream(case.stage) for step in stage.steps)
    return not whole(case.pipeline) or any(not step.kind.known for step in steps)


def _asked(case: Case, params: EvidenceMatchesArtifact) -> Iterator[tuple[Stage, StepKind]]:
    """The tests on the way to this stage whose evidence is asked for, by stage and kind."""
    kinds = kinds_of(params.required)
    for stage in case.pipeline.upstream(case.stage):
        for step in stage.steps:
            kind = step.kind.value
            if isinstance(kind, StepKind) and has_kind(step, kinds) and not step.soft.value:
                yield stage, kind


def _judge_kind(
    case: Case, stage: Stage, kind: StepKind, params: EvidenceMatchesArtifact
) -> Sequence[Outcome]:
    places = {stage.name, ""} if stage.kind.value is StageKind.BUILD else {stage.name}
    suites = latest_suites(
        each for each in case.release.evidence if each.kind == kind and each.stage in places
    )
    mine = [each for each in suites if _matches(case, kind, each)]
    if mine:
        return [_judge(case, each, params) for each in mine]
    cure = f"promote what was tested, or run {kind} in {stage.name} on {_name(case)}"
    if not suites:
        message = f"no {kind} result of {stage.name} was reported"
        return [Outcome(Result.UNKNOWN, message, cure)]
    other = suites[-1]
    told = f"{kind} in {stage.name} ran on {_subject(other)}, not on {_name(case)}"
    used = tuple(evidence_used(each) for each in suites)
    if not _subject(other):
        message = f"on what {kind} in {stage.name} ran was not reported"
        return [Outcome(Result.UNKNOWN, message, cure, used=used)]
    return [Outcome(Result.FAIL, told, cure, used=used)]


def _matches(case: Case, kind: StepKind, evidence: Evidence) -> bool:
    artifact = case.release.artifact
    if evidence.digest:
        return evidence.digest in (artifact.digest, *artifact.equivalents)
    runs = {artifact.build_run, evidence.build_run} - {""}
    return kind in _OF_BUILD and evidence.commit == artifact.commit and len(runs) <= 1


def _judge(case: Case, suite: Evidence, params: EvidenceMatchesArtifact) -> Outcome:
    used, where = (evidence_used(suite),), f" in {suite.stage}" if suite.stage else ""
    name = f"{suite.name or suite.kind}{where}"
    again = f"run {suite.name or suite.kind} again"
    if suite.result not in PASSED or suite.failed or suite.soft_failed:
        return Outcome(Result.FAIL, f"{name} did not pass", "mend it and release again", used=used)
    if case.now - suite.ended_at > params.max_age:
        message = f"{name} ended at {clock(suite.ended_at, case.now)}, too long ago"
        return Outcome(Result.UNKNOWN, message, again, used=used)
    if suite.attestation and not suite.attestation.ok:
        message = f"the signature of {name} does not hold"
        return Outcome(Result.FAIL, message, f"{again} where it is signed", used=used)
    if suite.attestation is None and suite.source != _OURSELVES:
        message, cure = f"{name} is not signed", "sign the evidence where the tests run"
        return Outcome(Result.FAIL, message, cure, warns_only=not params.signed, used=used)
    if suite.retries > params.max_retries:
        message = f"{name} is flaky: it passed only at try {suite.retries + 1}"
        cure = "mend the test, or quarantine it by name"
        return Outcome(Result.FAIL, message, cure, warns_only=True, used=used)
    return Outcome(Result.PASS, f"{name} passed", used=used)


def _subject(evidence: Evidence) -> str:
    return short(evidence.digest or evidence.build_run or evidence.commit)


def _name(case: Case) -> str:
    return short(case.release.artifact.digest)


RULE = Rule(
    id="evidence-matches-artifact",
    number=19,
    title="Accept only test evidence for the artifact being released",
    family=Family.TESTING,
    severity=Severity.HIGH,
    now=Enforcement.WARN,
    target=Enforcement.BLOCK,
    params=EvidenceMatchesArtifact,
    docs=__doc__,
    gate=gate,
    gate_family=GateFamily.TESTS,
)
