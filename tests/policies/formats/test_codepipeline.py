"""AWS CodePipeline: what templates and the API say, and what stands on targets instead."""

import json
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from policies.facts import Provenance
from policies.findings import Span
from policies.formats import read_pipelines
from policies.guards import Queue
from policies.pipeline import OnAlarm, Pipeline, Stage, StageKind, StepKind
from policies.windows.model import Weekly, WeeklyHours

GOLDEN = Path(__file__).parents[2] / "golden" / "pipelines" / "shop.codepipeline.yaml"
PATH = "deploy/pipeline.yaml"


def one(text: bytes | str, path: str = PATH) -> Pipeline:
    found = read_pipelines(text if isinstance(text, bytes) else text.encode(), path)
    assert found.problems == ()
    assert found.format == "codepipeline"
    (pipeline,) = found.pipelines
    return pipeline


@pytest.fixture(scope="module")
def pipeline() -> Pipeline:
    return one(GOLDEN.read_bytes())


def stage(pipeline: Pipeline, name: str) -> Stage:
    found = pipeline.stage(name)
    assert found is not None
    return found


def deploy(pipeline: Pipeline, name: str) -> Any:
    found = stage(pipeline, name).deploy
    assert found is not None
    return found


def test_head(pipeline: Pipeline) -> None:
    assert (pipeline.name, pipeline.span) == ("shop-release", Span(PATH, 47, 13, 47, 25))
    assert pipeline.origin.repository.value == "example/shop"
    assert pipeline.origin.branches.value == ("main", "release/*")
    assert pipeline.origin.start.value == ("push",)
    assert pipeline.complete.value is True
    assert stage(pipeline, "Release").branches.value == ("main", "release/*")
    mutex = stage(pipeline, "Release").mutex.value
    assert mutex
    assert (mutex.queue, mutex.span.line) == (Queue.FIFO, 49)


def test_stages_in_order_those_under_a_condition_too(pipeline: Pipeline) -> None:
    needs = {each.name: each.needs for each in pipeline.stages}
    assert needs == {
        "Source": (),
        "Build": ("Source",),
        "UpdatePipeline": ("Build",),
        "Gamma": ("UpdatePipeline",),
        "Load": ("Gamma",),
        "Release": ("Load",),
        "Cells/Prod-East": ("Release",),
        "Cells/Prod-West": ("Cells/Prod-East",),
    }


def test_kinds_come_from_names_and_settings_but_not_from_defaults(pipeline: Pipeline) -> None:
    kinds = {each.name: each.kind.value for each in pipeline.stages if each.deploy}
    assert kinds == {
        "Gamma": StageKind.PREPROD,
        "Release": StageKind.PROD,
        "Cells/Prod-East": StageKind.PROD,
        "Cells/Prod-West": StageKind.PROD,
    }
    assert stage(pipeline, "Release").environment == "${ProdStackName}"
    assert stage(pipeline, "Release").kind.provenance is Provenance.INFERRED


def test_a_pipeline_that_updates_itself_deploys_nothing(pipeline: Pipeline) -> None:
    (step,) = stage(pipeline, "UpdatePipeline").steps
    assert (step.kind.value, step.kind.inferred) == (StepKind.OTHER, True)


def test_the_build_specification_of_a_project_in_the_template(pipeline: Pipeline) -> None:
    lint, unit, build = stage(pipeline, "Build").steps
    assert [each.kind.value for each in (lint, unit, build)] == [
        StepKind.LINT,
        StepKind.UNIT,
        StepKind.BUILD,
    ]
    assert (lint.soft.value, lint.name.span.line) == ("|| true", 23)
    assert (unit.soft.value, unit.name.span.line) == (None, 26)
    assert build.name.value == "Build"


def test_run_orders_decide_not_the_order_of_the_file(pipeline: Pipeline) -> None:
    create, execute, probe = stage(pipeline, "Gamma").steps
    assert (create.name.value, create.kind.value) == ("Create", StepKind.OTHER)
    assert (execute.kind.value, execute.kind.confidence) == (StepKind.DEPLOY, 1.0)
    assert (probe.kind.value, probe.kind.confidence) == (StepKind.INTEGRATION, 0.7)
    assert probe.kind.note == "what ProbeProject runs stands in probe/buildspec.yml"
    assert not probe.soft.known
    transition = stage(pipeline, "Gamma").transition
    assert (transition.value, transition.span.line) == ("manual", 55)


def test_a_typed_test_is_sure(pipeline: Pipeline) -> None:
    (peak,) = stage(pipeline, "Load").steps
    assert (peak.kind.value, peak.kind.confidence) == (StepKind.LOAD, 1.0)


