"""Spinnaker pipelines: what their JSON says, and what stands in other systems."""

import json
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from policies.facts import Provenance
from policies.findings import Span
from policies.formats import Read, read_pipelines
from policies.guards import Queue
from policies.pipeline import OnAlarm, Pipeline, Stage, StageKind, StepKind
from policies.references import Pin
from policies.windows.model import Weekly, WeeklyHours

GOLDEN = Path(__file__).parents[2] / "golden" / "pipelines" / "shop.spinnaker.json"
PATH = "spinnaker/shop.json"


def read(data: Any, path: str = PATH) -> Read:
    return read_pipelines(json.dumps(data).encode(), path)


def one(data: Any) -> Pipeline:
    found = read(data)
    assert (found.format, found.problems) == ("spinnaker", ())
    (pipeline,) = found.pipelines
    return pipeline


@pytest.fixture(scope="module")
def pipeline() -> Pipeline:
    found = read_pipelines(GOLDEN.read_bytes(), PATH)
    assert (found.format, found.problems) == ("spinnaker", ())
    (pipeline,) = found.pipelines
    return pipeline


def stage(pipeline: Pipeline, name: str) -> Stage:
    found = pipeline.stage(name)
    assert found is not None
    return found


def deploy(pipeline: Pipeline, name: str) -> Any:
    found = stage(pipeline, name).deploy
    assert found is not None
    return found


def test_head(pipeline: Pipeline) -> None:
    assert (pipeline.name, pipeline.span) == ("shop to production", Span(PATH, 2, 11, 2, 31))
    assert pipeline.origin.start.value == ("push",)
    assert pipeline.origin.branches.value == ("main",)
    assert pipeline.notifies.value == ("shop-alerts",)
    assert not pipeline.artifact.known
    assert pipeline.artifact.span.line == 6
    mutex = stage(pipeline, "Prod").mutex.value
    assert mutex
    assert mutex.queue is Queue.LATEST


def test_references_are_the_order(pipeline: Pipeline) -> None:
    assert stage(pipeline, "Staging").needs == ("Bake",)
    assert [each.name for each in pipeline.upstream(stage(pipeline, "Staging"))] == [
        "Build",
        "Bake",
    ]


def test_kinds_of_stages(pipeline: Pipeline) -> None:
    kinds = {each.name: (each.kind.value, each.steps[0].kind.value) for each in pipeline.stages}
    assert kinds["Staging"] == (StageKind.PREPROD, StepKind.DEPLOY)
    assert kinds["Canary"] == (StageKind.PROD, StepKind.DEPLOY)
    assert kinds["Prod"] == (StageKind.PROD, StepKind.DEPLOY)
    assert kinds["Bake"] == (StageKind.BUILD, StepKind.BUILD)
    assert kinds["Run integration tests"] == (StageKind.TEST, StepKind.INTEGRATION)
    assert kinds["Go"][1] is StepKind.APPROVAL
    (build,) = stage(pipeline, "Build").steps
    assert not build.kind.known
    assert build.kind.note == "what jenkins does for Build is not in this file"
    (load,) = stage(pipeline, "Load test").steps
    assert (load.kind.value, load.kind.confidence) == (StepKind.LOAD, 0.7)
    assert (load.soft.value, load.soft.span.line) == ("continuePipeline", 112)


def test_what_a_manifest_in_the_stage_says(pipeline: Pipeline) -> None:
    found = deploy(pipeline, "Staging")
    assert (found.hosts.value, found.strategy.value) == (2, "rolling")
    assert (found.artifact.value.pin, found.checks.value) == (Pin.MUTABLE, ("readiness",))
    assert stage(pipeline, "Staging").environment == "staging"


def test_a_judgment_in_front_of_a_deployment(pipeline: Pipeline) -> None:
    canary = stage(pipeline, "Canary")
    assert canary.approvals.value
    assert canary.approvals.value.roles == ("shop-leads",)
    assert (canary.transition.value, canary.transition.span.line) == ("manual", 55)
    assert stage(pipeline, "Prod").approvals.value is None


def test_a_cluster_and_its_window(pipeline: Pipeline) -> None:
    canary, found = stage(pipeline, "Canary"), deploy(pipeline, "Canary")
    assert (found.strategy.value, found.rollback_on.value) == ("blue-green", {"failure"})
    assert found.deadline.value == timedelta(minutes=15)
    assert [each.region for each in canary.targets] == ["us-east-1"]
    (window,) = canary.windows
    hours = WeeklyHours(frozenset(range(5)), 34_200, 57_600)
    assert (window.zone, window.recurrence) == ("America/Los_Angeles", Weekly((hours,)))


