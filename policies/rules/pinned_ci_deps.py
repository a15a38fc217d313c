"""Pin third-party pipeline steps and build images.

## Why it matters
A step of somebody else runs with the rights of the pipeline. The tag that names it can be moved to
other code at any time, and then every pipeline that uses it runs that code at once.

Everything that the file takes from others (actions, included files, images of jobs) must be named
by a commit or a digest; with `require: version` a version that looks whole is enough. `first_party`
names, as patterns, what belongs to the organization itself.

## Fails
```yaml
on: {push: {branches: [main]}}
jobs:
  deploy:
    runs-on: ubuntu-latest
    steps:
      - uses: some-org/deploy-action@v2
```

## Passes
```yaml
on: {push: {branches: [main]}}
jobs:
  deploy:
    runs-on: ubuntu-latest
    steps:
      - uses: some-org/deploy-action@8f4b7f84864484a7bf31766abe9204da3cbe65b3 # v2.1.0
```

## Not reported
What stands in the same repository, and what `first_party` names. References that are filled in from
elsewhere are unknown. One finding a job and thing: the same action in ten steps is one.

## Sources
The checks Pinned-Dependencies of OpenSSF Scorecard; the AWS DevOps guidance on continuous
integration.
"""

from collections.abc import Iterator
from fnmatch import fnmatchcase
from typing import Final

from policies.findings import Enforcement, Problem, Severity
from policies.frozen import dataclass
from policies.pipeline import Pipeline
from policies.references import Pin, Reference, ReferenceKind
from policies.rule import Family, Params, Rule, Stricter, Unit, param
from policies.steps import not_applicable, unclear


@dataclass(frozen=True, slots=True, kw_only=True)
class PinnedCiDeps(Params):
    first_party: frozenset[str] = param(
        frozenset(),
        "What belongs to the organization itself, as patterns such as `our-org/*`.",
        unit=Unit.WORDS,
        stricter=Stricter.SUBSET,
    )
    require: str = param(
        "sha",
        "How firmly a reference must be named.",
        unit=Unit.WORD,
        stricter=Stricter.NEITHER,
        allowed=("sha", "version"),
    )


_KINDS: Final = {
    ReferenceKind.ACTION: "action",
    ReferenceKind.INCLUDE: "file",
    ReferenceKind.CI_IMAGE: "image",
}
_FIRM: Final = {
    "sha": frozenset({Pin.DIGEST, Pin.COMMIT}),
    "version": frozenset({Pin.DIGEST, Pin.COMMIT, Pin.VERSION}),
}


def lint(pipeline: Pipeline, params: PinnedCiDeps) -> Iterator[Problem]:
    seen: set[tuple[str, str]] = set()
    any_found = False
    for place, each in _references(pipeline):
        if each.kind not in _KINDS or each.local or _own(each, params):
            continue
        any_found = True
        if (place, each.text) not in seen:
            seen.add((place, each.text))
            yield from _loose(place, each, params)
    if not any_found:
        yield not_applicable(pipeline, "the file takes nothing from others")


def _references(pipeline: Pipeline) -> Iterator[tuple[str, Reference]]:
    for each in pipeline.references:
        yield "", each
    for stage in pipeline.stages:
        for step in stage.steps:
            for each in step.references:
                yield stage.name, each


def _own(reference: Reference, params: PinnedCiDeps) -> bool:
    return any(fnmatchcase(reference.repository, each) for each in params.first_party)


def _loose(place: str, found: Reference, params: PinnedCiDeps) -> Iterator[Problem]:
    where = f"stages/{place}/uses/{found.repository or found.text}" if place else found.text
    word = _KINDS[found.kind]
    if found.pin is Pin.UNKNOWN:
        message = f"which version of the {word} {found.text} runs cannot be told"
        yield unclear(found.span, where, message)
    elif found.pin not in _FIRM[params.require]:
        thing = "digest" if found.kind is ReferenceKind.CI_IMAGE else "commit"
        yield Problem(
            found.span,
            where,
            f"the {word} {found.text} is not pinned: its name can be moved under you",
            f"Pin it to the {thing} of that version, and let a bot raise it.",
        )


RULE = Rule(
    id="pinned-ci-deps",
    number=63,
    title="Pin third-party pipeline steps and build images",
    family=Family.INTEGRITY,
    severity=Severity.MEDIUM,
    now=Enforcement.WARN,
    target=Enforcement.WARN,
    params=PinnedCiDeps,
    docs=__doc__,
    lint=lint,
)
