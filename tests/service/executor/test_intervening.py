"""Rollback, abort and retry by a person, problem reports, kinds: on SQLite and PostgreSQL alike."""

from dataclasses import replace
from typing import Any

import pytest

from service.errors import Conflict
from service.promotions.commands import Abort, ClearProblem, ReportProblem, Retry, RollBack
from service.promotions.reported import Reach, Report, Said
from tests.service.executor.conftest import Field
from tests.twins.ports import digest_of


def do(field: Field, command: Abort | ClearProblem | ReportProblem | Retry | RollBack) -> str:
    made = field.executor.carry_out(command, "lee")
    field.settle()
    return made


def kinds(field: Field, release: str) -> list[str]:
    return [each.kind for each in field.release(release).events]


@pytest.mark.both_databases
def test_a_person_rolls_a_release_back_wherever_it_runs(field: Field) -> None:
    first = field.submit("a")
    with pytest.raises(Conflict, match="no earlier artifact ended well in beta"):
        do(field, RollBack(first, "wrong totals"))
    field.passing(140)
    second = field.submit("b")
    field.passing(140)
    assert field.release(second).outcome == "succeeded"
    do(field, RollBack(second, "wrong totals"))
    assert [field.state(second, stage) for stage in ("beta", "one-box", "cell-1")] == [
        "rolled_back",
        "rolled_back",
        "rolled_back",
    ]
    view = field.release(second)
    assert view.outcome == "rolled_back"
    assert field.stage("cell-1").running == {"cell-1": digest_of("a" * 40)}
    assert field.stage("cell-1").good == digest_of("a" * 40)
    # The person who asked for it knows; only what went back by itself waits for somebody.
    assert field.stage("cell-1").transition == "automatic"
    started = [each.data for each in view.events if each.kind == "rollback.started"]
    assert {(each["cause"], each["message"]) for each in started} == {
        ("person", "rolled back by lee: wrong totals")
    }
    with pytest.raises(Conflict, match="runs nowhere; there is nothing to roll back"):
        do(field, RollBack(second, "again"))


@pytest.mark.served
def test_one_stage_goes_back_alone(field: Field) -> None:
    second = field.submit("b")
    assert field.state(second, "one-box") == "baking"
    with pytest.raises(Conflict, match="say why you roll back it"):
        do(field, RollBack(second, " "))
    do(field, RollBack(second, "wrong totals", "one-box"))
    assert field.state(second, "one-box") == "rolled_back"
    assert field.stage("beta").running == {"beta": digest_of("b" * 40)}


@pytest.mark.served
def test_abort_ends_what_waits_and_takes_back_what_is_deployed(field: Field) -> None:
    second = field.submit("b")
    third = field.submit("c")
    assert field.state(third, "one-box") == "waiting"
    do(field, Abort(third, "by mistake"))
    assert (field.state(third, "one-box"), field.release(third).outcome) == ("aborted", "aborted")
    run = next(run for run in field.release(third).runs if run.stage == "one-box")
    assert run.message == "aborted by lee: by mistake"
    do(field, Abort(second, "by mistake"))
    assert field.state(second, "one-box") == "rolled_back"
    with pytest.raises(Conflict, match="has ended already: rolled back"):
        do(field, Abort(second, "again"))


def test_an_abort_tells_a_deployment_that_hangs_to_stop(field: Field) -> None:
    """Nothing was before, so that it ends aborted, without waiting for the call that hangs."""
    field.deployer.valve.close("beta")
    release = field.executor.submit("shop", "a" * 40, "tester")
    field.until(release, "beta", "deploying")
    do(field, Abort(release, "by mistake"))
    assert (field.state(release, "beta"), field.release(release).outcome) == ("aborted", "aborted")
    run = next(run for run in field.release(release).runs if run.stage == "beta")
    assert run.message == (
        "aborted by lee: by mistake; what was deployed stays, as no earlier artifact ended well in "
        "this stage; beta: aborted when 0 of 3 hosts were replaced"
    )
    assert kinds(field, release)[-3:] == ["deploy.ended", "stage.ended", "release.ended"]
    # Who asked for it knows, so that the next release needs nobody.
    assert field.stage("beta").transition == "automatic"
    field.deployer.valve.open()
    following = field.submit("b")
    assert field.state(following, "beta") == "succeeded"
    assert not [key for key, _ in field.deployer.changes if key.startswith(f"{release}/")]


def test_an_abort_of_what_was_deployed_leaves_it_where_nothing_was_before(field: Field) -> None:
    release = field.submit("a")
    assert field.state(release, "one-box") == "baking"
    do(field, Abort(release, "by mistake"))
    assert field.state(release, "one-box") == "aborted"
    assert field.release(release).outcome == "aborted"
    assert field.stage("one-box").running == {"one-box": digest_of("a" * 40)}


@pytest.mark.both_databases
def test_a_failed_stage_is_tried_again_with_keys_of_its_own(field: Field) -> None:
    field.tester.failing.add(("beta", digest_of("a" * 40)))
    release = field.submit("a")
    assert (field.state(release, "beta"), field.release(release).outcome) == ("failed", "failed")
    field.tester.failing.clear()
    field.executor.switch_transition("shop", "beta", "automatic", "the network is back", "lee")
    do(field, Retry(release, "beta", "the network was away"))
    assert field.state(release, "beta") == "succeeded"
    assert field.state(release, "one-box") == "baking"
    assert field.release(release).outcome is None
    assert list(field.tester.done) == [f"{release}/beta/beta:test", f"{release}/beta/beta:test.2"]
    assert "stage.retried" in kinds(field, release)
    tests = [each.result for each in field.release(release).evidence if each.stage == "beta"]
    assert "fail" not in tests
    with pytest.raises(Conflict, match="is succeeded at beta; only what failed can be retried"):
        do(field, Retry(release, "beta", "once more"))


