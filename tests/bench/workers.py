"""Worker processes of a benchmark, and what they have told."""

import json
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from tests.bench.measuring import Database

PROCESS: Final = Path(__file__).with_name("executor_process.py")


@dataclass
class Worker:
    """A worker process and everything that it has told."""

    process: subprocess.Popen[str]
    told: list[dict[str, Any]] = field(default_factory=list)

    def listen(self) -> None:
        for line in self.process.stdout or ():
            self.told.append(json.loads(line))

    def ask(self, *words: str) -> None:
        assert self.process.stdin
        print(*words, file=self.process.stdin, flush=True)

    def instants(self, **said: object) -> dict[str, float]:
        """When it first told this, by release."""
        found: dict[str, float] = {}
        for each in list(self.told):
            if said.items() <= each.items():
                found.setdefault(each.get("release", ""), each["at"])
        return found

    def until(self, enough: Callable[[], bool], most_s: float) -> None:
        """Wait until it is enough; who waits too long reports what there is."""
        end = time.monotonic() + most_s
        while not enough() and time.monotonic() < end and self.process.poll() is None:
            time.sleep(0.2)


@contextmanager
def working(database: Database, effect_s: float = 0.0) -> Iterator[Worker]:
    """A worker process, from the moment when it is ready until it is killed."""
    command = [sys.executable, str(PROCESS), database.url, str(effect_s)]
    pipe = subprocess.PIPE
    with subprocess.Popen(command, stdin=pipe, stdout=pipe, text=True) as process:
        worker = Worker(process)
        threading.Thread(target=worker.listen, daemon=True).start()
        try:
            worker.until(lambda: bool(worker.told), 60)
            yield worker
        finally:
            process.kill()


@contextmanager
def working_together(
    database: Database, count: int, effect_s: float = 0.0
) -> Iterator[list[Worker]]:
    """So many of them; all are ready when the block begins."""
    with ExitStack() as stack:
        yield [stack.enter_context(working(database, effect_s)) for _ in range(count)]
