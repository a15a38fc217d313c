"""Effects that got lost and attempts that come too late, on SQLite and PostgreSQL alike."""

from datetime import timedelta

import pytest
import sqlalchemy as sa
from sqlmodel import select

from service.executor.acts import perform
from service.executor.claiming import claim
from service.promotions.model import Effect
from service.promotions.ports import Fenced
from service.store.tables import RunRow
from tests.service.executor.conftest import Field
from tests.twins.ports import digest_of

#: What may become of an effect's workflow: it failed for good, it belongs to a process that nobody
#: knows, or it is gone.
LOST = {
    "failed": "UPDATE {table} SET status = 'ERROR' WHERE workflow_uuid = :name",
    "of nobody": "UPDATE {table} SET status = 'PENDING', executor_id = 'nobody', "
    "owner_xid = 'gone' WHERE workflow_uuid = :name",
    "gone": "DELETE FROM {table} WHERE workflow_uuid = :name",
}


def ordered(field: Field) -> RunRow:
    """The run that waits for an effect."""
    with field.engines.reading() as session:
        return session.exec(select(RunRow).where(RunRow.op != "", RunRow.outcome == "")).one()


def by_hand(field: Field) -> None:
    """Carry out the effect that is waited for, as a worker would."""
    run = ordered(field)
    assert run.id is not None
    kind = Effect(run.op.rsplit(":", 2)[1])
    result = field.executor.perform(run.op, run.id, kind)
    assert result is not None
    field.executor.report(run.op, run.id, kind, result)


@pytest.mark.both_databases
@pytest.mark.parametrize("lost", LOST)
def test_the_watchdog_cures_a_lost_effect(field: Field, lost: str) -> None:
    durable = field.executor.ground.durable
    durable.stop(0)
    release = field.executor.submit("shop", "a" * 40, "tester")
    table = "workflow_status" if field.engines.sqlite else "dbos.workflow_status"
    with field.engines.transaction() as session:
        name = ordered(field).op
        done = session.connection().execute(sa.text(LOST[lost].format(table=table)), {"name": name})
        assert done.rowcount == 1
    durable.launch(field.executor)
    field.executor.sweep.once()
    assert ordered(field).op == name
    # All attempts of the build and their pauses together: 8 times 20 min, and 5 min.
    field.clock.move(timedelta(minutes=166))
    field.executor.sweep.once()
    field.settle()
    assert field.state(release, "build") == "succeeded"
    assert field.builder.built == [f"{release}:build"]


def test_an_effect_in_time_is_left_alone(field: Field) -> None:
    durable = field.executor.ground.durable
    durable.stop(0)
    field.executor.submit("shop", "a" * 40, "tester")
    listed = durable.client.list_workflows(load_input=False, load_output=False)
    field.clock.move(timedelta(minutes=164))
    field.executor.sweep.once()
    assert len(durable.client.list_workflows(load_input=False, load_output=False)) == len(listed)
    durable.launch(field.executor)
    field.settle()


@pytest.mark.served
@pytest.mark.both_databases
def test_a_call_that_comes_late_is_fenced(field: Field) -> None:
    """A worker stops between its claim and its call; meanwhile an alarm takes the release back."""
    durable = field.executor.ground.durable
    durable.stop(0)
    bad = field.executor.submit("shop", "b" * 40, "tester")
    while field.state(bad, "one-box") != "deploying":
        by_hand(field)
    run = ordered(field)
    assert run.id is not None
    taken = claim(field.executor.ground, run.op, run.id, Effect.DEPLOY)
    assert taken is not None
    field.executor.record_data_points("shop", "one-box", "one-box", digest_of("b" * 40), 0, 10)
    assert field.state(bad, "one-box") == "rolling_back"
    by_hand(field)
    assert field.state(bad, "one-box") == "rolled_back"
    before = list(field.deployer.changes)
    with pytest.raises(Fenced):
        perform(field.executor.ground.ports, taken, Effect.DEPLOY)
    assert field.deployer.changes == before
    # Its report is for an effect that nobody waits for any more.
    assert field.executor.report(run.op, run.id, Effect.DEPLOY, {"moved": []}) == "stale"
    assert field.executor.perform(run.op, run.id, Effect.DEPLOY) is None
    durable.launch(field.executor)
