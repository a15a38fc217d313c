"""Use one pipeline and one process for features and fixes.

## Why it matters
A second road to production is taken when there is a hurry, which is when the checks of the first
one matter most. It is used rarely, so it is broken when it is needed, and nobody knows which of the
two put what runs now.

Among all files of one run, at most `max_writers` pipelines may deploy the same thing to the same
production environment.

## Fails
```yaml
# neighbours: [{pipeline: hotfix, path: .github/workflows/hotfix.yml, environment: production}]
on: {push: {branches: [main]}}
jobs:
  production:
    runs-on: ubuntu-latest
    environment: production
    steps: [{run: kubectl apply -f app.yaml}]
```

## Passes
```yaml
# neighbours: []
on: {push: {branches: [main]}}
jobs:
  production:
    runs-on: ubuntu-latest
    environment: production
    steps: [{run: kubectl apply -f app.yaml}]
```

## Not reported
Pipelines for other things that go to the same environment: the code, the infrastructure, the
configuration of one service. What two files deploy is compared by the repository of the artifact or
by the very same command; where neither says it, nothing is claimed.

## Sources
One pipeline for all environments: the AWS deployment pipeline reference architecture. The same
process everywhere: the research of DORA. That code, infrastructure and configuration have pipelines
of their own: Amazon's description of hands-off deployments.
"""

from collections.abc import Iterator

from policies.facts import placed
from policies.findings import Enforcement, Problem, Related, Severity
from policies.frozen import dataclass
from policies.phrases import listed
from policies.pipeline import Pipeline
from policies.rule import Family, Params, Rule, Stricter, Unit, param
from policies.steps import deploys, not_applicable, unclear, without_production


@dataclass(frozen=True, slots=True, kw_only=True)
class SingleReleasePath(Params):
    max_writers: int = param(
        1,
        "Most pipelines that may deploy the same thing to one production environment.",
        unit=Unit.COUNT,
        stricter=Stricter.LESS,
    )


def lint(pipeline: Pipeline, params: SingleReleasePath) -> Iterator[Problem]:
    stages = [stage for stage in pipeline.prod if deploys(stage)]
    if not pipeline.prod:
        yield from without_production(pipeline)
        return
    if not stages:
        yield not_applicable(pipeline, "no production stage deploys anything")
        return
    fact = placed(pipeline.writers, pipeline.span)
    others = fact.or_else(None)
    if others is None:
        yield unclear(fact.span, "writers", "which other pipelines deploy there is not known here")
        return
    for environment in sorted({each.environment for each in others}):
        there = [each for each in others if each.environment == environment]
        if len(there) + 1 <= params.max_writers:
            continue
        stage = next((each for each in stages if each.environment == environment), stages[0])
        names = listed(dict.fromkeys(each.path for each in there))
        yield Problem(
            stage.span,
            f"stages/{stage.name}/writers",
            f"{names} {'is' if len(there) == 1 else 'are'} a second road to {environment}",
            "Use one pipeline for both; what is urgent goes through it as a release of kind "
            "emergency.",
            # Whether two files deploy the same service is read from what they run.
            inferred=True,
            related=tuple(Related(each.span, "deploys there too") for each in there),
        )


RULE = Rule(
    id="single-release-path",
    number=51,
    title="Use one pipeline and one process for features and fixes",
    family=Family.SPEED,
    severity=Severity.MEDIUM,
    now=Enforcement.WARN,
    target=Enforcement.WARN,
    params=SingleReleasePath,
    docs=__doc__,
    lint=lint,
)
