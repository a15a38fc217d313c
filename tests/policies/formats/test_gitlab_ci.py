"""GitLab CI: what jobs inherit, when they start, what they wait for, and what settings say."""

from datetime import timedelta
from pathlib import Path

import pytest

from policies.facts import Provenance
from policies.findings import Span
from policies.formats import Read, read_pipelines
from policies.guards import Queue
from policies.pipeline import Pipeline, Stage, StageKind, StepKind
from policies.references import Pin

GOLDEN = Path(__file__).parents[2] / "golden" / "pipelines" / "shop.gitlab-ci.yml"
PATH = "shop/.gitlab-ci.yml"


def read(text: str, path: str = ".gitlab-ci.yml") -> Read:
    return read_pipelines(text.encode(), path)


def only(text: str, path: str = ".gitlab-ci.yml") -> Pipeline:
    found = read(text, path)
    assert (found.format, found.problems) == ("gitlab-ci", ())
    return found.pipelines[0]


@pytest.fixture(scope="module")
def pipeline() -> Pipeline:
    return only(GOLDEN.read_text(), PATH)


def stage(pipeline: Pipeline, name: str) -> Stage:
    found = pipeline.stage(name)
    assert found is not None
    return found


def test_head(pipeline: Pipeline) -> None:
    assert (pipeline.name, pipeline.span) == ("shop", Span(PATH, 2, 9, 2, 13))
    assert pipeline.origin.start.value == ("push",)
    assert pipeline.complete.value is True
    assert [each.text for each in pipeline.references] == ["python:3.11"]
    assert pipeline.notifies.value == ("author", "team_channel")
    assert pipeline.windows.note == "GitLab CI cannot say time windows; say it in bakegate.yaml"


def test_hidden_jobs_are_none_and_the_others_have_kinds(pipeline: Pipeline) -> None:
    kinds = {each.name: (each.kind.value, each.deploy is not None) for each in pipeline.stages}
    assert kinds == {
        "package": (StageKind.BUILD, False),
        "unit": (StageKind.TEST, False),
        "suite": (StageKind.TEST, False),
        "exploration": (StageKind.TEST, False),
        "stage it": (StageKind.PREPROD, True),
        "night": (StageKind.TEST, False),
        "ship it": (StageKind.PROD, True),
        "stop review": (StageKind.TEST, False),
        "tell": (StageKind.TEST, False),
    }
    assert stage(pipeline, "stage it").kind.span == Span(PATH, 66, 22, 66, 29)
    assert stage(pipeline, "ship it").environment == "production/eu"


def test_order_is_of_stages_where_no_needs_say_otherwise(pipeline: Pipeline) -> None:
    assert stage(pipeline, "unit").needs == ()
    # Jobs that start early, and manual ones that hold nothing up, do not stand for the build.
    assert stage(pipeline, "stage it").needs == ("unit", "suite", "package")
    assert stage(pipeline, "night").needs == ("stage it",)
    assert stage(pipeline, "ship it").needs == ("night",)
    assert stage(pipeline, "tell").needs == ("ship it", "stop review")


def test_scripts_reports_and_coverage_are_steps(pipeline: Pipeline) -> None:
    prepare, unit, coverage = stage(pipeline, "unit").steps
    assert (prepare.kind.value, prepare.kind.confidence) == (StepKind.OTHER, 0.95)
    assert (unit.kind.value, unit.soft.value) == (StepKind.UNIT, "|| true")
    assert unit.soft.span == Span(PATH, 41, 17, 41, 24)
    assert (coverage.kind.value, coverage.kind.provenance) == (
        StepKind.COVERAGE,
        Provenance.DECLARED,
    )
    *_, report = stage(pipeline, "suite").steps
    assert (report.name.value, report.kind.value) == ("junit report", StepKind.UNIT)
    assert (report.soft.value, report.soft.span) == ("allow_failure", Span(PATH, 51, 18, 51, 22))


