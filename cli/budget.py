"""Limits work by the processor time of this process."""

import signal
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType
from typing import NoReturn

from policies.engine.budget import OverBudget


@contextmanager
def limited(seconds: float) -> Iterator[None]:
    """Raise OverBudget in the work once it has used that much processor time.

    Processor time, so that a busy machine changes no answer. The signal also ends a pattern that
    tries forever: ``re`` looks for signals while it searches; one long call into other C code ends
    first. Only the main thread may use it.
    """
    before = signal.signal(signal.SIGVTALRM, _over)
    signal.setitimer(signal.ITIMER_VIRTUAL, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_VIRTUAL, 0)
        signal.signal(signal.SIGVTALRM, before)


def _over(number: int, frame: FrameType | None) -> NoReturn:  # noqa: ARG001 - the form of a handler
    raise OverBudget
