"""Argo Rollouts and Flagger: what a manifest says of its own rollout, and what stands elsewhere."""

from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from policies.facts import Provenance
from policies.findings import Span
from policies.formats import read_pipelines
from policies.pipeline import OnAlarm, Pipeline, Stage, StageKind, StepKind
from policies.references import Pin

PATH = "deploy/rollout.yaml"
CANARY = (Path(__file__).parents[2] / "golden" / "pipelines" / "shop.rollout.yaml").read_text(
    "utf-8"
)


def one(text: str, path: str = PATH, name: str = "argo-rollouts") -> tuple[Pipeline, Stage, Any]:
    found = read_pipelines(text.encode(), path)
    assert found.problems == ()
    assert found.format == name
    (pipeline,) = found.pipelines
    (stage,) = pipeline.stages
    assert stage.deploy is not None
    return pipeline, stage, stage.deploy


def test_a_rollout_is_a_pipeline_of_one_stage() -> None:
    pipeline, stage, _ = one(CANARY)
    assert (pipeline.name, pipeline.span) == ("shop", Span(PATH, 4, 9, 4, 13))
    assert (stage.kind.value, stage.environment) == (StageKind.PROD, "shop-production")
    assert pipeline.notifies.note == "the controller tells shop-alerts; who reads it is not said"
    assert not pipeline.complete.known
    assert not pipeline.windows.known
    assert stage.mutex.known


def test_the_steps_of_a_canary() -> None:
    _, stage, deploy = one(CANARY)
    assert [(step.name.value, step.kind.value) for step in stage.steps] == [
        ("shop", StepKind.DEPLOY),
        ("pause", StepKind.WAIT),
        ("pause", StepKind.WAIT),
        ("far", StepKind.OTHER),
        ("pause", StepKind.APPROVAL),
    ]
    assert [step.timeout.value for step in stage.steps if step.kind.value is StepKind.WAIT] == [
        timedelta(minutes=5),
        timedelta(seconds=90),
    ]
    assert (stage.approvals.value is not None, stage.approvals.span.line) == (True, 35)
    assert (stage.transition.value, deploy.strategy.value) == ("manual", "canary")


def test_weights_without_traffic_routing_are_whole_pods() -> None:
    _, _, deploy = one(CANARY)
    assert deploy.exposures.value == (0.2, 0.6, 1.0)
    assert deploy.exposures.provenance is Provenance.INFERRED
    assert "whole pods of 5" in deploy.exposures.note
    routed = CANARY.replace(
        "      maxSurge: 1", "      trafficRouting: {nginx: {}}\n      maxSurge: 1"
    )
    _, _, deploy = one(routed)
    assert deploy.exposures.value == (0.1, 0.5, 1.0)
    assert deploy.exposures.provenance is Provenance.DECLARED
    assert (deploy.max_unavailable.value, deploy.drain.value) == (0.0, timedelta(seconds=30))


def test_analyses_of_the_same_file_and_of_others() -> None:
    _, stage, deploy = one(CANARY)
    errors, far = stage.analyses.value or ()
    assert (errors.metrics, errors.dry_run, errors.failure_limit) == (
        ("errors", "slow"),
        ("slow",),
        -1,
    )
    assert (errors.background, errors.metrics_known, errors.span.line) == (True, True, 27)
    assert (far.background, far.metrics_known, far.failure_limit) == (False, False, None)
    assert deploy.rollback_on.value == {"failure", "deadline", "alarm"}
    assert deploy.rollback_alarms.value == ("errors",)
    assert stage.bake
    assert stage.bake.time.value == timedelta(minutes=6, seconds=30)
    assert stage.bake.alarms.value == ("errors",)
    assert stage.bake.on_alarm.value is OnAlarm.ROLLBACK


