"""Keep people-waiting small.

## Why it matters
Of the sixteen days that a change once took at Amazon, fourteen were waiting: for somebody to start
a build, to deploy, to run tests. Such waiting makes nothing safer, and nobody sees it who does not
add it up.

Over the releases of the last weeks the median wait for people must be at most `manual_wait`, and
the waiting that nobody intended (for people, for machines, for a batch, for nothing known) at most
`avoidable_ratio` of the whole way. Bakes, windows and freezes are meant and never count. Fewer than
ten releases say too little.

## Fails
```yaml
# history: {releases: 40, manual_wait: 4d19h, avoidable_ratio: 88%, largest_wait: the approval}
schema: bakegate/pipeline/v1
name: shop
organization: retail
deployers: {hosts: {type: local, hosts: 3}}
stages:
  - {name: cell-1, kind: prod, deploy: hosts}
```

## Passes
```yaml
# history: {releases: 40, manual_wait: 20m, avoidable_ratio: 10%}
schema: bakegate/pipeline/v1
name: shop
organization: retail
deployers: {hosts: {type: local, hosts: 3}}
stages:
  - {name: cell-1, kind: prod, deploy: hosts}
```

## Not reported
Pipelines that deploy nothing, and those of which too few releases are known. Without a history the
rule is unknown.

## Sources
Amazon's account of its sixteen days, from which a ratio of 0.88 follows; time in delays in the
research of DORA on deployment automation. Four hours and one half: ours.
"""

from collections.abc import Iterator
from datetime import timedelta
from typing import Final

from policies.durations import format_duration
from policies.facts import placed
from policies.findings import Enforcement, Problem, Severity
from policies.frozen import dataclass
from policies.history import History
from policies.phrases import percent
from policies.pipeline import Pipeline
from policies.rule import Family, Params, Rule, Stricter, Unit, param
from policies.steps import deploys, not_applicable, unclear


@dataclass(frozen=True, slots=True, kw_only=True)
class WaitBudget(Params):
    manual_wait: timedelta = param(
        timedelta(hours=4),
        "Longest median wait for people, from check-in to the last stage.",
        unit=Unit.DURATION,
        stricter=Stricter.LESS,
    )
    avoidable_ratio: float = param(
        0.5,
        "Largest share of the way that may be waiting which nobody intended.",
        unit=Unit.SHARE,
        stricter=Stricter.LESS,
    )
    window: timedelta = param(
        timedelta(days=30),
        "How much of the past counts.",
        unit=Unit.DURATION,
        stricter=Stricter.NEITHER,
    )


#: Fewer releases say too little.
_FEW: Final = 10


def lint(pipeline: Pipeline, params: WaitBudget) -> Iterator[Problem]:
    fact = placed(pipeline.history, pipeline.span)
    history = fact.or_else(None)
    if not any(deploys(stage) for stage in pipeline.stages):
        yield not_applicable(pipeline, "the pipeline deploys nothing")
    elif history is None:
        yield unclear(fact.span, "history", "how long releases waited is not known here")
    elif history.releases < _FEW:
        yield not_applicable(pipeline, f"{history.releases} releases say too little")
    elif history.manual_wait is None and history.avoidable_ratio is None:
        yield unclear(fact.span, "history", "how long releases waited was not recorded")
    else:
        yield from _waits(pipeline, history, params)


def _waits(pipeline: Pipeline, history: History, params: WaitBudget) -> Iterator[Problem]:
    wait, ratio = history.manual_wait, history.avoidable_ratio
    told = []
    if wait is not None and wait > params.manual_wait:
        limit = format_duration(params.manual_wait)
        told.append(f"releases wait {format_duration(wait)} for people by the median, over {limit}")
    if ratio is not None and ratio > params.avoidable_ratio + 1e-9:
        limit = percent(params.avoidable_ratio)
        told.append(f"{percent(ratio)} of the way is waiting that nobody intended, over {limit}")
    if told:
        cause = f"the largest wait is {history.largest_wait}" if history.largest_wait else ""
        yield Problem(
            pipeline.span,
            "history/wait",
            "; ".join(filter(None, (*told, cause))),
            f"Look at {history.largest_wait or 'the longest wait'} first: it is the cheapest thing "
            "to mend.",
        )


RULE = Rule(
    id="wait-budget",
    number=52,
    title="Keep people-waiting small",
    family=Family.SPEED,
    severity=Severity.MEDIUM,
    now=Enforcement.OBSERVE,
    target=Enforcement.WARN,
    params=WaitBudget,
    docs=__doc__,
    lint=lint,
)
