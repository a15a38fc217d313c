"""What words of names, titles and inputs tell of a pipeline, and what they only seem to tell."""

import pytest

from policies.formats import read_pipelines
from tests.policies.answers import kinds, told

WORKFLOW = ".github/workflows/a.yml"
APPLY = "steps: [{run: kubectl apply -f x}]"


@pytest.mark.parametrize(
    ("title", "name", "job", "kind"),
    [
        ("CI/CD", "a.yml", "ship", "unknown"),
        ("CI", "ci.yml", "ship", "unknown"),
        ("CI/CD", "prod-ci-cd.yml", "ship", "prod"),
        ("Build, test and deploy", "a.yml", "ship", "unknown"),
        ("x", "a.yml", "build-test-deploy", "unknown"),
        ("x", "a.yml", "deploy-test", "test"),
        ("x", "a.yml", "deploy-stage", "preprod"),
        ("x", "a.yml", "deploy-stage-2", "unknown"),
    ],
)
def test_words_of_what_is_done_name_no_environment(
    title: str, name: str, job: str, kind: str
) -> None:
    text = f"name: {title}\non: push\njobs:\n  {job}:\n    {APPLY}\n"
    assert kinds(text, f".github/workflows/{name}") == {job: kind}


def test_a_job_that_only_starts_a_scan_deploys_nothing() -> None:
    text = (
        "on: push\njobs:\n"
        "  trigger-action-on-deploy-production: {steps: [{run: gh workflow run scan.yml}]}\n"
        "  ship-prod: {steps: [{run: gh workflow run deploy.yml -f env=prod}]}\n"
    )
    assert kinds(text, WORKFLOW) == {"ship-prod": "prod"}


def test_a_record_of_a_deployment_is_none() -> None:
    text = "on: push\njobs:\n  note-prod: {steps: [{uses: chrnorm/deployment-status@v2}]}\n"
    assert kinds(text, WORKFLOW) == {}


@pytest.mark.parametrize("key", ["command", "inlineScript"])
def test_an_action_that_runs_a_script_does_what_the_script_does(key: str) -> None:
    text = (
        "on: push\njobs:\n  x-prod:\n    steps:\n"
        f"      - uses: o/retry@v3\n        with: {{{key}: terraform apply -auto-approve}}\n"
    )
    assert kinds(text, WORKFLOW) == {"x-prod": "prod"}


def test_a_job_that_runs_unless_something_failed_waits_for_tests() -> None:
    text = (
        "on: push\njobs:\n  unit: {steps: [{run: pytest}]}\n  ship-prod:\n    needs: unit\n"
        f"    if: (always() && !cancelled() && !failure())\n    {APPLY}\n"
    )
    assert told(text, WORKFLOW)["tests_before_production"]["unit"]["value"] == "yes"
    whatever = text.replace(" && !failure()", "")
    assert told(whatever, WORKFLOW)["tests_before_production"]["unit"]["value"] == "no"


def test_a_matrix_of_environments_is_a_deployment_to_each() -> None:
    text = (
        "on: push\njobs:\n  deploy_to_test_envs:\n"
        "    strategy: {matrix: {env: [dev, mock, preprod]}}\n"
        "    steps: [{run: 'helm upgrade x -f ${{ matrix.env }}.yaml'}]\n"
    )
    assert list(kinds(text, WORKFLOW).values()) == ["test", "test", "preprod"]


def test_traffic_that_is_shifted_in_shares_reaches_customers_in_parts() -> None:
    text = (
        "on: push\njobs:\n  deploy-production:\n    steps:\n"
        "      - uses: o/aws-lambda-traffic-shifting-action@v1\n"
    )
    assert told(text, WORKFLOW)["progressive_exposure"]["value"] == "yes"


