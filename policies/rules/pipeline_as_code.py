"""Keep the pipeline definition in version control under review.

## Why it matters
Whoever can change the pipeline can change production. A stage that was switched off in a console on
a bad night stays off, and nobody sees it in any review.

The file must be owned by somebody (an entry for its path in the repository's CODEOWNERS), and what
an overlay claims must have been seen: `drift_check` says how old the comparison of the live
pipeline with its file may be. At the gate the live pipeline must equal the file.

## Fails
```yaml
# owned: false
on: {push: {branches: [main]}}
jobs:
  production:
    runs-on: ubuntu-latest
    environment: production
    steps: [{run: kubectl apply -f app.yaml}]
```

## Passes
```yaml
# owned: true
on: {push: {branches: [main]}}
jobs:
  production:
    runs-on: ubuntu-latest
    environment: production
    steps: [{run: kubectl apply -f app.yaml}]
```

## Not reported
Pipelines that deploy nothing. Emergency switches of less than a day with an incident. Files of
which nobody can tell whether their path is owned are unknown.

## Sources
Pipelines as code: Amazon's description of hands-off deployments, the AWS DevOps guidance. That
checks stand inside the tools: Amazon's account of its practice. A day: ours.
"""

from collections.abc import Iterator
from datetime import timedelta

from policies.durations import format_duration
from policies.facts import placed
from policies.findings import Enforcement, Problem, Result, Severity
from policies.frozen import dataclass
from policies.observations import observed
from policies.phrases import clock, listed
from policies.pipeline import Pipeline
from policies.rule import Case, Family, Outcome, Params, Rule, Stricter, Unit, param
from policies.steps import deploys, not_applicable, unclear


@dataclass(frozen=True, slots=True, kw_only=True)
class PipelineAsCode(Params):
    drift_check: timedelta = param(
        timedelta(hours=24),
        "How old the comparison of the live pipeline with its file may be.",
        unit=Unit.DURATION,
        stricter=Stricter.LESS,
    )


def lint(pipeline: Pipeline, params: PipelineAsCode) -> Iterator[Problem]:
    del params  # A file says who owns it; what runs is seen at the gate.
    fact = placed(pipeline.owned_path, pipeline.span)
    if not any(deploys(stage) for stage in pipeline.stages):
        yield not_applicable(pipeline, "the pipeline deploys nothing")
    elif fact.value is None or not fact.known:
        message = "whether somebody owns the path of this file cannot be told"
        yield unclear(fact.span, "definition/owner", message)
    elif fact.value is False:
        yield Problem(
            fact.span,
            "definition/owner",
            "nobody owns the path of this file, so anybody may change the way to production",
            "Add the file to CODEOWNERS of the repository, with the team that answers for it.",
            inferred=fact.inferred,
        )


def gate(case: Case, params: PipelineAsCode) -> Outcome:
    live = case.release.context.definition_differences
    if live is None:
        message = "whether the live pipeline is that of its file was not reported"
        return Outcome(Result.UNKNOWN, message, "compare the live pipeline with its file")
    at = live.observed_at or case.release.context.captured_at
    used = (observed("context.definition_differences", list(live.value), at),)
    if at and case.now - at > params.drift_check:
        seen = clock(at, case.now)
        message = (
            f"the live pipeline was last compared at {seen}; at most "
            f"{format_duration(params.drift_check)} may pass"
        )
        return Outcome(Result.UNKNOWN, message, "compare it again", used=used)
    if not live.value:
        return Outcome(Result.PASS, "the live pipeline is that of its file", used=used)
    message = f"the live pipeline differs from its file: {listed(live.value)}"
    cure = "restore it from the file, or commit the change"
    return Outcome(Result.FAIL, message, cure, used=used)


RULE = Rule(
    id="pipeline-as-code",
    number=67,
    title="Keep the pipeline definition in version control under review",
    family=Family.OWNERSHIP,
    severity=Severity.MEDIUM,
    now=Enforcement.WARN,
    target=Enforcement.BLOCK,
    params=PipelineAsCode,
    docs=__doc__,
    lint=lint,
    gate=gate,
)
