"""A prober for every target in service: each answer is a data point of the version that gave it.

The answers are told as counts of each operation once a round, and kept as counts of each period.
"""

import logging
import threading
import time
from collections import Counter
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import timedelta
from typing import Final

import httpx

from policies.scripted import Request
from service.adapters.script_player import play
from service.promotions.ports import Deployer

_log: Final = logging.getLogger(__name__)

#: A request that takes longer is a negative data point, in seconds.
_TIMEOUT_S: Final = 2.0
#: How often it is looked which target is due, in seconds.
_TICK_S: Final = 0.2
#: How often it is looked what there is to ask, in seconds: that is read from the database.
_LOOK_S: Final = 1.0
_AT_ONCE: Final = 8
#: What is asked where a stage declares no synthetic.
_DEFAULT: Final = (Request("GET", "/health", 200),)


@dataclass(frozen=True, slots=True)
class Watched:
    """One script against one target, every so often."""

    pipeline: str
    stage: str
    target: str
    every: timedelta
    requests: tuple[Request, ...]
    script: str = ""
    """The name of the synthetic; empty where the stage declares none."""


#: Pipeline, stage, target, digest, positive, negative, operation.
Tell = Callable[[str, str, str, str, int, int, str], None]


class Prober:
    """A thread that asks every watched target and tells the counts once a round."""

    def __init__(
        self, deployer: Deployer, watch: Callable[[], Sequence[Watched]], tell: Tell
    ) -> None:
        self._deployer = deployer
        self._watch = watch
        self._tell = tell
        self._due: dict[tuple[str, str, str, str], float] = {}
        self._watched: Sequence[Watched] = ()
        self._look = 0.0
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._drive, name="prober", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        self._stop.set()
        if self._thread.is_alive():
            self._thread.join()

    def _drive(self) -> None:
        # trust_env off: a proxy of the machine must not stand between the prober and the hosts.
        with (
            httpx.Client(timeout=_TIMEOUT_S, trust_env=False) as client,
            ThreadPoolExecutor(_AT_ONCE, "probe") as pool,
        ):
            while not self._stop.wait(_TICK_S):
                try:
                    list(pool.map(lambda each: self._round(client, each), self._ready()))
                except Exception:  # noqa: BLE001 - one bad round is logged; the next target is still asked
                    _log.exception("a round of probes failed")

    def _ready(self) -> list[Watched]:
        """The targets whose time has come; the next time counts from now, so nothing piles up."""
        now = time.monotonic()
        if now >= self._look:
            self._watched, self._look = self._watch(), now + _LOOK_S
        ready = []
        for each in self._watched:
            key = (each.pipeline, each.stage, each.target, each.script)
            if self._due.get(key, 0.0) <= now:
                self._due[key] = now + each.every.total_seconds()
                ready.append(each)
        return ready

    def _round(self, client: httpx.Client, watched: Watched) -> None:
        place = (watched.pipeline, watched.stage, watched.target)
        counts: Counter[tuple[str, str, bool]] = Counter()
        for host in self._deployer.hosts(*place):
            for answered in play(client, host.url, watched.requests or _DEFAULT, _TIMEOUT_S):
                good = not answered.problem
                # A host that was just taken out of service owes nobody an answer.
                if good or host in self._deployer.hosts(*place):
                    counts[host.digest, answered.operation, good] += 1
        for digest, operation in dict.fromkeys(key[:2] for key in counts):
            told = (counts[digest, operation, True], counts[digest, operation, False])
            self._tell(*place, digest, *told, operation)
