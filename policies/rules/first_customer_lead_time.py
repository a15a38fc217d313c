"""Reach the first production customer quickly.

## Why it matters
How long a change takes to all customers is slow on purpose: bakes and waves take their time. How
long it takes to the first one is not. The time before that teaches nobody anything.

By the median of the releases of `window`, the time from check-in to the first production customer
must be at most `p50`. `stretch` is the time to aim at beyond that.

## Fails
```yaml
# history: {releases: 40, first_customer: 71h, all_customers: 96h}
schema: bakegate/pipeline/v1
name: shop
organization: retail
deployers: {hosts: {type: local, hosts: 3}}
stages:
  - {name: cell-1, kind: prod, deploy: hosts}
```

## Passes
```yaml
# history: {releases: 40, first_customer: 20h, all_customers: 96h}
schema: bakegate/pipeline/v1
name: shop
organization: retail
deployers: {hosts: {type: local, hosts: 3}}
stages:
  - {name: cell-1, kind: prod, deploy: hosts}
```

## Not reported
Mobile apps and libraries, which others hand on. Pipelines that deploy nothing. Fewer than ten
releases. Without a history the rule is unknown.

## Sources
38 hours are a tenth of Amazon's sixteen days, which its first pipelines reached. A couple of hours:
the aim of the AWS deployment pipeline reference architecture. The lead time for changes of DORA.
"""

from collections.abc import Iterator
from datetime import timedelta
from typing import Final

from policies.durations import format_duration
from policies.facts import placed
from policies.findings import Enforcement, Problem, Severity
from policies.frozen import dataclass
from policies.history import History
from policies.pipeline import Pipeline, PipelineKind
from policies.rule import Family, Params, Rule, Stricter, Unit, param
from policies.steps import deploys, not_applicable, unclear


@dataclass(frozen=True, slots=True, kw_only=True)
class FirstCustomerLeadTime(Params):
    p50: timedelta = param(
        timedelta(hours=38),
        "Longest median time from check-in to the first production customer.",
        unit=Unit.DURATION,
        stricter=Stricter.LESS,
    )
    stretch: timedelta = param(
        timedelta(hours=4),
        "The time to aim at, which the fix names.",
        unit=Unit.DURATION,
        stricter=Stricter.LESS,
    )
    window: timedelta = param(
        timedelta(days=30),
        "How much of the past counts.",
        unit=Unit.DURATION,
        stricter=Stricter.NEITHER,
    )


_FEW: Final = 10
_EXEMPT: Final = frozenset({PipelineKind.MOBILE, PipelineKind.LIBRARY})


def lint(pipeline: Pipeline, params: FirstCustomerLeadTime) -> Iterator[Problem]:
    fact = placed(pipeline.history, pipeline.span)
    history = fact.or_else(None)
    if pipeline.kind.value in _EXEMPT:
        message = f"others hand on what a pipeline of kind {pipeline.kind.value} makes"
        yield not_applicable(pipeline, message)
    elif not any(deploys(stage) for stage in pipeline.stages):
        yield not_applicable(pipeline, "the pipeline deploys nothing")
    elif history is None:
        yield unclear(fact.span, "history", "how long changes took is not known here")
    elif history.releases < _FEW:
        yield not_applicable(pipeline, f"{history.releases} releases say too little")
    elif history.first_customer is None:
        yield unclear(fact.span, "history", "when changes reached customers was not recorded")
    elif history.first_customer > params.p50:
        yield _late(pipeline, history, history.first_customer, params)


def _late(
    pipeline: Pipeline, history: History, first: timedelta, params: FirstCustomerLeadTime
) -> Problem:
    told = f"the first customer gets a change after {format_duration(first)} by the median"
    every = history.all_customers
    if every is not None and every >= first:
        told += f", and only {format_duration(every - first) or '0s'} more are the safe roll-out"
    wait = f"; look at {history.largest_wait}" if history.largest_wait else ""
    return Problem(
        pipeline.span,
        "history/first-customer",
        f"{told}; the limit is {format_duration(params.p50)}",
        f"Shorten what comes before the first customer, towards {format_duration(params.stretch)}"
        f"{wait}.",
    )


RULE = Rule(
    id="first-customer-lead-time",
    number=53,
    title="Reach the first production customer quickly",
    family=Family.SPEED,
    severity=Severity.MEDIUM,
    now=Enforcement.OBSERVE,
    target=Enforcement.WARN,
    params=FirstCustomerLeadTime,
    docs=__doc__,
    lint=lint,
)