def test_conditions_of_a_stage(pipeline: Pipeline) -> None:
    release = stage(pipeline, "Release")
    (window,) = release.windows
    assert (window.name, window.zone) == ("staffed", "Europe/Berlin")
    assert window.recurrence == Weekly((WeeklyHours(frozenset(range(4)), 32_400, 61_200),))
    (entry,) = release.analyses.value or ()
    assert (entry.name, entry.span.line) == ("shop-errors", 100)
    assert release.bake
    assert release.bake.time.value == timedelta(hours=1)
    assert release.bake.on_alarm.value is OnAlarm.ROLLBACK
    found = deploy(pipeline, "Release")
    assert found.rollback_on.value == {"failure", "alarm"}
    assert found.rollback_alarms.value == ("shop-errors",)
    assert found.deadline.value == timedelta(minutes=45)
    assert found.artifact.value.text == "Image"
    approvals = release.approvals
    assert (approvals.value is not None, approvals.span.line) == (True, 118)


def test_a_deployment_group_of_the_same_template(pipeline: Pipeline) -> None:
    east = deploy(pipeline, "Cells/Prod-East")
    assert east.rollback_on.value == {"failure", "alarm"}
    assert east.rollback_alarms.value == ("shop-errors", "${LatencyAlarm}")
    assert (east.strategy.value, east.exposures.value) == ("canary", (0.1, 1.0))
    assert east.strategy.span == Span(PATH, 36, 29, 36, 73)
    bake = stage(pipeline, "Cells/Prod-East").bake
    assert bake
    assert bake.time.value == timedelta(minutes=5)
    assert [each.region for each in stage(pipeline, "Cells/Prod-East").targets] == ["us-east-1"]


def test_a_deployment_group_that_is_only_named_is_set_elsewhere(pipeline: Pipeline) -> None:
    west = deploy(pipeline, "Cells/Prod-West")
    assert not west.rollback_on.known
    assert west.rollback_on.note == "alarms and rollback are set on west"
    assert west.rollback_on.provenance is Provenance.DECLARED
    names = [step.name.value for step in stage(pipeline, "Cells/Prod-West").steps]
    assert names == ["Prod-West", "SmokeTest"]


def resource(**properties: Any) -> str:
    body = {"Type": "AWS::CodePipeline::Pipeline", "Properties": properties}
    return json.dumps({"Resources": {"Line": body}}, indent=1)


def action(name: str, owned: str, order: int = 1, **configuration: Any) -> dict[str, Any]:
    category, _, provider = owned.partition("/")
    kind = {"Category": category, "Owner": "AWS", "Provider": provider, "Version": "1"}
    return {
        "Name": name,
        "ActionTypeId": kind,
        "RunOrder": order,
        "Configuration": configuration,
    }


def test_a_name_that_a_deployment_fills_in_is_not_the_pipelines_own() -> None:
    found = one(resource(Name={"Fn::Sub": "${Env}-line"}, Stages=[]), "infra/shop line.json")
    assert (found.name, found.span.line) == ("infra-shop-line", 3)


def test_two_pipelines_of_one_template_have_two_names() -> None:
    body = {"Type": "AWS::CodePipeline::Pipeline", "Properties": {"Stages": []}}
    found = read_pipelines(json.dumps({"Resources": {"A": body, "B": body}}).encode(), "p.json")
    assert [each.name for each in found.pipelines] == ["p-a", "p-b"]


def test_what_get_pipeline_prints() -> None:
    kind = {"category": "Deploy", "owner": "AWS", "provider": "ECS", "version": "1"}
    configuration = {"ClusterName": "prod", "ServiceName": "shop"}
    deploys = {"name": "Roll", "actionTypeId": kind, "configuration": configuration}
    stages = [{"name": "Out", "actions": [deploys]}]
    printed = {"pipeline": {"name": "shop", "stages": stages}, "metadata": {}}
    found = one(json.dumps(printed))
    assert (found.name, stage(found, "Out").kind.value) == ("shop", StageKind.PROD)
    assert deploy(found, "Out").rollback_on.note == "how shop is rolled back is set on it"


