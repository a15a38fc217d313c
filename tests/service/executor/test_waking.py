"""Time: which rows a sweep leaves to others, and which it does not look at for nothing."""

import threading
import time
from datetime import timedelta

import pytest
import sqlalchemy as sa
from sqlalchemy import event
from sqlmodel import col, select

from service.executor.transition import FACTS_AGE, LONGEST_REST
from service.executor.watch import QUIET
from service.promotions.commands import Approve, RollBack
from service.promotions.model import Effect
from service.store.tables import RunRow
from tests.service.executor.conftest import ORGANIZATION, PATIENCE_S, PIPELINE, Field

ZONE = """\
  - name: zone-{zone}
    kind: prod
    wave: 1
    needs: [one-box]
    targets: [{{name: cell-{zone}, region: eu, zone: {zone}}}]
    deploy: hosts
    bake: {{time: 60s, alarms: [errors], on_alarm: rollback}}
"""
BESIDE = PIPELINE.partition("  - name: cell-1")[0] + ZONE.format(zone="a") + ZONE.format(zone="b")


def run_of(field: Field, release: str, stage: str) -> RunRow:
    with field.engines.reading() as session:
        asked = select(RunRow).where(RunRow.release == release, RunRow.stage == stage)
        return session.exec(asked).one()


@pytest.mark.postgres
@pytest.mark.parametrize("origin", ["postgresql"], indirect=True)
def test_a_pipeline_that_another_has_taken_is_left_to_it(field: Field) -> None:
    release = field.submit("a")
    field.passing(55)
    field.clock.move(timedelta(seconds=5))
    swept = threading.Event()

    def sweep() -> None:
        field.executor.sweep.once()
        swept.set()

    with field.executor.ground.turn("shop"):
        thread = threading.Thread(target=sweep)
        thread.start()
        assert swept.wait(PATIENCE_S)
        assert field.state(release, "one-box") == "baking"
    thread.join()
    field.executor.sweep.once()
    assert field.state(release, "one-box") == "succeeded"


@pytest.mark.postgres
@pytest.mark.parametrize("origin", ["postgresql"], indirect=True)
def test_who_waits_for_a_pipeline_keeps_no_effect_of_another_waiting(field: Field) -> None:
    text = PIPELINE.replace("name: shop\n", "name: bakery\n")
    field.executor.register_pipeline(text, "bakery.yaml", ".", "tester")
    field.deployer.valve.close("beta")
    field.executor.submit("shop", "a" * 40, "tester")
    field.until("shop:1", "beta", "deploying")
    run = run_of(field, "shop:1", "beta")
    moved = {"target": "beta", "state": "running", "replaced": 1, "hosts": 3}
    told: list[str] = []

    def report() -> None:
        result = {"moved": [moved]}
        told.append(field.executor.report(run.op, run.id or 0, Effect.DEPLOY, result))

    waiting = [threading.Thread(target=report) for _ in range(6)]
    with field.executor.ground.turn("shop"):
        for each in waiting:
            each.start()
        field.executor.submit("bakery", "b" * 40, "tester")
        field.until("bakery:1", "beta", "deploying")
        assert told == []
    for each in waiting:
        each.join()
    assert sorted(told) == ["deploying", *["stale"] * 5]
    field.deployer.valve.open()
    field.settle()


@pytest.mark.both_databases
def test_a_bake_is_looked_at_when_time_can_end_it(field: Field) -> None:
    release = field.submit("a")
    assert run_of(field, release, "one-box").due == field.clock.now() + timedelta(seconds=60)
    field.passing(30)
    # Its end is half a minute away; silence from now on would stop its clock two periods from now.
    run = run_of(field, release, "one-box")
    assert run.due == field.clock.now() + timedelta(seconds=21)
    field.passing(15)
    run = run_of(field, release, "one-box")
    assert run.due == field.clock.now() + timedelta(seconds=15)


def test_a_bake_that_stands_still_waits_for_data_points(field: Field) -> None:
    release = field.submit("a")
    field.passing(30)
    field.clock.move(timedelta(minutes=2))
    field.executor.sweep.once()
    run = run_of(field, release, "one-box")
    assert run.still
    assert run.due == field.clock.now() + QUIET
    # The next answer sets the clock going again, in its own transaction.
    field.traffic(20, 0)
    run = run_of(field, release, "one-box")
    assert not run.still
    assert run.due
    assert run.due < field.clock.now() + timedelta(seconds=61)


def test_a_bake_that_waits_for_answers_is_looked_at_once_a_period(field: Field) -> None:
    """Its time is over, and with one positive answer a step it has not yet ten of them."""
    release = field.submit("a")
    for _ in range(9):
        field.clock.move(timedelta(seconds=9))
        field.traffic(1, 0)
    run = run_of(field, release, "one-box")
    assert (run.state, run.outcome) == ("baking", "")
    assert run.due == field.clock.now() + timedelta(seconds=10)


