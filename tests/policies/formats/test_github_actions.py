"""GitHub Actions workflows: what they say, and what stands in settings instead."""

from datetime import timedelta
from pathlib import Path

import pytest

from policies.facts import Provenance
from policies.findings import Span
from policies.formats import read_pipelines
from policies.pipeline import Pipeline, Stage, StageKind, StepKind

GOLDEN = Path(__file__).parents[2] / "golden" / "pipelines" / "shop.workflow.yml"


@pytest.fixture(scope="module")
def pipeline() -> Pipeline:
    found = read_pipelines(GOLDEN.read_bytes(), ".github/workflows/shop.yml")
    assert found.problems == ()
    assert found.format == "github-actions"
    return found.pipelines[0]


def stage(pipeline: Pipeline, name: str) -> Stage:
    found = pipeline.stage(name)
    assert found is not None
    return found


def test_head(pipeline: Pipeline) -> None:
    assert pipeline.name == "shop"
    assert pipeline.span == Span(".github/workflows/shop.yml", 1, 7, 1, 11)
    assert pipeline.origin.branches.value == ("main",)
    assert pipeline.origin.start.value == ("push", "manual")
    assert not pipeline.windows.known
    assert (
        pipeline.windows.note == "GitHub Actions cannot say time windows; say it in bakegate.yaml"
    )
    assert not pipeline.alarms.known


def test_jobs_are_stages_with_kinds(pipeline: Pipeline) -> None:
    kinds = {each.name: (each.kind.value, each.deploy is not None) for each in pipeline.stages}
    assert kinds["check"] == (StageKind.TEST, False)
    assert kinds["stage-it"] == (StageKind.PREPROD, True)
    assert kinds["deploy-prod"] == (StageKind.PROD, True)
    assert kinds["nightly-backup"] == (StageKind.TEST, False)
    assert stage(pipeline, "deploy-prod").kind.confidence == 0.95


def test_an_expression_hides_the_environment(pipeline: Pipeline) -> None:
    anywhere = stage(pipeline, "anywhere")
    assert not anywhere.kind.known
    assert anywhere.kind.note == "its environment is the expression ${{ inputs.where }}"


def test_needs_are_real_dependencies(pipeline: Pipeline) -> None:
    assert stage(pipeline, "deploy-prod").needs == ("stage-it", "load")
    assert stage(pipeline, "anywhere").needs == ()


def test_softeners_are_named_at_their_place(pipeline: Pipeline) -> None:
    path = ".github/workflows/shop.yml"
    checkout, unit, lint, e2e = stage(pipeline, "check").steps
    assert checkout.soft.value is None
    assert (unit.soft.value, unit.soft.span) == ("|| true", Span(path, 12, 23, 12, 30))
    assert (lint.soft.value, lint.soft.span) == ("continue-on-error", Span(path, 14, 28, 14, 32))
    assert (e2e.soft.value, e2e.soft.span) == ("set +e", Span(path, 16, 11, 16, 17))
    assert [each.kind.value for each in (unit, lint, e2e)] == [
        StepKind.UNIT,
        StepKind.LINT,
        StepKind.INTEGRATION,
    ]
    assert unit.kind.provenance is Provenance.INFERRED


def test_called_workflows_are_unseen(pipeline: Pipeline) -> None:
    (load,) = stage(pipeline, "load").steps
    assert (load.kind.value, load.kind.confidence) == (StepKind.LOAD, 0.7)
    (mystery,) = stage(pipeline, "mystery").steps
    assert not mystery.kind.known
    assert mystery.kind.note == (
        "the called workflow example/flows/.github/workflows/thing.yml@v1 is not read"
    )
    assert not stage(pipeline, "mystery").approvals.known


def test_what_settings_say_is_unknown_with_the_setting(pipeline: Pipeline) -> None:
    prod = stage(pipeline, "deploy-prod")
    assert not prod.approvals.known
    assert prod.approvals.note == (
        "required reviewers and wait timers stand in Settings, Environments, production"
    )
    assert stage(pipeline, "check").approvals.value is None
    assert stage(pipeline, "check").approvals.known


def test_deployments(pipeline: Pipeline) -> None:
    helm = stage(pipeline, "stage-it").deploy
    assert helm is not None
    assert (helm.engine.value, helm.rollback_on.value) == ("helm", frozenset({"failure"}))
    prod = stage(pipeline, "deploy-prod").deploy
    assert prod is not None
    assert prod.engine.value == "azure/webapps-deploy"
    assert prod.rollback_on.value == frozenset({"failure"})
    assert not prod.rollback_alarms.known


def test_a_long_sleep_is_a_bake_that_watches_nothing(pipeline: Pipeline) -> None:
    prod = stage(pipeline, "deploy-prod")
    assert prod.bake is not None
    assert prod.bake.time.value == timedelta(minutes=10)
    assert prod.bake.alarms.value is None
    assert prod.bake_known.value is True
    assert not stage(pipeline, "stage-it").bake_known.known


def test_duplicate_keys_are_told_and_the_last_is_read() -> None:
    text = b"on: push\njobs:\n  a:\n    steps: []\n  a:\n    steps: [{run: npm test}]\n"
    found = read_pipelines(text, "w.yml")
    assert [(each.span.line, each.message) for each in found.problems] == [
        (3, "key 'a' is written twice, which GitHub refuses; keep one")
    ]
    assert [len(each.steps) for each in found.pipelines[0].stages] == [1]


def test_a_workflow_without_a_name_is_named_by_its_path() -> None:
    found = read_pipelines(b"on: push\njobs: {}\n", ".github/workflows/Ship It.yml")
    assert found.pipelines[0].name == "github-workflows-ship-it"


@pytest.mark.parametrize(
    "jobs",
    ["[]", "word", "{a: }", "{a: []}", "{a: {steps: word}}", "{a: {steps: [word, [x], {}]}}",
     "{a: {needs: {b: c}, environment: [x], uses: [y]}}", "{a: {environment: {name: [x]}}}"],
)  # fmt: skip
def test_odd_forms_are_read_as_far_as_they_go(jobs: str) -> None:
    found = read_pipelines(f"on: push\njobs: {jobs}\n".encode(), "w.yml")
    assert len(found.pipelines) == 1