def test_what_the_pod_template_says() -> None:
    _, _, deploy = one(CANARY)
    assert (deploy.artifact.value.text, deploy.artifact.value.pin) == (
        "registry.example/shop:1.4.2",
        Pin.VERSION,
    )
    assert deploy.checks.value == ("readiness",)
    assert (deploy.drain.value, deploy.retained.value) == (timedelta(seconds=45), 4)
    assert (deploy.deadline.value, deploy.on_deadline.value) == (timedelta(minutes=5), "abort")
    assert (deploy.max_unavailable.value, deploy.surge.value) == (0.0, 0.2)


HEAD = "apiVersion: argoproj.io/v1alpha1\nkind: Rollout\nmetadata: {name: shop}\n"


def rollout(strategy: str, **spec: str) -> str:
    more = "".join(f"  {key}: {value}\n" for key, value in spec.items())
    return f"{HEAD}spec:\n{more}  strategy: {strategy}\n"


def test_what_is_not_written_has_the_defaults_of_the_controller() -> None:
    _, stage, deploy = one(rollout("{canary: {}}", replicas="8"))
    assert (deploy.strategy.value, deploy.exposures.value) == ("rolling", None)
    assert (deploy.max_unavailable.value, deploy.surge.value) == (0.25, 0.25)
    assert (deploy.retained.value, deploy.on_deadline.value) == (10, "report")
    assert deploy.deadline.value == timedelta(minutes=10)
    assert (deploy.rollback_on.value, stage.bake) == (None, None)
    assert not deploy.artifact.known


def test_a_quarter_is_rounded_as_the_controller_does() -> None:
    _, _, deploy = one(rollout("{canary: {}}", replicas="3"))
    assert deploy.max_unavailable.value == 0.0
    assert deploy.surge.value == pytest.approx(1 / 3)
    _, _, deploy = one(rollout("{canary: {maxSurge: 0, maxUnavailable: 0}}", replicas="4"))
    assert deploy.max_unavailable.value == 0.25


def test_blue_green() -> None:
    strategy = """
    blueGreen:
      activeService: shop
      previewService: preview
      autoPromotionEnabled: false
      scaleDownDelaySeconds: 600
      prePromotionAnalysis: {templates: [{templateName: smoke}]}
      postPromotionAnalysis: {templates: [{templateName: errors}]}"""
    _, stage, deploy = one(rollout(strategy))
    names = [(step.name.value, step.kind.value) for step in stage.steps]
    assert names == [
        ("smoke", StepKind.SMOKE),
        ("pause", StepKind.APPROVAL),
        ("shop", StepKind.DEPLOY),
        ("errors", StepKind.OTHER),
    ]
    assert (deploy.strategy.value, deploy.exposures.value) == ("blue-green", None)
    assert deploy.checks.value == ("smoke",)
    assert deploy.drain.value == timedelta(minutes=10)
    assert stage.bake
    assert (stage.bake.time.value, stage.bake.alarms.value) == (None, ("errors",))
    assert stage.approvals.value is not None


@pytest.mark.parametrize(
    ("fields", "approved", "waits"),
    [
        ("{activeService: a}", False, []),
        ("{autoPromotionEnabled: true, autoPromotionSeconds: 60}", False, []),
        ("{autoPromotionEnabled: false, autoPromotionSeconds: 60}", False, [60]),
        ("{autoPromotionEnabled: false}", True, []),
    ],
)
def test_who_promotes_a_blue_green(fields: str, *, approved: bool, waits: list[int]) -> None:
    _, stage, _ = one(rollout(f"{{blueGreen: {fields}}}"))
    assert (stage.approvals.value is not None) is approved
    lengths = [step.timeout.value for step in stage.steps if step.kind.value is StepKind.WAIT]
    assert lengths == [timedelta(seconds=each) for each in waits]


def test_jobs_of_an_analysis_are_tests() -> None:
    text = rollout(
        "{canary: {steps: [{setWeight: 5}, {analysis: {templates: [{templateName: peak}]}}]}}"
    )
    text += """---
apiVersion: argoproj.io/v1alpha1
kind: AnalysisTemplate
metadata: {name: peak}
spec:
  metrics:
    - name: load-test
      provider:
        job:
          spec:
            template: {spec: {containers: [{image: "grafana/k6:0.49", command: [k6, run, a.js]}]}}
"""
    _, stage, _ = one(text)
    assert [step.kind.value for step in stage.steps] == [
        StepKind.DEPLOY,
        StepKind.OTHER,
        StepKind.LOAD,
    ]


