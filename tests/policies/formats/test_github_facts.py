"""What a workflow says of rights, exclusion, branches, references, secrets and notices."""

from datetime import timedelta

import pytest

from policies.formats import read_pipelines
from policies.guards import Queue
from policies.pipeline import Pipeline, Stage, Step
from policies.references import Pin, ReferenceKind

SHA = "1" * 40
BOTH = "{push: {branches: [main]}, pull_request: }"
IMAGES = "steps: [{uses: azure/webapps-deploy@v3, with: {images: 'acr.io/web:%s'}}]"
DEPLOY = "steps: [{run: kubectl apply -f app.yaml}]"


def read(text: str) -> Pipeline:
    found = read_pipelines(text.encode(), ".github/workflows/w.yml")
    assert [each.message for each in found.problems] == []
    return found.pipelines[0]


def stage(text: str, name: str = "deploy") -> Stage:
    found = read(text).stage(name)
    assert found is not None
    return found


def job(head: str = "", steps: str = DEPLOY, on: str = "push") -> str:
    """A workflow of one job, ``deploy``; ``head`` are further lines of the job."""
    lines = "".join(f"    {line}\n" for line in head.splitlines())
    return f"on: {on}\njobs:\n  deploy:\n    runs-on: ubuntu-latest\n{lines}    {steps}\n"


@pytest.mark.parametrize(
    ("head", "writes"),
    [
        ("permissions: write-all", {"*"}),
        ("permissions: read-all", set()),
        ("permissions: {}", set()),
        ("permissions: {contents: read, id-token: write}", {"id-token"}),
    ],
)  # fmt: skip
def test_permissions_of_a_job_and_of_the_file(head: str, writes: set[str]) -> None:
    found = stage(job(head)).permissions
    assert found.value
    assert found.value.writes == writes
    assert found.span.line == 5
    of_file = read(f"{head}\n{job()}").permissions
    assert of_file.value
    assert of_file.value.writes == writes


def test_silence_about_permissions_is_an_absence_that_a_setting_decides() -> None:
    pipeline = read(job())
    assert pipeline.permissions.value is None
    assert pipeline.permissions.inferred
    assert pipeline.permissions.note.startswith("without `permissions` Settings, Actions")
    assert pipeline.stages[0].permissions.value is None


@pytest.mark.parametrize(
    ("head", "key", "queue"),
    [
        ("concurrency: deploy-prod", "deploy-prod", Queue.LATEST),
        ("concurrency: {group: prod, cancel-in-progress: false}", "prod", Queue.LATEST),
        ("concurrency: {group: prod, cancel-in-progress: true}", "prod", Queue.CANCEL),
        ("concurrency: {group: 'r-${{ github.run_id }}', cancel-in-progress: true}",
         "r-${{ github.run_id }}", Queue.PARALLEL),
    ],
)  # fmt: skip
def test_a_concurrency_group_is_a_mutex(head: str, key: str, queue: Queue) -> None:
    for text in (job(head), f"{head}\n{job()}"):
        found = stage(text).mutex.value
        assert found
        assert (found.key, found.queue) == (key, queue)


def test_cancelling_a_run_cancels_its_jobs() -> None:
    text = "concurrency: {group: all, cancel-in-progress: true}\n" + job("concurrency: prod")
    found = stage(text).mutex
    assert found.value
    assert (found.value.queue, found.span.line, found.span.column) == (Queue.CANCEL, 1, 47)


def test_a_group_of_the_job_counts_beside_one_that_holds_nothing() -> None:
    text = "concurrency: 'all-${{ github.sha }}'\n" + job("concurrency: prod")
    found = stage(text).mutex.value
    assert found
    assert (found.key, found.queue) == ("prod", Queue.LATEST)


def test_what_a_mutex_depends_on_is_unknown() -> None:
    cancel = "concurrency: {group: prod, cancel-in-progress: '${{ inputs.fast }}'}"
    assert stage(job(cancel)).mutex.note == (
        "cancel-in-progress is the expression ${{ inputs.fast }}"
    )
    called = job(steps="uses: ./.github/workflows/deploy.yml").replace(
        "    runs-on", "    # runs-on"
    )
    assert stage(called).mutex.note == "the called workflow may name a concurrency group of its own"
    callable_ = stage(job(on="workflow_call")).mutex
    assert callable_.note == "the workflow that calls this one may name a concurrency group"
    assert stage(job()).mutex.value is None


