"""Where a file points elsewhere the answer of an inspection is ``unknown``, not a guess."""

from typing import Any

from policies.formats import read_pipelines
from policies.inspect import inspect


def answers(text: str, path: str = "f.yml") -> dict[str, Any]:
    (found,) = inspect(read_pipelines(text.encode(), path))["pipelines"]
    return {**found, **found["tests_before_production"]}


SHIP = """\
on: push
jobs:
  gate:
    environment: production
    steps: [{run: echo go}]
  ship:
    needs: gate
    steps:
      - {uses: ./.github/actions/%s}
      - {name: Deploy to production, uses: ./.github/actions/deploy-application}
      - {run: %s}
"""


def test_words_of_slots_hint_at_a_swap_that_is_not_seen() -> None:
    hinted = answers(SHIP % ("wait-for-slot-commit", "echo done"))
    assert hinted["progressive_exposure"] == {"value": "unknown", "line": 9}
    assert answers(SHIP % ("wait-for-commit", "echo done"))["progressive_exposure"]["value"] == "no"


def test_a_script_that_knows_of_rollbacks_hints_at_one() -> None:
    for words in ("ECS rolled back; exit 1", "likely due to a rollback"):
        hinted = answers(SHIP % ("wait", f"echo {words}"))
        assert hinted["automatic_rollback"] == {"value": "unknown", "line": 11}
    plain = answers(SHIP % ("wait", "echo scroll back"))
    assert plain["automatic_rollback"] == {"value": "no", "line": None}


def test_an_environment_in_front_of_a_deployment_may_ask_for_approval() -> None:
    asked = answers(SHIP % ("wait", "echo done"))
    assert asked["approval_before_production"] == {"value": "unknown", "line": 4}
    free = answers((SHIP % ("wait", "echo done")).replace("    environment: production\n", ""))
    assert free["approval_before_production"] == {"value": "no", "line": None}


def test_what_a_test_environment_waits_for_is_production_where_each_run_chooses() -> None:
    text = (
        "on: workflow_dispatch\njobs:\n"
        "  ship: {environment: '${{ inputs.where }}', steps: [{run: kubectl apply -f x}]}\n"
        "  seed-dev: {needs: ship, steps: [{run: kubectl apply -f dev.yml}]}\n"
    )
    assert answers(text)["approval_before_production"] == {"value": "unknown", "line": 3}
    free = answers(text.replace("environment: '${{ inputs.where }}', ", ""))
    assert free["approval_before_production"]["value"] == "no"


def test_a_tool_that_is_only_installed_is_not_used_by_the_file() -> None:
    job = "production:\n  stage: deploy\n  environment: production\n  script:\n"
    install = "    - cf install-plugin blue-green-deploy -r CF-Community -f\n"
    hidden = answers(f"{job}{install}    - ./bin/deploy\n", ".gitlab-ci.yml")
    assert hidden["progressive_exposure"] == {"value": "unknown", "line": 5}
    used = answers(f"{job}{install}    - cf blue-green-deploy shop\n", ".gitlab-ci.yml")
    assert used["progressive_exposure"] == {"value": "yes", "line": 1}


def test_what_a_code_quality_template_runs_is_configured_elsewhere() -> None:
    text = (
        "include: [{template: Code-Quality.gitlab-ci.yml}]\nship: {stage: deploy, script: [%s]}\n"
    )
    text %= "kubectl apply -f production.yaml"
    assert answers(text, ".gitlab-ci.yml")["lint"] == {"value": "unknown", "line": 1}


def test_the_build_of_another_repository_may_lint_and_a_chart_is_no_code() -> None:
    called = "uses: acme/ci/.github/workflows"
    build = f"on: push\njobs:\n  build: {{{called}/node_build.yml@v1}}\n"
    assert answers(build)["lint"] == {"value": "unknown", "line": 3}
    assert answers(build.replace("acme/ci", "."))["lint"]["value"] == "no"
    chart = f"on: push\njobs:\n  helm_lint: {{{called}/test_helm_lint.yml@v1}}\n"
    assert {answers(chart)[each]["value"] for each in ("unit", "lint")} == {"unknown"}
