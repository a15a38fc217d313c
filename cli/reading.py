"""Reading pipeline files with their overlay, as every command does it."""

from collections.abc import Callable
from functools import cache
from pathlib import Path

from cli.files import OVERLAY, found_upwards, shown
from policies.formats import Read, read_pipelines
from policies.overlay import Overlay, read_overlay


def read_file(path: Path, overlay: Overlay | None) -> Read:
    """Read one pipeline file; what cannot be read is in the answer, located."""
    return read_pipelines(path.read_bytes(), shown(path), overlay, calendars=beside(path.parent))


def beside(folder: Path) -> Callable[[str], str]:
    """Gives the text of a file that another one names, relative to that one's folder."""

    def load(reference: str) -> str:
        return (folder / reference).read_text(encoding="utf-8")

    return load


def overlay_of(path: Path, given: Path | None) -> Overlay | None:
    """The overlay that speaks of ``path``: the given one, else ``bakegate.yaml`` found upwards.

    Raises DocumentError with everything that is wrong in it.
    """
    found = given or found_upwards(path, OVERLAY)
    return _overlay(found) if found else None


@cache
def _overlay(path: Path) -> Overlay:
    return read_overlay(path.read_bytes(), shown(path))
