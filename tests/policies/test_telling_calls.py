"""What the names and inputs of templates and workflows that are called elsewhere tell."""

import pytest

from tests.policies.answers import kinds, told

WORKFLOW = ".github/workflows/a.yml"
AZURE = "azure-pipelines.yml"


WRAPPED = """
extends:
  template: azure/common/api-deployment.yml@common
  parameters:
    api_deployments:
      - environment: internal-dev
        post_deploy: [{template: templates/api-tests-dev.yml}]
      - environment: int
        depends_on: [internal_dev]
      - environment: prod
        depends_on: [internal_dev]
"""


def test_a_wrapper_tests_what_it_deployed_before_what_waits_for_it() -> None:
    found = told(WRAPPED, AZURE)
    assert [each["kind"] for each in found["deploys"]] == ["test", "test", "prod"]
    assert found["tests_before_production"]["integration"]["value"] == "yes"
    apart = told(WRAPPED.replace("depends_on: [internal_dev]", "depends_on: []"), AZURE)
    assert apart["tests_before_production"]["integration"]["value"] == "no"


def test_the_folder_of_a_template_of_a_plain_name_says_what_it_does() -> None:
    text = (
        "stages:\n- template: templates/terraform-plan-apply/%s@shared\n"
        "  parameters: {ENVIRONMENT: uat}\n"
    )
    assert kinds(text % "template.yaml", AZURE) == {"terraform-plan-apply": "preprod"}
    assert kinds(text % "checks.yaml", AZURE) == {}


@pytest.mark.parametrize(
    ("given", "found"),
    [
        ("terraform_apply: true, terraform_workspace: production", {"infra": "prod"}),
        ("terraform_apply: false, terraform_workspace: production", {}),
        ("terraform_apply: true, workspace: '${{ github.ref }}'", {"infra": "unknown"}),
    ],
)
def test_a_called_workflow_deploys_where_it_is_told_to_apply(
    given: str, found: dict[str, str]
) -> None:
    uses = "uses: o/r/.github/workflows/build-infrastructure.yml@v1"
    text = f"on: push\njobs:\n  infra:\n    {uses}\n    with: {{{given}}}\n"
    assert kinds(text, WORKFLOW) == found


def test_the_file_of_a_template_of_a_stage_names_no_environment() -> None:
    steps = "strategy: {runOnce: {deploy: {steps: [{script: kubectl apply -f x}]}}}"
    text = f"stages:\n- stage: x\n  jobs: [{{deployment: up, {steps}}}]\n"
    assert kinds(text, "pipelines/deploy-stage.yml") == {"x/up": "unknown"}
    assert kinds(text, "pipelines/deploy-staging.yml") == {"x/up": "preprod"}


TEMPLATE = "apiVersion: argoproj.io/v1alpha1\nkind: AnalysisTemplate\nmetadata: {name: errors}\n"


def test_templates_alone_release_nothing_and_may_gate_what_names_them() -> None:
    found = told(TEMPLATE, "analysis.yaml")
    assert (found["name"], found["deploys"]) == ("errors", [])
    assert found["alarm_gating"] == found["automatic_rollback"] == {"value": "unknown", "line": 2}
    assert found["time_window"]["value"] == "no"
    rollout = "---\napiVersion: argoproj.io/v1alpha1\nkind: Rollout\nmetadata: {name: shop}\n"
    assert told(TEMPLATE + rollout, "rollout.yaml")["name"] == "shop"


def test_variables_of_a_workflow_name_what_belongs_to_one_environment() -> None:
    text = "on: push\nenv: {%s}\njobs: {ship: {steps: [{run: kubectl apply -f x}]}}\n"
    assert kinds(text % "AZURE_RESOURCE_GROUP: rg-shop-prod", WORKFLOW) == {"ship": "prod"}
    assert kinds(text % "IMAGE: shop-prod", WORKFLOW) == {"ship": "unknown"}
