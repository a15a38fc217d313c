"""Deploy by digest or unique version.

## Why it matters
A tag such as `latest` names something else tomorrow. What pre-production ran under it is not what
production gets an hour later, and a rollback pulls the same bad image again.

What a pre-production or production stage deploys must be named by a digest or by a version that is
written once. `forbid` lists the kinds of names that are refused: `latest`, `stable`, the name of a
branch, and no tag at all.

## Fails
```yaml
on: {push: {branches: [main]}}
jobs:
  production:
    runs-on: ubuntu-latest
    environment: production
    steps:
      - run: kubectl set image deployment/shop shop=registry.example/shop:latest
```

## Passes
```yaml
on: {push: {branches: [main]}}
jobs:
  production:
    runs-on: ubuntu-latest
    environment: production
    steps:
      - run: kubectl set image deployment/shop shop=registry.example/shop:${{ github.sha }}
```

## Not reported
Previews and test stages. Names that are filled in from elsewhere are unknown. Stages that build
what they deploy, which `build-once` tells.

## Sources
The AWS DevOps guidance on source code management, versioned outputs in the AWS deployment pipeline
reference architecture, versioned artifacts in Azure's guidance.
"""

from collections.abc import Iterator
from typing import Final

from policies.findings import Enforcement, Problem, Result, Severity
from policies.frozen import dataclass
from policies.observations import observed
from policies.phrases import short
from policies.pipeline import Pipeline, Stage, StageKind
from policies.references import Pin, Reference
from policies.rule import Case, Family, GateFamily, Outcome, Params, Rule, Stricter, Unit, param
from policies.steps import deploys, unclear, without_production


@dataclass(frozen=True, slots=True, kw_only=True)
class ImmutableReference(Params):
    forbid: frozenset[str] = param(
        frozenset({"latest", "stable", "branch-name", "missing-tag"}),
        "Kinds of names that may not be deployed.",
        unit=Unit.WORDS,
        stricter=Stricter.SUPERSET,
        allowed=("latest", "stable", "branch-name", "missing-tag"),
    )
    prefer: str = param(
        "digest",
        "What the fix asks for: a digest, or a version that is written once.",
        unit=Unit.WORD,
        stricter=Stricter.NEITHER,
        allowed=("digest", "version"),
    )


_LATE: Final = frozenset({StageKind.PREPROD, StageKind.PROD})
#: Names that say what they are; any other that can move counts as that of a branch.
_WORDS: Final = ("latest", "stable")


def lint(pipeline: Pipeline, params: ImmutableReference) -> Iterator[Problem]:
    late = [each for each in pipeline.stages if each.kind.value in _LATE and deploys(each)]
    if not late:
        yield from without_production(pipeline)
    for stage in late:
        yield from _movable(stage, params)


def _movable(stage: Stage, params: ImmutableReference) -> Iterator[Problem]:
    where = f"stages/{stage.name}/artifact"
    fact = stage.deploy.artifact if stage.deploy else None
    found = fact.or_else(None) if fact else None
    if found is None or found.pin is Pin.UNKNOWN:
        told = f" ({found.text})" if found and found.text else ""
        message = f"what {stage.name} deploys cannot be told from this file{told}"
        yield unclear(found.span if found else stage.span, where, message)
        return
    kind = _kind(found)
    if kind in params.forbid:
        yield Problem(
            found.span,
            where,
            f"{stage.name} deploys {found.text or 'an artifact'}, {_LACKS[kind]}",
            f"Pin the {params.prefer} that the build produced; tags can move between stages.",
            inferred=stage.kind.inferred or bool(fact and fact.inferred),
        )


_LACKS: Final = {
    "latest": "which names something else tomorrow",
    "stable": "which names something else tomorrow",
    "branch-name": "a name that moves",
    "missing-tag": "without a tag",
}


def _kind(reference: Reference) -> str:
    """Which kind of movable name it is; empty where the name is fixed."""
    if reference.pin is Pin.MISSING:
        return "missing-tag"
    if reference.pin is not Pin.MUTABLE:
        return ""
    tag = reference.text.rpartition(":")[2].rpartition("@")[2]
    return tag if tag in _WORDS else "branch-name"


def gate(case: Case, params: ImmutableReference) -> Outcome:
    del params  # A digest is more than any of its values asks for.
    artifact = case.release.artifact
    used = (observed("artifact.ref", artifact.ref, artifact.built_at),)
    if artifact.digest.startswith("sha256:"):
        return Outcome(Result.PASS, f"{short(artifact.digest)} names one artifact", used=used)
    message = "the artifact was not resolved to a digest"
    return Outcome(Result.UNKNOWN, message, "report the digest of the artifact", used=used)


RULE = Rule(
    id="immutable-reference",
    number=58,
    title="Deploy by digest or unique version",
    family=Family.INTEGRITY,
    severity=Severity.MEDIUM,
    now=Enforcement.WARN,
    target=Enforcement.BLOCK,
    params=ImmutableReference,
    docs=__doc__,
    lint=lint,
    gate=gate,
    gate_family=GateFamily.INTEGRITY,
)
