"""What we rely on in the durable engine: an upgrade of it that breaks one behaviour is seen.

Each test is one behaviour, on SQLite and PostgreSQL alike.
"""

import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any, cast

import pytest
import sqlalchemy as sa
from dbos import DBOS, DBOSClient

from service.executor.durable import VERSION, Durable, _tried
from service.promotions.model import Effect
from service.promotions.ports import Fenced
from service.store.engines import Engines, Interrupted, open_engines
from service.store.tables import RunRow

pytestmark = pytest.mark.both_databases


@dataclass
class Recorder:
    """Does nothing, and writes down in which order it was asked to and by which thread."""

    performed: list[str] = field(default_factory=list)
    reported: list[tuple[str, dict[str, Any]]] = field(default_factory=list)
    at_once: int = 0
    most_at_once: int = 0
    takes_s: float = 0.0
    failing: int = 0
    """So many reports raise before one is taken."""
    raising: list[BaseException] = field(default_factory=list)
    """What the next attempts raise."""
    held: list[threading.Event] = field(default_factory=list)
    """What the next attempts wait for, each for its own."""
    lock: threading.Lock = field(default_factory=threading.Lock)

    def perform(self, op: str, run_id: int, kind: Effect) -> dict[str, Any] | None:
        with self.lock:
            self.performed.append(op)
            self.at_once += 1
            self.most_at_once = max(self.most_at_once, self.at_once)
            held = self.held.pop(0) if self.held else None
            raised = self.raising.pop(0) if self.raising else None
        time.sleep(self.takes_s)
        if held and not held.wait(180):
            raise TimeoutError(op)
        with self.lock:
            self.at_once -= 1
        if raised:
            raise raised
        return {"did": op, "run": run_id, "kind": str(kind)}

    def report(self, op: str, run_id: int, kind: Effect, result: dict[str, Any]) -> str:
        with self.lock:
            if self.failing:
                self.failing -= 1
                raise ConnectionError("the database is away")
            self.reported.append((op, result))
        return f"{run_id} {kind}"

    def deliver(self, notice: str) -> str | None:
        raise NotImplementedError(f"nobody tells {notice}")

    def record(self, notice: str, error: str) -> None:
        raise NotImplementedError(f"nobody tells {notice}: {error}")


def waiting_for(op: str, stage: str) -> RunRow:
    """A run that waits for an effect."""
    return RunRow(id=7, pipeline="shop", release="shop:1", stage=stage, state="deploying", op=op)


@dataclass
class Bench:
    """An engine that takes orders, and what it does with them."""

    engines: Engines
    durable: Durable
    works: Recorder

    def order(
        self, op: str, stage: str = "beta", *, commits: bool = True, kind: str = Effect.DEPLOY
    ) -> None:
        run = waiting_for(op, stage)
        with self.engines.transaction() as session:
            self.durable.order(session, run, cast("Effect", kind))
            if not commits:
                session.rollback()

    def until(self, true: Callable[[], bool]) -> None:
        end = time.monotonic() + 180
        while not true():
            assert time.monotonic() < end
            time.sleep(0.02)

    def status(self, op: str) -> str:
        found = self.durable.client.list_workflows(
            workflow_ids=[op], load_input=False, load_output=False
        )
        return found[0].status if found else "gone"

    def set(self, op: str, **values: str | int) -> None:
        """Change the engine's row, as a crash, a defect or the years would leave it."""
        names = ("workflow_uuid", *values)
        schema = None if self.engines.sqlite else "dbos"
        table = sa.table("workflow_status", *map(sa.column, names), schema=schema)
        changed = sa.update(table).where(table.c.workflow_uuid == op).values(**values)
        with self.engines.transaction() as session:
            session.connection().execute(changed)


@pytest.fixture
def bench(database: str) -> Iterator[Bench]:
    engines = open_engines(database)
    durable, works = Durable(engines, "w-1", timedelta(seconds=0.05)), Recorder()
    durable.launch(works)
    yield Bench(engines, durable, works)
    durable.stop(10)
    engines.dispose()


