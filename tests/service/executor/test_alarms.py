"""Alarms that other systems report, and what they do to releases on their way."""

from dataclasses import replace
from datetime import timedelta

import pytest

from service.errors import Conflict, NotFound
from service.promotions.commands import Override
from service.promotions.reported import Reach, Report, Said
from tests.service.executor.conftest import PIPELINE, Field
from tests.service.executor.test_promotion import told

#: For what does not depend on the database.
one_database = pytest.mark.parametrize("database", ["sqlite"], indirect=True)

WATCHING = PIPELINE.replace(
    "deployers:", "  latency: {reported: true, missing: ok, scope: service}\ndeployers:", 1
).replace("alarms: [errors]", "alarms: [errors, latency]")
FIRES = Report("latency", Said.ALARM, Reach.SERVICE, "shop", message="p99 of 2.1 s")
QUIET = replace(FIRES, said=Said.OK, message="")


def test_a_reported_alarm_rolls_back_the_bake_that_watches_it(field: Field) -> None:
    field.executor.register_pipeline(WATCHING, "pipeline.yaml", ".", "tester")
    field.submit("a")
    field.passing(140)
    bad = field.submit("b")
    field.passing(5)
    heard = field.executor.report_alarm(FIRES, "watcher")
    # Decided before the answer: nothing had to be polled.
    assert (heard.was, heard.now, heard.decided) == ("", "alarm", ("shop",))
    assert field.state(bad, "one-box") in {"rolling_back", "rolled_back"}
    field.settle()
    run = next(run for run in field.release(bad).runs if run.stage == "one-box")
    assert run.outcome == "rolled_back"
    assert run.message == "alarm latency fires, as watcher reports: p99 of 2.1 s"


def test_what_fired_before_is_no_harm_but_ends_no_bake(field: Field) -> None:
    field.executor.register_pipeline(WATCHING, "pipeline.yaml", ".", "tester")
    field.executor.report_alarm(FIRES, "watcher")
    release = field.submit("a")
    assert told(field, release, "one-box", "alarm-block") == (
        "fail",
        "latency has been firing since 09:00",
    )
    repair = Override(release, "one-box", "alarm-block", "it mends the latency", 4)
    field.executor.carry_out(repair, "lee")
    field.settle()
    field.passing(90)
    assert field.state(release, "one-box") == "baking"
    field.executor.report_alarm(QUIET, "watcher")
    field.passing(5)
    assert field.state(release, "one-box") == "succeeded"


@one_database
def test_an_alarm_of_a_place_holds_whoever_is_there(field: Field) -> None:
    placed = PIPELINE.replace(
        "    exposure: 1%\n",
        "    exposure: 1%\n    targets: [{name: cell-9, region: eu, zone: a}]\n",
    )
    field.executor.register_pipeline(placed, "pipeline.yaml", ".", "tester")
    elsewhere = Report("power", Said.ALARM, Reach.ZONE, place="us/a")
    here = replace(elsewhere, place="eu/a")
    low = Report("disks", Said.ALARM, Reach.ORGANIZATION, organization="corner", severity="low")
    for report in (elsewhere, here, low):
        field.executor.report_alarm(report, "watcher")
    release = field.submit("a")
    assert told(field, release, "one-box", "alarm-block") == (
        "fail",
        "eu/a/power has been firing since 09:00",
    )
    assert field.state(release, "one-box") == "waiting"
    # The other system says that it is over: the gate is asked in the same transaction.
    field.executor.report_alarm(replace(here, said=Said.ENDED), "watcher")
    field.settle()
    assert field.state(release, "one-box") == "baking"


@one_database
def test_a_report_says_something_for_five_minutes(field: Field) -> None:
    field.executor.report_alarm(QUIET, "watcher")
    field.clock.move(timedelta(minutes=6))
    (shown,) = field.executor.reported_alarms()
    assert shown.stale
    # That all was well once needs nobody to say so again; that something fired does.
    field.executor.report_alarm(FIRES, "watcher")
    field.clock.move(timedelta(minutes=6))
    release = field.submit("a")
    assert field.state(release, "one-box") == "waiting"
    result, message = told(field, release, "one-box", "alarm-block")
    assert (result, message) == ("unknown", "the state of latency was last reported at 09:06")
    heard = field.executor.report_alarm(QUIET, "watcher")
    assert (heard.was, heard.decided) == ("alarm", ("shop",))


@one_database
@pytest.mark.parametrize("policy", ["unknown", "alarm"])
def test_silence_means_what_the_pipeline_says(field: Field, policy: str) -> None:
    watching = WATCHING.replace("missing: ok", f"missing: {policy}")
    field.executor.register_pipeline(watching, "pipeline.yaml", ".", "tester")
    field.executor.report_alarm(QUIET, "watcher")
    field.clock.move(timedelta(minutes=4, seconds=45))
    release = field.submit("a")
    field.passing(90)
    # For more than a minute nobody has known, and the bake wanted no longer than that.
    run = next(run for run in field.release(release).runs if run.stage == "one-box")
    if policy == "alarm":
        assert run.outcome == "failed"
        assert "alarm latency counts as firing: nobody reports it" in run.message
    else:
        assert (run.outcome, run.state) == (None, "baking")


@one_database
def test_reports_that_fit_to_nothing(field: Field) -> None:
    wrong = {
        replace(FIRES, pipeline="shp"): "there is no pipeline 'shp'",
        replace(FIRES, reach=Reach.TARGET, place="cell-2"): "did you mean 'cell-1'",
        Report("x", Said.OK, Reach.ORGANIZATION, organization="x"): "there is no organization 'x'",
    }
    for report, sentence in wrong.items():
        with pytest.raises((Conflict, NotFound), match=sentence):
            field.executor.report_alarm(report, "watcher")


@one_database
def test_each_target_has_an_alarm_of_its_own(field: Field) -> None:
    """Two targets together are well under the limit; the one that fails is not."""
    split = PIPELINE.replace("scope: service", "scope: target").replace(
        "    exposure: 1%\n", "    exposure: 1%\n    targets: [{name: one}, {name: two}]\n"
    )
    field.executor.register_pipeline(split, "pipeline.yaml", ".", "tester")
    release = field.submit("a")
    field.clock.move(timedelta(seconds=1))
    digest = field.release(release).digest or ""
    record = field.executor.record_data_points
    record("shop", "one-box", "one", digest, 1000, 0)
    record("shop", "one-box", "two", digest, 5, 1)
    run = next(run for run in field.release(release).runs if run.stage == "one-box")
    assert run.outcome == "failed"
    assert run.message.startswith("alarm errors fires on 1 negative answers")
