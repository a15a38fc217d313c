"""Tell the right people at once when a stage fails or is held.

## Why it matters
A release that failed at noon and was seen in the evening cost a day. A mailing list that everybody
reads is read by nobody: the people who can act are those who wrote the change and the team that
owns the service.

Failures must go to everybody in `to`: to the authors of the included changes (`author`) and to the
channel of the owning team (`team_channel`).

## Fails
```yaml
schema: bakegate/pipeline/v1
name: shop
organization: retail
notify: [ops-all@retail.example]
source: {repository: ., branch: main, start: push}
build:
  steps:
    - {name: package, kind: build, run: ./package dist/app.tar.gz}
  artifact: dist/app.tar.gz
deployers:
  hosts: {type: local, hosts: 3}
stages:
  - {name: cell-1, kind: prod, deploy: hosts}
```

## Passes
```yaml
schema: bakegate/pipeline/v1
name: shop
organization: retail
notify: [author, team_channel]
source: {repository: ., branch: main, start: push}
build:
  steps:
    - {name: package, kind: build, run: ./package dist/app.tar.gz}
  artifact: dist/app.tar.gz
deployers:
  hosts: {type: local, hosts: 3}
stages:
  - {name: cell-1, kind: prod, deploy: hosts}
```

## Not reported
Pipelines that deploy nothing: their tool shows a failed test beside the change itself. Addresses
whose readers a file does not name are unknown.

## Sources
Fast feedback in the AWS deployment pipeline reference architecture; the AWS DevOps guidance on
continuous integration; that mailing lists miss people: Amazon's account of its practice.
"""

from collections.abc import Iterator
from datetime import timedelta
from typing import Final

from policies.durations import format_duration
from policies.facts import placed
from policies.findings import Enforcement, Problem, Severity
from policies.frozen import dataclass
from policies.phrases import listed
from policies.pipeline import Pipeline
from policies.rule import Family, Params, Rule, Stricter, Unit, param
from policies.steps import deploys, not_applicable, unclear


@dataclass(frozen=True, slots=True, kw_only=True)
class FailureNotify(Params):
    to: frozenset[str] = param(
        frozenset({"author", "team_channel"}),
        "Who must be told.",
        unit=Unit.WORDS,
        stricter=Stricter.SUPERSET,
        allowed=("author", "team_channel"),
    )
    max_delay: timedelta = param(
        timedelta(minutes=5),
        "How soon they must know; the fix says it, no file can.",
        unit=Unit.DURATION,
        stricter=Stricter.LESS,
    )


_WORDS: Final = {"author": "the authors of the changes", "team_channel": "the team's channel"}


def lint(pipeline: Pipeline, params: FailureNotify) -> Iterator[Problem]:
    if not any(deploys(stage) for stage in pipeline.stages):
        yield not_applicable(pipeline, "the pipeline deploys nothing")
        return
    fact = placed(pipeline.notifies, pipeline.span)
    told = fact.or_else(None)
    if not fact.known:
        message = f"who is told of a failure cannot be told: {fact.note}"
        yield unclear(fact.span, "notify", message, "Say it under `notify` in bakegate.yaml.")
        return
    missing = sorted(params.to - frozenset(told or ()))
    if not missing:
        return
    others = [each for each in told or () if each not in _WORDS]
    message = f"nobody tells {listed(_WORDS[each] for each in missing)} of a failure"
    if others:
        message += f"; only {listed(others)} {'hears' if len(others) == 1 else 'hear'} of it"
    yield Problem(
        fact.span,
        "notify",
        message,
        f"Send failures to {listed(_WORDS[each] for each in missing)} within "
        f"{format_duration(params.max_delay)}.",
        inferred=fact.inferred,
    )


RULE = Rule(
    id="failure-notify",
    number=69,
    title="Tell the right people at once when a stage fails or is held",
    family=Family.OWNERSHIP,
    severity=Severity.MEDIUM,
    now=Enforcement.WARN,
    target=Enforcement.WARN,
    params=FailureNotify,
    docs=__doc__,
    lint=lint,
)
