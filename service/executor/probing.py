"""Every target in service is asked: each answer is a data point of the version that gave it.

The answers are told as counts of each operation once a round, and kept as counts of each period.
"""

import logging
import threading
import time
from collections import Counter
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import Final

from policies.scripted import Request
from service.executor.watching import Place
from service.promotions.ports import Deployer, Prober

_log: Final = logging.getLogger(__name__)

#: How often it is looked which target is due, in seconds.
_TICK_S: Final = 0.2
#: How often it is looked what there is to ask, in seconds: that is read from the database.
_LOOK_S: Final = 1.0
_AT_ONCE: Final = 8
#: How long a probe waits, and what is asked, where a stage declares no synthetic of its own.
_EVERY: Final = timedelta(seconds=10)
_DEFAULT: Final = (Request("GET", "/health", 200),)


#: Pipeline, stage, target, digest, positive, negative, operation.
Tell = Callable[[str, str, str, str, int, int, str], None]


class Probing:
    """A thread that has every place asked and tells the counts once a round."""

    def __init__(
        self,
        deployer: Deployer,
        prober: Prober,
        places: Callable[[], Sequence[Place]],
        tell: Tell,
    ) -> None:
        self._deployer = deployer
        self._prober = prober
        self._places = places
        self._tell = tell
        self._due: dict[tuple[str, str, str, str], float] = {}
        self._known: Sequence[Place] = ()
        self._look = 0.0
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._drive, name="probing", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        self._stop.set()
        if self._thread.is_alive():
            self._thread.join()

    def _drive(self) -> None:
        with ThreadPoolExecutor(_AT_ONCE, "probe") as pool:
            while not self._stop.wait(_TICK_S):
                try:
                    list(pool.map(self._round, self._ready()))
                except Exception:  # noqa: BLE001 - one bad round is logged; the next target is still asked
                    _log.exception("a round of probes failed")

    def _ready(self) -> list[Place]:
        """The places whose time has come; the next time counts from now, so nothing piles up."""
        now = time.monotonic()
        if now >= self._look:
            self._known, self._look = self._places(), now + _LOOK_S
        ready = []
        for each in self._known:
            key = (each.pipeline, each.stage, each.target, each.script)
            if self._due.get(key, 0.0) <= now:
                self._due[key] = now + (each.every or _EVERY).total_seconds()
                ready.append(each)
        return ready

    def _round(self, asked: Place) -> None:
        place = (asked.pipeline, asked.stage, asked.target)
        counts: Counter[tuple[str, str, bool]] = Counter()
        for host in self._deployer.hosts(*place):
            for answered in self._prober.ask(host.url, asked.requests or _DEFAULT):
                good = not answered.problem
                # A host that was just taken out of service owes nobody an answer.
                if good or host in self._deployer.hosts(*place):
                    counts[host.digest, answered.operation, good] += 1
        for digest, operation in dict.fromkeys(key[:2] for key in counts):
            told = (counts[digest, operation, True], counts[digest, operation, False])
            self._tell(*place, digest, *told, operation)
