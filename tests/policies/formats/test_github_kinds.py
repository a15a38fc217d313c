"""What GitHub workflows say between the lines: chosen environments, rollbacks, loops that bake."""

from datetime import timedelta

import pytest

from policies.formats import read_pipelines
from policies.pipeline import Pipeline, StageKind, StepKind


def only(jobs: str, head: str = "on: push\n") -> Pipeline:
    found = read_pipelines(f"{head}jobs:\n{jobs}".encode(), ".github/workflows/a.yml")
    assert found.problems == ()
    return found.pipelines[0]


SHIP = "steps: [{run: kubectl apply -f x}]"


@pytest.mark.parametrize(
    ("environment", "kind"),
    [
        ("${{ github.ref == 'refs/heads/main' && 'production' || 'staging' }}", StageKind.PROD),
        ("${{ github.event_name == 'prod' && 'dev' || 'staging' }}", StageKind.TEST),
        ("${{ contains(github.ref, 'prod') && 'qa' }}", StageKind.TEST),
    ],
)
def test_an_expression_that_chooses_between_names_is_judged_by_them(
    environment: str, kind: StageKind
) -> None:
    (ship,) = only(f'  ship:\n    environment: "{environment}"\n    {SHIP}\n').stages
    assert (ship.kind.value, ship.kind.confidence) == (kind, 0.7)


@pytest.mark.parametrize(
    ("name", "kind"),
    [("deploy-canary", StageKind.PROD), ("deploy-canary-staging", StageKind.PREPROD),
     ("promote-test-to-prod", StageKind.PROD), ("deployPreProd", StageKind.PREPROD),
     ("devops-deploy", None)],
)  # fmt: skip
def test_what_names_say_of_where(name: str, kind: StageKind | None) -> None:
    (ship,) = only(f"  {name}:\n    {SHIP}\n").stages
    assert (ship.kind.value if ship.kind.known else None) == kind


@pytest.mark.parametrize(
    "condition",
    ["failure()", "always() && needs.watch.outputs.healthy == 'false'",
     "always() && needs.watch.result != 'success'"],
)  # fmt: skip
def test_a_job_that_undoes_after_a_failure_is_the_way_back(condition: str) -> None:
    ship, watch, undo = only(
        f"  prod:\n    {SHIP}\n  watch: {{needs: prod, steps: [{{run: ./look}}]}}\n"
        f"  rollback:\n    needs: [watch]\n    if: {condition}\n"
        "    steps: [{run: kubectl rollout undo deployment/x}]\n"
    ).stages
    assert ship.deploy is not None
    # failure() is true as well when any job above failed.
    assert ship.deploy.rollback_on.value == frozenset({"failure"})
    assert (watch.deploy, undo.deploy) == (None, None)


def test_a_loop_of_known_length_after_a_deployment_is_a_bake() -> None:
    head = "on:\n  workflow_dispatch:\n    inputs:\n      bake_minutes: {default: '15'}\n"
    ship, _watch = only(
        f"  prod:\n    {SHIP}\n"
        "  watch:\n    needs: prod\n    steps:\n    - name: Watch it\n      run: |\n"
        "        END=${{ inputs.bake_minutes }}\n"
        "        for i in $(seq 1 $END); do ./look; sleep 60; done\n",
        head,
    ).stages
    assert ship.bake is not None
    assert (ship.bake.time.value, ship.bake.time.span.line) == (timedelta(minutes=15), 11)
    assert ship.bake.alarms.note == "what it watches stands in its script"


@pytest.mark.parametrize(
    ("env", "run", "seconds"),
    [("SOAK_SECONDS: 300", "sleep $SOAK_SECONDS", 300), ("A: b", "OBSERVE_MIN=5; sleep 1", 300),
     ("MAX_WAIT_SECONDS: 300", "sleep $MAX_WAIT_SECONDS", None),
     ("SOAK_SECONDS: 300", "echo $SOAK_SECONDS", None)],
)  # fmt: skip
def test_only_times_that_are_named_for_it_are_bakes(
    env: str, run: str, seconds: int | None
) -> None:
    (ship,) = only(
        f"  prod:\n    env: {{{env}}}\n    steps:\n    - run: helm upgrade a b\n    - run: {run}\n"
    ).stages
    found = ship.bake.time.or_else(None) if ship.bake else None
    assert found == (timedelta(seconds=seconds) if seconds else None)


def test_called_tests_that_wait_for_a_deployment_are_integration_tests() -> None:
    _ship, tests, early = only(
        f"  deploy-test:\n    {SHIP}\n"
        "  tests: {needs: deploy-test, uses: a/b/.github/workflows/tests.yml@v1}\n"
        "  units: {uses: a/b/.github/workflows/tests.yml@v1}\n"
    ).stages
    assert tests.steps[0].kind.value is StepKind.INTEGRATION
    assert early.steps[0].kind.value is StepKind.UNIT


def test_a_matrix_that_chooses_environments_is_one_job_for_each() -> None:
    test, prod, tell = only(
        "  ship:\n    strategy: {matrix: {where: [qa, production], size: [1, 2]}}\n"
        f"    environment: ${{{{ matrix.where }}}}\n    {SHIP}\n"
        "  tell: {needs: ship, steps: [{run: echo}]}\n"
    ).stages
    assert [(each.name, each.kind.value) for each in (test, prod)] == [
        ("ship (qa)", StageKind.TEST),
        ("ship (production)", StageKind.PROD),
    ]
    assert tell.needs == ("ship (qa)", "ship (production)")


def test_a_matrix_of_called_workflows_and_one_that_a_run_makes() -> None:
    listed, made = (
        only(
            f"  ship:\n    strategy: {{matrix: {matrix}}}\n"
            "    uses: a/b/.github/workflows/deploy.yml@v1\n"
            "    with: {environment: '${{ matrix.env }}'}\n"
        ).stages
        for matrix in (
            "{include: [{env: staging}, {env: prod}]}",
            "{env: '${{ fromJSON(needs.a.outputs.b) }}'}",
        )
    )
    assert [each.name for each in listed] == ["ship (staging)", "ship (prod)"]
    assert [(each.name, each.kind.known) for each in made] == [("ship", False)]


@pytest.mark.parametrize(
    "name",
    ["Check deploy permissions", "Get version to deploy", "Deployment summary",
     "Smoke test the deployment", "Failed deploy alert"],
)  # fmt: skip
def test_a_step_that_only_speaks_of_deployments_is_none(name: str) -> None:
    (job,) = only(f"  a:\n    steps: [{{name: {name}, run: ./suite}}]\n").stages
    assert job.deploy is None


@pytest.mark.parametrize(
    ("step", "kind"),
    [
        ("{name: Install testing dependencies, run: ./suite}", StepKind.OTHER),
        ("{name: Download test data, run: ./suite}", StepKind.OTHER),
        ("{name: Keys of the vault - Test, run: ./suite}", StepKind.OTHER),
        ("{name: Run the tests, run: ./suite}", StepKind.UNIT),
        ("{run: make test_ruby}", StepKind.UNIT),
        ("{run: make latest}", StepKind.OTHER),
        ("{run: npm ci --no-audit}", StepKind.OTHER),
        ("{run: npm audit}", StepKind.SCA),
        ("{run: node ./scripts/deploy-prod.ts}", StepKind.DEPLOY),
    ],
)
def test_words_that_speak_of_tests_are_told_from_tests(step: str, kind: StepKind) -> None:
    (job,) = only(f"  a:\n    steps: [{step}]\n").stages
    assert job.steps[0].kind.value is kind