def test_waits_and_analyses_are_the_bake_of_what_is_in_front(pipeline: Pipeline) -> None:
    bake = stage(pipeline, "Canary").bake
    assert bake
    assert bake.time.value == timedelta(hours=2, minutes=40)
    assert (bake.alarms.value, bake.on_alarm.value) == (("shop-canary",), OnAlarm.HALT)
    (judged,) = stage(pipeline, "Canary").analyses.value or ()
    assert (judged.failure_limit, judged.baseline, judged.dry_run) == (0, "concurrent", ())
    assert stage(pipeline, "Prod").bake is None


def test_a_rolling_red_black_moves_shares(pipeline: Pipeline) -> None:
    found = deploy(pipeline, "Prod")
    assert (found.strategy.value, found.exposures.value) == ("linear", (0.25, 0.5, 1.0))
    assert found.rollback_on.value is None


def line(*stages: dict[str, Any], **more: Any) -> dict[str, Any]:
    return {"name": "p", "application": "shop", "stages": list(stages), **more}


def test_without_references_the_order_of_the_file_counts() -> None:
    stages = [{"type": "bake", "name": "b"}, {"type": "deploy", "name": "d"}, {"type": "wait"}]
    found = one(line(*stages))
    assert [each.needs for each in found.stages] == [(), ("b",), ("d",)]
    assert [each.name for each in found.stages] == ["b", "d", "wait"]


def test_names_that_come_twice_get_their_number() -> None:
    twice = [{"type": "deploy", "name": "Deploy", "refId": ref} for ref in ("1", "2")]
    assert [each.name for each in one(line(*twice)).stages] == ["Deploy", "Deploy (2)"]


def test_a_soft_judgment_binds_where_a_later_stage_asks_for_its_result() -> None:
    go = {"type": "manualJudgment", "name": "Go", "refId": "1", "continuePipeline": True}
    prod = {"type": "deploy", "name": "Prod", "refId": "2", "requisiteStageRefIds": ["1"]}
    loose = one(line(go, prod))
    assert loose.stages[0].steps[0].soft.value == "continuePipeline"
    assert loose.stages[1].approvals.value is None
    asks = {"expression": "${#stage('Go')['status'] == 'SUCCEEDED'}", "type": "expression"}
    bound = one(line(go, {**prod, "stageEnabled": asks}))
    assert bound.stages[0].steps[0].soft.value is None
    assert bound.stages[1].approvals.value is not None


def test_a_failed_branch_that_stops_is_not_soft() -> None:
    lint = {"type": "jenkins", "name": "lint", "refId": "1", "failPipeline": False}
    assert one(line(lint)).stages[0].steps[0].soft.value is None


def test_manifests_that_serve_nobody_are_no_deployment() -> None:
    config = {"type": "deployManifest", "name": "Deploy config", "manifests": [{"kind": "Secret"}]}
    assert one(line(config)).stages[0].deploy is None
    service = {"kind": "Service", "apiVersion": "serving.knative.dev/v1"}
    assert one(line({**config, "manifests": [service]})).stages[0].deploy is not None


def test_an_undo_that_no_person_starts_is_a_rollback() -> None:
    prod = {"type": "deployManifest", "name": "Prod", "refId": "1"}
    judge = {"type": "manualJudgment", "name": "J", "refId": "2", "requisiteStageRefIds": ["1"]}
    undo = {"type": "undoRolloutManifest", "name": "U", "refId": "3"}
    by_itself = one(line(prod, {**undo, "requisiteStageRefIds": ["1"]}))
    assert deploy(by_itself, "Prod").rollback_on.value == {"failure"}
    assert deploy(by_itself, "Prod").rollback_on.provenance is Provenance.INFERRED
    by_hand = one(line(prod, judge, {**undo, "requisiteStageRefIds": ["2"]}))
    assert deploy(by_hand, "Prod").rollback_on.value is None


def test_a_pipeline_that_a_failure_starts_is_a_rollback() -> None:
    prod = {"type": "deployManifest", "name": "Prod", "refId": "1"}
    fails = [{"context": {"expression": "${#stage('Prod')['status'] != 'SUCCEEDED'}"}}]
    asks: dict[str, Any] = {"type": "checkPreconditions", "refId": "2", "name": "If it fails"}
    asks |= {"requisiteStageRefIds": ["1"], "preconditions": fails}
    old = {
        "type": "pipeline",
        "refId": "3",
        "name": "To the old one",
        "requisiteStageRefIds": ["2"],
    }
    assert deploy(one(line(prod, asks, old)), "Prod").rollback_on.value == {"failure"}
    other = {**old, "requisiteStageRefIds": ["1"]}
    assert deploy(one(line(prod, asks, other)), "Prod").rollback_on.value is None


