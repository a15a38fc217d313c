"""What the files of one run must know of each other, whoever reads them.

Files are read and judged one by one, some of them in another process. What passes between is only
what each says to the others: which files it brings in, the names of its pipelines, what they write.
"""

from collections.abc import Iterator, Mapping

from policies.engine.beside import Place, with_writers, written
from policies.engine.names import named_twice
from policies.findings import Finding, Span
from policies.formats import Read
from policies.frozen import dataclass, replace
from policies.neighbours import Writer


@dataclass(frozen=True, slots=True)
class Said:
    """What one file says to the others of its run: small, and plain to another process."""

    path: str
    brings: frozenset[str]
    starts: bool
    """Whether something starts one of its pipelines; what nothing starts may be a part."""
    names: tuple[tuple[str, Span], ...]
    writes: tuple[tuple[Place, Writer], ...]


def said(read: Read) -> Said:
    """What the others of a run must know of this file."""
    return Said(
        path=read.path,
        # The further documents of a file are parts of it as well.
        brings=frozenset(part.path for part in read.parts if part.path != read.path),
        starts=any(each.origin.start.known for each in read.pipelines),
        names=tuple((each.name, each.span) for each in read.pipelines),
        writes=tuple(written(read)),
    )


class Together:
    """The files of one run, by their positions in it."""

    def __init__(self, files: Mapping[int, Said]) -> None:
        self.brought = frozenset[str]().union(*(each.brings for each in files.values()))
        """The paths of files that others bring in."""
        self._listed = {
            position
            for position, each in files.items()
            if each.path in self.brought and not each.starts
        }
        self._first: dict[tuple[str, str], tuple[int, int, Span]] = {}
        self._writers: dict[Place, list[Writer]] = {}
        for position in sorted(files.keys() - self._listed):
            for index, (name, span) in enumerate(files[position].names):
                key = (_root(files[position].path), name)
                self._first.setdefault(key, (position, index, span))
            for place, writer in files[position].writes:
                self._writers.setdefault(place, []).append(writer)

    def placed(self, position: int, read: Read) -> Read:
        """The file with what the others say of it.

        A template or a called workflow by itself lacks what stands around it where it is used, so
        that only its name is left.
        """
        if position in self._listed and read.pipelines:
            return replace(read, pipelines=(), source=None)
        return with_writers(read, self._writers)

    def named_twice(self, position: int, placed: Read) -> Iterator[Finding]:
        """One finding for each pipeline of the file whose name another one before it has."""
        for index, pipeline in enumerate(placed.pipelines):
            *first, span = self._first[_root(placed.path), pipeline.name]
            if first != [position, index]:
                yield named_twice(pipeline, span)


def _root(path: str) -> str:
    """The folder whose workflows run together: GitHub runs none of a `.github` further down."""
    above, found, _ = path.partition(".github/workflows/")
    return above if found else ""
