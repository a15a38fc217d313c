"""The port through which a pipeline file reaches the files that it names.

Reading a pipeline has no file system of its own. A caller that has one gives ``Files``; without
them every reference leads nowhere, and what it would bring in is unknown.
"""

import re
from collections.abc import Callable
from typing import Final

from policies.frozen import dataclass
from policies.patterns import pattern


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
    ``below`` gives the paths of all files below a folder, from the root; None where nobody can
    tell, or where there are too many.
    """

    home: str
    load: Callable[[str], File | None]
    rooted: bool = True
    below: Callable[[str], tuple[str, ...] | None] = lambda _: None


_PARTS: Final = pattern(r"\*\*|.", re.DOTALL)
_ANY: Final = frozenset({"*", "**"})


def matches(pattern: str, path: str) -> bool:
    """Whether a pattern fits a whole path: ``**`` stands for anything, ``*`` for no slash.

    All places of the pattern are tried at once, so that no pattern takes long.
    """
    parts = _PARTS.findall(pattern)
    at = _passed(parts, {0})
    for each in path:
        on = {now + 1 for now in at if now < len(parts) and parts[now] == each}
        on |= {now for now in at if now < len(parts) and _stays(parts[now], each)}
        at = _passed(parts, on)
    return len(parts) in at


def _stays(part: str, character: str) -> bool:
    return part == "**" or (part == "*" and character != "/")


def _passed(parts: list[str], at: set[int]) -> set[int]:
    """The places with those behind wildcards, which may stand for nothing."""
    found = set(at)
    for now in sorted(at):
        while now < len(parts) and parts[now] in _ANY:
            now += 1  # noqa: PLW2901 - steps over a run of wildcards
            found.add(now)
    return found
