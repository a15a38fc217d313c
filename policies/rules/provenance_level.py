"""Verify where and how the artifact was built.

## Why it matters
An artifact that somebody built at a desk cannot be traced to its source, cannot be rebuilt, and
carries whatever was on that desk. Provenance says which builder made it from which commit, and a
signature says that the builder says so.

A pipeline that publishes or deploys must emit an attestation in its build. At the gate the
provenance must be of at least `min_level`, its builder one of `trusted_builders`, from level 2 on
signed (`require_signature`), and its source the repository that `expected_repo` names.

## Fails
```yaml
on: {push: {branches: [main]}}
jobs:
  build:
    runs-on: ubuntu-latest
    steps:
      - run: docker build -t registry.example/shop:$GITHUB_SHA .
      - run: docker push registry.example/shop:$GITHUB_SHA
```

## Passes
```yaml
on: {push: {branches: [main]}}
permissions: {id-token: write, attestations: write, contents: read}
jobs:
  build:
    runs-on: ubuntu-latest
    steps:
      - run: docker build -t registry.example/shop:$GITHUB_SHA .
      - run: docker push registry.example/shop:$GITHUB_SHA
      - uses: actions/attest-build-provenance@v3
```

## Not reported
Pipelines that publish nothing. Third-party binaries with a signature of their vendor on file. What
Bakegate's own builder makes is recorded by Bakegate itself.

## Sources
The build track of SLSA and its chapter on verifying artifacts; the AWS DevOps guidance. A central
build as the first step: Amazon's account of its practice.
"""

from collections.abc import Iterator
from fnmatch import fnmatchcase
from typing import Final

from policies.findings import Enforcement, Problem, Result, Severity
from policies.frozen import dataclass
from policies.observations import observed
from policies.phrases import listed, short
from policies.pipeline import Pipeline, StepKind
from policies.release import BuildProvenance
from policies.rule import Case, Family, GateFamily, Outcome, Params, Rule, Stricter, Unit, param
from policies.steps import has_kind, incomplete, not_applicable, search, whole


@dataclass(frozen=True, slots=True, kw_only=True)
class ProvenanceLevel(Params):
    min_level: int = param(
        1,
        "Lowest level of the build track of SLSA.",
        unit=Unit.COUNT,
        stricter=Stricter.MORE,
    )
    min_level_tier_0: int = param(
        3,
        "Lowest level for services of tier 0, once min_level is 2 or more.",
        unit=Unit.COUNT,
        stricter=Stricter.MORE,
    )
    trusted_builders: frozenset[str] = param(
        frozenset(),
        "Builders that are trusted, as patterns of their ids; without any, level 1 needs none.",
        unit=Unit.WORDS,
        stricter=Stricter.SUBSET,
    )
    require_signature: bool = param(
        default=True,
        help="Whether level 2 and above need a signature that holds.",
        unit=Unit.FLAG,
        stricter=Stricter.MORE,
    )
    expected_repo: str = param(
        "",
        "The repository that the source must come from, as a pattern; empty takes any.",
        unit=Unit.WORD,
        stricter=Stricter.NEITHER,
    )


_ATTESTING: Final = frozenset({StepKind.ATTEST, StepKind.SIGN})
_PUBLISHING: Final = frozenset({StepKind.PUBLISH})
#: From this level on the builder is hosted and its word is signed.
_SIGNED: Final = 2
#: A builder that nobody vouches for counts as this level, whatever it claims.
_CLAIMED: Final = 1
_OWN: Final = "bakegate"


def lint(pipeline: Pipeline, params: ProvenanceLevel) -> Iterator[Problem]:
    del params  # A file shows whether an attestation is made, not of which level it is.
    if pipeline.format == _OWN:
        yield not_applicable(pipeline, "Bakegate's own builder records what it makes")
        return
    points = [
        stage
        for stage in pipeline.stages
        if any(has_kind(step, _PUBLISHING) for step in stage.steps)
    ]
    if not points:
        yield (
            not_applicable(pipeline, "the pipeline publishes nothing")
            if whole(pipeline)
            else incomplete(pipeline)
        )
        return
    steps = [step for stage in pipeline.stages for step in stage.steps]
    found = search(steps, _ATTESTING)
    if found.blocking or found.soft:
        return
    result, _ = found.missing(pipeline)
    point = points[0]
    told = "no step attests how the artifact was built"
    if result is Result.UNKNOWN:
        told = "whether a step attests how the artifact was built cannot be told"
    yield Problem(
        point.span,
        f"stages/{point.name}/attest",
        told,
        "Attest the provenance in the build that publishes; hand-built artifacts cannot be traced "
        "or blocked later.",
        result,
        inferred=True,
    )


def gate(case: Case, params: ProvenanceLevel) -> Outcome:
    artifact = case.release.artifact
    found = artifact.provenance
    if found is None:
        message = f"no provenance of {short(artifact.digest)} was reported"
        return Outcome(Result.UNKNOWN, message, "attest the build and report its provenance")
    value = {"level": found.level, "builder": found.builder, "source": found.source_uri}
    used = (observed("artifact.provenance", value, artifact.built_at),)
    told = list(_complaints(case, found, params))
    if told:
        cure = "build on a trusted builder that signs what it made"
        return Outcome(Result.FAIL, listed(told), cure, used=used)
    if found.level is None:
        message = f"the level of the provenance of {short(artifact.digest)} was not reported"
        return Outcome(Result.UNKNOWN, message, "report its level", used=used)
    message = f"built by {found.builder or 'a builder of no name'} at level {found.level}"
    return Outcome(Result.PASS, message, used=used)


def _complaints(case: Case, found: BuildProvenance, params: ProvenanceLevel) -> Iterator[str]:
    need = params.min_level
    if case.pipeline.tier.value == 0 and need >= _SIGNED:
        need = max(need, params.min_level_tier_0)
    trusted = any(fnmatchcase(found.builder, each) for each in params.trusted_builders)
    if params.trusted_builders and not trusted:
        yield f"the builder {found.builder or 'of no name'} is not trusted"
    level = found.level
    if level is not None and params.trusted_builders and not trusted:
        level = min(level, _CLAIMED)
    if level is not None and level < need:
        yield f"its level is {level}; at least {need} is asked"
    if (
        params.require_signature
        and need >= _SIGNED
        and not (found.signature and found.signature.ok)
    ):
        yield "its signature does not hold" if found.signature else "it is not signed"
    if params.expected_repo and not fnmatchcase(found.source_uri, params.expected_repo):
        yield f"its source is {found.source_uri or 'unknown'}, not {params.expected_repo}"


RULE = Rule(
    id="provenance-level",
    number=60,
    title="Verify where and how the artifact was built",
    family=Family.INTEGRITY,
    severity=Severity.HIGH,
    now=Enforcement.OBSERVE,
    target=Enforcement.BLOCK,
    params=ProvenanceLevel,
    docs=__doc__,
    lint=lint,
    gate=gate,
    gate_family=GateFamily.INTEGRITY,
)