def test_templates_of_an_experiment_are_no_analyses() -> None:
    trial = "{templates: [{name: canary}], analyses: [{name: a, templateName: errors}]}"
    _, stage, _ = one(rollout(f"{{canary: {{steps: [{{experiment: {trial}}}]}}}}"))
    assert [each.name for each in stage.analyses.value or ()] == ["errors"]


def test_an_experiment_lasts_for_its_duration() -> None:
    trial = "{duration: 30s, templates: [{name: canary}]}"
    _, stage, _ = one(rollout(f"{{canary: {{steps: [{{experiment: {trial}}}]}}}}"))
    assert stage.bake
    assert stage.bake.time.value == timedelta(seconds=30)


def test_spellings_of_the_first_releases() -> None:
    text = rollout(
        "{type: CanaryUpdate, canary: {analysis: {name: a, templateName: errors},"
        " steps: [{setWeight: 20}, {wait: 20}]}}"
    )
    _, stage, deploy = one(text)
    assert [each.name for each in stage.analyses.value or ()] == ["errors"]
    assert deploy.strategy.value == "canary"


def test_a_duration_beside_its_pause_still_counts() -> None:
    _, stage, _ = one(rollout("{canary: {steps: [{setWeight: 5}, {pause: , duration: 3600}]}}"))
    assert stage.bake
    assert stage.bake.time.value == timedelta(hours=1)


def test_a_duration_that_is_filled_in_is_unknown() -> None:
    _, stage, _ = one(rollout('{canary: {steps: [{pause: {duration: "{{args.wait}}"}}]}}'))
    assert stage.bake
    assert not stage.bake.time.known
    assert stage.approvals.value is None


def test_a_patch_points_to_what_it_patches() -> None:
    text = f"{HEAD}spec: {{replicas: 5}}\n"
    _, stage, deploy = one(text, "apps/overlays/prod-eu/patch.yaml")
    assert (stage.kind.value, stage.kind.confidence) == (StageKind.PROD, 0.7)
    assert (deploy.rollback_on.known, deploy.strategy.known, stage.approvals.known) == (False,) * 3
    assert deploy.strategy.provenance is Provenance.DECLARED


def test_a_template_that_stands_in_a_workload() -> None:
    _, _, deploy = one(rollout("{canary: {}}", workloadRef="{kind: Deployment, name: shop}"))
    assert deploy.artifact.note == "the pod template stands in the workload that workloadRef names"


def test_names_of_applications_say_nothing_but_folders_of_overlays_do() -> None:
    _, stage, _ = one(rollout("{canary: {}}"), "examples/test/rollout.yaml")
    assert not stage.kind.known
    _, stage, _ = one(rollout("{canary: {}}"), "envs/staging/rollout.yaml")
    assert stage.kind.value is StageKind.PREPROD


def test_a_chart_whose_names_are_filled_in_is_a_template() -> None:
    text = rollout("{canary: {}}").replace("name: shop", 'name: "{{ .Release.Name }}"')
    found = read_pipelines(text.encode(), PATH)
    (problem,) = found.problems
    assert (found.pipelines, problem.templated, problem.span.line) == ((), True, 3)


def test_a_file_of_templates_alone_has_no_pipeline() -> None:
    text = "apiVersion: argoproj.io/v1alpha1\nkind: AnalysisTemplate\nmetadata: {name: a}\n"
    found = read_pipelines(text.encode(), PATH)
    assert (found.format, found.pipelines, found.problems) == ("argo-rollouts", (), ())


def test_rollouts_of_a_list_and_of_several_documents() -> None:
    each = "{apiVersion: argoproj.io/v1alpha1, kind: Rollout, metadata: {name: a}}"
    items = f"kind: List\napiVersion: v1\nitems:\n  - {each}\n"
    text = items + "---\n" + rollout("{canary: {}}")
    found = read_pipelines(text.encode(), PATH)
    assert [each.name for each in found.pipelines] == ["a", "shop"]


