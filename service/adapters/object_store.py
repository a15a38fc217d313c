"""A store of files elsewhere, by name: S3 and what speaks like it, by way of fsspec."""

from pathlib import Path
from typing import Any, Final

import fsspec  # type: ignore[import-untyped]  # the package has no type hints

#: What to install for an address, by its scheme.
_EXTRAS: Final = {"s3": "bakegate[s3]", "s3a": "bakegate[s3]"}
#: Stores remember what they listed, but others write to them too. Folders are made, but no bucket.
_OPTIONS: Final[dict[str, dict[str, bool]]] = {
    "file": {"auto_mkdir": True},
    "s3": {"use_listings_cache": False},
    "s3a": {"use_listings_cache": False},
}


class AddressError(Exception):
    """An address cannot be used; the message says what to do."""


class UnreachableError(Exception):
    """The store did not do what was asked of it; trying again later may help."""


class ObjectStore:
    """Files below ``address``, such as ``s3://bucket/prefix``; nothing in it is ever changed.

    Credentials, region and endpoint come from where the store's own tools take them, such as
    ``AWS_ACCESS_KEY_ID`` and ``AWS_ENDPOINT_URL``. Raises AddressError.
    """

    def __init__(self, address: str) -> None:
        self.address = address.rstrip("/")
        scheme = address.partition("://")[0]
        try:
            found: tuple[Any, str] = fsspec.core.url_to_fs(self.address, **_OPTIONS.get(scheme, {}))
        except ImportError as error:
            wanted = _EXTRAS.get(scheme, f"a package that gives fsspec {scheme}")
            told = f"artifacts at {address} need more than is installed: pip install '{wanted}'"
            raise AddressError(told) from error
        except ValueError as error:
            raise AddressError(f"artifacts cannot be kept at {address}: {error}") from error
        self._files, self._root = found

    def put(self, path: Path, name: str) -> None:
        """Keep the file under ``name``, unless one of its size is there."""
        place = f"{self._root}/{name}"
        try:
            if self._size(place) != path.stat().st_size:
                self._files.put_file(str(path), place)
        except Exception as error:
            raise self._unreachable(error) from error

    def fetch(self, name: str, path: Path) -> bool:
        """Copy what is kept under ``name`` to ``path``; False where nothing is."""
        place = f"{self._root}/{name}"
        try:
            if self._size(place) is None:
                return False
            self._files.get_file(place, str(path))
        except Exception as error:
            raise self._unreachable(error) from error
        return True

    def _size(self, place: str) -> int | None:
        try:
            found: dict[str, Any] = self._files.info(place)
        except FileNotFoundError:
            return None
        return int(found["size"])

    def _unreachable(self, error: Exception) -> UnreachableError:
        # Each kind of store has errors of its own, which share no class.
        return UnreachableError(f"{self.address} does not answer as it should: {error}")
