"""Azure Pipelines: jobs in their stages, tasks, deployments with hooks, checks as settings."""

from datetime import timedelta
from pathlib import Path

import pytest

from policies.findings import Span
from policies.formats import Read, read_pipelines
from policies.guards import Queue
from policies.pipeline import Pipeline, Stage, StageKind, StepKind
from policies.references import Pin

GOLDEN = Path(__file__).parents[2] / "golden" / "pipelines" / "shop.azure-pipelines.yml"
PATH = "azure-pipelines.yml"


def read(text: str, path: str = PATH) -> Read:
    return read_pipelines(text.encode(), path)


def only(text: str, path: str = PATH) -> Pipeline:
    found = read(text, path)
    assert (found.format, found.problems) == ("azure-pipelines", ())
    return found.pipelines[0]


@pytest.fixture(scope="module")
def pipeline() -> Pipeline:
    return only(GOLDEN.read_text())


def stage(pipeline: Pipeline, name: str) -> Stage:
    found = pipeline.stage(name)
    assert found is not None
    return found


def test_head(pipeline: Pipeline) -> None:
    assert (pipeline.name, pipeline.span) == ("azure-pipelines", Span(PATH, 1, 1, 1, 8))
    assert pipeline.origin.start.value == ("push", "schedule")
    assert pipeline.origin.branches.value == ("main",)
    assert [(each.text, each.pin) for each in pipeline.references] == [
        ("platform/templates", Pin.VERSION)
    ]
    assert pipeline.complete.note == "the template jobs/check.yml@shared is not read"
    assert pipeline.windows.note == "business hours stand in Environments, Approvals and checks"


def test_jobs_are_stages_named_after_their_stage(pipeline: Pipeline) -> None:
    kinds = {each.name: (each.kind.value, each.deploy is not None) for each in pipeline.stages}
    assert kinds == {
        "Build/Test": (StageKind.TEST, False),
        "Build/Package": (StageKind.BUILD, False),
        "Staging/Ship": (StageKind.PREPROD, True),
        "Staging/Wait": (StageKind.TEST, False),
        "Approve/Ask": (StageKind.TEST, False),
        "Production/Ship": (StageKind.PROD, True),
        "Recheck/check": (StageKind.TEST, False),
    }
    assert stage(pipeline, "Production/Ship").environment == "production"


def test_stages_follow_one_another_and_jobs_only_what_they_name(pipeline: Pipeline) -> None:
    needs = {each.name: each.needs for each in pipeline.stages}
    assert needs["Build/Package"] == ("Build/Test",)
    assert needs["Staging/Ship"] == ("Build/Test", "Build/Package")
    assert needs["Staging/Wait"] == ("Staging/Ship",)
    assert needs["Production/Ship"] == ("Approve/Ask",)
    assert needs["Recheck/check"] == ()


def test_tasks_and_scripts_are_steps(pipeline: Pipeline) -> None:
    checkout, unit, integration, results = stage(pipeline, "Build/Test").steps
    assert checkout.kind.value is StepKind.OTHER
    assert (unit.kind.value, unit.soft.value) == (StepKind.UNIT, "|| true")
    assert unit.soft.span == Span(PATH, 25, 25, 25, 32)
    assert (integration.kind.value, integration.soft.value) == (
        StepKind.INTEGRATION,
        "continueOnError",
    )
    assert results.kind.value is StepKind.OTHER
    (docker,) = stage(pipeline, "Build/Package").steps
    assert (docker.kind.value, docker.uses.value, docker.retries) == (
        StepKind.PUBLISH,
        "Docker@2",
        2,
    )


def test_hooks_run_in_their_order(pipeline: Pipeline) -> None:
    kinds = [each.kind.value for each in stage(pipeline, "Staging/Ship").steps]
    assert kinds == [StepKind.DEPLOY, StepKind.SMOKE]


def test_deployments(pipeline: Pipeline) -> None:
    ship = stage(pipeline, "Production/Ship")
    assert ship.deploy is not None
    assert (ship.deploy.engine.value, ship.deploy.strategy.value) == ("AzureWebApp", "canary")
    assert (ship.deploy.exposures.value, ship.exposure.value) == ((0.1, 0.5, 1.0), 0.1)
    assert ship.deploy.rollback_on.value == frozenset({"failure"})
    assert ship.deploy.rollback_on.span.line == 84
    assert ship.steps[0].timeout.value == timedelta(minutes=30)
    assert ship.branches.value == ("main",)
    mutex = ship.mutex.or_else(None)
    assert mutex is not None
    assert (mutex.key, mutex.queue) == ("production", Queue.FIFO)


