"""Releases on their way, on SQLite and PostgreSQL alike: the semantics that others get wrong."""

from datetime import timedelta
from itertools import pairwise

import pytest

from service.store.read import events
from tests.service.executor.conftest import FIRST, PIPELINE, Field
from tests.twins.ports import digest_of

pytestmark = pytest.mark.both_databases


def test_a_good_release_reaches_every_stage(field: Field) -> None:
    release = field.submit("a")
    assert field.state(release, "one-box") == "baking"
    field.passing(140)
    view = field.release(release)
    assert view.outcome == "succeeded"
    assert [(run.stage, run.outcome) for run in view.runs] == [
        ("build", "succeeded"),
        ("beta", "succeeded"),
        ("one-box", "succeeded"),
        ("cell-1", "succeeded"),
    ]
    assert [event.kind for event in view.events][-3:] == [
        "bake.ended",
        "stage.ended",
        "release.ended",
    ]


def test_every_host_is_replaced_once_in_batches(field: Field) -> None:
    field.submit("a")
    field.passing(70)
    assert field.deployer.changes == [
        ("shop:1/beta/beta:deploy", 0),
        ("shop:1/beta/beta:deploy", 1),
        ("shop:1/beta/beta:deploy", 2),
        ("shop:1/one-box/one-box:deploy", 0),
        ("shop:1/cell-1/cell-1:deploy", 0),
        ("shop:1/cell-1/cell-1:deploy", 1),
        ("shop:1/cell-1/cell-1:deploy", 2),
    ]


def test_the_bake_clock_stands_still_without_data(field: Field) -> None:
    release = field.submit("a")
    field.passing(30)
    field.passing(300, positive=0)
    assert field.state(release, "one-box") == "baking"
    kinds = [event.kind for event in field.release(release).events]
    assert "bake.stalled" in kinds
    field.passing(40)
    assert field.state(release, "one-box") == "succeeded"
    assert "bake.resumed" in [event.kind for event in field.release(release).events]


def test_time_alone_does_not_end_a_bake_that_wants_data_points(field: Field) -> None:
    release = field.submit("a")
    field.clock.move(timedelta(hours=3))
    field.executor.sweep.once()
    assert field.state(release, "one-box") == "baking"


@pytest.mark.served
def test_an_alarm_in_the_bake_rolls_back_to_the_last_good_release(field: Field) -> None:
    good = FIRST
    bad = field.submit("b")
    field.passing(5, negative=10)
    assert field.state(bad, "one-box") == "rolled_back"
    assert field.state(bad, "cell-1") == ""
    assert field.stage("one-box").running == {"one-box": digest_of("a" * 40)}
    assert field.release(bad).outcome == "rolled_back"
    assert field.release(good).outcome == "succeeded"


@pytest.mark.served
def test_after_an_automatic_rollback_a_person_starts_the_next_release(field: Field) -> None:
    field.submit("b")
    field.passing(5, negative=10)
    assert field.stage("one-box").transition == "manual"
    field.passing(60)
    third = field.submit("c")
    assert field.state(third, "one-box") == "waiting"
    run = next(run for run in field.release(third).runs if run.stage == "one-box")
    assert run.decision is not None
    assert run.decision.verdict == "hold"
    field.executor.switch_transition("shop", "one-box", "automatic", "the cause is mended", "me")
    field.settle()
    assert field.state(third, "one-box") == "baking"


def test_a_rollback_without_an_earlier_artifact_fails_and_says_so(field: Field) -> None:
    release = field.submit("a")
    field.passing(5, negative=10)
    assert field.state(release, "one-box") == "failed"
    run = next(run for run in field.release(release).runs if run.stage == "one-box")
    assert "nothing to go back to" in run.message


@pytest.mark.served
def test_a_bad_release_is_taken_back_wherever_customers_have_it(field: Field) -> None:
    bad = field.submit("b")
    field.passing(70)
    assert field.state(bad, "cell-1") == "baking"
    assert field.state(bad, "one-box") == "succeeded"
    field.passing(5, negative=10)
    assert field.state(bad, "cell-1") == "rolled_back"
    assert field.state(bad, "one-box") == "rolled_back"
    assert field.stage("one-box").running == {"one-box": digest_of("a" * 40)}
    assert field.stage("cell-1").running == {"cell-1": digest_of("a" * 40)}


def test_a_failed_test_stops_the_release_before_customers(field: Field) -> None:
    field.tester.failing.add(("beta", digest_of("b" * 40)))
    field.submit("a")
    field.passing(140)
    bad = field.submit("b")
    assert field.state(bad, "beta") == "rolled_back"
    assert field.state(bad, "one-box") == ""


def test_a_failed_build_ends_the_release(field: Field) -> None:
    field.builder.failing.add("b" * 40)
    release = field.submit("b")
    assert field.state(release, "build") == "failed"
    assert field.release(release).outcome == "failed"


