"""The port through which a pipeline file reaches the files that it names.

Reading a pipeline has no file system of its own. A caller that has one gives ``Files``; without
them every reference leads nowhere, and what it would bring in is unknown.
"""

from collections.abc import Callable

from policies.frozen import dataclass


@dataclass(frozen=True, slots=True)
class File:
    """A file of the repository; ``path`` is as this run shows it, so that spans agree."""

    path: str
    text: bytes


class Refused(Exception):
    """A file that may not be read, with the reason in words: a link that leads out, no rights."""


@dataclass(frozen=True, slots=True)
class Files:
    """The repository around a pipeline file. ``home`` is the file's own path from its root.

    ``load`` gives a file by its path from the root, None where there is none; it raises Refused.
    ``rooted`` says that the root is known: only then is a file that is not there missing.
    """

    home: str
    load: Callable[[str], File | None]
    rooted: bool = True