def test_a_failed_canary_that_goes_back_is_an_alarm() -> None:
    prod = {"type": "deployManifest", "name": "Prod", "refId": "1"}
    judge: dict[str, Any] = {"type": "kayentaCanary", "name": "J", "refId": "2"}
    judge |= {"requisiteStageRefIds": ["1"], "canaryConfig": {"canaryConfigId": "errors"}}
    undo = {"type": "undoRolloutManifest", "refId": "3", "requisiteStageRefIds": ["2"]}
    found = deploy(one(line(prod, judge, undo)), "Prod")
    assert (found.rollback_on.value, found.rollback_alarms.value) == (
        {"failure", "alarm"},
        ("errors",),
    )


@pytest.mark.parametrize("name", ["Upgrade Production", "Promote to prod", "Deploy prod"])
def test_a_child_pipeline_that_promotes_deploys(name: str) -> None:
    (found,) = one(line({"type": "pipeline", "name": name, "pipeline": "x"})).stages
    assert (found.kind.value, found.deploy is not None) == (StageKind.PROD, True)
    assert not found.bake_known.known


def test_expressions_quote_names_in_either_way() -> None:
    prod = {"type": "deployManifest", "name": "Prod", "refId": "1", "continuePipeline": True}
    undo = {"type": "undoRolloutManifest", "name": "Back", "refId": "2"}
    failed = {"expression": '#stage("Prod")["status"].toString() == "FAILED_CONTINUE"'}
    asks: dict[str, Any] = {**undo, "requisiteStageRefIds": ["1"], "stageEnabled": failed}
    found = one(line(prod, asks))
    assert deploy(found, "Prod").rollback_on.value == {"failure"}
    assert found.stages[0].steps[0].soft.value is None


def test_a_canary_is_where_its_namespace_says() -> None:
    stages = {"type": "deployManifest", "name": "Deploy Canary", "namespaceOverride": "dev"}
    assert one(line(stages)).stages[0].kind.value is StageKind.TEST


def test_a_canary_in_a_namespace_of_demonstrations_is_production() -> None:
    stages = {"type": "deployManifest", "name": "Canary: Deploy", "namespaceOverride": "demo"}
    assert one(line(stages)).stages[0].kind.value is StageKind.PROD


@pytest.mark.parametrize(
    ("names", "deploying"),
    [
        (("Deploy Canary", "Deploy Baseline"), [True, False]),
        (("Deploy Baseline",), [True]),
        (("Deploy", "Send 100% to old prod"), [True, False]),
        (("Deploy", "Roll back"), [True, False]),
        (("Deploy to older regions",), [True]),
    ],
)
def test_what_keeps_or_brings_back_the_version_before_is_no_release(
    names: tuple[str, ...], deploying: list[bool]
) -> None:
    stages = [{"type": "deployManifest", "name": name} for name in names]
    assert [bool(each.deploy) for each in one(line(*stages)).stages] == deploying


@pytest.mark.parametrize(
    ("name", "labels", "kind"),
    [
        ("shop-frontend-production", {}, StageKind.PROD),
        ("shop", {"env": "dev"}, StageKind.TEST),
        ("shop-canary", {}, StageKind.PROD),
        ("shop-demo", {}, None),
        ("test-shop", {}, None),
    ],
)
def test_a_workload_in_the_stage_says_where_it_stands(
    name: str, labels: dict[str, str], kind: StageKind | None
) -> None:
    manifest = {"kind": "Deployment", "metadata": {"name": name, "labels": labels}}
    stages = {"type": "deployManifest", "name": "Deploy (Manifest)", "manifests": [manifest]}
    found = one(line(stages)).stages[0].kind
    assert (found.value if found.known else None) is kind


def test_an_account_says_less_than_a_stack() -> None:
    clusters = [{"account": "prod", "stack": "prestaging"}]
    found = one(line({"type": "deploy", "name": "Deploy", "clusters": clusters}))
    assert found.stages[0].kind.value is StageKind.PREPROD


@pytest.mark.parametrize(
    ("wait", "seconds"), [("60", 60), (60, 60), (0, None), ("${ parameters.x }", "unknown")]
)
def test_waits(wait: Any, seconds: Any) -> None:
    prod = {"type": "deploy", "name": "Prod", "refId": "1"}
    rest = {"type": "wait", "refId": "2", "requisiteStageRefIds": ["1"], "waitTime": wait}
    bake = one(line(prod, rest)).stages[0].bake
    assert bake
    time = bake.time
    length = time.value.total_seconds() if time.known and time.value else None
    assert (length if time.known else "unknown") == seconds


