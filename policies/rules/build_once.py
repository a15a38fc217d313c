"""Build one artifact and promote that one everywhere.

## Why it matters
What is built again for production was never tested: another compiler, another package that came out
in between, another base image. Only the digest that the tests ran on has anything to do with them.

No stage that is pre-production or production may compile or build an image; it deploys what was
published before. At the gate every stage that this release went through must have had the same
digest.

## Fails
```yaml
on: {push: {branches: [main]}}
jobs:
  production:
    runs-on: ubuntu-latest
    environment: production
    steps:
      - run: docker build -t registry.example/shop:prod .
      - run: docker push registry.example/shop:prod
      - run: kubectl set image deployment/shop shop=registry.example/shop:prod
```

## Passes
```yaml
on: {push: {branches: [main]}}
jobs:
  build:
    runs-on: ubuntu-latest
    steps:
      - run: docker build -t registry.example/shop:$GITHUB_SHA .
      - run: docker push registry.example/shop:$GITHUB_SHA
  production:
    needs: build
    runs-on: ubuntu-latest
    environment: production
    steps:
      - run: kubectl set image deployment/shop shop=registry.example/shop:$GITHUB_SHA
```

## Not reported
Libraries and mobile apps, which are published and not deployed, and infrastructure, which is
planned where it is applied. A pipeline of one stage that builds what it deploys for the first time
and serves nobody before. Signing that wraps an artifact. Digests that the record calls equivalent,
such as those of the architectures under one index. What a stage publishes after it has deployed,
such as the notes of a release.

## Sources
One artifact through all stages: Amazon's account of its practice, the AWS deployment pipeline
reference architecture and the AWS DevOps guidance.
"""

from collections.abc import Iterator
from typing import Final

