"""Bakegate's own format: every key lands in the model, and every error is told at once."""

from datetime import timedelta
from pathlib import Path

import pytest

from policies.facts import Fact, Provenance
from policies.findings import Span
from policies.formats import Read, read_pipelines
from policies.guards import Mutex, Queue
from policies.pipeline import (
    Approvals,
    OnAlarm,
    Pipeline,
    PipelineKind,
    StageKind,
    StepKind,
    Target,
)
from policies.references import Pin, Reference
from policies.scripted import Request

GOLDEN = Path(__file__).parents[2] / "golden" / "pipelines" / "every-key.yaml"


@pytest.fixture(scope="module")
def pipeline() -> Pipeline:
    found = read_pipelines(GOLDEN.read_bytes(), "p.yaml")
    assert found.problems == ()
    assert found.format == "bakegate"
    return found.pipelines[0]


def read(text: str) -> Read:
    return read_pipelines(text.encode(), "p.yaml")


def test_head(pipeline: Pipeline) -> None:
    assert (pipeline.name, pipeline.span) == ("tickets", Span("p.yaml", 3, 7, 3, 14))
    assert pipeline.organization.value == "rail/sales"
    assert pipeline.kind.value is PipelineKind.APP
    assert pipeline.tier == Fact(1, Span("p.yaml", 6, 7, 6, 8))
    assert pipeline.owner.ttr == Fact(timedelta(hours=1), Span("p.yaml", 7, 77, 7, 79))
    assert pipeline.origin.start.value == ("push",)
    assert pipeline.origin.branches.value == ("main",)
    assert pipeline.environment == ("TICKETS_REGION",)
    assert pipeline.artifact.value == "dist/app.tar.gz"
    assert pipeline.complete.value is True


def test_the_build_is_a_stage(pipeline: Pipeline) -> None:
    build = pipeline.stages[0]
    assert (build.name, build.kind.value, build.needs) == ("build", StageKind.BUILD, ())
    assert build.timeout == timedelta(minutes=20)
    unit, package = build.steps
    assert unit.kind == Fact(StepKind.UNIT, Span("p.yaml", 13, 26, 13, 30))
    assert unit.reports == (("junit", "reports/unit.xml"),)
    assert unit.timeout.value == timedelta(minutes=5)
    assert (package.kind.value, package.kind.provenance) == (StepKind.BUILD, Provenance.INFERRED)
    assert (package.retries, package.secrets) == (1, ("registry",))


def test_written_order_is_the_order(pipeline: Pipeline) -> None:
    assert {stage.name: stage.needs for stage in pipeline.stages} == {
        "build": (),
        "beta": ("build",),
        "gamma": ("beta",),
        "one-box": ("gamma",),
        "cell-1": ("one-box",),
        "wave-2": ("cell-1", "gamma"),
    }


def test_alarms(pipeline: Pipeline) -> None:
    (alarm,) = pipeline.alarms.or_else(()) or ()
    assert (alarm.negative_ratio, alarm.minimum, alarm.periods, alarm.of) == (0.01, 50, 3, 5)
    assert (alarm.period, alarm.missing, alarm.scope) == (
        timedelta(minutes=1),
        "unknown",
        "service",
    )


def test_deployments(pipeline: Pipeline) -> None:
    deploy = pipeline.stages[1].deploy
    assert deploy is not None
    assert (deploy.name, deploy.engine.value) == ("hosts", "local")
    assert (deploy.hosts.value, deploy.batch.value, deploy.min_healthy.value) == (3, 1, 2)
    assert deploy.deadline.value == timedelta(minutes=10)
    assert deploy.rollback_on.value == frozenset({"failure", "deadline", "alarm"})
    assert deploy.rollback_alarms.value == ("errors",)
    assert deploy.checks.value == ("validate",)
    assert deploy.hooks is not None
    assert deploy.hooks.stop.value == "./stop"


def test_fewer_hosts_shrink_what_no_longer_fits(pipeline: Pipeline) -> None:
    stage = pipeline.stage("one-box")
    assert stage is not None
    assert stage.deploy is not None
    deploy = stage.deploy
    assert (deploy.hosts.value, deploy.batch.value, deploy.min_healthy.value) == (1, 1, 0)


