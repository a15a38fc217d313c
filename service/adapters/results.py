"""Results kept by idempotency key, so that a repeated order is answered and not done again."""

import shutil
from collections.abc import Callable
from hashlib import sha256
from pathlib import Path
from typing import Generic, TypeVar

from pydantic import TypeAdapter

from service.adapters.locked import alone

Result = TypeVar("Result")


class KeptResults(Generic[Result]):
    """One JSON file for each key in ``folder``; ``shape`` is the dataclass of the results."""

    def __init__(self, folder: Path, shape: type[Result]) -> None:
        self._folder = folder
        self._shape = TypeAdapter(shape)

    def once(self, key: str, perform: Callable[[Path], Result]) -> Result:
        """The kept result of ``key``; else that of ``perform``, which gets an empty folder.

        The folder is removed afterwards. An exception of ``perform`` is no result: the next call
        performs again. Two processes with the same key wait for each other.
        """
        # Keys hold characters that file names may not.
        name = sha256(key.encode()).hexdigest()[:32]
        self._folder.mkdir(parents=True, exist_ok=True)
        kept = self._folder / f"{name}.json"
        with alone(self._folder / f"{name}.lock"):
            if kept.exists():
                return self._shape.validate_json(kept.read_bytes())
            work = self._folder / f"{name}.work"
            # What a killed attempt left must not get into this one.
            shutil.rmtree(work, ignore_errors=True)
            work.mkdir()
            try:
                result = perform(work)
            finally:
                shutil.rmtree(work, ignore_errors=True)
            written = kept.with_suffix(".written")
            written.write_bytes(self._shape.dump_json(result))
            written.rename(kept)
            return result

    def log(self, key: str) -> Path:
        """Where the whole output of ``key`` is kept."""
        return self._folder / f"{sha256(key.encode()).hexdigest()[:32]}.log"