@pytest.mark.parametrize(
    ("name", "kind", "confidence"),
    [
        ("suite", StepKind.UNIT, 0.7),
        ("tests", StepKind.UNIT, 0.9),
        ("e2e", StepKind.INTEGRATION, 0.9),
        ("lint", StepKind.LINT, 0.9),
        ("build", StepKind.UNIT, 0.7),
    ],
)
def test_a_junit_report_is_of_what_its_job_is_named_for(
    name: str, kind: StepKind, confidence: float
) -> None:
    text = f"{name}: {{script: [./x], artifacts: {{reports: {{junit: x.xml}}}}}}\n"
    (job,) = read_pipelines(text.encode(), ".gitlab-ci.yml").pipelines[0].stages
    found = job.steps[-1].kind if len(job.steps) > 1 else job.steps[0].kind
    assert (found.value, found.confidence) == (kind, confidence)


def test_references_to_other_jobs_are_flattened(pipeline: Pipeline) -> None:
    kinds = [each.kind.value for each in stage(pipeline, "ship it").steps]
    assert kinds == [StepKind.OTHER, StepKind.DEPLOY, StepKind.SMOKE]
    smoke = stage(pipeline, "ship it").steps[-1]
    assert smoke.name.span == Span(PATH, 30, 7, 30, 42)
    assert (smoke.timeout.value, smoke.retries) == (timedelta(minutes=20), 1)


def test_deployments(pipeline: Pipeline) -> None:
    ship = stage(pipeline, "ship it")
    assert ship.deploy is not None
    assert (ship.deploy.engine.value, ship.deploy.rollback_on.value) == (
        "helm",
        frozenset({"failure"}),
    )
    assert ship.mutex.value is not None
    mutex = ship.mutex.or_else(None)
    assert mutex is not None
    assert (mutex.key, mutex.queue) == ("production", Queue.FIFO)
    # Both have the image of one place, and the first of them tells it.
    assert stage(pipeline, "stage it").steps[0].references[0].pin is Pin.VERSION
    assert ship.steps[0].references == ()
    assert stage(pipeline, "night").mutex.value is None


def test_who_starts_a_job(pipeline: Pipeline) -> None:
    ship = stage(pipeline, "ship it")
    assert (ship.transition.value, ship.branches.value) == (
        "manual",
        ("main",),
    )
    assert stage(pipeline, "stage it").transition.value == "automatic"
    assert stage(pipeline, "ship it").approvals.note == (
        "required approvals stand in Settings, CI/CD, Protected environments, production/eu"
    )
    (explore,) = stage(pipeline, "exploration").steps[1:]
    assert explore.soft.value == "when: manual without allow_failure: false"


def test_a_delayed_job_is_a_bake_that_watches_nothing(pipeline: Pipeline) -> None:
    bake = stage(pipeline, "stage it").bake
    assert bake is not None
    assert (bake.time.value, bake.alarms.value) == (timedelta(hours=1, minutes=30), None)
    assert stage(pipeline, "night").bake is None


@pytest.mark.parametrize(
    ("lines", "expected"),
    [
        ("when: manual", "manual soft"),
        ("when: manual\n  allow_failure: false", "manual"),
        ("rules: [{if: $A, when: manual}]", "manual"),
        ("rules: [{if: $A, when: manual, allow_failure: true}]", "manual soft"),
        ("when: manual\n  rules: [{if: $A}]", "manual soft"),
        ("rules: [{when: never}, {if: $A}]", "automatic"),
        ("allow_failure: {exit_codes: 3}", "automatic soft"),
        ("when: always", "automatic"),
    ],
)
def test_manual_and_soft_follow_gitlabs_defaults(lines: str, expected: str) -> None:
    (found,) = only(f"a:\n  script: [pytest]\n  {lines}\n").stages
    soft = " soft" if found.steps[0].soft.value else ""
    assert f"{found.transition.value}{soft}" == expected


def test_a_job_that_never_runs_is_no_stage() -> None:
    assert only("a:\n  script: [pytest]\n  rules: [{when: never}]\n").stages == ()


