"""Places to decide at: of the effects of a process a few decide at the same time, others wait."""

import time
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from threading import BoundedSemaphore
from typing import Final

from service.executor.ground import Busy, Ground
from service.executor.turn import Turn

#: Of threads that compute one runs at a time: more of them only wake each other up and hold locks
#: for longer.
_PLACES: Final = 4
#: The pauses of who found the lock of its pipeline taken, in seconds: the first, and the longest.
_PAUSES: Final = (0.01, 0.16)
#: After so many seconds it waits in line. No process keeps a lock for longer that does nothing with
#: it: the database ends its session after ten.
_IN_LINE_S: Final = 12.0


class Places:
    def __init__(self, ground: Ground) -> None:
        self._ground = ground
        self._free = BoundedSemaphore(_PLACES)

    def one(self) -> AbstractContextManager[object]:
        """A place for who waits for nobody."""
        return self._free

    @contextmanager
    def turn(self, pipeline: str) -> Iterator[Turn]:
        """A place with the lock of a pipeline.

        Nobody waits for a lock at a place: a process that stands still with the locks of a few
        pipelines would keep the effects of all others waiting.
        """
        until = time.monotonic() + _IN_LINE_S
        pause, longest = _PAUSES
        while True:
            in_line = self._ground.engines.sqlite or time.monotonic() > until
            with self._free:
                try:
                    with self._ground.turn(pipeline, wait=in_line) as turn:
                        yield turn
                        return
                except Busy:
                    pass
            time.sleep(pause)
            pause = min(2 * pause, longest)