def test_what_waits_for_another_stage_goes_on_when_that_ends(field: Field) -> None:
    """Two zones of a region stand beside each other: one may change at a time."""
    rules = ORGANIZATION["rules.yaml"] + "  fault-domain-isolation: block\n"
    field.executor.register_pipeline(BESIDE, "pipeline.yaml", ".", "tester")
    # Lint would refuse the file from now on; at the gate one zone lets the other go first.
    field.executor.register_organization(ORGANIZATION | {"rules.yaml": rules}, "tester")
    release = field.submit("a")
    field.passing(60)
    assert field.state(release, "zone-a") == "baking"
    held = field.release(release).decisions[-1].message
    assert [each["rule"] for each in held["results"] if each["verdict"] == "hold"] == [
        "fault-domain-isolation"
    ]
    # Facts of rules may change and nobody says so.
    assert run_of(field, release, "zone-b").due == field.clock.now() + FACTS_AGE
    field.passing(60)
    assert (field.state(release, "zone-a"), field.state(release, "zone-b")) == (
        "succeeded",
        "baking",
    )


def test_what_a_person_must_do_is_not_asked_for_all_the_time(field: Field) -> None:
    field.executor.switch_transition("shop", "beta", "manual", "look first", "kim")
    release = field.submit("a")
    assert run_of(field, release, "beta").due == field.clock.now() + LONGEST_REST
    field.executor.carry_out(Approve(release, "beta"), "lee")
    field.settle()
    assert field.state(release, "beta") == "succeeded"


@pytest.mark.both_databases
def test_a_decision_asks_for_each_row_once(field: Field) -> None:
    """A statement with equal values in one transaction is one that could have been kept."""
    field.submit("a")
    field.passing(60)
    digest = field.stage("cell-1").running["cell-1"]
    asked: list[tuple[str, str]] = []

    def seen(_c: object, _u: object, statement: str, parameters: object, *_: object) -> None:
        asked.append((statement, str(parameters)))

    field.clock.move(timedelta(seconds=5))
    event.listen(field.engines.write, "before_cursor_execute", seen)
    field.executor.record_data_points("shop", "cell-1", "cell-1", digest, 20, 0)
    event.remove(field.engines.write, "before_cursor_execute", seen)
    by_key = [each for each in asked if "FROM blobs" in each[0] or "FROM organizations" in each[0]]
    assert len(by_key) == len(set(by_key))
    assert by_key


@pytest.mark.both_databases
def test_what_is_due_is_found_by_its_index(field: Field) -> None:
    due = select(RunRow.id).where(col(RunRow.due) <= field.clock.now()).order_by(col(RunRow.due))
    with field.engines.reading() as session:
        compiled = str(due.compile(session.connection(), compile_kwargs={"literal_binds": True}))
        if not field.engines.sqlite:
            session.connection().exec_driver_sql("SET enable_seqscan = off")
        word = "EXPLAIN QUERY PLAN " if field.engines.sqlite else "EXPLAIN "
        plan = session.connection().exec_driver_sql(word + compiled).all()
    assert "ix_runs_due" in str(plan)


def queue_of(field: Field, op: str) -> str:
    table = "workflow_status" if field.engines.sqlite else "dbos.workflow_status"
    with field.engines.reading() as session:
        asked = f"SELECT queue_name FROM {table} WHERE workflow_uuid LIKE '{op}'"  # noqa: S608 - our own words
        return str(session.connection().exec_driver_sql(asked.replace("%", "%%")).scalar_one())


@pytest.mark.both_databases
def test_a_rollback_waits_behind_no_work_of_other_stages(field: Field) -> None:
    field.submit("a")
    field.passing(130)
    release = field.submit("b")
    field.traffic(20, 20)
    field.settle()
    assert field.state(release, "one-box") == "rolled_back"
    assert queue_of(field, f"{release}/one-box:rollback:%") == "back"
    assert queue_of(field, f"{release}/beta:test:%") == "act"


def test_a_rollback_waits_for_the_batch_that_runs_in_its_stage(field: Field) -> None:
    field.submit("a")
    field.passing(130)
    field.deployer.valve.close("one-box")
    release = field.executor.submit("shop", "b" * 40, "tester")
    field.until(release, "one-box", "deploying")
    digest = field.stage("one-box").running["one-box"]
    field.executor.carry_out(RollBack(release, "it is slow", "one-box"), "tester")
    field.deployer.valve.open()
    field.settle()
    assert field.state(release, "one-box") == "rolled_back"
    assert field.stage("one-box").running["one-box"] == digest
    assert queue_of(field, f"{release}/one-box:rollback:%") == "act"


@pytest.mark.postgres
@pytest.mark.parametrize("origin", ["postgresql"], indirect=True)
def test_two_pipelines_may_keep_the_same_text_at_once(field: Field) -> None:
    """The second comes while the first has written it and not yet committed."""
    other = PIPELINE.replace("name: shop\n", "name: other\n")
    field.executor.register_pipeline(other, "other.yaml", ".", "tester")
    kept: list[str] = []

    def keep() -> None:
        with field.executor.ground.turn("other") as turn:
            kept.append(turn.keep("pkg:pypi/tiny-rates@1.2.0"))

    thread = threading.Thread(target=keep)
    with field.executor.ground.turn("shop") as turn:
        kept.append(turn.keep("pkg:pypi/tiny-rates@1.2.0"))
        thread.start()
        waits = sa.text("SELECT count(*) FROM pg_locks WHERE NOT granted")
        with field.engines.read.connect() as connection:
            while thread.is_alive() and not connection.execute(waits).scalar_one():
                time.sleep(0.02)
    thread.join()
    assert len(kept) == 2
    assert kept[0] == kept[1]