def test_preprod(pipeline: Pipeline) -> None:
    gamma = pipeline.stages[2]
    assert gamma.configuration.value == "prod"
    assert gamma.steps[0].soft.value == "soft_fail"
    assert gamma.synthetics[0].every.value == timedelta(seconds=60)
    assert gamma.synthetics[0].requests == (Request("POST", "/buy", 201),)


def test_bake(pipeline: Pipeline) -> None:
    stage = pipeline.stages[3]
    assert stage.bake is not None
    assert stage.bake.time == Fact(timedelta(hours=1), Span("p.yaml", 51, 18, 51, 21))
    assert (stage.bake.positive.value, stage.bake.negative.value) == (3000, 0)
    assert stage.bake.alarms.value == ("errors",)
    assert stage.bake.on_alarm.value is OnAlarm.ROLLBACK
    assert (stage.wave.value, stage.exposure.value, stage.rollback) == (1, 0.01, "stage")


def test_an_absent_fact_is_at_the_visible_name_of_its_parent(pipeline: Pipeline) -> None:
    cell = pipeline.stages[4]
    assert cell.bake is not None
    assert cell.exposure == Fact(None, cell.span)
    assert cell.transition == Fact("automatic", cell.span)


BAKING = """\
schema: bakegate/pipeline/v1
name: shop
organization: retail
source: {repository: ., branch: main, start: push}
build:
  steps:
    - name: unit
      run: |
        set +e
        python -m pytest
    - {name: lint, run: "ruff check || exit 0"}
    - {name: types, run: mypy || report}
    - name: links
      run: >
        ./check-links ||
        true
  artifact: dist/app
alarms: {errors: {negative_ratio: 1%}}
deployers: {hosts: {type: local, hosts: 1}}
stages:
  - {name: one-box, kind: prod, deploy: hosts, bake: {time: 1h, alarms: [errors]}}
  - {name: cell-1, kind: prod, deploy: hosts, bake: {time: 1h, alarms: [errors], on_alarm: halt}}
  - {name: cell-2, kind: prod, deploy: hosts, bake: {time: 1h}}
"""


def test_alarms_of_a_bake_roll_back_where_it_does_not_say_what_they_do() -> None:
    (pipeline,) = read(BAKING).pipelines
    said = [stage.bake.on_alarm for stage in pipeline.stages if stage.bake]
    assert [each.value for each in said] == [OnAlarm.ROLLBACK, OnAlarm.HALT, None]
    assert said[0].span == Span("p.yaml", 21, 65, 21, 71)


def test_alarms_have_a_share_or_a_number_or_are_reported() -> None:
    more = "alarms: {errors: {negative_ratio: 1%}, many: {negatives: 3}, heat: {reported: true}}"
    (pipeline,) = read(BAKING.replace("alarms: {errors: {negative_ratio: 1%}}", more)).pipelines
    alarms = pipeline.alarms.or_else(None) or ()
    assert [(each.negative_ratio, each.negatives, each.reported) for each in alarms] == [
        (0.01, None, False),
        (None, 3, False),
        (None, None, True),
    ]


def test_scripts_that_let_a_failure_pass_are_named_at_their_place() -> None:
    (pipeline,) = read(BAKING).pipelines
    unit, lint, types, links = (step.soft for step in pipeline.stages[0].steps)
    assert (unit.value, unit.span) == ("set +e", Span("p.yaml", 9, 9, 9, 15))
    assert (lint.value, lint.span) == ("|| exit 0", Span("p.yaml", 11, 37, 11, 46))
    assert types.value is None
    # The words stand on two lines of the file, so the script as a whole is the place.
    assert (links.value, links.span) == ("|| true", Span("p.yaml", 14, 12, 16, 13))


def test_last_wave(pipeline: Pipeline) -> None:
    wave = pipeline.stages[5]
    assert wave.targets == (
        Target("cell-2", "eu", "a", "two", 0.05),
        Target("cell-3", "eu", "b"),
    )
    assert wave.parallel == 2
    assert wave.transition.value == "manual"
    assert wave.approvals.value == Approvals(2, ("lead",), forbid_author=True)
    assert wave.checklist == ("look at the dashboard", "tell support")
    assert [window.name for window in wave.windows] == ["day"]
    assert pipeline.windows.value is None