def test_a_newer_release_takes_the_right_to_retry(field: Field) -> None:
    field.builder.failing.add("a" * 40)
    first = field.submit("a")
    field.passing(0)
    assert field.state(first, "build") == "failed"
    field.executor.ground.durable.stop(10)
    second = field.executor.submit("shop", "b" * 40, "tester")
    with pytest.raises(Conflict, match=f"{second} came to build since"):
        field.executor.carry_out(Retry(first, "build", "a flake"), "lee")
    field.executor.ground.durable.launch(field.executor)
    field.settle()


def test_a_newer_release_that_has_been_in_the_stage_takes_it_too(field: Field) -> None:
    field.tester.failing.add(("beta", digest_of("a" * 40)))
    field.builder.failing.add("b" * 40)
    first, unbuilt = field.submit("a"), field.submit("b")
    assert field.state(unbuilt, "build") == "failed"
    # What never came so far takes nothing: it is tried again, and fails again.
    do(field, Retry(first, "beta", "a flake"))
    field.executor.switch_transition("shop", "beta", "automatic", "a flake", "lee")
    field.settle()
    assert field.state(first, "beta") == "failed"
    field.executor.switch_transition("shop", "beta", "automatic", "a flake", "lee")
    third = field.submit("c")
    assert field.state(third, "beta") == "succeeded"
    with pytest.raises(Conflict, match=f"{third} came to beta since; submit a new release"):
        do(field, Retry(first, "beta", "a flake"))


@pytest.mark.both_databases
def test_a_reported_problem_halts_the_bake_until_it_is_cleared(field: Field) -> None:
    release = field.submit("a")
    assert do(field, ReportProblem(release, "charged twice")) == "pr-1"
    field.passing(140)
    assert field.state(release, "one-box") == "baking"
    run = next(run for run in field.release(release).runs if run.stage == "one-box")
    assert run.message == "halted by lee: charged twice"
    do(field, ClearProblem("pr-1", "it was a test account"))
    assert field.state(release, "one-box") == "succeeded"
    (problem,) = field.release(release).problems
    assert (problem.by, problem.cleared_by, problem.resolution) == (
        "lee",
        "lee",
        "it was a test account",
    )
    assert {"problem.reported", "problem.cleared"} <= set(kinds(field, release))
    with pytest.raises(Conflict, match="pr-1 was cleared by lee already"):
        do(field, ClearProblem("pr-1", "again"))


def test_a_release_with_a_problem_enters_nothing(field: Field) -> None:
    field.submit("a")
    waiting = field.submit("b")
    do(field, ReportProblem(waiting, "charged twice"))
    run = next(run for run in field.release(waiting).runs if run.stage == "one-box")
    assert run.decision is not None
    told = [each["message"] for each in run.decision.message["conditions"]]
    assert "lee reported a problem: charged twice; a person clears it or rolls back" in told


def results_of(field: Field, release: str) -> dict[str, dict[str, Any]]:
    """What each rule says in the newest decision."""
    message = field.release(release).decisions[-1].message
    return {each["rule"]: each for each in message["results"]}


def incident(field: Field, release: str) -> dict[str, Any]:
    """The incident as the newest gate saw it."""
    facts = results_of(field, release)["emergency-backfill"]["facts"]
    (found,) = (each for each in facts if each["path"].startswith("context.incidents."))
    return dict(found)


def test_an_emergency_says_why_and_config_keeps_its_kind(field: Field) -> None:
    executor = field.executor
    with pytest.raises(Conflict, match="say why it is an emergency"):
        executor.submit("shop", "a" * 40, "lee", kind="emergency")
    with pytest.raises(Conflict, match="normal, emergency and config, not 'rollback'"):
        executor.submit("shop", "a" * 40, "lee", kind="rollback")
    why = "orders are lost"
    with pytest.raises(Conflict, match="name the incident that the emergency mends"):
        executor.submit("shop", "a" * 40, "lee", kind="emergency", reason=why)
    vague = {"reason": why, "incident": " a bad one "}
    with pytest.raises(Conflict, match="one word with a digit, not 'a bad one'"):
        executor.submit("shop", "a" * 40, "lee", kind="emergency", **vague)
    said = {"reason": why, "incident": "INC-31"}
    urgent = executor.submit("shop", "a" * 40, "lee", kind="emergency", **said)
    field.settle()
    view = field.release(urgent)
    assert (view.kind, view.reason, view.incident) == ("emergency", why, "INC-31")
    results = results_of(field, urgent)
    assert results["emergency-backfill"]["message"].startswith("it mends INC-31")
    # The incident that it mends is no reason to keep it out.
    assert results["alarm-block"]["result"] == "pass"
    assert (incident(field, urgent)["source"], field.release(urgent).confirmed_by) == ("lee", "")
    told = Report("inc-31", Said.ALARM, Reach.SERVICE, "shop", message="orders are lost")
    executor.report_alarm(told, "pager")
    assert field.release(urgent).confirmed_by == "pager"
    later = executor.submit("shop", "c" * 40, "lee", kind="emergency", **said)
    field.settle()
    assert incident(field, later)["source"] == "pager"
    # Nor is it one where another system reports it.
    assert "inc-31" not in str(results_of(field, later)["alarm-block"])
    executor.report_alarm(replace(told, said=Said.ENDED), "pager")
    assert field.release(urgent).confirmed_by == ""
    config = executor.submit("shop", "b" * 40, "lee", kind="config")
    field.settle()
    assert field.release(config).kind == "config"
