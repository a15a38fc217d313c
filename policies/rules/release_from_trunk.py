"""Release only what is on the main branch.

## Why it matters
A branch of its own for each release is a second line of code that has to be mended twice, tested
twice, and brought back once it is forgotten. What is released from the main branch is what the next
change builds on.

Production stages must run only for the branches in `branches` (`default` stands for main, master
and trunk), or for tags. At the gate the commit of the artifact must be on the main branch.

## Fails
```yaml
on: {push: {branches: [main, "release-*"]}}
jobs:
  production:
    runs-on: ubuntu-latest
    environment: production
    steps: [{run: kubectl apply -f app.yaml}]
```

## Passes
```yaml
on: {push: {branches: [main]}}
jobs:
  production:
    runs-on: ubuntu-latest
    environment: production
    steps: [{run: kubectl apply -f app.yaml}]
```

## Not reported
Lines of maintenance that an organization declares in `branches`. Stages whose branches a file
cannot tell are unknown.

## Sources
Commits of the trunk only: the AWS deployment pipeline reference architecture; trunk-based
development in the research of DORA; the AWS DevOps guidance. How long a branch may live is told as
a notice by the tool that sees branches, not here.
"""

from collections.abc import Iterator
from fnmatch import fnmatchcase
from typing import Final

from policies.facts import placed
from policies.findings import Enforcement, Problem, Result, Severity
from policies.frozen import dataclass
from policies.observations import observed
from policies.paths import chosen_by_run
from policies.patterns import pattern
from policies.phrases import listed, short
from policies.pipeline import Pipeline, Stage
from policies.rule import Case, Family, Outcome, Params, Rule, Stricter, Unit, param
from policies.steps import deploys, not_applicable, unclear, without_production


@dataclass(frozen=True, slots=True, kw_only=True)
class ReleaseFromTrunk(Params):
    branches: frozenset[str] = param(
        frozenset({"default"}),
        "Branches from which production is released, as patterns; `default` is the main one.",
        unit=Unit.WORDS,
        stricter=Stricter.SUBSET,
    )


_DEFAULT: Final = frozenset({"main", "master", "trunk", "default"})
#: What a template or a variable leaves open.
_OPEN: Final = pattern(r"\{[{%]|\$[({]|<%")
#: How readers write a tag among branches.
_TAG: Final = "refs/tags/"


def lint(pipeline: Pipeline, params: ReleaseFromTrunk) -> Iterator[Problem]:
    stages = [stage for stage in pipeline.prod if deploys(stage)]
    if not pipeline.prod:
        yield from without_production(pipeline)
    elif not stages:
        yield not_applicable(pipeline, "no production stage deploys anything")
    for stage in stages:
        yield from _astray(stage, params)


def _astray(stage: Stage, params: ReleaseFromTrunk) -> Iterator[Problem]:
    where = f"stages/{stage.name}/branches"
    fact = placed(stage.branches, stage.span)
    if not fact.known:
        why = fact.note or "it is set elsewhere"
        message = f"from which branches {stage.name} is released cannot be told: {why}"
        yield unclear(fact.span, where, message)
        return
    found = fact.or_else(None)
    if found is not None and chosen_by_run(stage):
        message = f"which branches release {stage.name} to production cannot be told"
        yield unclear(fact.span, where, f"{message}: each run chooses its environment")
        return
    hidden = [each for each in found or () if _OPEN.search(each)]
    if hidden:
        message = f"from which branches {stage.name} is released cannot be told: {hidden[0]}"
        yield unclear(fact.span, where, f"{message} is filled in elsewhere")
        return
    other = [each for each in found or () if not _allowed(each, params)]
    if found is None:
        told, fix = "any branch", f"Limit {stage.name} to the main branch."
    elif other:
        told = listed(other)
        fix = "Merge to the main branch first; the pipeline releases from there."
    else:
        return
    yield Problem(
        fact.span,
        where,
        f"{stage.name} is released from {told}",
        fix,
        inferred=fact.inferred or stage.kind.inferred,
    )


def _allowed(branch: str, params: ReleaseFromTrunk) -> bool:
    if branch.startswith(_TAG):
        return True
    name = branch.removeprefix("refs/heads/")
    main = "default" in params.branches and name in _DEFAULT
    return main or any(fnmatchcase(name, each) for each in params.branches)


def gate(case: Case, params: ReleaseFromTrunk) -> Outcome:
    del params  # Which branches count was judged in the file; the record speaks of the main one.
    commit = case.release.artifact.commit
    on_main = case.release.artifact.on_main
    used = (observed("artifact.on_main", on_main, case.release.context.captured_at),)
    if on_main is None:
        message = f"whether {short(commit)} is on the main branch was not reported"
        return Outcome(Result.UNKNOWN, message, "report whether it is", used=used)
    if on_main:
        return Outcome(Result.PASS, f"{short(commit)} is on the main branch", used=used)
    message = f"{short(commit)} is not on the main branch"
    cure = "merge it to the main branch and release from there"
    return Outcome(Result.FAIL, message, cure, used=used)


RULE = Rule(
    id="release-from-trunk",
    number=55,
    title="Release only what is on the main branch",
    family=Family.SPEED,
    severity=Severity.MEDIUM,
    now=Enforcement.WARN,
    target=Enforcement.BLOCK,
    params=ReleaseFromTrunk,
    docs=__doc__,
    lint=lint,
    gate=gate,
)