def test_an_array_of_pipelines_and_a_dinghyfile() -> None:
    assert [each.name for each in read([line(), line(application="other")]).pipelines] == [
        "p",
        "other/p",
    ]
    rendered = {"application": "shop", "pipelines": [line()]}
    assert [each.name for each in read(rendered).pipelines] == ["p"]


def test_stages_alone_belong_to_a_pipeline_elsewhere() -> None:
    found = one([{"type": "deploy", "refId": "1", "name": "Prod"}])
    assert (found.name, found.complete.known) == ("spinnaker-shop", False)
    assert found.span.line == 1


def test_templates_of_spinnaker_itself() -> None:
    inner = {"stages": [{"type": "deploy", "refId": "1", "name": "Prod"}], "limitConcurrent": True}
    template = {"schema": "v2", "id": "t", "metadata": {"name": "roll out"}, "pipeline": inner}
    found = one(template)
    assert (found.name, [each.name for each in found.stages]) == ("roll out", ["Prod"])
    wrapped = {
        "appConfig": {},
        "pipeline": {"name": "p", "triggers": [], "stages": inner["stages"]},
    }
    assert [each.name for each in one(wrapped).stages] == ["Prod"]
    instance = {"schema": "v2", "application": "shop", "name": "p", "template": {"reference": "x"}}
    assert (one(instance).stages, one(instance).complete.known) == ((), False)


def test_what_another_pipeline_did_before_cannot_be_seen() -> None:
    after = one(line(triggers=[{"type": "pipeline", "enabled": True}]))
    assert after.complete.note == "the pipeline that triggers this one is not in this file"
    found = one(line({"type": "findImage", "refId": "1"}))
    assert (found.complete.known, found.complete.span.line) == (False, 1)
    assert one(line(triggers=[{"type": "pipeline", "enabled": False}])).complete.known


def test_runs_that_are_not_limited_do_not_wait() -> None:
    found = one(line({"type": "deploy", "name": "Prod"}))
    assert (found.stages[0].mutex.known, found.stages[0].mutex.value) == (True, None)
    assert found.stages[0].wave.note == "Spinnaker has no word for waves; say it in bakegate.yaml"


def test_without_a_trigger_nobody_says_what_starts_it() -> None:
    assert not one(line()).origin.start.known
    assert one(line(triggers=[{"type": "cron"}])).origin.start.value == ("schedule",)


def test_a_pipeline_of_a_template_is_not_whole() -> None:
    found = one(line(type="templatedPipeline", config={}))
    assert found.complete.note == "stages stand in the pipeline template that this one names"


@pytest.mark.parametrize(
    "data",
    [
        line(startTime=1),
        line(execution={}),
        [line(buildTime=1)],
        {"stages": [{"name": "x"}]},
        {"pipelines": []},
        {"application": "shop", "pipelines": {}},
    ],
)
def test_what_only_looks_like_a_pipeline(data: Any) -> None:
    assert read(data).format == ""


@pytest.mark.parametrize("name", ["{{ app }}-deploy", "{{ module }}"])
def test_a_template_of_another_tool_is_not_readable(name: str) -> None:
    found = read(line({"type": "deploy", "refId": "1", "name": name}))
    (problem,) = found.problems
    assert (problem.templated, found.pipelines) == (True, ())


@pytest.mark.parametrize(
    "stages",
    [
        [[], "x", {"type": [], "name": {}, "refId": 5}],
        [{"type": "deploy", "clusters": "x", "manifests": {}, "requisiteStageRefIds": "1"}],
        [{"type": "deploy", "refId": "1", "requisiteStageRefIds": ["1", "9", ["2"]]}],
        [{"type": "kayentaCanary", "canaryConfig": {"lifetimeDuration": "soon"}}],
        [{"type": "wait", "waitTime": {}}],
        [
            {
                "type": "deploy",
                "restrictExecutionDuringTimeWindow": True,
                "restrictedExecutionWindow": {"days": ["x", 9], "whitelist": [{"startHour": 99}]},
            }
        ],
    ],
)
def test_broken_stages_are_read_without_an_error(stages: Any) -> None:
    found = read({"application": "shop", "name": "p", "stages": stages})
    assert (found.format, found.problems) == ("spinnaker", ())


def test_a_long_chain_of_stages_is_read_in_time() -> None:
    kinds = ("deploy", "wait")
    stages = [
        {"type": kinds[n % 2], "refId": str(n), "requisiteStageRefIds": [str(n - 1)], "waitTime": 9}
        for n in range(4_000)
    ]
    found = one(line(*stages))
    assert len(found.stages) == 4_000
    assert found.stages[0].bake is not None