@pytest.mark.parametrize(
    ("head", "on", "branches"),
    [
        ("if: github.ref == 'refs/heads/main'", "push", ("main",)),
        ("if: ${{ success() && github.ref_name == 'main' }}", "[push, pull_request]", ("main",)),
        ("if: github.ref == 'refs/heads/a' || github.ref == 'refs/heads/b'", "push", ("a", "b")),
        ("if: startsWith(github.ref, 'refs/tags/v')", "push", ("refs/tags/v*",)),
        ("", "{push: {branches: [main, 'release/*'], tags: ['v*']}}",
         ("main", "release/*", "refs/tags/v*")),
        ("", "{push: {branches: [main]}, schedule: [{cron: 0 4 * * *}]}", ("main", "default")),
        ("", "{release: {types: [published]}}", ("refs/tags/*",)),
        ("if: github.event_name == 'push'", BOTH, ("main",)),
        ("if: github.event_name != 'pull_request'", BOTH, ("main",)),
    ],
)  # fmt: skip
def test_branches(head: str, on: str, branches: tuple[str, ...]) -> None:
    assert stage(job(head, on=on)).branches.value == branches


def test_a_job_is_limited_as_what_it_needs() -> None:
    text = (
        "on: [push, pull_request]\njobs:\n"
        "  deploy:\n    needs: gate\n    " + DEPLOY + "\n"
        "  gate:\n    if: github.ref == 'refs/heads/main'\n    steps: []\n"
    )
    assert stage(text).branches.value == ("main",)


def test_branches_that_nothing_limits() -> None:
    assert stage(job()).branches.value is None
    by_hand = stage(job(on="workflow_dispatch")).branches
    assert (by_hand.value, by_hand.inferred) == (None, True)
    assert by_hand.note == "a person may start it from any branch"


@pytest.mark.parametrize(
    ("head", "on", "note"),
    [
        ("if: github.ref != 'refs/heads/main'", "push",
         "its condition is github.ref != 'refs/heads/main'"),
        ("if: inputs.now || github.ref == 'refs/heads/main'", "push",
         "its condition is inputs.now || github.ref == 'refs/heads/main'"),
        ("environment: production", "push",
         "the branches that may deploy stand in Settings, Environments, production"),
        ("", "workflow_call", "the workflow that calls this one decides"),
    ],
)  # fmt: skip
def test_branches_that_stand_elsewhere(head: str, on: str, note: str) -> None:
    found = stage(job(head, on=on)).branches
    assert (found.known, found.note) == (False, note)


def test_jobs_that_need_one_another_in_a_circle_are_read() -> None:
    text = "on: push\njobs:\n  a: {needs: b, steps: []}\n  b: {needs: a, steps: []}\n"
    assert [each.branches.value for each in read(text).stages] == [None, None]


@pytest.mark.parametrize(
    ("uses", "kind", "pin", "repository"),
    [
        (f"actions/checkout@{SHA}", ReferenceKind.ACTION, Pin.COMMIT, "actions/checkout"),
        ("actions/checkout@v4.1.2", ReferenceKind.ACTION, Pin.VERSION, "actions/checkout"),
        ("acme/a/deploy@v4", ReferenceKind.ACTION, Pin.MUTABLE, "acme/a/deploy"),
        ("docker://alpine:3.20.1", ReferenceKind.CI_IMAGE, Pin.VERSION, "alpine"),
    ],
)
def test_actions(uses: str, kind: ReferenceKind, pin: Pin, repository: str) -> None:
    ((found,),) = (
        each.references for each in stage(job(steps=f"steps: [{{uses: '{uses}'}}]")).steps
    )
    assert (found.kind, found.pin, found.repository) == (kind, pin, repository)
    assert not found.local


