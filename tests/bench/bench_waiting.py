"""10,000 releases in bake on one worker: ``python tests/bench/bench_waiting.py``; it never fails.

It reports what a worker uses while nothing is due, how soon ended bakes are decided, what becomes
of alarms while all bakes end together, and how soon everything is watched again after a SIGKILL.
``BAKEGATE_BENCH_SIZE`` sets how many releases bake, ``BAKEGATE_BENCH_IDLE_S`` for how long the idle
worker is watched.
"""

import os
import time
from datetime import UTC, datetime, timedelta

import sqlalchemy as sa

from service.store.engines import open_engines
from service.store.every_table import METADATA
from tests.bench.crowd import (
    STAGE,
    commit_of,
    make_crowd,
    name_of,
    release_of,
    set_ends,
)
from tests.bench.measuring import Database, databases, memory_mb, processor_s, spread
from tests.bench.workers import Worker, working
from tests.twins.ports import digest_of

SIZE = int(os.environ.get("BAKEGATE_BENCH_SIZE", "10000"))
IDLE_S = int(os.environ.get("BAKEGATE_BENCH_IDLE_S", "60"))
#: How many bakes end each second in the steady part, and for how long.
RATE = 20
STEADY_S = 30
#: How many releases get an alarm while all others end, and how far apart.
ALARMS = 10
ALARMS_S = 3.0


def main() -> None:
    """Report on SQLite and on PostgreSQL."""
    steady = range(SIZE, SIZE + RATE * STEADY_S)
    alarmed = range(steady.stop, steady.stop + ALARMS)
    with databases() as both:
        for database in both:
            start = time.monotonic()
            make_crowd(database.url, alarmed.stop)
            print(f"{database.kind}: {alarmed.stop} releases bake, made in {since(start):.0f} s")
            with working(database) as worker:
                idle(database, worker)
                ends_by_and_by(database, worker, steady)
                all_end(database, worker, range(SIZE), alarmed)
            restart(database, SIZE)


def idle(database: Database, worker: Worker) -> None:
    time.sleep(5)
    pid, server = worker.process.pid, database.server
    before = processor_s(pid), processor_s(server, family=True) if server else 0
    time.sleep(IDLE_S)
    own = (processor_s(pid) - before[0]) / IDLE_S
    told = (
        f"; the server {(processor_s(server, family=True) - before[1]) / IDLE_S:.1%}"
        if server
        else ""
    )
    print(
        f"  nothing due for {IDLE_S} s: {own:.1%} of a core, {memory_mb(pid):.0f} MB{told}",
        flush=True,
    )


def ends_by_and_by(database: Database, worker: Worker, numbers: range) -> None:
    """Let bakes end at a steady rate."""
    used = processor_s(worker.process.pid)
    first = datetime.now(UTC) + timedelta(seconds=5)
    ends = set_ends(database.url, numbers, first, timedelta(seconds=1 / RATE))
    deployed = {"deployed": "cell-1"}
    worker.until(lambda: len(worker.instants(**deployed)) >= len(numbers), STEADY_S + 60)
    decided = after(ends, worker.instants(stage=STAGE, state="succeeded"))
    outside = after(ends, worker.instants(**deployed))
    each = 1000 * (processor_s(worker.process.pid) - used) / max(len(outside), 1)
    print(f"  {RATE} ends a second, {len(decided)} of {len(numbers)} decided: {spread(decided)};")
    print(
        f"    next deployment done: {spread(outside)}; {each:.0f} ms of processor time each",
        flush=True,
    )


def all_end(database: Database, worker: Worker, numbers: range, alarmed: range) -> None:
    """Let all bakes end at one instant, and alarms fire meanwhile."""
    first = datetime.now(UTC) + timedelta(seconds=10)
    ends = set_ends(database.url, numbers, first, timedelta())
    used = processor_s(worker.process.pid)
    time.sleep(max((first - datetime.now(UTC)).total_seconds(), 0))
    asked = {}
    for number in alarmed:
        time.sleep(ALARMS_S)
        asked[release_of(number)] = datetime.now(UTC)
        worker.ask("alarm", name_of(number), digest_of(commit_of(number)))
    done = {"deployed": "cell-1"}
    worker.until(lambda: len(of(ends, worker.instants(**done))) >= len(ends), 1200)
    used = processor_s(worker.process.pid) - used
    decided = after(ends, worker.instants(stage=STAGE, state="succeeded"))
    outside = after(ends, worker.instants(**done))
    print(
        f"  {len(ends)} end together: {len(decided)} decided in {max(decided):.0f} s "
        f"({len(decided) / max(decided):.0f}/s), {len(outside)} next deployments done in "
        f"{max(outside):.0f} s, {used / max(outside):.0%} of a core, "
        f"{1000 * used / len(outside):.0f} ms each"
    )
    # The others may be through before the last alarm has gone all its way.
    gone_back = {"deployed": STAGE, "rollback": True}
    worker.until(lambda: len(of(asked, worker.instants(**gone_back))) >= len(asked), 120)
    turned = after(asked, worker.instants(stage=STAGE, state="rolling_back"))
    back = after(asked, worker.instants(**gone_back))
    print(f"    {len(turned)} of {len(asked)} alarms meanwhile decided: {spread(turned)};")
    print(f"    {len(back)} rolled back: {spread(back)}", flush=True)


def restart(database: Database, count: int) -> None:
    """Start a worker after a kill, with ``count`` bakes that want to be looked at."""
    runs = METADATA.tables["runs"]
    engines = open_engines(database.url)
    baking = (runs.c.state == "baking") & (runs.c.outcome == "")
    start = datetime.now(UTC)
    with engines.write.begin() as connection:
        connection.execute(runs.update().where(baking).values(due=start))
    begun = time.monotonic()
    with working(database) as worker:
        ready = since(begun)
        left = sa.select(sa.func.count()).where(baking, runs.c.due <= start)

        def all_seen() -> bool:
            with engines.read.connect() as connection:
                return not connection.execute(left).scalar_one()

        worker.until(all_seen, 600)
        print(
            f"  restart after SIGKILL with {count} in flight: ready after {ready:.1f} s, "
            f"every one looked at again after {since(begun):.1f} s",
            flush=True,
        )
    engines.dispose()


def of(asked: dict[str, datetime], instants: dict[str, float]) -> dict[str, float]:
    return {name: at for name, at in instants.items() if name in asked}


def after(asked: dict[str, datetime], instants: dict[str, float]) -> list[float]:
    """Seconds from what was asked for to what was told, of those that were told at all."""
    return [at - asked[name].timestamp() for name, at in of(asked, instants).items()]


def since(start: float) -> float:
    return time.monotonic() - start


if __name__ == "__main__":
    main()
