"""The inspect message: what a file says of itself, valid by its own schema."""

import json
from pathlib import Path
from typing import Any

from jsonschema import Draft202012Validator

from policies.documents import schema_text
from policies.formats import read_pipelines
from policies.inspect import inspect

GOLDEN = Path(__file__).parents[1] / "golden" / "pipelines"


def message(text: bytes) -> dict[str, Any]:
    found = inspect(read_pipelines(text, "f.yml"))
    Draft202012Validator(json.loads(schema_text("inspect"))).validate(found)
    return found


def test_a_workflow() -> None:
    (found,) = message((GOLDEN / "shop.workflow.yml").read_bytes())["pipelines"]
    assert found["deploys"] == [
        {"stage": "stage-it", "environment": "staging", "kind": "preprod", "line": 18},
        {"stage": "deploy-prod", "environment": "production", "kind": "prod", "line": 31},
        {"stage": "anywhere", "environment": "${{ inputs.where }}", "kind": "unknown", "line": 44},
    ]
    assert found["tests_before_production"] == {
        "unit": {"value": "yes", "line": 11},
        "integration": {"value": "yes", "line": 15},
        "load": {"value": "yes", "line": 28},
        "security": {"value": "no", "line": None},
        "lint": {"value": "yes", "line": 13},
        "canary": {"value": "no", "line": None},
    }
    assert found["approval_before_production"] == {"value": "unknown", "line": 36}
    assert found["alarm_gating"] == {"value": "no", "line": None}
    assert found["time_window"] == {"value": "no", "line": None}
    assert found["automatic_rollback"] == {"value": "yes", "line": 41}
    assert found["progressive_exposure"] == {"value": "no", "line": None}
    assert found["bake"] == [{"stage": "deploy-prod", "seconds": 600, "line": 40}]


def test_a_bakegate_pipeline() -> None:
    (found,) = message((GOLDEN / "every-key.yaml").read_bytes())["pipelines"]
    answers = {key: value["value"] for key, value in found["tests_before_production"].items()}
    assert answers == {
        "unit": "yes",
        "integration": "yes",
        "load": "yes",
        "security": "no",
        "lint": "no",
        "canary": "yes",
    }
    for key in (
        "approval_before_production",
        "alarm_gating",
        "time_window",
        "automatic_rollback",
        "progressive_exposure",
    ):
        assert found[key]["value"] == "yes"
    assert [each["seconds"] for each in found["bake"]] == [3600, 43_200]


def test_a_file_that_cannot_be_read() -> None:
    assert message(b"a: b: c") == {
        "type": "bakegate.inspect/v1",
        "path": "f.yml",
        "pipelines": [],
        "problems": [
            {
                "path": "f.yml",
                "line": 1,
                "column": 5,
                "message": "mapping values are not allowed in this context; "
                "quote the value that contains ': '",
                "templated": False,
            }
        ],
    }


def test_a_called_workflow_hides_common_tests_only() -> None:
    text = b"on: push\njobs:\n  thing: {uses: a/b/.github/workflows/c.yml@v1}\n"
    (found,) = message(text)["pipelines"]
    answers = {key: value["value"] for key, value in found["tests_before_production"].items()}
    assert answers["unit"] == answers["integration"] == answers["lint"] == "unknown"
    assert answers["load"] == answers["security"] == "no"