def test_branches_that_never_meet_do_not_wait_for_one_another() -> None:
    text = (
        "stages: [one, two]\n"
        "a: {stage: one, script: [x], only: [develop]}\n"
        "b: {stage: one, script: [x], only: [master]}\n"
        "c: {stage: two, script: [x], rules: [{if: '$CI_COMMIT_BRANCH == \"master\"'}]}\n"
        "d: {stage: two, script: [x], only: [tags]}\n"
    )
    found = only(text)
    assert found.stages[2].needs == ("b",)
    assert found.stages[3].needs == ("a", "b")


def test_a_matrix_that_chooses_environments_is_one_stage_for_each() -> None:
    text = (
        "ship:\n  script: [helm upgrade a b]\n  environment: $WHERE\n"
        "  parallel: {matrix: [{WHERE: [staging, production]}]}\n"
    )
    found = only(text)
    assert [(each.name, each.kind.value) for each in found.stages] == [
        ("ship: [staging]", StageKind.PREPROD),
        ("ship: [production]", StageKind.PROD),
    ]


def test_interruptible_deployments_are_cancelled() -> None:
    (found,) = only("a:\n  script: [helm upgrade a b]\n  interruptible: true\n").stages
    mutex = found.mutex.or_else(None)
    assert mutex is not None
    assert mutex.queue is Queue.CANCEL


def test_an_unknown_variable_hides_the_environment() -> None:
    (found,) = only("a: {script: [helm upgrade a b], environment: $WHERE}\n").stages
    assert found.kind.note == "its environment is the variable $WHERE"


def test_freeze_periods_are_a_setting_that_the_file_points_to() -> None:
    found = only("a:\n  script: [x]\n  rules: [{if: $CI_DEPLOY_FREEZE == null}]\n")
    assert found.windows.note == "freeze periods stand in Settings, CI/CD, Deploy freezes"
    assert found.windows.span.line == 3


def test_a_started_pipeline_is_not_read() -> None:
    (found,) = only("child: {trigger: {include: child.yml}}\n").stages
    assert found.steps[0].kind.note == "the pipeline that it starts is not read"


@pytest.mark.parametrize(
    "text",
    [
        "a: {script: [x]}", "include: [{project: p, file: f}]", ".a: {rules: [x], script: y}",
        "a: {stage: b, script: x}", "a: {extends: .b, needs: [c]}",
    ],
)  # fmt: skip
def test_told_by_content_whatever_the_name(text: str) -> None:
    assert read(text, "ci/parts.yml").format == "gitlab-ci"


@pytest.mark.parametrize(
    "text",
    ["language: python\nscript: [make]\ndeploy: {script: [x]}", "a: {image: b, ports: [c]}",
     "services: {a: {image: b}}", "provider: {stage: dev, environment: {A: b}}"],
)  # fmt: skip
def test_files_of_other_tools_are_left_alone(text: str) -> None:
    assert read(text, "x.yml").format == ""


@pytest.mark.parametrize(
    "text",
    ["a: {script: }", "a: {script: {b: c}}", "a: {script: [[x, y], {z: 1}]}",
     "stages: word\na: {script: [x]}",
     "a: {script: [x], needs: {b: c}, rules: word, environment: [x], artifacts: word}",
     "a: {script: [x], extends: {b: c}, variables: [x], parallel: {matrix: [word, {A: b}]}}",
     "a: {script: [!reference []], retry: {max: 9}, timeout: soon, start_in: x, when: delayed}",
     "a: {script: [!reference [a, script]]}", "include: {local: [a, {b: c}]}\na: {script: [x]}"],
)  # fmt: skip
def test_odd_forms_are_read_as_far_as_they_go(text: str) -> None:
    assert len(read(text).pipelines) == 1