@pytest.mark.parametrize(
    ("name", "run", "answer"),
    [
        ("test the cli connection", "dbfs ls", "no"),
        ("", "pip install pytest", "no"),
        ("Run tests", "./x", "yes"),
        ("", "python manage.py test", "yes"),
    ],
)
def test_installing_or_trying_a_tool_is_no_unit_test(name: str, run: str, answer: str) -> None:
    text = (
        f"on: push\njobs:\n  a: {{steps: [{{name: '{name}', run: '{run}'}}]}}\n"
        f"  ship-prod: {{needs: a, {APPLY}}}\n"
    )
    assert told(text, WORKFLOW)["tests_before_production"]["unit"]["value"] == answer


GITLAB = """
stages: [build, deploy]
build: {stage: build, script: [docker build .]}
deploy:
  stage: deploy
  variables: {CLUSTER_NAME: container-demo}
  script: [aws ecs update-service --cluster x]
"""


def test_a_gitlab_file_whose_jobs_fill_its_stages_is_a_pipeline() -> None:
    found = told(GITLAB, "original-gitlab-ci.yml")
    assert found["tests_before_production"]["unit"]["value"] == "no"
    assert [each["kind"] for each in found["deploys"]] == ["unknown"]
    fragment = GITLAB.replace("stages: [build, deploy]\n", "")
    unit = told(fragment, "original-gitlab-ci.yml")["tests_before_production"]["unit"]
    assert unit["value"] == "unknown"


def test_an_environment_of_each_branch_is_for_tests() -> None:
    text = (
        "docs:\n  script: [./deploy.sh]\n"
        "  environment: {name: docs/$CI_COMMIT_REF_SLUG, auto_stop_in: 1 week}\n"
    )
    assert kinds(text, ".gitlab-ci.yml") == {"docs": "test"}


def test_a_job_whose_base_is_not_in_sight_is_what_it_is_called() -> None:
    text = (
        "include: {project: a/b, file: x.yml}\n"
        "Unit-test: {stage: test, extends: .away}\nsome:test: {extends: .away}\n"
        "ship: {stage: deploy, script: [kubectl apply -f x], environment: production}\n"
    )
    found = told(text, ".gitlab-ci.yml")
    assert found["tests_before_production"]["unit"]["value"] == "yes"
    hidden = told(text.replace("Unit-test", "checks"), ".gitlab-ci.yml")
    assert hidden["tests_before_production"]["unit"]["value"] == "unknown"


AZURE = """
extends:
  template: stages/wrapper_cd.yml@templates
  parameters:
    environments: [{name: Dev}, {name: Test, dependsOn: [Dev]}, {name: Prod, dependsOn: [Test]}]
"""


def test_a_wrapper_of_another_repository_deploys_to_the_environments_it_is_given() -> None:
    found = told(AZURE, "azure-pipelines.yml")
    assert [each["kind"] for each in found["deploys"]] == ["test", "test", "prod"]
    assert found["tests_before_production"]["unit"]["value"] == "unknown"
    looks = AZURE.replace("wrapper_cd", "terraform_plan")
    assert kinds(looks, "azure-pipelines.yml") == {}


def test_a_key_vault_says_nothing_of_where_a_job_deploys() -> None:
    text = (
        "jobs:\n- deployment: ship\n  environment: ${{ parameters.where }}\n"
        "  strategy: {runOnce: {deploy: {steps: [\n"
        "    {task: AzureKeyVault@2, inputs: {azureSubscription: prd-sc}},\n"
        "    {script: kubectl apply -f x}]}}}\n"
    )
    assert kinds(text, "azure-pipelines.yml") == {"ship": "unknown"}


ROLLOUT = """
apiVersion: argoproj.io/v1alpha1
kind: Rollout
metadata: {name: shop, namespace: canary-demo}
spec:
  strategy:
    canary:
      steps:
      - experiment: {templates: [{name: a, specRef: canary}], analyses: [
          {name: load-test, templateName: http-benchmark}]}
      - setWeight: 20
"""