def test_an_order_commits_and_vanishes_with_our_transaction(bench: Bench) -> None:
    bench.order("lost", commits=False)
    bench.order("kept")
    bench.until(lambda: bool(bench.works.reported))
    assert bench.works.performed == ["kept"]
    assert bench.status("lost") == "gone"


def test_arguments_and_results_come_back_as_plain_json(bench: Bench) -> None:
    bench.order("kept")
    bench.until(lambda: bool(bench.works.reported))
    assert bench.works.reported == [("kept", {"did": "kept", "run": 7, "kind": "deploy"})]


def test_an_effect_of_a_later_version_is_left_to_workers_that_know_it(bench: Bench) -> None:
    bench.order("new", kind="unheard-of")
    bench.until(lambda: bench.status("new") == "PENDING")
    bench.order("known", "gamma")
    bench.until(lambda: bool(bench.works.reported))
    bench.until(lambda: bench.durable.care() == ["new"])
    assert bench.works.performed == ["known"]


def test_aborts_are_no_business_of_workers_that_do_not_know_them(bench: Bench) -> None:
    bench.order("end", kind=Effect.ABORT)
    assert bench.durable.client.list_workflows()[0].queue_name == "aborts"


def test_one_effect_of_a_stage_runs_at_a_time_and_stages_beside_each_other(bench: Bench) -> None:
    bench.works.takes_s = 0.3
    for number in range(3):
        bench.order(f"beta-{number}")
    bench.until(lambda: len(bench.works.reported) == 3)
    assert bench.works.most_at_once == 1
    assert bench.works.performed == ["beta-0", "beta-1", "beta-2"]
    for number in range(3):
        bench.order(f"cell-{number}", f"cell-{number}")
    bench.until(lambda: len(bench.works.reported) == 6)
    assert bench.works.most_at_once > 1


def test_what_was_journaled_is_not_done_again(bench: Bench) -> None:
    """The report fails twice for technical reasons; the effect before it was done once."""
    bench.works.failing = 2
    bench.order("kept")
    bench.until(lambda: bool(bench.works.reported))
    assert (bench.works.performed, len(bench.works.reported)) == (["kept"], 1)


def test_a_launch_takes_up_its_own_work_and_nobody_else_s(bench: Bench) -> None:
    bench.durable.stop(10)
    for op in ("mine", "theirs"):
        bench.order(op, op)
    bench.set("mine", status="PENDING", executor_id="w-1")
    bench.set("theirs", status="PENDING", executor_id="w-2")
    bench.durable.launch(bench.works)
    bench.until(lambda: bool(bench.works.reported))
    time.sleep(0.5)
    assert bench.works.performed == ["mine"]
    assert bench.status("theirs") == "PENDING"


def test_the_work_of_the_dead_is_taken_over_once(bench: Bench) -> None:
    bench.durable.stop(10)
    bench.order("theirs")
    bench.set("theirs", status="PENDING", executor_id="w-2")
    bench.durable.launch(bench.works)
    bench.durable.take_over({"w-3"})
    assert bench.status("theirs") == "PENDING"
    for _ in range(3):
        bench.durable.take_over({"w-2"})
    bench.until(lambda: bool(bench.works.reported))
    time.sleep(0.5)
    assert bench.works.performed == ["theirs"]


def test_an_id_that_was_used_runs_nothing_again(bench: Bench) -> None:
    bench.order("kept")
    bench.until(lambda: bench.status("kept") == "SUCCESS")
    bench.order("kept")
    time.sleep(0.5)
    assert bench.works.performed == ["kept"]


def test_work_that_is_stuck_on_a_live_process_can_be_resumed(bench: Bench) -> None:
    bench.durable.stop(10)
    bench.order("stuck")
    bench.set("stuck", status="PENDING", executor_id="w-2")
    bench.durable.launch(bench.works)
    with bench.engines.transaction() as session:
        bench.durable.watchdog(session, waiting_for("stuck", "beta"))
    bench.until(lambda: bool(bench.works.reported))
    assert bench.works.performed == ["stuck"]


