"""A lock that is a file: who dies gives it back, because the kernel does so."""

import fcntl
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


class Taken(Exception):
    """Somebody else holds the lock."""


@contextmanager
def alone(path: Path, *, wait: bool = True) -> Iterator[None]:
    """Hold the lock, on this machine; who does not want to ``wait`` gets Taken."""
    with path.open("wb") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | (0 if wait else fcntl.LOCK_NB))
        except BlockingIOError as error:
            raise Taken(str(path)) from error
        yield