def test_an_experiment_in_front_of_customers_may_be_a_load_test() -> None:
    found = told(ROLLOUT, "rollout.yaml")
    assert found["tests_before_production"]["load"]["value"] == "yes"
    assert [each["kind"] for each in found["deploys"]] == ["unknown"]
    late = ROLLOUT.replace("- setWeight: 20\n", "")
    late = late.replace("      - experiment", "      - setWeight: 20\n      - experiment")
    assert told(late, "rollout.yaml")["tests_before_production"]["load"]["value"] == "no"


def test_a_rollback_that_waits_for_a_deployment_and_its_failure_turns_it_back() -> None:
    text = (
        f"on: push\njobs:\n  ship-prod: {{{APPLY}}}\n  undo-it:\n    needs: ship-prod\n"
        "    if: failure()\n    steps: [{name: Rollback, run: ./swap.sh}]\n"
    )
    assert told(text, WORKFLOW)["automatic_rollback"]["value"] == "yes"


def test_two_target_groups_of_two_colours_are_blue_green() -> None:
    text = (
        "on: push\njobs:\n  ship-prod:\n    steps:\n      - run: |\n"
        "          if [ $NOW = $TG_BLUE ]; then NEXT=$TG_GREEN; fi\n"
        "          aws elbv2 modify-listener --target $NEXT\n"
    )
    assert told(text, WORKFLOW)["progressive_exposure"]["value"] == "yes"


@pytest.mark.parametrize(
    ("name", "run", "kind"),
    [
        ("Run Specs", "docker run --rm x bundle exec rspec", "unit"),
        ("Run Integration Tests", "docker run --rm x ./all", "integration"),
        ("", "docker run --rm x rubocop", "lint"),
        ("", "docker run -t owasp/zap2docker-stable zap.sh", "security"),
    ],
)
def test_what_a_container_runs_counts(name: str, run: str, kind: str) -> None:
    text = (
        f"on: push\njobs:\n  a: {{steps: [{{name: '{name}', run: '{run}'}}]}}\n"
        f"  ship-prod: {{needs: a, {APPLY}}}\n"
    )
    tests = told(text, WORKFLOW)["tests_before_production"]
    assert [each for each, fact in tests.items() if fact["value"] == "yes"] == [kind]


def test_a_job_that_deploys_to_several_places_reaches_customers() -> None:
    text = f"name: Deploy app to dev and prod\non: push\njobs:\n  deploy: {{{APPLY}}}\n"
    assert kinds(text, WORKFLOW) == {"deploy": "prod"}


def test_the_last_part_of_an_environment_says_most() -> None:
    text = "ship: {script: [./deploy.sh], environment: review/acc}\n"
    assert kinds(text, ".gitlab-ci.yml") == {"ship": "preprod"}


def test_publishing_deploys_where_an_environment_has_a_tier() -> None:
    text = (
        "publish:\n  script: [docker push x]\n"
        "  environment: {name: hub, deployment_tier: production}\n"
    )
    assert kinds(text, ".gitlab-ci.yml") == {"publish": "prod"}
    assert kinds(text.replace(", deployment_tier: production", ""), ".gitlab-ci.yml") == {}


STAGE = """
stages:
- stage: terraform_deploy_stage
  jobs:
  - job: init_and_plan
    steps: [{template: tf.yaml@away}]
  - deployment: apply
    strategy: {runOnce: {deploy: {steps: [{script: terraform apply}]}}}
- stage: smoke_stage
  jobs: [{job: x, steps: [{template: run-post-deployment-tests.yaml@away}]}]
"""


def test_stages_of_azure_that_end_with_the_word_stage() -> None:
    assert kinds(STAGE, "azure-pipelines.yml") == {"terraform_deploy_stage/apply": "unknown"}


def test_parameters_of_a_template_that_name_what_it_deploys() -> None:
    text = "stages: [{template: deploy.yml, parameters: {resourceGroupName: shop-dev-rg}}]\n"
    assert kinds(text, "azure-pipelines.yml") == {"deploy": "test"}


