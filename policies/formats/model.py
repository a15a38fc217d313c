"""What a reader of a format gives, whatever the format."""

from collections.abc import Callable
from dataclasses import dataclass, field

from policies.fields import Calendars
from policies.findings import Span
from policies.formats.follower import Follower
from policies.pipeline import Pipeline
from policies.source import Source


@dataclass(frozen=True, slots=True)
class Unreadable:
    """A reason why a file, or a part of it, could not be read."""

    span: Span
    message: str
    templated: bool = False


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


@dataclass(frozen=True, slots=True)
class Format:
    """A kind of pipeline file.

    ``read`` gives every pipeline of one document, and what it could not read of it; it may raise
    DocumentError with all errors of the document.
    """

    name: str
    title: str
    detect: Callable[[Source], bool]
    read: Callable[[Source, Beside], tuple[tuple[Pipeline, ...], tuple[Unreadable, ...]]]