def test_checks_of_environments_are_settings(pipeline: Pipeline) -> None:
    assert stage(pipeline, "Production/Ship").approvals.note == (
        "approvals and checks stand in Pipelines, Environments, production, Approvals and checks"
    )
    assert stage(pipeline, "Build/Test").approvals.value is None
    (ask,) = stage(pipeline, "Approve/Ask").steps
    assert (ask.kind.value, ask.kind.confidence) == (StepKind.APPROVAL, 0.98)


def test_a_delay_after_a_deployment_is_a_bake_that_watches_nothing(pipeline: Pipeline) -> None:
    bake = stage(pipeline, "Staging/Ship").bake
    assert bake is not None
    assert (bake.time.value, bake.time.span.line) == (timedelta(minutes=90), 59)
    assert bake.alarms.value is None


def test_an_approval_beside_the_deployment_guards_nothing() -> None:
    text = (
        "trigger: none\nstages:\n- stage: prod\n  jobs:\n"
        "  - job: ask\n    steps: [{task: ManualValidation@0}]\n"
        "  - job: ship\n    steps: [{script: helm upgrade a b}]\n"
    )
    ask = only(text).stages[0].steps[0]
    assert (ask.kind.confidence, ask.kind.note) == (
        0.5,
        "the deployment beside it does not wait for it",
    )
    waiting = only(text.replace("  - job: ship\n", "  - job: ship\n    dependsOn: ask\n"))
    assert waiting.stages[0].steps[0].kind.confidence == 0.98


def test_a_deployment_without_steps_waits_for_checks_and_deploys_nothing() -> None:
    text = "trigger: none\njobs:\n- {deployment: approval, environment: Production, pool: server}\n"
    (found,) = only(text).stages
    assert found.deploy is None
    assert not found.approvals.known


def test_a_job_after_a_failure_is_the_rollback_of_what_it_follows() -> None:
    text = (
        "trigger: none\nstages:\n"
        "- stage: prod\n  jobs: [{job: ship, steps: [{script: helm upgrade a b}]}]\n"
        "- stage: undo\n  condition: failed()\n"
        "  jobs: [{job: rollback, steps: [{script: helm rollback a}]}]\n"
    )
    ship, undo = only(text).stages
    assert undo.deploy is None
    assert ship.deploy is not None
    assert (ship.deploy.rollback_on.value, ship.deploy.rollback_on.span.line) == (
        frozenset({"failure"}),
        7,
    )


@pytest.mark.parametrize(
    ("steps", "kind"),
    [
        ("{task: VSTest@2}", StepKind.UNIT),
        ("{task: VSTest@2, displayName: Run smoke tests}", StepKind.SMOKE),
        ("{task: AzureAppServiceManage@0, inputs: {action: Swap Slots}}", StepKind.DEPLOY),
        ("{task: AzureAppServiceManage@0, inputs: {action: Restart}}", StepKind.OTHER),
        ("{task: KubernetesManifest@0, inputs: {action: bake}}", StepKind.OTHER),
        ("{task: KubernetesManifest@0, inputs: {action: deploy}}", StepKind.DEPLOY),
        ("{task: TerraformTaskV4@4, inputs: {command: plan}}", StepKind.OTHER),
        ("{task: TerraformTaskV4@4, inputs: {command: apply}}", StepKind.DEPLOY),
        ("{task: Npm@1, inputs: {command: custom, customCommand: run test:e2e}}",
         StepKind.INTEGRATION),
        ("{task: Bash@3, inputs: {targetType: inline, script: cargo test}}", StepKind.UNIT),
        ("{task: PowerShell@2, inputs: {filePath: 'a\\\\run-deploy.ps1'}}", StepKind.DEPLOY),
        ("{task: AzureCLI@2, inputs: {inlineScript: az webapp deploy}}", StepKind.DEPLOY),
        ("{task: AzureResourceManagerTemplateDeployment@3, inputs: {deploymentMode: Validation}}",
         StepKind.LINT),
        ("{pwsh: Invoke-Pester}", StepKind.UNIT),
        ("{task: Nobody@1, displayName: Load test}", StepKind.LOAD),
    ],
)  # fmt: skip
def test_what_a_step_is(steps: str, kind: StepKind) -> None:
    (found,) = only(f"trigger: none\nsteps: [{steps}]\n").stages
    assert found.steps[0].kind.value is kind


def test_published_results_prove_tests_of_any_name() -> None:
    text = "trigger: none\nsteps:\n- script: ./go\n- task: PublishTestResults@2\n"
    (found,) = only(text).stages
    assert (found.steps[-1].kind.value, found.steps[-1].kind.confidence) == (StepKind.UNIT, 0.75)