def test_a_template_of_codepipeline() -> None:
    (found,) = message((GOLDEN / "shop.codepipeline.yaml").read_bytes())["pipelines"]
    assert found["deploys"] == [
        {"stage": "Gamma", "environment": "Gamma", "kind": "preprod", "line": 72},
        {"stage": "Release", "environment": "${ProdStackName}", "kind": "prod", "line": 92},
        {"stage": "Cells/Prod-East", "environment": "Prod-East", "kind": "prod", "line": 122},
        {"stage": "Cells/Prod-West", "environment": "Prod-West", "kind": "prod", "line": 126},
    ]
    assert found["tests_before_production"] == {
        "unit": {"value": "yes", "line": 26},
        "integration": {"value": "yes", "line": 74},
        "load": {"value": "yes", "line": 89},
        "security": {"value": "no", "line": None},
        "lint": {"value": "yes", "line": 23},
        "canary": {"value": "yes", "line": 36},
    }
    assert found["approval_before_production"] == {"value": "yes", "line": 118}
    assert found["alarm_gating"] == {"value": "yes", "line": 107}
    assert found["time_window"] == {"value": "yes", "line": 97}
    assert found["automatic_rollback"]["value"] == "yes"
    assert found["bake"] == [
        {"stage": "Release", "seconds": 3600, "line": 107},
        {"stage": "Cells/Prod-East", "seconds": 300, "line": 36},
    ]


def template(action: str) -> bytes:
    return f"""Resources:
  Line:
    Type: AWS::CodePipeline::Pipeline
    Properties:
      Stages: [{{Name: Prod, Actions: [{{Name: Go, {action}}}]}}]
""".encode()


def test_what_the_file_points_to_is_unknown_and_what_it_cannot_hold_is_no() -> None:
    stack = "ActionTypeId: {Category: Deploy, Provider: CloudFormation}"
    (found,) = message(template(stack))["pipelines"]
    assert found["automatic_rollback"] == {"value": "unknown", "line": 5}
    assert (found["alarm_gating"]["value"], found["progressive_exposure"]["value"]) == ("no", "no")
    group = "ActionTypeId: {Category: Deploy, Provider: CodeDeploy}"
    (found,) = message(template(group))["pipelines"]
    assert found["alarm_gating"] == {"value": "unknown", "line": 5}
    assert found["progressive_exposure"] == {"value": "unknown", "line": 5}
    assert found["tests_before_production"]["canary"] == {"value": "no", "line": None}
    files = "ActionTypeId: {Category: Deploy, Provider: S3}"
    (found,) = message(template(files))["pipelines"]
    assert found["automatic_rollback"] == {"value": "no", "line": None}


def test_a_pipeline_of_spinnaker() -> None:
    (found,) = message((GOLDEN / "shop.spinnaker.json").read_bytes())["pipelines"]
    assert [(each["stage"], each["kind"]) for each in found["deploys"]] == [
        ("Staging", "preprod"),
        ("Canary", "prod"),
        ("Prod", "prod"),
    ]
    tests = found["tests_before_production"]
    assert tests["unit"] == {"value": "unknown", "line": 18}
    assert tests["integration"] == {"value": "yes", "line": 48}
    assert (tests["lint"]["value"], tests["load"]["value"]) == ("no", "no")
    assert tests["canary"]["value"] == "yes"
    assert found["approval_before_production"] == {"value": "yes", "line": 55}
    assert found["alarm_gating"] == {"value": "yes", "line": 83}
    assert found["time_window"] == {"value": "yes", "line": 74}
    assert found["automatic_rollback"] == {"value": "yes", "line": 69}
    assert found["bake"] == [
        {"stage": "Judge", "seconds": 9000, "line": 86},
        {"stage": "Settle", "seconds": 600, "line": 95},
    ]


RED_BLACK = """{"application": "a", "name": "p", "stages": [
  {"type": "deploy", "name": "Prod", "clusters": [{"strategy": "redblack"}]},
  {"type": "wait", "name": "a little", "waitTime": 60}, {"type": "wait", "waitTime": 90}]}"""


def test_red_black_replaces_everything_at_once() -> None:
    (found,) = message(RED_BLACK.encode())["pipelines"]
    assert found["progressive_exposure"] == {"value": "no", "line": None}
    assert found["tests_before_production"]["canary"] == {"value": "no", "line": None}


ROLLOUT = """apiVersion: argoproj.io/v1alpha1
kind: Rollout
metadata: {name: shop-canary, namespace: shop}
spec:
  strategy:
"""