@pytest.mark.served
def test_a_failed_deployment_restores_the_last_good_artifact(field: Field) -> None:
    field.deployer.failing.add(digest_of("b" * 40))
    bad = field.submit("b")
    assert field.state(bad, "beta") == "rolled_back"
    assert field.stage("beta").running == {"beta": digest_of("a" * 40)}


def test_a_newer_release_supersedes_the_one_that_waits(field: Field) -> None:
    first = field.submit("a")
    second, third = field.submit("b"), field.submit("c")
    assert field.state(first, "one-box") == "baking"
    assert field.state(second, "one-box") == "superseded"
    assert field.state(third, "one-box") == "waiting"
    assert field.release(second).superseded_by == third
    assert field.release(second).outcome == "superseded"


def test_a_stage_finishes_what_it_started(field: Field) -> None:
    first = field.submit("a")
    second = field.submit("b")
    field.passing(70)
    assert field.state(first, "one-box") == "succeeded"
    assert field.state(second, "one-box") == "baking"


@pytest.mark.served
def test_a_blocked_package_stops_at_customers_and_only_warns_before(field: Field) -> None:
    field.builder.packages["b" * 40] = ("pkg:pypi/tiny-rates@1.3.0",)
    field.block("pkg:pypi/tiny-rates", "vers:pypi/>=1.3.0|<1.3.1")
    release = field.submit("b")
    assert field.state(release, "beta") == "succeeded"
    run = next(run for run in field.release(release).runs if run.stage == "one-box")
    assert run.decision is not None
    assert run.decision.verdict == "block"


def test_a_blocklist_entry_reaches_a_release_that_waits(field: Field) -> None:
    field.builder.packages["b" * 40] = ("pkg:pypi/tiny-rates@1.3.0",)
    field.submit("a")
    waiting = field.submit("b")
    field.block("pkg:pypi/tiny-rates", "vers:pypi/>=1.3.0|<1.3.1")
    run = next(run for run in field.release(waiting).runs if run.stage == "one-box")
    assert run.decision is not None
    assert run.decision.verdict == "block"


def test_equal_answers_of_a_gate_are_one_decision(field: Field) -> None:
    field.submit("a")
    waiting = field.submit("b")
    field.passing(30)
    said = [
        [(each["rule"], each["result"], each["verdict"]) for each in decision.message["results"]]
        for decision in field.release(waiting).decisions
        if decision.message["subject"]["stage"] == "one-box"
    ]
    assert len(said) >= 1
    assert all(earlier != later for earlier, later in pairwise(said))


def test_one_release_acts_in_a_stage_at_a_time(field: Field) -> None:
    releases = [field.submit(letter) for letter in "abc"]
    field.passing(200)
    events = sorted(
        (event for name in releases for event in field.release(name).events),
        key=lambda event: event.sequence,
    )
    acting: dict[str, str] = {}
    for event in events:
        if event.kind == "stage.entered":
            assert event.stage not in acting
            acting[str(event.stage)] = str(event.release)
        if event.kind == "stage.ended" and acting.get(str(event.stage)) == event.release:
            del acting[str(event.stage)]


def test_the_log_of_a_pipeline_has_no_gaps(field: Field) -> None:
    field.submit("a")
    field.passing(30)
    with field.engines.reading() as session:
        found = events(session, "shop", 0, 1000)
    assert [event.sequence for event in found] == list(range(1, field.executor.version("shop") + 1))


def told(field: Field, release: str, stage: str, rule: str) -> tuple[str, str]:
    """The result and the words of one rule in the newest decision about a stage."""
    newest = [
        decision.message
        for decision in field.release(release).decisions
        if decision.message["subject"]["stage"] == stage
    ][-1]
    found = next(each for each in newest["results"] if each["rule"] == rule)
    return found["result"], found["message"]


@pytest.mark.served
def test_gates_know_what_runs_and_what_is_on_its_way(field: Field) -> None:
    later = field.submit("b")
    field.passing(30)
    assert told(field, later, "one-box", "ordered-deploys") == (
        "pass",
        f"no other release is in one-box; one-box runs {'a' * 12}, which is not newer",
    )


def test_gates_know_how_much_served_while_a_stage_was_deployed(field: Field) -> None:
    wide = PIPELINE.replace("    exposure: 1%\n", "").replace("name: shop", "name: wide")
    field.executor.register_pipeline(wide, "wide.yaml", ".", "tester")
    field.executor.submit("wide", "a" * 40, "tester")
    field.passing(140)
    later = field.executor.submit("wide", "b" * 40, "tester")
    field.passing(70)
    assert told(field, later, "cell-1", "min-healthy-capacity") == (
        "pass",
        "at least 100% of one-box served while it was deployed",
    )


def test_an_older_commit_is_not_taken_for_a_newer_release(field: Field) -> None:
    field.through("b")
    older = field.submit("a")
    field.passing(30)
    assert told(field, older, "one-box", "ordered-deploys") == (
        "fail",
        f"one-box runs {'b' * 12}, which is newer than {'a' * 12}",
    )
