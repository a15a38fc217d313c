"""What is done again and again beside the thread that drives time, because it waits for others."""

import logging
import threading
from collections.abc import Callable
from typing import Final

_log: Final = logging.getLogger(__name__)

#: How long the end of a round is waited for, in seconds: another machine may keep it much longer.
_PATIENCE: Final = 5.0


class Rounds:
    """A thread that calls ``act`` at once and then every so many seconds, until it is stopped."""

    def __init__(self, name: str, every: float, act: Callable[[], object]) -> None:
        self._every = every
        self._act = act
        self._stop = threading.Event()
        # A daemon: a round that another machine keeps waiting does not keep the process alive.
        self._thread = threading.Thread(target=self._drive, name=name, daemon=True)

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        self._stop.set()
        if self._thread.is_alive():
            self._thread.join(_PATIENCE)

    def _drive(self) -> None:
        while True:
            try:
                self._act()
            except Exception:  # noqa: BLE001 - what was known stays, and the next round tries again
                _log.exception("a round of %s failed", self._thread.name)
            if self._stop.wait(self._every):
                return
