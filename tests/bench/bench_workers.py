"""How many short releases a second 1, 2 and 3 workers promote on one PostgreSQL; it never fails.

Run it as ``python tests/bench/bench_workers.py``. A release is built, deployed and tested before
production and deployed there: four effects, four gates and stages, no bake. All are ordered before
the workers start. First the effects take no time, so that the processor is the limit, then two
seconds each without it, as real ones wait for others. ``BAKEGATE_BENCH_RELEASES`` sets how many
releases there are at first; then it is six of ten.
"""

import itertools
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
from tests.bench.limits import used
from tests.bench.measuring import Database, databases
from tests.bench.workers import working_together
from tests.twins.ports import MemoryBuilder, MemoryDeployer, MemoryTester, memory_ports

RELEASES = int(os.environ.get("BAKEGATE_BENCH_RELEASES", "300"))
WORKERS: Final = (1, 2, 3)
MOST_S: Final = 300.0
#: Long against what a release takes of the processor, so that the places for effects fill up first.
LASTING_S: Final = 2.0
#: Of a release: build, deployment and test before production, deployment there.
EFFECTS: Final = 4
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
    """Print releases a second, what they took, and what was the limit, by workers."""
    with databases() as (_, database):
        engines = open_engines(database.url)
        upgrade(engines.write)
        executor = registered(engines)
        turns = itertools.count(1)
        for effect_s, releases in ((0.0, RELEASES), (LASTING_S, RELEASES * 6 // 10)):
            print(f"{releases} releases, each effect takes {effect_s:.0f} s", flush=True)
            for count in WORKERS:
                ordered(executor, releases, next(turns))
                round_of(database, engines, count, effect_s)
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


def ordered(executor: Executor, releases: int, turn: int) -> None:
    """One more release of each of so many pipelines."""
    for number in range(releases):
        executor.submit(name_of(number), commit_of(turn * RELEASES + number), "bench")


def round_of(database: Database, engines: Engines, count: int, effect_s: float) -> None:
    with working_together(database, count, effect_s) as workers:
        # What was done before all were ready is left out: some releases are half through by then.
        begun = effects(engines)
        with used(database, engines.read, [each.process.pid for each in workers]) as use:
            waited(engines)
    done = (effects(engines) - begun) / EFFECTS
    cost = 1000 * use.seconds / max(done, 1)
    print(
        f"{count} workers: {done:.0f} releases in {use.seconds:.1f} s, {done / use.seconds:.1f} a "
        f"second, {cost * sum(use.workers):.0f} + {cost * use.database:.0f} ms each of workers and "
        f"PostgreSQL; {use}",
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


def effects(engines: Engines) -> int:
    """How many effects were done, of all releases so far."""
    done = sa.text("SELECT count(*) FROM dbos.workflow_status WHERE status = 'SUCCESS'")
    with engines.read.connect() as connection:
        return int(connection.execute(done).scalar_one())


if __name__ == "__main__":
    main()
