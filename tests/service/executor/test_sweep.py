"""Time that misbehaves, and a row that cannot be decided, on SQLite and PostgreSQL alike."""

import threading
import time
from datetime import timedelta

import pytest
from sqlmodel import col, select, update

from service.errors import Unavailable
from service.executor.durable import _registry
from service.executor.sweep import Sweep
from service.store.tables import AlarmRow, BeatRow, RunRow
from tests.service.executor.conftest import PATIENCE_S, PIPELINE, Field
from tests.twins.ports import digest_of

pytestmark = pytest.mark.both_databases


def test_a_row_that_cannot_be_decided_keeps_no_other_from_it(field: Field) -> None:
    other = PIPELINE.replace("name: shop\n", "name: other\n")
    field.executor.register_pipeline(other, "other.yaml", ".", "tester")
    broken = field.submit("a")
    field.executor.submit("other", "a" * 40, "tester")
    field.settle()
    with field.engines.transaction() as session:
        mine = update(RunRow).where(col(RunRow.release) == broken, col(RunRow.stage) == "one-box")
        assert session.exec(mine.values(state="strange", due=field.clock.now())).rowcount == 1
    field.clock.move(timedelta(seconds=60))
    assert field.executor.sweep.once() == 2
    with field.engines.reading() as session:
        due = {run.pipeline: run.due for run in session.exec(select(RunRow)) if not run.outcome}
    assert due["shop"] == field.clock.now() + timedelta(minutes=1)
    other_due = due["other"]
    assert other_due is not None
    assert other_due > field.clock.now()
    assert field.executor.sweep.once() == 0


def test_a_bake_ends_though_the_clock_was_set_back(field: Field) -> None:
    release = field.submit("a")
    field.passing(30)
    assert field.state(release, "one-box") == "baking"
    field.clock.move(timedelta(hours=-1))
    field.executor.sweep.once()
    with field.engines.reading() as session:
        runs = session.exec(select(RunRow)).all()
        alarms = session.exec(select(AlarmRow)).all()
    assert all(
        run.due is None or run.due < field.clock.now() + timedelta(minutes=2) for run in runs
    )
    assert all(alarm.since <= field.clock.now() for alarm in alarms)
    # The whole bake again, because nobody knows how much of its time was real.
    field.passing(70)
    assert field.state(release, "one-box") == "succeeded"


def test_a_time_that_only_others_have_seen_is_noticed(field: Field) -> None:
    """As where the sweep waits for the database while the clock is set forward and back."""
    field.executor.sweep.once()
    field.clock.move(timedelta(hours=1))
    release = field.submit("a")
    assert field.state(release, "one-box") == "baking"
    field.clock.move(timedelta(hours=-1, seconds=10))
    field.executor.sweep._clock._read_at = 0
    field.passing(70)
    assert field.state(release, "one-box") == "succeeded"


@pytest.mark.served
def test_harm_is_seen_at_once_after_the_clock_was_set_back(field: Field) -> None:
    bad = field.submit("b")
    assert field.state(bad, "one-box") == "baking"
    field.clock.move(timedelta(hours=-1))
    field.executor.sweep.once()
    field.executor.record_data_points("shop", "one-box", "one-box", digest_of("b" * 40), 0, 10)
    field.settle()
    assert field.state(bad, "one-box") == "rolled_back"


def test_a_clock_that_went_back_while_nothing_ran_is_noticed(field: Field) -> None:
    release = field.submit("a")
    field.passing(30)
    field.clock.move(timedelta(hours=-1))
    field.executor.sweep = Sweep(field.executor.ground)
    field.passing(90)
    assert field.state(release, "one-box") == "succeeded"


def test_a_jump_forward_is_no_bake_and_hurries_no_effect(field: Field) -> None:
    """What runs is left alone, though by the clock it runs for longer than all its attempts."""
    field.tester.valve.close("beta")
    release = field.executor.submit("shop", "a" * 40, "tester")
    field.until(release, "beta", "testing")
    end = time.monotonic() + PATIENCE_S
    while not _registry.running:
        assert time.monotonic() < end
        time.sleep(0.02)
    field.clock.move(timedelta(days=1))
    field.executor.sweep.once()
    asked = field.executor.ground.durable.client.list_workflows(
        workflow_id_prefix=f"{release}/beta:test", load_input=False, load_output=False
    )
    assert [each.status for each in asked] == ["PENDING"]
    field.tester.valve.open()
    field.settle()
    field.clock.move(timedelta(days=1))
    field.executor.sweep.once()
    assert field.state(release, "one-box") == "baking"


def test_processes_that_died_long_ago_are_forgotten(field: Field) -> None:
    now = field.clock.now()
    with field.engines.transaction() as session:
        for name, days, dead in (("old", 8, True), ("silent", 8, False), ("new", 6, True)):
            session.add(BeatRow(executor=name, at=now - timedelta(days=days), dead=dead))
    field.executor.sweep._collect_at = 0
    field.executor.sweep._collect()
    with field.engines.reading() as session:
        assert set(session.exec(select(BeatRow.executor))) == {"silent", "new"}


def test_who_waits_for_the_database_stops_with_the_process(field: Field) -> None:
    asked: list[int] = []

    def away() -> None:
        asked.append(1)
        field.engines.closing.set()
        raise Unavailable("the database is away")

    ended: list[BaseException] = []

    def wait() -> None:
        try:
            field.engines.patiently(away)
        except BaseException as error:  # noqa: BLE001 - what ends it is what the test is about
            ended.append(error)

    thread = threading.Thread(target=wait)
    thread.start()
    thread.join(PATIENCE_S)
    field.engines.closing.clear()
    assert len(asked) == 1
    assert [type(each).__name__ for each in ended] == ["Interrupted"]
    assert not isinstance(ended[0], Exception)


def test_what_is_wrong_with_a_query_is_not_waited_for(field: Field) -> None:
    with pytest.raises(Exception, match="nonsense") as raised, field.engines.reading() as session:
        session.connection().exec_driver_sql("SELECT nonsense FROM runs")
    assert not isinstance(raised.value, Unavailable)
    assert field.executor.ground.engines.trouble == ""