def test_a_rollout_says_what_its_strategy_does() -> None:
    rolling = message(f"{ROLLOUT}    canary: {{}}\n".encode())["pipelines"][0]
    assert rolling["progressive_exposure"] == {"value": "no", "line": None}
    colours = "    blueGreen: {prePromotionAnalysis: {templates: [{templateName: smoke}]}}\n"
    (found,) = message(f"{ROLLOUT}{colours}".encode())["pipelines"]
    assert found["progressive_exposure"] == {"value": "yes", "line": 3}
    assert found["tests_before_production"]["canary"] == {"value": "no", "line": None}
    assert (found["alarm_gating"]["value"], found["automatic_rollback"]["value"]) == ("yes", "yes")
    assert found["tests_before_production"]["unit"] == {"value": "no", "line": None}


def test_a_gitlab_pipeline() -> None:
    text = (GOLDEN / "shop.gitlab-ci.yml").read_bytes()
    found = inspect(read_pipelines(text, ".gitlab-ci.yml"))
    Draft202012Validator(json.loads(schema_text("inspect"))).validate(found)
    (pipeline,) = found["pipelines"]
    assert pipeline["deploys"] == [
        {"stage": "stage it", "environment": "staging", "kind": "preprod", "line": 61},
        {"stage": "ship it", "environment": "production/eu", "kind": "prod", "line": 76},
    ]
    answers = {key: each["value"] for key, each in pipeline["tests_before_production"].items()}
    assert answers == {
        "unit": "yes",
        "integration": "yes",
        "load": "no",
        "security": "no",
        "lint": "no",
        "canary": "no",
    }
    assert pipeline["approval_before_production"] == {"value": "yes", "line": 87}
    assert pipeline["automatic_rollback"] == {"value": "yes", "line": 25}
    assert pipeline["bake"] == [{"stage": "stage it", "seconds": 5400, "line": 73}]


def test_an_azure_pipeline() -> None:
    text = (GOLDEN / "shop.azure-pipelines.yml").read_bytes()
    found = inspect(read_pipelines(text, "azure-pipelines.yml"))
    Draft202012Validator(json.loads(schema_text("inspect"))).validate(found)
    (pipeline,) = found["pipelines"]
    assert [(each["stage"], each["kind"]) for each in pipeline["deploys"]] == [
        ("Staging/Ship", "preprod"),
        ("Production/Ship", "prod"),
    ]
    assert pipeline["approval_before_production"]["value"] == "yes"
    assert pipeline["progressive_exposure"]["value"] == "yes"
    assert pipeline["automatic_rollback"]["value"] == "yes"
    assert [each["seconds"] for each in pipeline["bake"]] == [5400]


def test_the_same_deployment_of_place_after_place_is_progressive() -> None:
    text = "stages: [deploy]\n.deploy: {stage: deploy, script: [./deploy.sh $WHERE]}\n"
    for name, needs in (("eu", "[]"), ("us", "[deploy-prod-eu]")):
        text += f"deploy-prod-{name}: {{extends: .deploy, needs: {needs}}}\n"
    found = inspect(read_pipelines(text.encode(), ".gitlab-ci.yml"))["pipelines"][0]
    assert found["progressive_exposure"] == {"value": "yes", "line": 3}
    beside = text.replace("[deploy-prod-eu]", "[]")
    apart = inspect(read_pipelines(beside.encode(), ".gitlab-ci.yml"))["pipelines"][0]
    assert apart["progressive_exposure"]["value"] == "no"


def test_a_switch_that_asks_for_telemetry_is_a_gate_and_one_that_does_not_is_none() -> None:
    answers = [
        inspect(read_pipelines(text.encode(), ".gitlab-ci.yml"))["pipelines"][0]["alarm_gating"]
        for text in (
            "deploy-prod: {script: [./deploy.sh --check-telemetry-errors]}\n",
            "deploy-prod: {script: [./deploy.sh --no-check-telemetry-errors]}\n",
            "deploy-prod: {script: [./deploy.sh, datadog-ci junit upload x]}\n",
        )
    ]
    assert [each["value"] for each in answers] == ["yes", "no", "no"]