@pytest.mark.parametrize(
    ("script", "pin"),
    [
        ("kubectl set image deployment/a a=r/a:$CI_COMMIT_SHA", Pin.COMMIT),
        ("helm upgrade a b --set image.tag=$TAG", Pin.COMMIT),
        ("helm upgrade a b --set image.tag=$CI_COMMIT_REF_SLUG", Pin.MUTABLE),
        ("gcloud run deploy a --image r/a:latest", Pin.MUTABLE),
        ("gcloud run deploy a --image r/a:$CI_PIPELINE_ID", Pin.VERSION),
        ("kubectl apply -f x", None),
    ],
)
def test_what_a_deployment_names(script: str, pin: Pin | None) -> None:
    text = f"a:\n  variables: {{TAG: v-$CI_COMMIT_SHORT_SHA}}\n  script: ['{script}']\n"
    (found,) = only(text).stages
    assert found.deploy is not None
    named = found.deploy.artifact.or_else(None)
    assert (named.pin if named else None) == pin


def test_a_deployment_of_what_its_job_builds_is_rebuilt() -> None:
    (found,) = only("a: {script: [docker build -t a ., kubectl apply -f x]}\n").stages
    assert found.deploy is not None
    named = found.deploy.artifact.or_else(None)
    assert named is not None
    assert named.pin is Pin.REBUILT


def test_a_deployment_ends_with_its_command_or_its_job() -> None:
    command, job, setting = only(
        "a: {script: [helm upgrade a b --timeout 5m], timeout: 1h}\n"
        "b: {script: [helm upgrade a b], timeout: 1h}\nc: {script: [helm upgrade a b]}\n"
    ).stages
    found = [each.deploy.deadline for each in (command, job, setting) if each.deploy]
    assert [each.or_else(None) for each in found] == [
        timedelta(minutes=5),
        timedelta(hours=1),
        None,
    ]
    assert found[2].note == ("the timeout of all jobs stands in Settings, CI/CD, General pipelines")


@pytest.mark.parametrize(
    ("head", "job", "branches"),
    [
        ("", "rules: [{if: $CI_COMMIT_BRANCH == $CI_DEFAULT_BRANCH}]", ("default",)),
        ("", "rules: [{if: $CI_COMMIT_TAG}, {if: $CI_COMMIT_BRANCH == 'main'}]",
         ("refs/tags/*", "main")),
        ("", "rules: [{if: '$CI_COMMIT_TAG =~ /^v/'}]", ("refs/tags/*",)),
        ("", "only: [main, /^release-/]", ("main", "/^release-/")),
        ("", "only: [tags]", ("refs/tags/*",)),
        ("", "when: always", None),
        ("workflow: {rules: [{if: $CI_COMMIT_BRANCH == 'main'}, {when: never}]}\n",
         "when: always", ("main",)),
        ("workflow: {rules: [{if: $CI_COMMIT_BRANCH == 'main'}, {when: always}]}\n",
         "when: always", None),
    ],
)  # fmt: skip
def test_branches_of_a_job_or_of_the_whole_pipeline(
    head: str, job: str, branches: tuple[str, ...] | None
) -> None:
    (found,) = only(f"{head}a:\n  script: [x]\n  {job}\n").stages
    assert (found.branches.known, found.branches.value) == (True, branches)


def test_a_fragment_does_not_know_its_branches() -> None:
    (found,) = only("a: {script: [x]}\n", "ci/a.yml").stages
    assert found.branches.note == "the file that includes this one may limit its branches"


def test_a_name_speaks_of_one_command_of_its_job() -> None:
    text = "integration tests: {script: [./prepare, ./more, ./suite]}\n"
    (guessed,) = only(text).stages
    kinds = [each.kind.value for each in guessed.steps]
    assert kinds == [StepKind.OTHER, StepKind.OTHER, StepKind.INTEGRATION]
    (known,) = only(text.replace("./more", "newman run x")).stages
    kinds = [each.kind.value for each in known.steps]
    assert kinds == [StepKind.OTHER, StepKind.INTEGRATION, StepKind.OTHER]