def test_local_actions_and_called_workflows() -> None:
    local = stage(job(steps="steps: [{uses: ./.github/actions/deploy}]")).steps[0].references[0]
    assert (local.local, local.pin) == (True, Pin.COMMIT)
    text = "on: push\njobs:\n  deploy: {uses: acme/flows/.github/workflows/deploy.yml@main}\n"
    called = stage(text).steps[0].references[0]
    assert (called.kind, called.pin) == (ReferenceKind.INCLUDE, Pin.MUTABLE)


def test_images_of_jobs_and_services() -> None:
    head = (
        "container: {image: 'node:20'}\n"
        "services: {db: {image: 'postgres:16.1@sha256:" + "a" * 64 + "'}, none: {image: ''}}"
    )
    found = read(job(head)).references
    assert [(each.repository, each.pin) for each in found] == [
        ("node", Pin.MUTABLE),
        ("postgres", Pin.DIGEST),
    ]


@pytest.mark.parametrize(
    ("steps", "pin", "repository"),
    [
        ("steps: [{run: kubectl set image deployment/web web=registry/web:latest}]",
         Pin.MUTABLE, "registry/web"),
        ("steps: [{run: 'kubectl set image deployment/web web=registry/web:${{ github.sha }}'}]",
         Pin.COMMIT, "registry/web"),
        ("steps: [{run: 'helm upgrade web . --set image.tag=${GITHUB_SHA::7}'}]",
         Pin.COMMIT, ""),
        ("steps: [{run: gcloud run deploy web --image=gcr.io/web:v1.2.3}]",
         Pin.VERSION, "gcr.io/web"),
        (IMAGES % "r-${{ github.run_id }}", Pin.VERSION, "acr.io/web"),
        (IMAGES % "${{ env.TAG }}", Pin.MUTABLE, "acr.io/web"),
        (IMAGES % "${{ github.ref_name }}", Pin.MUTABLE, "acr.io/web"),
        (IMAGES % "${{ inputs.tag }}", Pin.UNKNOWN, "acr.io/web"),
        ("steps: [{run: docker build -t web .}, {run: kubectl apply -f app.yaml}]",
         Pin.REBUILT, ""),
    ],
)  # fmt: skip
def test_what_is_deployed(steps: str, pin: Pin, repository: str) -> None:
    found = stage("env: {TAG: stable}\n" + job(steps=steps)).deploy
    assert found
    assert found.artifact.value
    assert (found.artifact.value.pin, found.artifact.value.repository) == (pin, repository)


def test_a_released_tag_is_a_version_and_an_unnamed_artifact_unknown() -> None:
    step = "steps: [{run: 'kubectl set image d/web web=r/web:${{ github.ref_name }}'}]"
    found = stage(job(steps=step, on="release")).deploy
    assert found
    assert found.artifact.value
    assert found.artifact.value.pin is Pin.VERSION
    other = stage(job()).deploy
    assert other
    assert other.artifact.note == "what is deployed is named outside of this file"


def test_an_image_written_into_a_task_definition() -> None:
    steps = (
        "steps: [{uses: aws-actions/amazon-ecs-render-task-definition@v1, "
        "with: {image: 'r/web:latest'}}, {uses: aws-actions/amazon-ecs-deploy-task-definition@v2}]"
    )
    found = stage(job(steps=steps)).deploy
    assert found
    assert found.artifact.value
    assert found.artifact.value.pin is Pin.MUTABLE


@pytest.mark.parametrize(
    ("head", "step", "length"),
    [
        ("timeout-minutes: 30", "{run: kubectl apply -f a.yaml}", timedelta(minutes=30)),
        ("timeout-minutes: 30", "{run: kubectl apply -f a.yaml, timeout-minutes: 5}",
         timedelta(minutes=5)),
        ("", "{run: helm upgrade web ./chart --wait --timeout 10m}", timedelta(minutes=10)),
        ("", "{run: kubectl apply -f a.yaml}", None),
    ],
)  # fmt: skip
def test_deadlines(head: str, step: str, length: timedelta | None) -> None:
    found = stage(job(head, f"steps: [{step}]")).deploy
    assert found
    assert found.deadline.value == length
    assert found.on_deadline.value == "abort"


