"""Limits work by the processor time of this process."""

import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from math import inf
from time import process_time
from types import FrameType, TracebackType
from typing import Final

from policies.engine.budget import Budget, OverBudget

#: Seconds of processor time between two looks at the clock: a budget is exceeded by no more than
#: two of them.
_TICK: Final = 0.01


@contextmanager
def budgets() -> Iterator[Budget]:
    """Gives what limits work to so many seconds, as long as the context lasts.

    Processor time, so that a busy machine changes no answer. The signal also ends a pattern that
    tries forever: ``re`` looks for signals while it searches; one long call into other C code ends
    first. Only the main thread may use it. The signal is asked for once and not by each limit:
    a run has one for every rule and file, which take less time than to set a timer.
    """
    clock = _Clock()
    before, unraised = signal.signal(signal.SIGVTALRM, clock.look), sys.unraisablehook
    # Nobody needs to read of the end that was lost in a finalizer: the next look brings another.
    sys.unraisablehook = lambda lost: None if lost.exc_type is OverBudget else unraised(lost)
    signal.setitimer(signal.ITIMER_VIRTUAL, _TICK, _TICK)
    try:
        yield clock.limited
    finally:
        signal.setitimer(signal.ITIMER_VIRTUAL, 0)
        signal.signal(signal.SIGVTALRM, before)
        sys.unraisablehook = unraised


class _Clock:
    """Until when the work may take that is done now; one limit at a time.

    Most work ends before the first look, so its end is worked out there: to ask for the time before
    every rule took 8 ms of 0.4 s for two hundred files.
    """

    def __init__(self) -> None:
        self._seconds = inf
        self._until: float | None = inf

    def limited(self, seconds: float) -> "_Clock":
        self._seconds, self._until = seconds, None
        return self

    def __enter__(self) -> None:
        pass

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._until = inf

    def look(self, number: int, frame: FrameType | None) -> None:  # noqa: ARG002 - the form of a handler
        if self._until is None:
            self._until = process_time() + self._seconds
        elif process_time() > self._until:
            # What the work does to end itself is its own. But Python drops what is raised in the
            # finalizer of something else that the collector frees just then: so once more, later.
            self._until = process_time() + self._seconds
            raise OverBudget
