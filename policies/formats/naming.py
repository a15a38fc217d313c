"""Names for pipelines whose file gives them none."""

import re
from typing import Final

_SLUG: Final = re.compile(r"[a-z0-9]+")


def slug(path: str) -> str:
    """A file's path without its suffix, as a name."""
    stem = path.rpartition(".")[0] or path
    return "-".join(_SLUG.findall(stem.lower())) or "pipeline"


def unflattened(path: str) -> str:
    """A path whose folders were joined by ``__`` when files of many repositories were collected."""
    return path.replace("__", "/")
