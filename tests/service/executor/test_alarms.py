"""Alarms that other systems report, and what they do to releases on their way."""

from dataclasses import replace
from datetime import datetime, timedelta

import pytest
from sqlmodel import select

from service.errors import Conflict, NotFound
from service.promotions.commands import Override, Pause, Resume
from service.promotions.reported import Reach, Report, Said
from service.store.tables import RunRow
from tests.service.executor.conftest import PIPELINE, Field
from tests.service.executor.test_promotion import told

WATCHING = PIPELINE.replace(
    "deployers:", "  latency: {reported: true, missing: ok, scope: service}\ndeployers:", 1
).replace("alarms: [errors]", "alarms: [errors, latency]")
FIRES = Report("latency", Said.ALARM, Reach.SERVICE, "shop", message="p99 of 2.1 s")
QUIET = replace(FIRES, said=Said.OK, message="")


@pytest.mark.both_databases
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


def due(field: Field, release: str, stage: str) -> datetime:
    with field.engines.reading() as session:
        asked = select(RunRow).where(RunRow.release == release, RunRow.stage == stage)
        found = session.exec(asked).one().due
    assert found is not None
    return found


def test_a_wait_is_looked_at_when_a_report_grows_stale(field: Field) -> None:
    """Neither a hold with a far end nor a bake waits for its end to see that nobody reports."""
    field.executor.register_pipeline(WATCHING, "pipeline.yaml", ".", "tester")
    until = field.clock.now() + timedelta(hours=12)
    field.executor.carry_out(Pause("moving", "shop", "one-box", until=until), "lee")
    field.executor.report_alarm(QUIET, "watcher")
    stale = field.clock.now() + timedelta(minutes=5, seconds=1)
    field.clock.move(timedelta(seconds=2))
    release = field.submit("a")
    assert due(field, release, "one-box") == stale
    field.clock.move(timedelta(seconds=2))
    field.executor.carry_out(Resume("pa-1"), "lee")
    field.settle()
    assert field.state(release, "one-box") == "baking"
    assert due(field, release, "one-box") <= stale


def test_silence_is_seen_a_period_later_and_not_at_the_end_of_the_bake(field: Field) -> None:
    long = PIPELINE.replace(
        "bake: {time: 60s, alarms: [errors], on_alarm: rollback, data",
        "bake: {time: 12h, alarms: [errors], on_alarm: rollback, data",
    )
    field.executor.register_pipeline(long, "pipeline.yaml", ".", "tester")
    release = field.submit("a")
    field.passing(10)
    for _ in range(4):
        field.clock.move(timedelta(seconds=10))
        field.executor.sweep.once()
    run = next(run for run in field.release(release).runs if run.stage == "one-box")
    assert "no data of one-box" in run.message
    assert "bake.stalled" in [each.kind for each in field.release(release).events]


def test_an_alarm_that_does_nothing_only_keeps_the_bake_from_its_end(field: Field) -> None:
    bears = PIPELINE.replace("on_alarm: rollback", "on_alarm: none")
    field.executor.register_pipeline(bears, "pipeline.yaml", ".", "tester")
    release = field.submit("a")
    field.passing(90, negative=10)
    run = next(run for run in field.release(release).runs if run.stage == "one-box")
    assert (run.state, run.outcome) == ("baking", None)
    assert run.message.startswith("alarm errors fires on ")
    assert run.message.endswith("negative answers, and nothing goes back by itself")


def test_reports_that_fit_to_nothing(field: Field) -> None:
    wrong = {
        replace(FIRES, pipeline="shp"): "there is no pipeline 'shp'",
        replace(FIRES, reach=Reach.TARGET, place="cell-2"): "did you mean 'cell-1'",
        Report("x", Said.OK, Reach.ORGANIZATION, organization="x"): "there is no organization 'x'",
    }
    for report, sentence in wrong.items():
        with pytest.raises((Conflict, NotFound), match=sentence):
            field.executor.report_alarm(report, "watcher")


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