@pytest.mark.parametrize(
    ("head", "start"),
    [("", ("push",)), ("trigger: none\n", ("manual",)),
     ("trigger: none\nschedules: [{cron: x}]\n", ("schedule",)),
     ("trigger: none\nresources: {pipelines: [{pipeline: a, trigger: true}]}\n", ("push",))],
)  # fmt: skip
def test_what_starts_a_run(head: str, start: tuple[str, ...]) -> None:
    assert only(f"{head}pool: x\nsteps: [{{script: make}}]\n").origin.start.value == start


def test_duplicate_keys_are_told_but_not_those_of_conditions() -> None:
    text = (
        "trigger: none\njobs:\n- job: a\n  pool: x\n  pool: y\n"
        "  ${{ if a }}: {b: c}\n  ${{ if a }}: {b: c}\n  steps: []\n"
    )
    (problem,) = read(text).problems
    assert (problem.span.line, problem.message) == (
        4,
        "key 'pool' is written twice, which Azure refuses; keep one",
    )


@pytest.mark.parametrize(
    "text",
    ["steps: [{script: make}]", "jobs: [{job: a}]", "stages: [{stage: a}]",
     "extends: {template: a.yml@b}", "stages: [{'${{ if x }}': [{template: a.yml}]}]"],
)  # fmt: skip
def test_told_by_content_whatever_the_name(text: str) -> None:
    assert read(text, "x.yml").format == "azure-pipelines"


@pytest.mark.parametrize(
    "text",
    ["runs: {using: composite, steps: [{run: make}]}", "stages: [build, test]", "jobs: {a: {}}",
     "steps: [{name: gcr.io/cloud-builders/docker}]", "steps: [word]"],
)  # fmt: skip
def test_files_of_other_tools_are_left_alone(text: str) -> None:
    assert read(text, "x.yml").format != "azure-pipelines"


@pytest.mark.parametrize(
    "text",
    ["stages: [{stage: a, jobs: word}, word]", "jobs: [{job: , steps: word}, [x]]",
     "jobs: [{deployment: a, environment: [x], strategy: {runOnce: word}}]",
     "jobs: [{deployment: a, strategy: {canary: {increments: [x, {}], deploy: {steps: [x]}}}}]",
     "steps: [{task: [x], inputs: word}, {script: {a: b}}, {bash: }]\nvariables: word",
     "stages: [{stage: a, dependsOn: {x: y}, condition: [z], jobs: [{template: [x]}]}]",
     "steps: [{script: a, timeoutInMinutes: $(x), continueOnError: '${{ y }}'}]\npool: x",
     "extends: {template: [x], parameters: word}\nsteps: [{script: a}]"],
)  # fmt: skip
def test_odd_forms_are_read_as_far_as_they_go(text: str) -> None:
    assert len(read(text).pipelines) == 1


def test_ten_thousand_jobs_are_read() -> None:
    jobs = "".join(f"- {{job: j{number}, steps: [{{script: make}}]}}\n" for number in range(10_000))
    found = only(f"trigger: none\njobs:\n{jobs}")
    assert len(found.stages) == 10_000


def test_what_a_deployment_names() -> None:
    text = (
        "trigger: none\nvariables: {tag: $(Build.SourceVersion)}\n"
        "steps: [{script: 'helm upgrade a b --set image.tag=$(tag) --timeout 10m'}]\n"
    )
    (found,) = only(text).stages
    assert found.deploy is not None
    named = found.deploy.artifact.or_else(None)
    assert named is not None
    assert named.pin is Pin.COMMIT
    assert found.deploy.deadline.value == timedelta(minutes=10)


@pytest.mark.parametrize(
    ("bound", "length"),
    [("", timedelta(hours=1)), (", timeoutInMinutes: 0", None)],
)
def test_a_job_ends_after_an_hour_unless_it_says_otherwise(
    bound: str, length: timedelta | None
) -> None:
    steps = "steps: [{script: kubectl apply -f a.yaml}]"
    (found,) = only(f"trigger: none\njobs: [{{job: deploy{bound}, {steps}}}]\n").stages
    assert found.deploy is not None
    assert found.deploy.deadline.value == length


@pytest.mark.parametrize(
    ("head", "branches", "note"),
    [("trigger: [main]\n", ("main",), ""),
     ("trigger: none\n", None, "branch control stands in Environments, Approvals and checks"),
     ("", None, "the file that uses this template starts it")],
)  # fmt: skip
def test_branches_that_start_a_run_limit_its_jobs(
    head: str, branches: tuple[str, ...] | None, note: str
) -> None:
    (found,) = only(f"{head}steps: [{{script: make}}]\n").stages
    assert (found.branches.or_else(None), found.branches.note) == (branches, note)
