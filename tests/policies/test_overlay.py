"""The overlay: facts that a file cannot say, with their provenance and place."""

from datetime import timedelta
from pathlib import Path

import pytest

from policies.documents import DocumentError
from policies.facts import Fact, Provenance
from policies.findings import Span
from policies.formats import Read, read_pipelines
from policies.guards import Mutex, Queue
from policies.overlay import read_overlay
from policies.pipeline import OnAlarm, StageKind, StepKind, Target

GOLDEN = Path(__file__).parents[1] / "golden" / "pipelines" / "shop.workflow.yml"
OVERLAY = """\
schema: bakegate/overlay/v1
pipelines:
  .github/workflows/shop.yml:
    name: shop-api
    organization: retail
    tier: 1
    owner: {team: shop, ttr: 2h}
    stages:
      anywhere: {kind: prod, wave: 2, exposure: 5%, transition: manual}
      deploy-prod:
        wave: 1
        bake: {time: 30m, on_alarm: rollback}
        alarms: [errors]
        rollback_on: [failure, alarm]
    steps: {"deploy-prod/2": {kind: smoke}, mystery: {kind: unit}, Unit tests: {kind: contract}}
"""


def shop(overlay: str) -> Read:
    path = ".github/workflows/shop.yml"
    return read_pipelines(GOLDEN.read_bytes(), path, read_overlay(overlay, "bakegate.yaml"))


def test_facts_carry_their_place_in_the_overlay() -> None:
    found = shop(OVERLAY)
    assert found.problems == ()
    (pipeline,) = found.pipelines
    assert pipeline.name == "shop-api"
    assert pipeline.tier == Fact(1, Span("bakegate.yaml", 6, 11, 6, 12), Provenance.OVERLAY)
    assert pipeline.owner.team.value == "shop"
    assert pipeline.owner.ttr.value == timedelta(hours=2)
    assert pipeline.owner.oncall.value is None
    anywhere = pipeline.stage("anywhere")
    assert anywhere is not None
    assert anywhere.kind.value is StageKind.PROD
    assert (anywhere.wave.value, anywhere.exposure.value) == (2, 0.05)
    assert anywhere.transition.value == "manual"


def test_bake_and_alarms_of_a_stage() -> None:
    prod = shop(OVERLAY).pipelines[0].stage("deploy-prod")
    assert prod is not None
    assert prod.bake is not None
    assert prod.deploy is not None
    assert prod.bake.time.value == timedelta(minutes=30)
    assert prod.bake.time.provenance is Provenance.OVERLAY
    assert prod.bake.alarms.value == ("errors",)
    assert prod.bake.on_alarm.value is OnAlarm.ROLLBACK
    assert prod.bake_known.value is True
    assert prod.deploy.rollback_alarms.value == ("errors",)
    assert prod.deploy.rollback_on.value == frozenset({"failure", "alarm"})


def test_steps_by_index_by_job_and_by_name() -> None:
    (pipeline,) = shop(OVERLAY).pipelines
    kinds = {
        (stage.name, index): step.kind
        for stage in pipeline.stages
        for index, step in enumerate(stage.steps)
    }
    assert kinds["deploy-prod", 2].value is StepKind.SMOKE
    assert kinds["mystery", 0].value is StepKind.UNIT
    assert kinds["check", 1].value is StepKind.CONTRACT
    assert kinds["check", 1].provenance is Provenance.OVERLAY


def test_names_that_lead_nowhere_are_errors_in_the_overlay() -> None:
    told = shop(
        "schema: bakegate/overlay/v1\n"
        "pipelines:\n"
        "  .github/workflows/shop.yml:\n"
        "    stages: {deploy-prd: {kind: prod}}\n"
        "    steps: {Unit test: {kind: unit}}\n"
    ).problems
    assert [(each.span.path, each.span.line, each.span.column) for each in told] == [
        ("bakegate.yaml", 4, 14),
        ("bakegate.yaml", 5, 13),
    ]
    assert told[0].message.startswith("shop has no stage 'deploy-prd'; did you mean 'deploy-prod'?")
    assert told[1].message.startswith("shop has no step 'Unit test'; did you mean 'Unit tests'?")


def test_another_file_stays_as_it_is() -> None:
    overlay = "schema: bakegate/overlay/v1\npipelines: {other.yml: {tier: 0}}\n"
    assert shop(overlay).pipelines[0].tier.value is None


def test_one_of_several_pipelines_is_named_behind_the_path() -> None:
    overlay = (
        'schema: bakegate/overlay/v1\npipelines: {".github/workflows/shop.yml#shop": {tier: 0}}\n'
    )
    assert shop(overlay).pipelines[0].tier.value == 0


def test_a_broken_overlay() -> None:
    with pytest.raises(DocumentError, match=r"bakegate.yaml:2:21: unknown key 'teir'"):
        read_overlay(
            "schema: bakegate/overlay/v1\npipelines: {a.yml: {teir: 0}}\n", "bakegate.yaml"
        )


def test_what_no_tool_can_say_of_a_deployment_and_a_stage() -> None:
    overlay = (
        "schema: bakegate/overlay/v1\n"
        "pipelines:\n"
        "  .github/workflows/shop.yml:\n"
        "    has_ui: true\n"
        "    notify: [author]\n"
        "    stages:\n"
        "      deploy-prod:\n"
        "        deploy: {strategy: canary, max_unavailable: 10%, drain: 30s}\n"
        "        mutex: {key: prod, queue: fifo}\n"
        "        targets: [{name: eu, region: eu, traffic: 40%}]\n"
        "        variables: {MODE: live}\n"
    )
    pipeline = shop(overlay).pipelines[0]
    assert (pipeline.has_ui.value, pipeline.has_ui.provenance) == (True, Provenance.OVERLAY)
    assert pipeline.notifies.value == ("author",)
    stage = pipeline.stage("deploy-prod")
    assert stage is not None
    assert stage.deploy is not None
    assert (stage.deploy.strategy.value, stage.deploy.max_unavailable.value) == ("canary", 0.1)
    mutex = stage.mutex.value
    assert isinstance(mutex, Mutex)
    assert (mutex.key, mutex.queue, mutex.span.line) == ("prod", Queue.FIFO, 9)
    assert stage.targets == (Target("eu", "eu", traffic=0.4),)
    assert stage.variables.value == {"MODE": "live"}
