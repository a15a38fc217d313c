"""``python executor_process.py URL SECONDS``: a worker with twins behind its ports, which tells.

Each effect takes so many seconds, in which it waits. It answers ``ready``, then a line of JSON for
each decision that ends a run or turns it back and for each call of the deployer, with the instant
after its commit or call. A line ``alarm PIPELINE DIGEST`` on its input is a request: negative data
points for that pipeline. It ends with its input.
"""

import json
import sys
import threading
import time
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import event
from sqlmodel import Session

from service.adapters.clock import SystemClock
from service.executor.executor import Executor
from service.promotions.ports import DeployOrder, DeployProgress
from service.store.engines import open_engines
from service.store.tables import RunRow
from tests.bench.crowd import STAGE
from tests.twins.ports import (
    MemoryBuilder,
    MemoryDeployer,
    MemoryTester,
    Valve,
    memory_ports,
)

_writing = threading.Lock()


def tell(**said: object) -> None:
    line = json.dumps(said | {"at": datetime.now(UTC).timestamp()})
    with _writing:
        print(line, flush=True)


@dataclass
class Lasting(Valve):
    """Keeps every effect waiting for some time."""

    seconds: float = 0.0

    def pass_through(self, stage: str) -> None:  # noqa: ARG002 - every stage is alike
        time.sleep(self.seconds)


class TellingDeployer(MemoryDeployer):
    """Says when it has done what it was asked for."""

    def advance(self, order: DeployOrder) -> DeployProgress:
        progress = super().advance(order)
        tell(deployed=order.stage, release=order.release, rollback=order.rollback)
        return progress


def watch_commits() -> None:
    """Tell of each run whose state was changed by a transaction, once it is committed."""

    def changed(session: Session, _context: Any, _instances: Any) -> None:
        for row in session.dirty:
            if isinstance(row, RunRow):
                session.info.setdefault("changed", {})[row.release, row.stage] = row

    def committed(session: Session) -> None:
        for row in session.info.pop("changed", {}).values():
            tell(release=row.release, stage=row.stage, state=row.outcome or row.state)

    event.listen(Session, "before_flush", changed)
    event.listen(Session, "after_commit", committed)


def main() -> None:
    """Work until the input ends."""
    engines = open_engines(sys.argv[1])
    valve = Lasting(seconds=float(sys.argv[2]))
    ports = memory_ports(
        SystemClock(),
        MemoryBuilder(valve=valve),
        TellingDeployer(valve=valve),
        MemoryTester(valve=valve),
    )
    executor = Executor(engines, ports)
    watch_commits()
    executor.start()
    tell(ready=executor.lease.name)
    for line in sys.stdin:
        _, pipeline, digest = line.split()
        executor.record_data_points(pipeline, STAGE, STAGE, digest, 0, 100)
        tell(alarmed=pipeline)
    executor.stop()


if __name__ == "__main__":
    main()
