"""What a reader of a format gives, whatever the format."""

from collections.abc import Callable
from functools import cache
from importlib import import_module
from typing import Any, Protocol, TypeVar, cast

from policies.fields import Calendars
from policies.findings import Span
from policies.formats.follower import Follower
from policies.frozen import dataclass, field
from policies.pipeline import Pipeline
from policies.source import Mapping, Source

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Unreadable:
    """A reason why a file, or a part of it, could not be read."""

    span: Span
    message: str
    templated: bool = False
    slow: bool = False
    """True where reading was stopped because it took too long."""


@dataclass(frozen=True, slots=True)
class Read:
    """Everything that was found in one file; ``source`` is its first readable document.

    ``parts`` are its further documents and those of other files that it brings in.
    """

    path: str
    format: str
    pipelines: tuple[Pipeline, ...]
    source: Source | None
    problems: tuple[Unreadable, ...] = ()
    parts: tuple[Source, ...] = ()


@dataclass(frozen=True, slots=True)
class Beside:
    """What a reader may look at beside its own document.

    ``documents`` are all documents of the file, the own one included; ``follower`` leads to other
    files of the repository.
    """

    documents: tuple[Source, ...]
    calendars: Calendars = None
    follower: Follower = field(default_factory=Follower)
    known: dict[Callable[[tuple[Source, ...]], Any], Any] = field(default_factory=dict)

    def once(self, make: Callable[[tuple[Source, ...]], T]) -> T:
        """What is made of all documents, once for the file and not once for each of them."""
        if make not in self.known:
            self.known[make] = make(self.documents)
        made: T = self.known[make]
        return made


class Reader(Protocol):
    """What the module of a format offers."""

    def detect(self, source: Source) -> bool:
        """Whether a document is of this format, by its content."""

    def read(
        self, source: Source, beside: Beside
    ) -> tuple[tuple[Pipeline, ...], tuple[Unreadable, ...]]:
        """Every pipeline of a document, and what could not be read of it.

        Raises DocumentError with all errors of the document.
        """


@dataclass(frozen=True, slots=True)
class Format:
    """A kind of pipeline file, and the module that reads it.

    The module is loaded for the first file that may be of the kind: most runs meet one kind only,
    and all readers together are half of the engine. ``key`` stands at the top of every file of the
    kind; "" where no single key does.
    """

    name: str
    title: str
    module: str
    key: str = ""

    def detect(self, source: Source) -> bool:
        if self.key and not (isinstance(source.root, Mapping) and self.key in source.root.entries):
            return False
        return self.reader.detect(source)

    @property
    def reader(self) -> Reader:
        return _reader(self.module)


@cache
def _reader(module: str) -> Reader:
    return cast("Reader", import_module(f"policies.formats.{module}"))
