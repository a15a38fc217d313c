"""What benchmarks of processes share: databases to run on, what a process uses, percentiles."""

import os
import shutil
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from statistics import median, quantiles
from typing import Final

import psycopg

from tests.conftest import postgres

#: A pace at which no queue is ever looked at: a benchmark runs what was ordered itself.
NO_QUEUE: Final = timedelta(hours=1)
_TICKS_S: Final = os.sysconf("SC_CLK_TCK")


@dataclass(frozen=True, slots=True)
class Database:
    """A place for tables; ``server`` is the process of its server, None where it has none."""

    kind: str
    url: str
    server: int | None


@contextmanager
def databases() -> Iterator[tuple[Database, Database]]:
    """An empty database of each kind, both of which wait for the disk, gone at the end."""
    folder = Path(tempfile.mkdtemp(prefix="bakegate-bench-"))
    try:
        with postgres({}) as server:
            with psycopg.connect(server.connection("postgres"), autocommit=True) as connection:
                connection.execute("CREATE DATABASE bench")
            yield (
                Database("SQLite", f"sqlite:///{folder / 'bakegate.db'}", None),
                Database("PostgreSQL", server.url("bench"), server.pid),
            )
    finally:
        shutil.rmtree(folder)


def processor_s(process: int, *, family: bool = False) -> float:
    """Seconds of processor time of a process, with ``family`` also of those it started.

    A server starts a process for each session: the time of those that have ended counts as well.
    """
    own = [process, *(_children(process) if family else ())]
    ended = sum(map(int, _stat(process)[13:15])) / _TICKS_S if family else 0.0
    return sum(map(_processor_s, own)) + ended


def memory_mb(process: int) -> float:
    """What it holds in memory now."""
    status = Path(f"/proc/{process}/status").read_text(encoding="ascii")
    line = next(each for each in status.splitlines() if each.startswith("VmRSS:"))
    return int(line.split()[1]) / 1024


def spread(values: Sequence[float], unit: str = "s") -> str:
    """The median, the 99th percentile and the greatest of at least two values, as text."""
    at_99 = quantiles(values, n=100, method="inclusive")[98]
    return f"median {median(values):.3f}, p99 {at_99:.3f}, most {max(values):.3f} {unit}"


def _children(process: int) -> list[int]:
    known = [int(each.name) for each in Path("/proc").iterdir() if each.name.isdecimal()]
    return [each for each in known if _stat(each)[1:2] == [str(process)]]


def _processor_s(process: int) -> float:
    stat = _stat(process)
    # User and system time; where a process has ended meanwhile, it used none that counts here.
    return sum(map(int, stat[11:13])) / _TICKS_S if stat else 0.0


def _stat(process: int) -> list[str]:
    """The fields of a process after its name, which may hold blanks; none where it has ended."""
    try:
        text = Path(f"/proc/{process}/stat").read_text(encoding="ascii", errors="replace")
    except OSError:
        return []
    return text.rpartition(")")[2].split()
