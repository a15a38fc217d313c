"""What workers and database used while a benchmark ran, and which of it was at its limit."""

import os
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

import sqlalchemy as sa

from tests.bench.measuring import Database, processor_s

#: How many effects a worker does at the same time, see ``Durable.launch``.
PLACES: Final = 32
#: From this share on something counts as used up.
_FULL: Final = 0.85
#: How often sessions of the server are looked at, in seconds.
_EVERY_S: Final = 0.2
_SESSIONS: Final = sa.text("""
    SELECT coalesce(bool_or(wait_event = 'WALSync'), false),
           (SELECT count(*) FROM dbos.workflow_status WHERE status = 'PENDING'),
           (SELECT xact_commit FROM pg_stat_database WHERE datname = current_database())
    FROM pg_stat_activity""")


@dataclass
class Use:
    """Cores are means over ``seconds``; ``idle`` are those that nobody on the machine used."""

    seconds: float = 0.0
    workers: list[float] = field(default_factory=list)
    database: float = 0.0
    idle: float = 0.0
    commits: list[int] = field(default_factory=list)
    flushing: list[bool] = field(default_factory=list)
    """Whether a commit waited for the disk, each time when it was looked."""
    under_way: list[int] = field(default_factory=list)
    """How many effects workers had taken, at the same times."""

    @property
    def limit(self) -> str:
        """The first that is full: what more workers do not help, then what they do."""
        if self.idle < (1 - _FULL) / 2 * (os.cpu_count() or 1):
            return "the cores of the machine"
        if _mean(self.flushing) > _FULL:
            return "the disk that commits wait for"
        if min(self.workers) > _FULL:
            return "a core for each worker, of whose threads one computes at a time"
        if _mean(self.under_way) > _FULL * PLACES * len(self.workers):
            return f"the {PLACES} effects that each worker does at the same time"
        return "nothing here"

    @property
    def others(self) -> float:
        """Cores that this benchmark and whatever else runs on the machine used."""
        return (os.cpu_count() or 1) - self.idle - self.database - sum(self.workers)

    def __str__(self) -> str:
        each = " + ".join(f"{one:.2f}" for one in self.workers)
        commits = (self.commits[-1] - self.commits[0]) / self.seconds
        return (
            f"cores: workers {each}, PostgreSQL {self.database:.2f}, others {self.others:.2f}, "
            f"idle {self.idle:.2f}; {commits:.0f} commits a second, one waits for the disk "
            f"{100 * _mean(self.flushing):.0f} % of the time; {_mean(self.under_way):.0f} effects "
            f"at a time; limit: {self.limit}"
        )


@contextmanager
def used(database: Database, engine: sa.Engine, workers: Sequence[int]) -> Iterator[Use]:
    """Fill in what these processes and the server use while the block runs, when it ends."""
    assert database.server
    use, ended = Use(), threading.Event()
    watching = threading.Thread(target=_watch, args=(engine, use, ended))
    begun, own = time.monotonic(), [processor_s(each) for each in workers]
    server, idle = processor_s(database.server, family=True), _idle_s()
    watching.start()
    try:
        yield use
    finally:
        ended.set()
        watching.join()
    use.seconds = time.monotonic() - begun
    use.database = (processor_s(database.server, family=True) - server) / use.seconds
    use.idle = (_idle_s() - idle) / use.seconds
    use.workers = [
        (processor_s(each) - before) / use.seconds
        for each, before in zip(workers, own, strict=True)
    ]


def _watch(engine: sa.Engine, use: Use, ended: threading.Event) -> None:
    with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        while True:
            flushing, under_way, commits = connection.execute(_SESSIONS).one()
            use.flushing.append(flushing)
            use.under_way.append(under_way)
            use.commits.append(commits)
            if ended.wait(_EVERY_S):
                return


def _idle_s() -> float:
    """Seconds for which the machine's cores had nothing to do, or only to wait for a disk."""
    line = Path("/proc/stat").read_text(encoding="ascii").partition("\n")[0]
    return sum(map(int, line.split()[4:6])) / os.sysconf("SC_CLK_TCK")


def _mean(values: Sequence[float]) -> float:
    return sum(values) / len(values)