def test_an_ecs_service_of_the_same_template() -> None:
    service = {
        "Type": "AWS::ECS::Service",
        "Properties": {
            "ServiceName": "shop",
            "DeploymentConfiguration": {
                "MinimumHealthyPercent": 50,
                "MaximumPercent": "150",
                "DeploymentCircuitBreaker": {"Enable": True, "Rollback": True},
                "Alarms": {"Enable": True, "Rollback": True, "AlarmNames": ["errors"]},
                "BakeTimeInMinutes": 10,
            },
        },
    }
    template = json.loads(
        resource(
            Stages=[{"Name": "Prod", "Actions": [action("Roll", "Deploy/ECS", ServiceName="shop")]}]
        )
    )
    template["Resources"]["Service"] = service
    found = one(json.dumps(template))
    rolled = deploy(found, "Prod")
    assert rolled.rollback_on.value == {"failure", "alarm"}
    assert (rolled.max_unavailable.value, rolled.surge.value) == (0.5, 0.5)
    bake = stage(found, "Prod").bake
    assert bake
    assert (bake.time.value, bake.alarms.value) == (timedelta(minutes=10), ("errors",))


@pytest.mark.parametrize(
    ("name", "strategy", "exposures", "minutes"),
    [
        (
            "CodeDeployDefault.LambdaLinear25PercentEvery2Minutes",
            "linear",
            (0.25, 0.5, 0.75, 1.0),
            6,
        ),
        ("CodeDeployDefault.LambdaCanary10Percent15Minutes", "canary", (0.1, 1.0), 15),
        ("CodeDeployDefault.AllAtOnce", "recreate", None, None),
        ("CodeDeployDefault.HalfAtATime", "rolling", None, None),
        ("our-own", "rolling", None, None),
    ],
)
def test_names_of_configurations_hold_their_numbers(
    name: str, strategy: str, exposures: tuple[float, ...] | None, minutes: int | None
) -> None:
    group = {
        "Type": "AWS::CodeDeploy::DeploymentGroup",
        "Properties": {"DeploymentConfigName": name, "DeploymentGroupName": "g"},
    }
    stages = [
        {"Name": "Prod", "Actions": [action("Go", "Deploy/CodeDeploy", DeploymentGroupName="g")]}
    ]
    template = json.loads(resource(Stages=stages))
    template["Resources"]["Group"] = group
    found = one(json.dumps(template))
    assert deploy(found, "Prod").strategy.value == strategy
    assert deploy(found, "Prod").exposures.value == exposures
    bake = stage(found, "Prod").bake
    assert (bake.time.value if bake else None) == (timedelta(minutes=minutes) if minutes else None)


def test_an_approval_between_two_deployments_of_one_stage_splits_it() -> None:
    actions = [
        action("Green", "Deploy/CloudFormation", 1, ActionMode="CREATE_UPDATE"),
        action("Look", "Approval/Manual", 2),
        action("swap", "Invoke/Lambda", 3),
    ]
    found = one(resource(Stages=[{"Name": "Go", "Actions": actions}]))
    assert [each.name for each in found.stages] == ["Go/Green", "Go/swap"]
    assert found.stages[1].approvals.value is not None
    assert [step.name.value for step in found.stages[1].steps] == ["Look", "swap"]


def test_stages_that_only_a_deployment_knows_are_not_all_stages() -> None:
    found = one(resource(Stages=[{"Ref": "Extra"}, {"Name": "Prod", "Actions": []}]))
    assert not found.complete.known
    assert one(resource(Stages={"Fn::Transform": {"Name": "x"}})).complete.note == (
        "some stages or actions are filled in when the template is deployed"
    )


@pytest.mark.parametrize(
    "text",
    [
        '{"Resources": {"L": {"Type": "AWS::CodePipeline::Pipeline"}}}',
        '{"Resources": {"L": {"Type": "AWS::CodePipeline::Pipeline", "Properties": []}}}',
        resource(Stages=[[], "x", {"Name": [], "Actions": [{"Name": {}, "RunOrder": "no"}, []]}]),
        resource(Stages=[{"Name": "a", "Actions": {"Fn::If": ["c", [], []]}, "OnSuccess": []}]),
        resource(Stages=[{"Name": "a", "Actions": [{"ActionTypeId": "x", "Configuration": "y"}]}]),
        resource(Name={"Fn::Join": []}, Triggers=[{"GitConfiguration": {"Push": "x"}}], Stages=[]),
    ],
)
def test_broken_templates_are_read_without_an_error(text: str) -> None:
    found = read_pipelines(text.encode(), "x.json")
    assert (found.format, found.problems) == ("codepipeline", ())


@pytest.mark.parametrize("text", ["Resources: []", "Resources: {a: {Type: AWS::S3::Bucket}}"])
def test_templates_without_a_pipeline_are_none(text: str) -> None:
    assert read_pipelines(text.encode(), "x.yaml").format == ""