def test_a_key_that_kubectl_refuses() -> None:
    text = rollout("{canary: {}}", replicas="1") + "  replicas: 2\n"
    (problem,) = read_pipelines(text.encode(), PATH).problems
    assert problem.message == "key 'replicas' is written twice, which kubectl refuses; keep one"
    assert problem.span.line == 5


@pytest.mark.parametrize(
    "text",
    [
        "apiVersion: argoproj.io/v1alpha1\nkind: Application\nmetadata: {name: a}\n",
        "apiVersion: argoproj.io/v1alpha1\nkind: Workflow\nmetadata: {name: a}\n",
        "apiVersion: flagger.app/v1beta1\nkind: MetricTemplate\n",
        "apiVersion: apps/v1\nkind: Rollout\n",
    ],
)
def test_other_kinds_are_other_tools(text: str) -> None:
    assert read_pipelines(text.encode(), PATH).format == ""


@pytest.mark.parametrize(
    "strategy",
    ["[]", "{canary: []}", "{canary: {steps: {a: 1}}}", "{canary: {steps: [[], x, {pause: []}]}}",
     "{canary: {steps: [{setWeight: 900}, {setWeight: -1}, {setWeight: x}]}}",
     "{canary: {analysis: [], maxSurge: {}, maxUnavailable: 200%}}", "{blueGreen: x}",
     "{blueGreen: {prePromotionAnalysis: {templates: {}}}}"],
)  # fmt: skip
def test_broken_rollouts_are_read_without_an_error(strategy: str) -> None:
    one(rollout(strategy, replicas="0"))


FLAGGER = """\
apiVersion: flagger.app/v1beta1
kind: Canary
metadata: {name: shop, namespace: prod}
spec:
  targetRef: {apiVersion: apps/v1, kind: Deployment, name: shop}
  progressDeadlineSeconds: 60
  analysis:
    interval: 1m
    threshold: 5
    maxWeight: 50
    stepWeight: 10
    alerts: [{name: on-call}]
    metrics: [{name: request-success-rate, thresholdRange: {min: 99}}]
    webhooks:
      - {name: acceptance, type: pre-rollout, metadata: {cmd: "npm run test:e2e"}}
      - {name: load, metadata: {cmd: "hey -z 1m http://shop"}}
      - {name: ask, type: confirm-promotion}
"""


def test_flagger() -> None:
    pipeline, stage, deploy = one(FLAGGER, name="flagger")
    assert (stage.kind.value, pipeline.notifies.value) == (StageKind.PROD, ("on-call",))
    assert deploy.exposures.value == (0.1, 0.2, 0.3, 0.4, 0.5, 1.0)
    assert deploy.rollback_on.value == {"failure", "deadline", "alarm"}
    assert (deploy.deadline.value, deploy.on_deadline.value) == (timedelta(minutes=1), "abort")
    (judged,) = stage.analyses.value or ()
    assert (judged.metrics, judged.failure_limit) == (("request-success-rate",), 5)
    assert stage.bake
    assert stage.bake.time.value == timedelta(minutes=5)
    kinds = [step.kind.value for step in stage.steps]
    assert kinds == [StepKind.DEPLOY, StepKind.INTEGRATION, StepKind.LOAD, StepKind.APPROVAL]


def test_flagger_without_analysis_or_weights() -> None:
    text = FLAGGER.replace("  analysis:", "  skipAnalysis: true\n  canaryAnalysis:")
    _, stage, deploy = one(
        text.replace("    stepWeight: 10\n", "    iterations: 10\n"), name="flagger"
    )
    assert (deploy.strategy.value, deploy.exposures.value) == ("blue-green", None)
    assert deploy.rollback_on.value == {"failure", "deadline"}
    (judged,) = stage.analyses.value or ()
    assert (judged.skipped, stage.bake) == (True, None)
