"""How runs and releases end, and what may not enter afterwards, on SQLite and PostgreSQL alike."""

from datetime import timedelta

import pytest

from tests.service.executor.conftest import ORGANIZATION, Field

WAVE = """\
schema: bakegate/pipeline/v1
name: wave
organization: corner
kind: tool
tier: 3
owner: {team: orders, oncall: orders, channel: orders, ttr: 1h}
source: {repository: ., branch: main, start: push}
build:
  steps:
    - {name: unit, kind: unit, run: ./unit, reports: {junit: reports/unit.xml}}
  artifact: dist/app.tar.gz
deployers:
  hosts: {type: local, hosts: 2, batch: 1, min_healthy: 1}
stages:
  - name: cells
    kind: test
    deploy: hosts
    targets: [{name: cell-1}, {name: cell-2}, {name: cell-3}]
    parallel: 2
"""


@pytest.mark.both_databases
def test_targets_change_together_up_to_the_limit_of_the_stage(field: Field) -> None:
    field.executor.register_pipeline(WAVE, "wave.yaml", ".", "tester")
    release = field.executor.submit("wave", "d" * 40, "tester")
    field.settle()
    assert field.release(release).outcome == "succeeded"
    order = [(key.split("/")[2].partition(":")[0], host) for key, host in field.deployer.changes]
    assert order == [
        ("cell-1", 0),
        ("cell-2", 0),
        ("cell-1", 1),
        ("cell-2", 1),
        ("cell-3", 0),
        ("cell-3", 1),
    ]
    kinds = [(each.kind, each.data.get("target")) for each in field.release(release).events]
    started = [target for kind, target in kinds if kind == "deploy.started"]
    assert started == ["cell-1", "cell-2", "cell-3"]


def test_zones_of_a_region_change_one_after_the_other(field: Field) -> None:
    zones = "{name: cell-1, region: eu, zone: a}, {name: cell-2, region: eu, zone: b}"
    wave = (
        WAVE.replace("kind: test", "kind: prod")
        .replace("{name: cell-1}, {name: cell-2}, {name: cell-3}", zones)
        .replace("parallel: 2", "parallel: 2\n    wave: 3")
    )
    field.executor.register_pipeline(wave, "wave.yaml", ".", "tester")
    field.executor.submit("wave", "d" * 40, "tester")
    field.settle()
    order = [key.split("/")[2].partition(":")[0] for key, _ in field.deployer.changes]
    assert order == ["cell-1", "cell-1", "cell-2", "cell-2"]
    allowed = "  fault-domain-isolation: {parameters: {parallel_az_per_region: 2}}\n"
    rules = ORGANIZATION | {"rules.yaml": ORGANIZATION["rules.yaml"] + allowed}
    field.executor.register_organization(rules, "tester")
    field.executor.submit("wave", "e" * 40, "tester")
    field.settle()
    order = [key.split("/")[2].partition(":")[0] for key, _ in field.deployer.changes[4:]]
    assert order == ["cell-1", "cell-2", "cell-1", "cell-2"]


@pytest.mark.served
def test_a_digest_that_was_rolled_back_is_refused_for_good(field: Field) -> None:
    field.submit("b")
    field.passing(5, negative=10)
    again = field.submit("b")
    field.passing(60)
    field.executor.switch_transition("shop", "one-box", "automatic", "mended", "tester")
    assert field.state(again, "one-box") == "waiting"
    newest = field.release(again).decisions[-1].message
    assert newest["verdict"] == "block"
    (why,) = [each for each in newest["results"] if each["verdict"] == "block"]
    assert why["rule"] == "rolled-back-revision"
    assert why["message"].startswith(
        "shop:2, this artifact, was rolled back in one-box because of an alarm at "
    )
    # What the stage went back to is what this pipeline put there, and it is known as such.
    told = {each["rule"]: each["message"] for each in newest["results"]}
    assert told["pipeline-only-changes"] == "one-box runs what this pipeline deployed"


@pytest.mark.served
def test_what_waits_does_not_slip_in_after_a_rollback(field: Field) -> None:
    bad = field.submit("b")
    waiting = field.submit("c")
    field.passing(5, negative=10)
    assert field.state(bad, "one-box") == "rolled_back"
    assert field.state(waiting, "one-box") == "waiting"
    kept = field.stage("one-box")
    assert kept.transition == "manual"
    assert kept.reason == (
        "shop:2 rolled back by itself: alarm errors fires on 10 negative answers"
    )


@pytest.mark.both_databases
def test_a_superseded_release_ends_and_tells_what_rides_along(field: Field) -> None:
    field.submit("a")
    old = field.submit("b")
    new = field.submit("c")
    view = field.release(old)
    assert (view.outcome, view.superseded_by) == ("superseded", new)
    last = view.events[-1]
    assert last.kind == "release.superseded"
    assert last.data == {"outcome": "superseded", "by": new, "riding": ["b" * 40]}


def test_a_stranded_release_leaves_its_stage_to_a_person(field: Field) -> None:
    first = field.submit("a")
    field.passing(5, negative=10)
    assert field.state(first, "one-box") == "failed"
    assert field.release(first).outcome == "failed"
    assert field.stage("one-box").transition == "manual"
    following = field.submit("b")
    field.clock.move(timedelta(minutes=6))
    field.executor.sweep.once()
    assert field.state(following, "one-box") == "waiting"
