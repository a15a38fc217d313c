"""Artifacts by the digest of their bytes: on disk, and besides in a store that workers share."""

import hashlib
import os
import re
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from service.adapters.object_store import ObjectStore
from service.promotions.ports import NoArtifact
from service.promotions.retention import Kind, Stored

_DIGEST = re.compile(r"sha256:([0-9a-f]{64})")
_NAME: Final = re.compile(r"[0-9a-f]{64}\.bin")
_INCOMING: Final = "incoming-"


class ArtifactError(NoArtifact):
    """The store cannot hand out what was asked for; the message says why."""


class ArtifactStore:
    """A folder of files ``<hex>.bin``; a file in it is never changed.

    With a ``shared`` store the folder holds copies: every artifact is kept there first, and read
    from there where the folder does not have it, or not as it was.
    """

    def __init__(self, folder: Path, shared: ObjectStore | None = None) -> None:
        self._folder = folder
        self._shared = shared
        self._verified: dict[str, tuple[int, ...]] = {}

    def put(self, path: Path) -> str:
        """Keep a copy of ``path``; returns ``sha256:<hex>``. The same bytes are kept once.

        Raises UnreachableError where a shared store does not take it.
        """
        with self._incoming() as copy:
            # The copy is digested, not the original, which may change while it is read.
            with copy.open("wb") as target, path.open("rb") as source:
                shutil.copyfileobj(source, target)
                target.flush()
                os.fsync(target.fileno())
            found = _hex(copy)
            if self._shared:
                self._shared.put(copy, f"{found}.bin")
            copy.rename(self._folder / f"{found}.bin")
        return f"sha256:{found}"

    def path(self, digest: str) -> Path:
        """Where the bytes of ``digest`` are.

        They are digested once in each process, and again after anybody wrote to the file.
        Raises ArtifactError when the digest is malformed, or its file is absent or damaged, and
        UnreachableError where it must be fetched and cannot.
        """
        match = _DIGEST.fullmatch(digest)
        if match is None:
            raise ArtifactError(f"{digest!r} is no digest; one reads sha256:<64 hex digits>")
        path = self._folder / f"{match[1]}.bin"
        seen = _state(path)
        if seen and seen == self._verified.get(digest):
            return path
        found = _hex(path) if seen else ""
        if found != match[1]:
            self._fetch(digest, path, found)
            seen = _state(path)
        self._verified[digest] = seen
        return path

    def listing(self) -> Iterator[Stored]:
        """Every artifact here and in the shared store; raises UnreachableError."""
        for path in sorted(self._folder.glob("*.bin")):
            if _NAME.fullmatch(path.name):
                yield _artifact(str(path), path.stat().st_size, written(path))
        for name, size, at in self._shared.listing() if self._shared else ():
            if self._shared and _NAME.fullmatch(name):
                yield _artifact(f"{self._shared.address}/{name}", size, at)

    def incoming(self) -> Iterator[Path]:
        """What is being written, or was when its process died."""
        return self._folder.glob(f"{_INCOMING}*")

    def remove(self, stored: Stored) -> bool:
        """Whether it is gone; one that was put again since it was listed stays.

        Raises UnreachableError.
        """
        folder, name = stored.place.rsplit("/", 1)
        if self._shared and folder == self._shared.address:
            return self._shared.remove(name, stored.at)
        self._verified.pop(stored.digest, None)
        return unlinked(Path(stored.place), stored.at)

    def _fetch(self, digest: str, path: Path, found: str) -> None:
        """Take from the shared store what the folder does not have, or has only damaged."""
        if self._shared is None:
            if not found:
                told = f"there is no artifact {digest} in {self._folder}; build it again"
                raise ArtifactError(told)
            raise _damaged(digest, found, str(path))
        with self._incoming() as copy:
            if not self._shared.fetch(path.name, copy):
                told = f"there is no artifact {digest} at {self._shared.address}; build it again"
                raise ArtifactError(told)
            if (fetched := _hex(copy)) != path.stem:
                raise _damaged(digest, fetched, f"{self._shared.address}/{path.name}")
            copy.rename(path)

    @contextmanager
    def _incoming(self) -> Iterator[Path]:
        """A file to write to, which is gone afterwards unless it got its name."""
        self._folder.mkdir(parents=True, exist_ok=True)
        descriptor, name = tempfile.mkstemp(dir=self._folder, prefix=_INCOMING)
        os.close(descriptor)
        try:
            yield Path(name)
        finally:
            Path(name).unlink(missing_ok=True)


def _state(path: Path) -> tuple[int, ...]:
    """What no write leaves as it was; empty where there is no file."""
    try:
        found = path.stat()
    except FileNotFoundError:
        return ()
    return found.st_ino, found.st_size, found.st_mtime_ns, found.st_ctime_ns


def written(path: Path) -> datetime:
    """When a file was last written."""
    return datetime.fromtimestamp(path.stat().st_mtime, UTC)


def unlinked(path: Path, at: datetime) -> bool:
    """Remove a file that was last written then; whether it is gone."""
    try:
        if written(path) != at:
            return False
        path.unlink()
    except FileNotFoundError:
        return True
    return True


def _artifact(place: str, size: int, at: datetime) -> Stored:
    digest = f"sha256:{place.rsplit('/', 1)[1].removesuffix('.bin')}"
    return Stored(Kind.ARTIFACT, place, size, at, digest)


def _damaged(digest: str, found: str, place: str) -> ArtifactError:
    return ArtifactError(
        f"the artifact {digest} is damaged: its bytes are sha256:{found}; "
        f"remove {place} and build it again"
    )


def _hex(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
