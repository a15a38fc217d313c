"""Artifacts on disk, named by the digest of their bytes."""

import hashlib
import os
import re
import shutil
import tempfile
from pathlib import Path

_DIGEST = re.compile(r"sha256:([0-9a-f]{64})")


class ArtifactError(Exception):
    """The store cannot hand out what was asked for; the message says why."""


class ArtifactStore:
    """A folder of files ``<hex>.bin``; a file in it is never changed."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._verified: set[str] = set()

    def put(self, path: Path) -> str:
        """Keep a copy of ``path``; returns ``sha256:<hex>``. The same bytes are kept once."""
        self._folder.mkdir(parents=True, exist_ok=True)
        descriptor, copy = tempfile.mkstemp(dir=self._folder, prefix="incoming-")
        try:
            # The copy is digested, not the original, which may change while it is read.
            with os.fdopen(descriptor, "r+b") as target, path.open("rb") as source:
                shutil.copyfileobj(source, target)
                target.flush()
                os.fsync(target.fileno())
                target.seek(0)
                digest = hashlib.file_digest(target, "sha256").hexdigest()
            Path(copy).rename(self._folder / f"{digest}.bin")
        except BaseException:
            Path(copy).unlink(missing_ok=True)
            raise
        return f"sha256:{digest}"

    def path(self, digest: str) -> Path:
        """Where the bytes of ``digest`` are; they are digested again once per process.

        Raises ArtifactError when the digest is malformed, or its file is absent or damaged.
        """
        match = _DIGEST.fullmatch(digest)
        if match is None:
            raise ArtifactError(f"{digest!r} is no digest; one reads sha256:<64 hex digits>")
        path = self._folder / f"{match[1]}.bin"
        if not path.is_file():
            raise ArtifactError(f"there is no artifact {digest} in {self._folder}; build it again")
        if digest not in self._verified:
            with path.open("rb") as file:
                found = hashlib.file_digest(file, "sha256").hexdigest()
            if found != match[1]:
                raise ArtifactError(
                    f"the artifact {digest} is damaged: its bytes are sha256:{found}; "
                    f"remove {path} and build it again"
                )
            self._verified.add(digest)
        return path
