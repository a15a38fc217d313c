"""Repair a broken pipeline before adding changes.

## Why it matters
While the main branch cannot be released, every further change joins a batch that nobody has tested
together, and the change that broke it gets harder to find. Nothing on that branch can reach a
customer, a mend of an incident included.

The last completed run of the main branch must not have failed longer ago than `max_red`, and fewer
than three changes may have been merged since.

## Fails
```yaml
# history: {runs: 40, red_since: "2026-11-22T07:00:00Z", merges_on_red: 7}
schema: bakegate/pipeline/v1
name: shop
organization: retail
deployers: {hosts: {type: local, hosts: 3}}
stages:
  - {name: cell-1, kind: prod, deploy: hosts}
```

## Passes
```yaml
# history: {runs: 40}
schema: bakegate/pipeline/v1
name: shop
organization: retail
deployers: {hosts: {type: local, hosts: 3}}
stages:
  - {name: cell-1, kind: prod, deploy: hosts}
```

## Not reported
Pipelines that deploy nothing. Failures of quarantined tests alone, which the run does not count.
Without a history the rule is unknown.

## Sources
Always deployable: the AWS deployment pipeline reference architecture. Minutes rather than hours:
the research of DORA on continuous integration. Four hours: ours.
"""

from collections.abc import Iterator
from datetime import timedelta
from typing import Final

from policies.durations import format_duration
from policies.facts import placed
from policies.findings import Enforcement, Problem, Severity
from policies.frozen import dataclass
from policies.history import History
from policies.pipeline import Pipeline
from policies.rule import Family, Params, Rule, Stricter, Unit, param
from policies.steps import deploys, not_applicable, unclear


@dataclass(frozen=True, slots=True, kw_only=True)
class RedPipelineAge(Params):
    max_red: timedelta = param(
        timedelta(hours=4),
        "Longest time for which the main branch may stay broken.",
        unit=Unit.DURATION,
        stricter=Stricter.LESS,
    )


#: From so many merges on a broken branch, nobody waits for its repair.
_MERGES: Final = 3


def lint(pipeline: Pipeline, params: RedPipelineAge) -> Iterator[Problem]:
    fact = placed(pipeline.history, pipeline.span)
    history = fact.or_else(None)
    if not any(deploys(stage) for stage in pipeline.stages):
        yield not_applicable(pipeline, "the pipeline deploys nothing")
    elif history is None:
        yield unclear(fact.span, "history", "how the last run ended is not known here")
    elif not history.runs:
        yield not_applicable(pipeline, "no run of it is known")
    elif history.red_since is not None:
        yield from _red(pipeline, history, history.observed_at - history.red_since, params)


def _red(
    pipeline: Pipeline, history: History, age: timedelta, params: RedPipelineAge
) -> Iterator[Problem]:
    merges = history.merges_on_red
    if age <= params.max_red and merges < _MERGES:
        return
    reason = f" ({history.red_reason})" if history.red_reason else ""
    more = f", and {merges} changes were merged since" if merges else ""
    yield Problem(
        pipeline.span,
        "history/red",
        f"the main branch cannot be released for {format_duration(age)}{reason}{more}; the limit "
        f"is {format_duration(params.max_red)}",
        "Revert the change that broke it, or quarantine the failing test by name, before anything "
        "else is merged.",
    )


RULE = Rule(
    id="red-pipeline-age",
    number=56,
    title="Repair a broken pipeline before adding changes",
    family=Family.SPEED,
    severity=Severity.MEDIUM,
    now=Enforcement.OBSERVE,
    target=Enforcement.WARN,
    params=RedPipelineAge,
    docs=__doc__,
    lint=lint,
)
