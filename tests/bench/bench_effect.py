"""What one effect with its decision costs beside its bare parts; it reports and never fails.

Run it as ``python tests/bench/bench_effect.py``. An effect is one batch of a deployment: the whole
workflow, with the transaction that decides on its result and orders the next one. Its bare parts
are a workflow of two steps that do nothing, and one plain transaction that locks a row, counts it
up, writes a line of history and enqueues a workflow. Both run in one thread, in turns, so that a
busy machine slows both.
"""

import os
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from statistics import median
from typing import Final

from dbos import DBOS, SetWorkflowID
from sqlmodel import col, select

from service.adapters.clock import SystemClock
from service.executor import durable
from service.executor.executor import Executor
from service.executor.lease import Pace
from service.promotions.ports import DeployOrder, DeployProgress
from service.store.engines import Engines, open_engines
from service.store.schema import upgrade
from service.store.tables import EventRow, PipelineRow, RunRow
from tests.bench.crowd import ORGANIZATION, PIPELINE
from tests.bench.measuring import NO_QUEUE, databases
from tests.twins.ports import MemoryBuilder, MemoryDeployer, MemoryTester, memory_ports

TURNS = int(os.environ.get("BAKEGATE_BENCH_TURNS", "30"))
EACH: Final = 20
NAME: Final = "shop"
#: What is made before anything is measured: caches fill and the database plans its queries.
WARM_UP: Final = 3


def main() -> None:
    """Print milliseconds of wall and processor time, and the ratio, on each database."""
    with databases() as both:
        for database in both:
            engines = open_engines(database.url)
            upgrade(engines.write)
            executor = prepared(engines)
            report(database.kind, engines, executor)
            executor.ground.durable.stop(0)
            engines.dispose()


class Endless(MemoryDeployer):
    """A deployment that is never done: each batch is followed by another."""

    def advance(self, order: DeployOrder) -> DeployProgress:  # noqa: ARG002 - the port's words
        return DeployProgress("running", 1, 3, 3)


@DBOS.step(name="nothing")
def _nothing(word: str) -> dict[str, str]:
    return {"word": word}


@DBOS.workflow(name="bare")
def _bare(word: str) -> str:
    return _nothing(_nothing(word)["word"])["word"]


@dataclass
class Effects:
    """The batches of one deployment, one after another."""

    run: RunRow

    def one(self) -> None:
        """Perform the effect that is ordered, and report it."""
        op = f"{self.run.release}/{self.run.stage}:deploy:{self.run.seq}"
        with SetWorkflowID(op):
            assert durable._act(op, self.run.id or 0, "deploy") == "deploying"
        self.run.seq += 1


@dataclass
class Bare:
    engines: Engines
    executor: Executor
    done: int = 0

    def one(self) -> None:
        self.done += 1
        with SetWorkflowID(f"bare:{self.done}"):
            _bare("deploy")
        with self.engines.transaction() as session:
            asked = select(PipelineRow).where(PipelineRow.name == NAME).with_for_update()
            row = session.exec(asked).one()
            now = self.executor.ground.ports.clock.within(session)
            row.sequence += 1
            said = {"target": "beta", "replaced": 1, "hosts": 3}
            session.add(
                EventRow(
                    pipeline=NAME,
                    sequence=row.sequence,
                    at=now,
                    kind="deploy.progressed",
                    actor="bench",
                    data=said,
                )
            )
            self.executor.ground.durable.client.enqueue_in_transaction(
                session,
                {
                    "queue_name": durable.QUEUE,
                    "workflow_name": "bare",
                    "workflow_id": f"bare:{self.done}:next",
                    "app_version": durable.VERSION,
                    "queue_partition_key": "bare",
                },
                "deploy",
            )


def prepared(engines: Engines) -> Executor:
    """An executor whose queue nobody polls, in the middle of a deployment."""
    ports = memory_ports(SystemClock(), MemoryBuilder(), Endless(), MemoryTester())
    executor = Executor(engines, ports, Pace(poll=NO_QUEUE))
    executor.register_organization(ORGANIZATION, "bench")
    executor.register_pipeline(PIPELINE.replace("NAME", NAME), "pipeline.yaml", ".", "bench")
    executor.ground.durable.launch(executor)
    # What is ordered gets a name that nobody runs, so that each can be run here as a new one.
    order = executor.ground.durable.order
    vars(executor.ground.durable)["order"] = partial(order, attempt=1)
    release = executor.submit(NAME, "a" * 40, "bench")
    build = acting(engines, release)
    with SetWorkflowID(build.op):
        durable._act(build.op, build.id or 0, "build")
    return executor


def acting(engines: Engines, release: str) -> RunRow:
    with engines.reading() as session:
        asked = select(RunRow).where(RunRow.release == release, col(RunRow.op) != "")
        return session.exec(asked).one()


def report(kind: str, engines: Engines, executor: Executor) -> None:
    effects, bare = Effects(acting(engines, f"{NAME}:1")), Bare(engines, executor)
    taken: dict[str, list[tuple[float, float]]] = {"effect": [], "bare": []}
    for turn in range(TURNS + WARM_UP):
        for name, act in (("effect", effects.one), ("bare", bare.one)):
            spent = measured(act)
            if turn >= WARM_UP:
                taken[name].append(spent)
    print(f"{kind}: one effect with its decision, beside its bare parts run in turns with it")
    for place, name in enumerate(("wall", "processor")):
        pairs = [
            (one[place], other[place])
            for one, other in zip(taken["effect"], taken["bare"], strict=True)
        ]
        effect, parts = (median(each[side] for each in pairs) for side in (0, 1))
        ratio = median(one / other for one, other in pairs)
        print(f"  {name} time: {effect:.2f} ms, {parts:.2f} ms bare: {ratio:.2f} times as much")
    print(f"  {commits(engines):,.0f} raw commits a second", flush=True)


def measured(act: Callable[[], None]) -> tuple[float, float]:
    """Milliseconds of wall and of processor time for one."""
    wall, processor = time.perf_counter(), time.process_time()
    for _ in range(EACH):
        act()
    spent = time.perf_counter() - wall, time.process_time() - processor
    return 1000 * spent[0] / EACH, 1000 * spent[1] / EACH


def commits(engines: Engines) -> float:
    """Commits a second of one small change, through the driver alone."""
    with engines.write.connect() as connection:
        driver = connection.connection.driver_connection
        assert driver
        connection.rollback()
        start, count = time.perf_counter(), 500
        for number in range(count):
            cursor = driver.cursor()
            if engines.sqlite:
                cursor.execute("BEGIN IMMEDIATE")
            cursor.execute(f"UPDATE pipelines SET releases = {number} WHERE name = '{NAME}'")  # noqa: S608 - our own words
            driver.commit()
        return count / (time.perf_counter() - start)


if __name__ == "__main__":
    main()
