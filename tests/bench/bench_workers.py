"""How many short releases a second 1, 2 and 3 workers promote on one PostgreSQL; it never fails.

Run it as ``python tests/bench/bench_workers.py``. A release is built, deployed and tested before
production and deployed there: four effects behind quick twins, four gates and stages, no bake. All
are ordered before the workers start. ``BAKEGATE_BENCH_RELEASES`` sets how many there are.
"""

import os
import time
from typing import Final

import sqlalchemy as sa

from service.adapters.clock import SystemClock
from service.executor.executor import Executor
from service.store.engines import Engines, open_engines
from service.store.every_table import METADATA
from service.store.schema import upgrade
from tests.bench.crowd import PIPELINE, commit_of, name_of
from tests.bench.measuring import Database, databases, processor_s
from tests.bench.workers import working_together
from tests.twins.ports import MemoryBuilder, MemoryDeployer, MemoryTester, memory_ports

RELEASES = int(os.environ.get("BAKEGATE_BENCH_RELEASES", "300"))
WORKERS: Final = (1, 2, 3)
MOST_S: Final = 300.0
ORGANIZATION: Final = {
    "organization.yaml": "schema: bakegate/organization/v1\nname: corner\nruleset: starter\n"
}
#: Alarms, the one-box and the bakes are left out: nothing here waits for anything.
SHORT: Final = (
    PIPELINE.partition("alarms:\n")[0]
    + "deployers:\n"
    + PIPELINE.partition("deployers:\n")[2].partition("  - name: one-box\n")[0]
    + "  - {name: cell-1, kind: prod, wave: 1, deploy: hosts}\n"
)


def main() -> None:
    """Print releases a second, and the cores that workers and database took, by workers."""
    with databases() as (_, database):
        engines = open_engines(database.url)
        upgrade(engines.write)
        executor = registered(engines)
        for count in WORKERS:
            ordered(executor, count)
            round_of(database, engines, count)
        engines.dispose()


def registered(engines: Engines) -> Executor:
    """An executor that orders and leaves the work to others."""
    ports = memory_ports(SystemClock(), MemoryBuilder(), MemoryDeployer(), MemoryTester())
    executor = Executor(engines, ports)
    # Once, for the tables of the durable engine.
    executor.ground.durable.launch(executor)
    executor.ground.durable.stop(0)
    executor.register_organization(ORGANIZATION, "bench")
    for number in range(RELEASES):
        text = SHORT.replace("NAME", name_of(number))
        executor.register_pipeline(text, "pipeline.yaml", ".", "bench")
    return executor


def ordered(executor: Executor, turn: int) -> None:
    """One more release of every pipeline."""
    for number in range(RELEASES):
        executor.submit(name_of(number), commit_of(turn * RELEASES + number), "bench")


def round_of(database: Database, engines: Engines, count: int) -> None:
    assert database.server
    with working_together(database, count) as workers:
        # What the first did before the last was ready is left out.
        start, begun = time.monotonic(), unended(engines)
        own = [processor_s(each.process.pid) for each in workers]
        server = processor_s(database.server, family=True)
        waited(engines)
        took = time.monotonic() - start
        spent = sum(processor_s(each.process.pid) for each in workers) - sum(own)
        served = processor_s(database.server, family=True) - server
    done = begun - unended(engines)
    print(
        f"{count} workers: {done} releases in {took:.1f} s, {done / took:.1f} a "
        f"second; workers {spent / took:.2f} cores, {1000 * spent / max(done, 1):.0f} ms a release,"
        f" PostgreSQL {served / took:.2f} cores, {1000 * served / max(done, 1):.0f} ms; "
        f"{os.cpu_count()} cores in all, shared with whatever else runs here",
        flush=True,
    )


def waited(engines: Engines) -> None:
    """Wait for the end of every release; who waits too long reports what there is."""
    end = time.monotonic() + MOST_S
    while unended(engines) and time.monotonic() < end:
        time.sleep(0.2)


def unended(engines: Engines) -> int:
    releases = METADATA.tables["releases"]
    with engines.read.connect() as connection:
        left = sa.select(sa.func.count()).where(releases.c.outcome == "")
        return int(connection.execute(left).scalar_one())


if __name__ == "__main__":
    main()
