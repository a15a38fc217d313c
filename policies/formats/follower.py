"""Following the references of a pipeline file: within its repository, counted, no circles."""

import posixpath
from typing import Final

from policies.findings import Span
from policies.formats.files import Files, Refused, matches
from policies.frozen import dataclass, field
from policies.source import Source, SourceError, read

#: Most files that one pipeline may bring in; GitLab allows 150 includes, Azure Pipelines 100.
MAX_FILES: Final = 150
#: Deepest chain of files that name one another, as Azure Pipelines and GitLab have it.
MAX_CHAIN: Final = 100


@dataclass(frozen=True, slots=True)
class Part:
    """A file that another one brings in. ``chain`` are the paths that lead to it, its own last."""

    chain: tuple[str, ...]
    source: Source

    @property
    def path(self) -> str:
        """From the root of the repository."""
        return self.chain[-1]


class NotFollowed(Exception):
    """A reference that leads to nothing readable; ``note`` says why what it brings is unknown."""

    def __init__(self, note: str) -> None:
        super().__init__(note)
        self.note = note


@dataclass(slots=True)
class Follower:
    """Follows references of one file and keeps what it read and what was wrong with it."""

    files: Files | None = None
    parts: dict[str, Source] = field(default_factory=dict)
    problems: list[SourceError] = field(default_factory=list)
    count: int = 0

    @property
    def chain(self) -> tuple[str, ...]:
        """Where following starts."""
        return (self.files.home,) if self.files else ()

    def follow(
        self, reference: str, place: Span, chain: tuple[str, ...], *, relative: bool = False
    ) -> Part:
        """The file at ``reference``, a path from the root, named at ``place`` by the last of chain.

        Raises NotFollowed, and keeps a located problem where the reference itself is wrong. One
        that was ``relative`` to its file is wrong only where the root is known.
        """
        if self.files is None:
            raise NotFollowed(f"{reference} is not read here")
        path = posixpath.normpath(reference.lstrip("/") or ".")
        if path == ".." or path.startswith("../"):
            if relative and not self.files.rooted:
                raise NotFollowed(f"{reference} is not beside this file")
            raise self._wrong(place, f"{reference} leads out of the repository; name a file in it")
        if path in chain:
            circle = " -> ".join((*chain[chain.index(path) :], path))
            raise self._wrong(place, f"files name one another in a circle: {circle}; break it")
        if len(chain) >= MAX_CHAIN:
            raise self._wrong(place, f"more than {MAX_CHAIN} files name one another; flatten them")
        self.count += 1
        if self.count > MAX_FILES:
            raise self._wrong(place, f"more than {MAX_FILES} files are brought in; use fewer")
        if path not in self.parts:
            self.parts[path] = self._read(path, place, self.files)
        return Part((*chain, path), self.parts[path])

    def matching(self, pattern: str, place: Span, chain: tuple[str, ...]) -> tuple[Part, ...]:
        """The files that a pattern with ``*`` and ``**`` names, in the order of their paths.

        Files that lead there are left out. Raises NotFollowed where nobody can tell.
        """
        written = posixpath.normpath(pattern.lstrip("/"))
        if written.startswith("../"):
            raise self._wrong(place, f"{pattern} leads out of the repository; name files in it")
        folder = written.partition("*")[0].rpartition("/")[0]
        known = self.files.below(folder) if self.files and self.files.rooted else None
        if known is None:
            raise NotFollowed(f"{pattern} matches files that are not seen here")
        found = [path for path in sorted(known) if matches(written, path) and path not in chain]
        return tuple(self.follow(path, place, chain) for path in found)

    def has(self, reference: str) -> bool:
        """Whether a reference leads to a file, for those that need not; nothing is told of it."""
        path = posixpath.normpath(reference.lstrip("/") or ".")
        if self.files is None or path == ".." or path.startswith("../"):
            return False
        try:
            return path in self.parts or self.files.load(path) is not None
        except Refused:
            return False

    def _read(self, path: str, place: Span, files: Files) -> Source:
        try:
            file = files.load(path)
        except Refused as error:
            raise self._wrong(place, f"{path} cannot be read: {error}") from error
        if file is None and files.rooted:
            raise self._wrong(place, f"there is no file {path} in this repository; correct it")
        if file is None:
            raise NotFollowed(f"{path} is not beside this file")
        try:
            # A header document (the inputs of a GitLab component) stands before the content.
            return read(file.text, file.path)[-1]
        except SourceError as error:
            self.problems.append(error)
            raise NotFollowed(f"{path} cannot be read") from error

    def _wrong(self, place: Span, message: str) -> NotFollowed:
        """A problem, told once although one file may be named by many."""
        if not any((each.span, each.message) == (place, message) for each in self.problems):
            self.problems.append(SourceError(place, message))
        return NotFollowed(message.partition(";")[0])
