"""Names for pipelines whose file gives them none."""

import re
from typing import Final

from policies.classify import words
from policies.patterns import pattern

#: Words of a thing that say what it shows, or how it is released, and not where it stands.
_SHOWS: Final = frozenset({"demo", "canary", "onebox"})
#: A stage with a number, or the word as the end of others, unless something goes to it.
_OWN_WORD: Final = pattern(r"(?i:stage[-_ ]?\d+)|(?<![Tt]o)(?<=[a-z0-9])Stage\b")
_ENDS: Final = pattern(r"(?<![Tt]o)[-_ ]stage$", re.IGNORECASE)
_SLUG: Final = pattern(r"[a-z0-9]+")


def slug(path: str) -> str:
    """A file's path without its suffix, as a name."""
    stem = path.rpartition(".")[0] or path
    return "-".join(_SLUG.findall(stem.lower())) or "pipeline"


def unflattened(path: str) -> str:
    """A path whose folders were joined by ``__`` when files of many repositories were collected."""
    return path.replace("__", "/")


def of_file(path: str) -> str:
    """The name of a pipeline's file, as far as it tells an environment."""
    return of_title(unflattened(path).rpartition("/")[2].partition(".y")[0])


def of_title(title: str) -> str:
    """A title without the word that says what a pipeline is for, and not where it deploys."""
    return " ".join(each for each in words(title) if each != "ci")


def without_stage(name: str, *, everywhere: bool) -> str:
    """A name without "stage" where that is the tool's word: ``DeployStage``, ``Stage2Deploy``.

    Where several stages of a pipeline end with it (``everywhere``), ``Deploy_Stage`` says no more.
    """
    found = _OWN_WORD.sub(" ", name)
    return _ENDS.sub(" ", found) if everywhere else found


def of_thing(name: str) -> str:
    """The name of a namespace, a cluster or an application, as far as it tells an environment."""
    return " ".join(each for each in words(name) if each not in _SHOWS)
