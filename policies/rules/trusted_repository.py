"""Take artifacts only from approved repositories.

## Why it matters
An image that production pulls from somebody's account on the public internet can be replaced or
taken away by that somebody, and nobody in the organization would see it before it runs.

Where the organization names its repositories in `allow`, the host and path of everything that a
stage deploys must match one of them, and base images one of `base_images`. Both take patterns such
as `registry.example/*`. Without any, there is nothing to compare with. At the gate the repository
that the provenance records must match.

## Fails
```yaml
# parameters: {allow: [registry.example/*]}
on: {push: {branches: [main]}}
jobs:
  production:
    runs-on: ubuntu-latest
    environment: production
    steps:
      - run: kubectl set image deployment/shop shop=docker.io/someuser/tool:1.3
```

## Passes
```yaml
# parameters: {allow: [registry.example/*]}
on: {push: {branches: [main]}}
jobs:
  production:
    runs-on: ubuntu-latest
    environment: production
    steps:
      - run: kubectl set image deployment/shop shop=registry.example/shop:1.3
```

## Not reported
Sidecars that a platform injects. Artifacts that Bakegate's own builder made. Names that are filled
in from elsewhere are unknown.

## Sources
The AWS DevOps guidance on continuous delivery and on source code management.
"""

from collections.abc import Iterable, Iterator
from fnmatch import fnmatchcase

from policies.findings import Enforcement, Problem, Result, Severity
from policies.frozen import dataclass
from policies.observations import observed
from policies.phrases import listed, short
from policies.pipeline import Pipeline, Stage
from policies.references import Pin, Reference, ReferenceKind
from policies.rule import Case, Family, GateFamily, Outcome, Params, Rule, Stricter, Unit, param
from policies.steps import deploys, not_applicable, unclear, without_production


@dataclass(frozen=True, slots=True, kw_only=True)
class TrustedRepository(Params):
    allow: frozenset[str] = param(
        frozenset(),
        "Repositories from which artifacts may come, as patterns of host and path.",
        unit=Unit.WORDS,
        stricter=Stricter.SUBSET,
    )
    base_images: frozenset[str] = param(
        frozenset(),
        "Repositories from which base images may come, as patterns of host and path.",
        unit=Unit.WORDS,
        stricter=Stricter.SUBSET,
    )


def lint(pipeline: Pipeline, params: TrustedRepository) -> Iterator[Problem]:
    stages = [stage for stage in pipeline.stages if deploys(stage)]
    if not params.allow and not params.base_images:
        yield not_applicable(pipeline, "the organization names no approved repositories")
        return
    if not stages:
        yield from without_production(pipeline)
    for stage in stages if params.allow else ():
        yield from _artifact(stage, params)
    for place, each in _bases(pipeline) if params.base_images else ():
        if each.pin is not Pin.UNKNOWN and not _matches(each.repository, params.base_images):
            yield _foreign(place, each, params.base_images, guessed=False)


def _bases(pipeline: Pipeline) -> Iterator[tuple[str, Reference]]:
    found = [("pipeline", each) for each in pipeline.references]
    for stage in pipeline.stages:
        found += [(stage.name, each) for step in stage.steps for each in step.references]
    return (pair for pair in found if pair[1].kind is ReferenceKind.BASE_IMAGE)


def _artifact(stage: Stage, params: TrustedRepository) -> Iterator[Problem]:
    fact = stage.deploy.artifact if stage.deploy else None
    found = fact.or_else(None) if fact else None
    if found is not None and found.pin in {Pin.DIGEST, Pin.REBUILT} and not found.repository:
        return  # What our own builder made, or the stage itself makes, is taken from nowhere.
    if found is None or not found.repository or found.pin is Pin.UNKNOWN:
        message = f"where {stage.name} takes its artifact from cannot be told from this file"
        place = found.span if found else stage.span
        yield unclear(place, f"stages/{stage.name}/repository", message)
    elif not _matches(found.repository, params.allow):
        guessed = stage.kind.inferred or bool(fact and fact.inferred)
        yield _foreign(stage.name, found, params.allow, guessed=guessed)


def _matches(repository: str, patterns: Iterable[str]) -> bool:
    return any(fnmatchcase(repository, each) for each in patterns)


def _foreign(place: str, found: Reference, allow: Iterable[str], *, guessed: bool) -> Problem:
    allowed = listed(sorted(allow))
    return Problem(
        found.span,
        f"stages/{place}/repository/{found.repository}",
        f"{place} takes {found.text} from {found.repository}, which is not among {allowed}",
        f"Mirror {found.text} into one of them; production does not pull from elsewhere.",
        inferred=guessed,
    )


def gate(case: Case, params: TrustedRepository) -> Outcome:
    artifact = case.release.artifact
    if not params.allow:
        message = "the organization names no approved repositories"
        return Outcome(Result.NOT_APPLICABLE, message)
    used = (observed("artifact.repository", artifact.repository, artifact.built_at),)
    if not artifact.repository:
        message = f"where {short(artifact.digest)} is kept was not reported"
        return Outcome(Result.UNKNOWN, message, "report the repository of the artifact", used=used)
    if _matches(artifact.repository, params.allow):
        message = f"{short(artifact.digest)} comes from {artifact.repository}"
        return Outcome(Result.PASS, message, used=used)
    message = f"{artifact.repository} is not among {listed(sorted(params.allow))}"
    cure = "publish the artifact to an approved repository"
    return Outcome(Result.FAIL, message, cure, used=used)


RULE = Rule(
    id="trusted-repository",
    number=59,
    title="Take artifacts only from approved repositories",
    family=Family.INTEGRITY,
    severity=Severity.MEDIUM,
    now=Enforcement.WARN,
    target=Enforcement.BLOCK,
    params=TrustedRepository,
    docs=__doc__,
    lint=lint,
    gate=gate,
    gate_family=GateFamily.INTEGRITY,
)
