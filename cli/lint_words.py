"""What ``bakegate lint`` is asked, as values, and read from words without the library for commands.

To load that library and to describe the command to it takes an eighth of the time of linting one
file. Words that are plain, which most are, are read here. It is asked about all others, and alone
tells what is wrong with them: so nothing here has to say more than that it does not know.
"""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Final

from cli.formats import Format
from policies.frozen import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """The words of ``bakegate lint``, each under the name that its help gives it."""

    paths: tuple[Path, ...]
    ruleset: str | None = None
    org: str | None = None
    at: str | None = None
    overlay: Path | None = None
    history: Path | None = None
    format: Format = Format.TEXT
    each: bool = False
    jobs: int | None = None
    output: tuple[str, ...] = ()


def _count(text: str) -> int:
    if not text.isdecimal() or not int(text):
        raise ValueError(text)
    return int(text)


#: What follows a word, for those that one value follows; raises ValueError.
_VALUES: Final[dict[str, Callable[[str], Any]]] = {
    "ruleset": str,
    "org": str,
    "at": str,
    "overlay": Path,
    "history": Path,
    "format": Format,
    "jobs": _count,
    "output": str,
}


def plainly(words: Sequence[str]) -> Asked | None:
    """What the words after ``lint`` ask for; None for words that are wrong, or not plain."""
    paths: list[Path] = []
    given: dict[str, Any] = {}
    rest = iter(words)
    for word in rest:
        if not word.startswith("-"):
            paths.append(Path(word))
        elif word == "--each":
            given["each"] = True
        else:
            name = word.removeprefix("--")
            value = next(rest, "-")
            if name not in _VALUES or value.startswith("-"):
                return None
            try:
                read = _VALUES[name](value)
            except ValueError:
                return None
            given[name] = (*given.get(name, ()), read) if name == "output" else read
    return Asked(paths=tuple(paths), **given) if paths else None