def test_what_an_author_declares_of_the_service(pipeline: Pipeline) -> None:
    assert (pipeline.maturity.value, pipeline.preprod.value) == ("new", "dark-cell")
    assert (pipeline.has_ui.value, pipeline.has_consumers.value) == (True, True)
    assert pipeline.operations.value == ("GET /tickets", "POST /tickets")
    assert pipeline.dependencies.value == ("payments",)
    assert pipeline.notifies.value == ("author", "team_channel")
    sources = pipeline.config_sources.or_else(()) or ()
    assert [(each.name, each.kind, each.pipeline) for each in sources] == [
        ("flags", "flags", "tickets-flags")
    ]
    alarms = pipeline.alarms.or_else(()) or ()
    assert alarms[0].signals == ("fault_rate",)


def test_what_an_author_declares_of_a_deployment(pipeline: Pipeline) -> None:
    deploy = pipeline.stages[1].deploy
    assert deploy is not None
    assert (deploy.strategy.value, deploy.on_deadline.value) == ("rolling", "abort")
    assert (deploy.max_unavailable.value, deploy.surge.value) == (0.33, 0.1)
    assert (deploy.drain.value, deploy.retained.value) == (timedelta(seconds=30), 5)
    assert (deploy.rollback_batch.value, deploy.availability.value) == (0.33, "single")
    assert deploy.forward_only.value is False


def test_what_our_executor_always_does() -> None:
    found = read(SMALL).pipelines[0].stages[0]
    assert found.deploy is not None
    assert (found.deploy.strategy.value, found.deploy.on_deadline.value) == ("rolling", "abort")
    artifact = found.deploy.artifact.value
    assert isinstance(artifact, Reference)
    assert artifact.pin is Pin.DIGEST
    mutex = found.mutex.value
    assert isinstance(mutex, Mutex)
    assert (mutex.key, mutex.queue) == ("beta", Queue.LATEST)
    assert (found.deploy.drain.value, found.callers.value) == (None, None)


def test_what_an_author_declares_of_a_stage(pipeline: Pipeline) -> None:
    gamma = pipeline.stages[2]
    assert gamma.callers.value == ("owner", "synthetics")
    assert gamma.variables.value == {"PAYMENTS_URL": "https://pay.example"}
    assert gamma.branches.value == ("main",)
    (buy,) = gamma.synthetics
    assert buy.outside.value is True
    assert (buy.operations, buy.dependencies) == (("POST /tickets",), ("payments",))


SMALL = """\
schema: bakegate/pipeline/v1
name: x
deployers: {hosts: {type: local, hosts: 1}}
stages: [{name: beta, kind: test, deploy: hosts}]
"""
BROKEN = """\
schema: bakegate/pipeline/v1
name: x
tyer: 1
alarms: {errors: {negative_ratio: 1%}, cpu: {}, heat: {reported: true, negatives: 3}}
deployers:
  hosts: {type: local, hosts: 3, batch: 2, min_healthy: 2}
stages:
  - {name: a, kind: test, deploy: host, needs: [b], wave: 1}
  - {name: b, kind: test, needs: [a, zz]}
  - {name: b, kind: prod, bake: {time: 1h, alarms: [error]}}
time_windows: [{name: w, effect: allow, zone: Europe/Berlin, weekly: [{days: [mun], from: "09:00", until: "25:00"}]}]
"""  # noqa: E501 - one window on one line


def test_form_and_meaning_are_reported_together() -> None:
    told = [(each.span.line, each.span.column, each.message) for each in read(BROKEN).problems]
    places = [(line, column) for line, column, _ in told]
    assert places == sorted(places)
    messages = [message for line, _, message in told if line < 11]
    assert messages[0].startswith("unknown key 'tyer'; did you mean 'tier'?")
    assert messages[1:] == [
        "nothing says when 'cpu' fires; write negative_ratio, negatives or reported: true",
        "a reported alarm is judged elsewhere; take negatives or reported out",
        "2 healthy hosts and a batch of 2 need 4 hosts, and there are 3; make one smaller",
        "no deployer is named 'host'; did you mean 'hosts'? known are hosts",
        "'a' waits for itself through b; take one stage out of its needs",
        "only a prod stage has customers; take 'wave' out, or write 'kind: prod'",
        "'b' waits for itself through a, zz; take one stage out of its needs",
        "no stage is named 'zz'; known are a, b",
        "a second stage is named 'b'; give each a name of its own",
        "no alarm is named 'error'; did you mean 'errors'? known are errors, cpu, heat",
    ]
    assert len([line for line, _, _ in told if line == 11]) == 2