@pytest.mark.parametrize(
    "cron", ["0 0 9 1 * ? *", "nonsense", "0 0 25 ? * MON *", "0 0 9 ? * MON#1 *"]
)
def test_a_window_that_is_not_weekly_is_unknown(cron: str) -> None:
    rule = {
        "Name": "W",
        "RuleTypeId": {"Provider": "DeploymentWindow"},
        "Configuration": {"Cron": cron},
    }
    entry = {"Conditions": [{"Result": "FAIL", "Rules": [rule]}]}
    found = one(resource(Stages=[{"Name": "Prod", "BeforeEntry": entry, "Actions": []}]))
    assert (found.stages[0].windows, found.windows.known) == ((), False)


@pytest.mark.parametrize(
    ("rule", "start"),
    [
        ({"Targets": [{"Arn": {"Fn::Sub": "arn:aws:codepipeline:x:y:${Line}"}}]}, True),
        ({"Targets": [{"Arn": {"Fn::GetAtt": ["Worker", "Arn"]}}]}, False),
        ({"Targets": [{"Arn": {"Ref": "MyPipeline"}}], "State": "DISABLED"}, False),
    ],
)
def test_a_schedule_starts_the_pipeline_that_it_targets(
    rule: dict[str, Any], *, start: bool
) -> None:
    source = action("Code", "Source/CodeCommit", RepositoryName="shop", BranchName="main")
    source["Configuration"]["PollForSourceChanges"] = False
    template = json.loads(resource(Stages=[{"Name": "Source", "Actions": [source]}]))
    properties = {"ScheduleExpression": "rate(1 day)", **rule}
    template["Resources"]["Nightly"] = {"Type": "AWS::Events::Rule", "Properties": properties}
    found = one(json.dumps(template))
    assert found.origin.start.value == (("push", "schedule") if start else ("push",))
    assert found.origin.branches.value == ("main",)


@pytest.mark.parametrize(
    ("mode", "queue"),
    [("SUPERSEDED", Queue.LATEST), ("QUEUED", Queue.FIFO), ("PARALLEL", None), ("", Queue.LATEST)],
)
def test_execution_modes(mode: str, queue: Queue | None) -> None:
    properties = {"ExecutionMode": mode} if mode else {}
    found = one(resource(Stages=[{"Name": "Prod", "Actions": []}], **properties))
    mutex = found.stages[0].mutex
    assert mutex.known
    assert (mutex.value.queue if mutex.value else None) is queue


@pytest.mark.parametrize(
    ("names", "kind"),
    [
        (["Source", "DeployStage"], None),
        (["SourceStage", "Deploy_Stage", "Build_Stage"], None),
        (["Stage2Deploy"], None),
        (["DeployToStage"], StageKind.PREPROD),
        (["Deploy-Stage"], StageKind.PREPROD),
        (["Production_Stage", "Source_Stage"], StageKind.PROD),
    ],
)
def test_the_tools_own_word_names_no_environment(names: list[str], kind: StageKind | None) -> None:
    actions = [action("Go", "Deploy/S3", BucketName="site")]
    found = one(resource(Stages=[{"Name": name, "Actions": actions} for name in names]))
    deployed = next(each for each in found.stages if "eploy" in each.name or "Prod" in each.name)
    assert (deployed.kind.value if deployed.kind.known else None) is kind


def test_a_blue_green_group_that_waits_for_a_person() -> None:
    group = {
        "Type": "AWS::CodeDeploy::DeploymentGroup",
        "Properties": {
            "DeploymentGroupName": "g",
            "DeploymentStyle": {"DeploymentType": "BLUE_GREEN"},
            "AlarmConfiguration": {"Alarms": [{"Name": "errors"}]},
            "BlueGreenDeploymentConfiguration": {
                "DeploymentReadyOption": {"ActionOnTimeout": "STOP_DEPLOYMENT"},
                "TerminateBlueInstancesOnDeploymentSuccess": {"TerminationWaitTimeInMinutes": 30},
            },
        },
    }
    actions = [action("Go", "Deploy/CodeDeploy", DeploymentGroupName="g")]
    template = json.loads(resource(Stages=[{"Name": "Prod", "Actions": actions}]))
    template["Resources"]["Group"] = group
    prod = stage(one(json.dumps(template)), "Prod")
    assert (prod.approvals.value is not None, prod.transition.value) == (True, "manual")
    assert prod.bake
    assert (prod.bake.time.value, prod.bake.alarms.value) == (timedelta(minutes=30), ("errors",))