def test_a_deadline_that_is_an_expression_is_unknown() -> None:
    found = stage(job("timeout-minutes: ${{ inputs.minutes }}")).deploy
    assert found
    assert not found.deadline.known


def step_of(text: str) -> Step:
    return stage(text).steps[0]


def test_secrets_by_name() -> None:
    head = "env: {KEY: '${{ secrets.OF_JOB }}'}"
    steps = (
        "steps: [{run: 'echo ${{ secrets.OF_STEP }} secrets.conf', "
        "env: {T: '${{ secrets.GITHUB_TOKEN }}', U: \"${{ secrets['ODD'] }}\"}}]"
    )
    found = step_of("env: {A: '${{ secrets.OF_FILE }}'}\n" + job(head, steps))
    assert found.secrets == ("OF_JOB", "OF_FILE", "OF_STEP", "ODD")
    assert step_of(job()).secrets == ()


def test_secrets_that_a_called_workflow_gets() -> None:
    base = "on: push\njobs:\n  deploy: {uses: ./.github/workflows/d.yml, secrets: %s}\n"
    assert step_of(base % "inherit").secrets == ("*",)
    assert step_of(base % "{key: '${{ secrets.KEY }}'}").secrets == ("KEY",)


@pytest.mark.parametrize(
    ("on", "step", "construct"),
    [
        ("pull_request_target",
         "{uses: actions/checkout@v4, with: {ref: '${{ github.event.pull_request.head.sha }}'}}",
         "a checkout of the change under pull_request_target"),
        ("issue_comment", "{run: 'gh pr checkout ${{ github.event.issue.number }}'}",
         "a checkout of the change under issue_comment"),
        ("workflow_run",
         "{uses: actions/checkout@v4, with: {ref: '${{ github.event.workflow_run.head_sha }}'}}",
         "a checkout of the change under workflow_run"),
        ("issues", "{run: 'echo ${{ github.event.issue.title }}'}",
         "${{ github.event.issue.title }} inside a script"),
        ("push", "{run: 'echo ${{ github.event.head_commit.message }}'}",
         "${{ github.event.head_commit.message }} inside a script"),
        ("issue_comment",
         "{uses: actions/github-script@v7, with: {script: '${{ github.event.comment.body }}'}}",
         "${{ github.event.comment.body }} inside a script"),
    ],
)  # fmt: skip
def test_content_of_others(on: str, step: str, construct: str) -> None:
    assert step_of(job(steps=f"steps: [{step}]", on=on)).untrusted.value == construct


@pytest.mark.parametrize(
    ("on", "step"),
    [
        ("pull_request_target", "{uses: actions/checkout@v4}"),
        ("pull_request", "{run: 'echo ${{ github.head_ref }}'}"),
        ("issues", "{run: echo $TITLE, env: {TITLE: '${{ github.event.issue.title }}'}}"),
        ("push", "{run: 'echo ${{ github.event.issue.title }}'}"),
    ],
)  # fmt: skip
def test_content_of_others_that_has_no_rights(on: str, step: str) -> None:
    found = step_of(job(steps=f"steps: [{step}]", on=on)).untrusted
    assert (found.known, found.value) == (True, None)


def test_a_message_after_a_failure_reaches_the_team() -> None:
    told = "{uses: slackapi/slack-github-action@v2, if: failure()}"
    found = read(job(steps=f"steps: [{{run: make}}, {told}]")).notifies
    assert (found.value, found.inferred) == (("author", "team_channel"), True)
    silent = "{uses: slackapi/slack-github-action@v2}"
    assert not read(job(steps=f"steps: [{{run: make}}, {silent}]")).notifies.known


def test_a_matrix_of_regions_is_the_targets() -> None:
    found = stage(job("strategy: {max-parallel: 1, matrix: {region: [eu-west-1, us-east-1]}}"))
    assert [(each.name, each.region) for each in found.targets] == [
        ("eu-west-1", "eu-west-1"),
        ("us-east-1", "us-east-1"),
    ]
    assert found.parallel == 1
    assert stage(job("strategy: {matrix: {zone: [a, b]}}")).parallel == 2
    assert stage(job("strategy: {matrix: {region: '${{ inputs.all }}'}}")).targets == ()
