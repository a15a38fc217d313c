"""Make the canary verdict binding.

## Why it matters
A canary that is measured and promoted whatever it shows costs time and protects nobody. The ways
to get there are small: a metric in dry run while it was new, a limit that no failure reaches, an
analysis without metrics, an inconclusive answer that counts as a yes.

The rule looks at the metric checks by which the engine of a production stage decides for itself.
None may be skipped, empty or in dry run; each stops after at most `max_failures` failures; what is
inconclusive holds unless `inconclusive: pass` says otherwise. A comparison with the past instead of
with a baseline that runs beside the canary is a notice, unless `baseline: historical` accepts it.

## Fails
```yaml
apiVersion: argoproj.io/v1alpha1
kind: Rollout
metadata: {name: shop, namespace: prod}
spec:
  strategy:
    canary:
      analysis: {templates: [{templateName: errors}], dryRun: [{metricName: .*}]}
      steps: [{setWeight: 5}, {pause: {duration: 10m}}]
```

## Passes
```yaml
apiVersion: argoproj.io/v1alpha1
kind: Rollout
metadata: {name: shop, namespace: prod}
spec:
  strategy:
    canary:
      analysis: {templates: [{templateName: errors}]}
      steps: [{setWeight: 5}, {pause: {duration: 10m}}]
```

## Not reported
Stages whose engine makes no analysis; `canary-first` and `rollback-on-alarm` ask what protects
them. Metrics whose definitions stand in another file are unknown there.

## Sources
Argo Rollouts on dry run, failure limits and inconclusive results, Flagger on skipping an analysis,
Spinnaker's practice of a baseline of the same size and start. Three failures: the examples of Argo
Rollouts.
"""

from collections.abc import Iterator

from policies.findings import Enforcement, Problem, Severity
from policies.frozen import dataclass
from policies.guards import Analysis
from policies.phrases import listed
from policies.pipeline import Pipeline, Stage
from policies.rule import Family, GateFamily, Params, Rule, Stricter, Unit, param
from policies.steps import deploys, not_applicable, unclear, without_production


@dataclass(frozen=True, slots=True, kw_only=True)
class AnalysisEnforced(Params):
    max_failures: int = param(
        3,
        "Most failures of a metric before the analysis fails.",
        unit=Unit.COUNT,
        stricter=Stricter.LESS,
    )
    inconclusive: str = param(
        "hold",
        "What an inconclusive answer must do.",
        unit=Unit.WORD,
        stricter=Stricter.NEITHER,
        allowed=("hold", "pass"),
    )
    baseline: str = param(
        "concurrent",
        "What the canary is compared with, where the engine compares.",
        unit=Unit.WORD,
        stricter=Stricter.NEITHER,
        allowed=("concurrent", "historical"),
    )


def lint(pipeline: Pipeline, params: AnalysisEnforced) -> Iterator[Problem]:
    stages = [stage for stage in pipeline.prod if deploys(stage)]
    told = [stage for stage in stages if stage.analyses.known]
    if not pipeline.prod:
        yield from without_production(pipeline)
    elif len(told) == len(stages) and not any(stage.analyses.value for stage in stages):
        yield not_applicable(pipeline, "no engine of a production stage makes an analysis")
    for stage in stages:
        if not stage.analyses.known:
            message = f"whether the engine of {stage.name} makes an analysis cannot be told"
            yield unclear(stage.span, f"stages/{stage.name}/analysis", message)
        for each in stage.analyses.or_else(None) or ():
            yield from _toothless(stage, each, params)


def _toothless(stage: Stage, analysis: Analysis, params: AnalysisEnforced) -> Iterator[Problem]:
    guessed = stage.kind.inferred or stage.analyses.inferred
    for key, told, fix in _complaints(analysis, params):
        yield Problem(
            analysis.span,
            f"stages/{stage.name}/analysis/{analysis.name}/{key}",
            f"analysis {analysis.name} of {stage.name} {told}",
            fix,
            inferred=guessed,
        )
    if params.baseline == "concurrent" and analysis.baseline == "historical":
        yield Problem(
            analysis.span,
            f"stages/{stage.name}/analysis/{analysis.name}/baseline",
            f"analysis {analysis.name} of {stage.name} compares with the past, not with a baseline "
            "that runs beside the canary",
            "Start a baseline of the same size at the same time, so that only the version differs.",
            # A comparison before and after is worse than one beside, and better than none.
            inferred=True,
        )


def _complaints(analysis: Analysis, params: AnalysisEnforced) -> Iterator[tuple[str, str, str]]:
    """Part, words and mend of each way in which a verdict does not bind."""
    if analysis.skipped:
        yield "skipped", "is skipped", "Remove the switch that skips the analysis."
    elif "*" in analysis.dry_run or ".*" in analysis.dry_run:
        yield (
            "dry-run",
            "runs dry: every verdict is ignored",
            "The canary is measured but cannot stop the release. Remove dryRun.",
        )
    elif analysis.dry_run:
        names = listed(analysis.dry_run)
        yield (
            "dry-run",
            f"runs dry for {names}",
            f"Remove dryRun for {names} once they have passed a few releases in observe.",
        )
    elif analysis.metrics_known and not analysis.metrics:
        yield "empty", "has no metric", "Name at least one metric that shows harm to customers."
    limit = analysis.failure_limit
    if limit is not None and limit < 0:
        yield "limit", "never fails: its limit is unlimited", _limit_fix(params)
    elif limit is not None and limit > params.max_failures:
        told = f"fails only after more than {limit} failures; at most {params.max_failures} are "
        yield "limit", told + "allowed", _limit_fix(params)
    if analysis.inconclusive == "pass" and params.inconclusive == "hold":
        yield (
            "inconclusive",
            "promotes on an inconclusive answer",
            "Let an inconclusive answer pause the rollout until somebody has looked.",
        )


def _limit_fix(params: AnalysisEnforced) -> str:
    return f"Set the failure limit to at most {params.max_failures}."


RULE = Rule(
    id="analysis-enforced",
    number=27,
    title="Make the canary verdict binding",
    family=Family.VALIDATING,
    severity=Severity.HIGH,
    now=Enforcement.WARN,
    target=Enforcement.BLOCK,
    params=AnalysisEnforced,
    docs=__doc__,
    lint=lint,
    gate_family=GateFamily.CANARY,
)
