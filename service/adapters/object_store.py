"""A store of files elsewhere, by name: S3 and what speaks like it, by way of fsspec."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
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

#: How long a file counts as put just now.
_FRESH: Final = timedelta(days=1)
#: What S3, Azure, Google's store, a folder and the twin of tests call the time of writing.
_WRITTEN: Final = ("LastModified", "last_modified", "updated", "mtime", "created")


class AddressError(Exception):
    """An address cannot be used; the message says what to do."""


class UnreachableError(Exception):
    """The store did not do what was asked of it; trying again later may help."""


class ObjectStore:
    """Files below ``address``, such as ``s3://bucket/prefix``; no file in it is ever changed.

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
        """Keep the file under ``name``, unless one of its size was put there a while ago.

        Over an old one it is put anew, so that nobody takes it for what is not used any more.
        """
        place = f"{self._root}/{name}"
        try:
            known = self._known(place)
            if not known or not _is_there(path, *known):
                self._files.put_file(str(path), place)
        except Exception as error:
            raise self._unreachable(error) from error

    def fetch(self, name: str, path: Path) -> bool:
        """Copy what is kept under ``name`` to ``path``; False where nothing is."""
        place = f"{self._root}/{name}"
        try:
            if self._known(place) is None:
                return False
            self._files.get_file(place, str(path))
        except Exception as error:
            raise self._unreachable(error) from error
        return True

    def listing(self) -> Iterator[tuple[str, int, datetime]]:
        """Name, size and time of writing of every file."""
        try:
            for each in self._files.ls(self._root, detail=True):
                if each["type"] == "file":
                    yield each["name"].rsplit("/", 1)[1], int(each["size"]), _written(each)
        except FileNotFoundError:
            return
        except Exception as error:
            raise self._unreachable(error) from error

    def remove(self, name: str, at: datetime) -> bool:
        """Remove a file that was last written then; whether it is gone."""
        place = f"{self._root}/{name}"
        try:
            known = self._known(place)
            if known and known[1] != at:
                return False
            if known:
                self._files.rm_file(place)
        except FileNotFoundError:
            return True
        except Exception as error:
            raise self._unreachable(error) from error
        return True

    def _known(self, place: str) -> tuple[int, datetime] | None:
        """Size and time of writing; None where there is none."""
        try:
            found: dict[str, Any] = self._files.info(place)
        except FileNotFoundError:
            return None
        return int(found["size"]), _written(found)

    def _unreachable(self, error: Exception) -> UnreachableError:
        # Each kind of store has errors of its own, which share no class.
        return UnreachableError(f"{self.address} does not answer as it should: {error}")


def _is_there(path: Path, size: int, at: datetime) -> bool:
    return size == path.stat().st_size and datetime.now(UTC) - at < _FRESH


def _written(found: dict[str, Any]) -> datetime:
    """When a file was written: each kind of store has a name and a form of its own for it."""
    told = next(found[each] for each in _WRITTEN if each in found)
    if isinstance(told, str):
        told = datetime.fromisoformat(told)
    at = told if isinstance(told, datetime) else datetime.fromtimestamp(told, UTC)
    return at if at.tzinfo else at.replace(tzinfo=UTC)