def test_finished_work_is_collected_and_unfinished_is_kept(bench: Bench) -> None:
    bench.order("done")
    bench.until(lambda: bench.status("done") == "SUCCESS")
    bench.durable.stop(10)
    bench.order("waits")
    bench.set("done", completed_at=1)
    bench.durable.collect()
    assert (bench.status("done"), bench.status("waits")) == ("gone", "ENQUEUED")
    bench.durable.launch(bench.works)
    bench.until(lambda: len(bench.works.reported) == 2)


def test_who_lost_the_ownership_reports_nothing(bench: Bench) -> None:
    """A process that was stopped goes on when another one has begun the same effect."""
    first, second = bench.works.held = [threading.Event(), threading.Event()]
    bench.order("kept")
    bench.until(lambda: len(bench.works.performed) == 1)
    bench.durable.take_over({"w-1"})
    bench.until(lambda: len(bench.works.performed) == 2)
    first.set()
    time.sleep(0.5)
    assert bench.works.reported == []
    second.set()
    bench.until(lambda: bool(bench.works.reported))
    assert bench.works.reported == [("kept", {"did": "kept", "run": 7, "kind": "deploy"})]
    bench.until(lambda: bench.status("kept") == "SUCCESS")


@pytest.mark.parametrize("ended_by", [Interrupted(), Fenced("a newer attempt")])
def test_what_is_left_unfinished_is_taken_up_again(bench: Bench, ended_by: BaseException) -> None:
    bench.works.raising = [ended_by]
    bench.order("left")
    bench.until(lambda: bool(bench.works.performed) and not bench.works.at_once)
    bench.until(lambda: bench.durable.care() == ["left"])
    bench.until(lambda: bool(bench.works.reported))
    assert bench.works.performed == ["left", "left"]
    assert bench.works.reported == [("left", {"did": "left", "run": 7, "kind": "deploy"})]


def test_what_runs_is_not_taken_up_again(bench: Bench) -> None:
    held = threading.Event()
    bench.works.held = [held]
    bench.order("runs")
    bench.until(lambda: bool(bench.works.performed))
    assert [bench.durable.care() for _ in range(3)] == [[], [], []]
    with bench.engines.transaction() as session:
        bench.durable.watchdog(session, waiting_for("runs", "beta"))
    held.set()
    bench.until(lambda: bool(bench.works.reported))
    assert bench.works.performed == ["runs"]


@DBOS.step(name="twice", retries_allowed=True, max_attempts=2, interval_seconds=0.01)
def _twice(op: str) -> Any:
    return _tried(lambda: _attempts(op))


def _attempts(op: str) -> Any:
    _TRIED.append(op)
    raise ValueError(f"no {len(_TRIED)}")


@DBOS.workflow(name="tested")
def _tested(op: str) -> Any:
    return _twice(op)


_TRIED: list[str] = []


def test_what_the_last_attempt_raises_is_a_result(bench: Bench) -> None:  # noqa: ARG001 - it launches
    _TRIED.clear()
    assert _tested("kept") == {"errored": "ValueError: no 2"}
    assert _TRIED == ["kept", "kept"]


def later(client: DBOSClient) -> None:
    """A newer version of Bakegate orders a kind of work that only it knows."""
    client.enqueue(
        {
            "queue_name": "act-2",
            "workflow_name": "act-2",
            "workflow_id": "later",
            "app_version": VERSION,
            "queue_partition_key": "shop/beta",
        }
    )


def test_work_of_a_later_version_is_left_to_it(bench: Bench) -> None:
    DBOS.register_queue("act-2", partition_concurrency=1, polling_interval_sec=0.05)
    later(bench.durable.client)
    # New queues are looked for once a second.
    time.sleep(2)
    assert bench.status("later") == "ENQUEUED"