def complete(text: str, path: str) -> object:
    (pipeline,) = read_pipelines(text.encode(), path).pipelines
    return pipeline.complete.value


def test_what_starts_after_another_pipeline_is_not_the_whole() -> None:
    text = f"on: {{workflow_run: {{workflows: [Build]}}}}\njobs:\n  ship-prod: {{{APPLY}}}\n"
    assert complete(text, WORKFLOW) is not True
    # Of the file alone it is still true that it tests nothing.
    assert told(text, WORKFLOW)["tests_before_production"]["unit"]["value"] == "no"
    azure = "resources: {pipelines: [{pipeline: ci, source: ci}]}\nsteps: [{script: ./deploy}]\n"
    assert complete(azure, "azure-pipelines.yml") is not True


def softness(run: str) -> object:
    text = f"on: push\njobs:\n  a:\n    steps:\n      - run: |\n          {run}\n"
    (pipeline,) = read_pipelines(text.encode(), WORKFLOW).pipelines
    return pipeline.stages[0].steps[0].soft.value


def test_an_answer_that_a_script_keeps_lets_nothing_pass() -> None:
    assert softness("FOUND=$(npm audit --json 2>/dev/null || true)") is None
    assert softness("npm audit || true") == "|| true"


@pytest.mark.parametrize(
    ("run", "soft"),
    [
        ("docker compose down -v 2>/dev/null || true; npm test", None),
        ("sudo chown -R 1:1 logs || true; npm test", None),
        ("kill $SERVER || true; npm test || true", "|| true"),
        ("cd app && npm test || true", "|| true"),
        ("npm test | tee log || true", "|| true"),
        ("(cd app; npm test) || true", "|| true"),
        ("for t in a b; do npm test $t; done || true", "|| true"),
        ("docker run tests || true", "|| true"),
    ],
)
def test_what_only_tidies_up_may_fail(run: str, soft: str | None) -> None:
    assert softness(run) == soft


def test_a_time_in_front_of_a_command_hides_nothing() -> None:
    text = (
        "on: push\njobs:\n  a: {steps: [{run: timeout 300 pip-audit -r x}]}\n"
        f"  ship-prod: {{needs: a, {APPLY}}}\n"
    )
    assert told(text, WORKFLOW)["tests_before_production"]["security"]["value"] == "yes"


def test_a_long_script_of_gitlab_is_called_as_its_job() -> None:
    text = "unit-tests:\n  script:\n    - |\n      echo first\n      pytest\n    - ruff check .\n"
    (pipeline,) = read_pipelines(text.encode(), ".gitlab-ci.yml").pipelines
    names = [step.name.value for step in pipeline.stages[0].steps]
    assert names == ["unit-tests", "ruff check ."]


def test_a_child_pipeline_is_not_the_whole() -> None:
    assert complete(GITLAB, "original-gitlab-ci.yml") is True
    assert complete(GITLAB, ".gitlab/deploy-auto.yml") is not True


def test_a_script_that_is_sent_to_hosts_may_deploy_what_its_job_names() -> None:
    text = (
        "on: push\njobs:\n  deploy-dev:\n    steps:\n      - run: |\n"
        "          for h in $HOSTS; do timeout 30 ssh $F $U@$h 'cd /opt/app && ./up'; done\n"
    )
    assert kinds(text, WORKFLOW) == {"deploy-dev": "test"}


def test_versions_of_gitlab_are_tags() -> None:
    text = (
        "ship:\n  script: [./deploy.sh]\n  environment: production\n"
        "  rules: [{if: '$CI_COMMIT_REF_NAME =~ /^v[0-9]+.*$/'}]\n"
    )
    (pipeline,) = read_pipelines(text.encode(), ".gitlab-ci.yml").pipelines
    assert pipeline.stages[0].branches.value == ("refs/tags/*",)