from policies.findings import Enforcement, Problem, Result, Severity
from policies.frozen import dataclass
from policies.observations import observed
from policies.paths import ahead
from policies.patterns import pattern
from policies.phrases import listed, short
from policies.pipeline import Pipeline, PipelineKind, Stage, StageKind, Step, StepKind
from policies.references import Pin
from policies.rule import Case, Family, GateFamily, Outcome, Params, Rule, Stricter, Unit, param
from policies.steps import (
    deploys,
    has_kind,
    named,
    not_applicable,
    unclear,
    unsure,
    without_production,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class BuildOnce(Params):
    compare: str = param(
        "digest",
        "What says that two artifacts are the same.",
        unit=Unit.WORD,
        stricter=Stricter.NEITHER,
        allowed=("digest",),
    )


_EXEMPT: Final = frozenset({PipelineKind.LIBRARY, PipelineKind.MOBILE, PipelineKind.INFRA})
_BUILDING: Final = frozenset({StepKind.BUILD, StepKind.PUBLISH})
_DEPLOYING: Final = frozenset({StepKind.DEPLOY})
_MOVED: Final = pattern(r"\b(?:docker|podman) (?:image )?(?:pull|tag)\b|\b(?:skopeo|crane) copy\b")
_MADE: Final = pattern(r"\b(?:build|buildx|compile|package|bake)\b")
_LATE: Final = frozenset({StageKind.PREPROD, StageKind.PROD})


def lint(pipeline: Pipeline, params: BuildOnce) -> Iterator[Problem]:
    del params  # There is one way to compare, and a file has no digests.
    late = [each for each in pipeline.stages if _is_late(pipeline, each)]
    if pipeline.kind.value in _EXEMPT:
        message = f"a pipeline of kind {pipeline.kind.value} deploys no artifact of its own"
        yield not_applicable(pipeline, message)
    elif not late:
        yield from without_production(pipeline)
    else:
        for stage in late:
            yield from _rebuilt(pipeline, stage)


def _is_late(pipeline: Pipeline, stage: Stage) -> bool:
    """Whether what a stage deploys was, or should have been, somewhere else before."""
    if stage.kind.value not in _LATE or not deploys(stage):
        return False
    return stage.is_prod or bool(ahead(pipeline, stage).those(deploys))


def _rebuilt(pipeline: Pipeline, stage: Stage) -> Iterator[Problem]:
    building = [
        step for step in _until_deployed(stage) if has_kind(step, _BUILDING) and not _retags(step)
    ]
    steps = [step for step in building if not unsure(step)]
    artifact = stage.deploy.artifact.or_else(None) if stage.deploy else None
    rebuilt = artifact is not None and artifact.pin is Pin.REBUILT
    where = f"stages/{stage.name}/build"
    if not steps and not rebuilt:
        hidden = building or [step for step in stage.steps if not step.kind.known]
        if hidden:
            why = hidden[0].kind.note or "it is defined elsewhere"
            message = f"whether {stage.name} builds what it deploys cannot be told: {why}"
            yield unclear(hidden[0].name.span, where, message)
        return
    told = named(steps) if steps else "its deployment"
    place = steps[0].name.span if steps else stage.span
    yield Problem(
        place,
        where,
        f"{stage.name} builds what it deploys ({told}), so nobody tested it",
        f"Move the build upstream and pass the digest; {stage.name} must only deploy.",
        inferred=_guessed(pipeline, stage, steps != []),
    )


def _retags(step: Step) -> bool:
    """Whether a step gives an image that is there another name, and builds none."""
    run = step.run.or_else(None) or ""
    return bool(_MOVED.search(run)) and not _MADE.search(run)


def _until_deployed(stage: Stage) -> tuple[Step, ...]:
    """What is built after the last deployment of a stage is not what it deploys."""
    last = max(
        (at for at, step in enumerate(stage.steps) if has_kind(step, _DEPLOYING)), default=None
    )
    return stage.steps if last is None else stage.steps[: last + 1]


def _guessed(pipeline: Pipeline, stage: Stage, by_steps: bool) -> bool:  # noqa: FBT001 - which evidence speaks
    """Whether it may only warn: a guess, or the one stage that there is."""
    alone = sum(deploys(each) for each in pipeline.stages) == 1
    sure = any(has_kind(step, _BUILDING) and not step.kind.inferred for step in stage.steps)
    return alone or stage.kind.inferred or (by_steps and not sure)


def gate(case: Case, params: BuildOnce) -> Outcome:
    del params  # As above.
    artifact = case.release.artifact
    same = {artifact.digest, *artifact.equivalents}
    # Another commit in an earlier stage is another release, newer or restored: it says nothing of
    # what this one was there.
    seen = {
        each.stage: each.digest
        for each in case.release.context.running
        if (run := case.release.stage(each.stage)) and run.outcome == "succeeded" and each.digest
        if each.commit in {"", artifact.commit}
    }
    tested = {each.stage: each.digest for each in case.release.evidence if each.digest}
    if not seen and not tested:
        message = "which digest the earlier stages had was not reported"
        return Outcome(Result.UNKNOWN, message, "report what runs in each stage")
    used = (observed("digests", tested | seen, case.release.context.captured_at),)
    other = sorted(stage for stage, digest in (tested | seen).items() if digest not in same)
    if other:
        message = f"{listed(other)} had another digest than {short(artifact.digest)}"
        cure = "promote the digest that was tested, or test this one"
        return Outcome(Result.FAIL, message, cure, used=used)
    names = listed(sorted(tested | seen))
    return Outcome(Result.PASS, f"{names} had {short(artifact.digest)}", used=used)


RULE = Rule(
    id="build-once",
    number=57,
    title="Build one artifact and promote that one everywhere",
    family=Family.INTEGRITY,
    severity=Severity.HIGH,
    now=Enforcement.WARN,
    target=Enforcement.BLOCK,
    params=BuildOnce,
    docs=__doc__,
    lint=lint,
    gate=gate,
    gate_family=GateFamily.INTEGRITY,
)