def test_the_newest_attempt_is_the_one_with_the_highest_number(bench: Bench) -> None:
    """Also where the clock has gone back between two of them."""
    bench.durable.stop(10)
    run = waiting_for("op:deploy:1", "beta")
    with bench.engines.transaction() as session:
        bench.durable.order(session, run, Effect.DEPLOY)
        bench.durable.order(session, run, Effect.DEPLOY, 1)
    bench.set("op:deploy:1", status="ERROR")
    bench.set("op:deploy:1#1", created_at=1)
    with bench.engines.transaction() as session:
        bench.durable.watchdog(session, run)
    assert bench.status("op:deploy:1#2") == "gone"
    bench.set("op:deploy:1#1", status="ERROR")
    with bench.engines.transaction() as session:
        bench.durable.watchdog(session, run)
    assert bench.status("op:deploy:1#2") == "ENQUEUED"
    bench.durable.launch(bench.works)
    bench.until(lambda: bool(bench.works.reported))


#: What the first version has written into databases: its names are for ever.
FIRST = {
    "queue_name": "act",
    "workflow_name": "act",
    "workflow_id": "shop:1/beta:deploy:1",
    "app_version": "bakegate-1",
    "queue_partition_key": "shop/beta",
}


def test_what_the_first_version_ordered_is_done(bench: Bench) -> None:
    bench.durable.client.enqueue(FIRST, "shop:1/beta:deploy:1", 7, "deploy")  # type: ignore[arg-type]
    bench.until(lambda: bool(bench.works.reported))
    assert bench.works.performed == ["shop:1/beta:deploy:1"]


def test_work_is_never_given_up_however_often_it_was_begun(bench: Bench) -> None:
    bench.durable.stop(10)
    bench.order("often")
    bench.set("often", recovery_attempts=1000)
    bench.durable.launch(bench.works)
    bench.until(lambda: bool(bench.works.reported))
    assert bench.works.performed == ["often"]


def test_a_process_does_no_more_at_once_than_it_is_told(bench: Bench) -> None:
    bench.works.takes_s = 0.5
    for number in range(40):
        bench.order(f"cell-{number}", f"cell-{number}")
    bench.until(lambda: len(bench.works.reported) == 40)
    assert 1 < bench.works.most_at_once <= 32


def test_what_was_put_back_stays_in_its_partition(bench: Bench) -> None:
    """After a hand-over and after the watchdog the effects of a stage still run one at a time."""
    bench.durable.stop(10)
    for number, owner in enumerate(("w-2", "w-3")):
        bench.order(f"beta-{number}")
        bench.set(f"beta-{number}", status="PENDING", executor_id=owner)
    bench.works.takes_s = 0.3
    bench.durable.launch(bench.works)
    bench.durable.take_over({"w-2"})
    with bench.engines.transaction() as session:
        bench.durable.watchdog(session, waiting_for("beta-1", "beta"))
    bench.until(lambda: len(bench.works.reported) == 2)
    assert bench.works.most_at_once == 1


def test_a_rollback_that_is_taken_up_again_stays_in_its_queue(bench: Bench) -> None:
    """So it waits behind no build then either."""
    bench.works.raising = [Interrupted(), Interrupted()]
    with bench.engines.transaction() as session:
        bench.durable.order_back(session, waiting_for("back", "beta"))
    bench.until(lambda: bool(bench.works.performed) and not bench.works.at_once)
    bench.until(lambda: bench.durable.care() == ["back"])
    bench.until(lambda: len(bench.works.performed) == 2 and not bench.works.at_once)
    with bench.engines.transaction() as session:
        bench.durable.watchdog(session, waiting_for("back", "beta"))
    bench.until(lambda: bool(bench.works.reported))
    (found,) = bench.durable.client.list_workflows(workflow_ids=["back"], load_input=False)
    assert found.queue_name == "back"
