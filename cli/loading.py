"""Modules that are loaded for the rest of a process."""

import gc
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def for_good() -> Iterator[None]:
    """The collector leaves alone what the block loads: it lives as long as the process.

    To look for garbage among modules only delays the start.
    """
    gc.disable()
    try:
        yield
    finally:
        gc.freeze()
        gc.enable()
