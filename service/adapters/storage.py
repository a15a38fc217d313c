"""Everything that the data folder and the shared store keep, as what may be removed some time."""

import shutil
from collections.abc import Collection, Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from service.adapters.artifacts import ArtifactStore, unlinked, written
from service.adapters.keeper import sizes
from service.adapters.locked import Taken, alone
from service.adapters.mirrors import Mirrors
from service.adapters.object_store import UnreachableError
from service.errors import Unavailable
from service.promotions.retention import Kind, Stored


@dataclass(frozen=True, slots=True)
class FolderStorage:
    """Implements ``service.promotions.retention.Storage``; ``results`` of builds and tests."""

    artifacts: ArtifactStore
    results: tuple[Path, ...]
    mirrors: Mirrors

    def listing(self, repositories: Collection[str]) -> Iterator[Stored]:
        """Raises Unavailable where the shared store does not answer."""
        for path in self.artifacts.incoming():
            yield from _stored(Kind.LEFTOVER, path, path)
        try:
            yield from self.artifacts.listing()
        except UnreachableError as error:
            raise Unavailable(str(error)) from error
        for folder in self.results:
            for path in sorted(folder.glob("*")):
                kind = Kind.LEFTOVER if path.suffix == ".work" else Kind.LOG
                yield from _stored(kind, path, path)
        for path in self.mirrors.others(repositories):
            # Git writes it anew each time that it fetches.
            yield from _stored(Kind.COPY, path, path / "FETCH_HEAD")

    def remove(self, stored: Stored) -> bool:
        """Raises Unavailable as well."""
        path = Path(stored.place)
        try:
            if stored.digest:
                return self.artifacts.remove(stored)
            if path.suffix not in (".work", ".git", ".lock"):
                return unlinked(path, stored.at)
            with alone(path.with_suffix(".lock"), wait=False):
                shutil.rmtree(path) if path.is_dir() else path.unlink(missing_ok=True)
        except Taken:
            return False
        except UnreachableError as error:
            raise Unavailable(str(error)) from error
        return True


def _stored(kind: Kind, path: Path, dated: Path) -> Iterator[Stored]:
    """Nothing where it is gone by now."""
    with suppress(FileNotFoundError):
        size = sum(sizes(str(path))) if path.is_dir() else path.stat().st_size
        yield Stored(kind, str(path), size, written(dated if dated.exists() else path))
