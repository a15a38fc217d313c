"""Reading pipeline files with their overlay, as every command does it."""

import os
from functools import cache
from pathlib import Path

from cli.files import OVERLAY, beside, files_around, found_upwards, repository, shown
from policies.engine.budget import READ_SECONDS, Budget, OverBudget, unlimited
from policies.findings import Span
from policies.formats import Read, Unreadable, read_pipelines
from policies.frozen import replace
from policies.overlay import Overlay, read_overlay


def read_file(path: Path, overlay: Overlay | None, budget: Budget = unlimited) -> Read:
    """Read one pipeline file; what cannot be read, or not in time, is in the answer, located."""
    name = shown(path)
    try:
        text = path.read_bytes()
    except OSError as error:
        problem = Unreadable(Span(name, 1, 1, 1, 1), f"the file cannot be opened: {error.strerror}")
        return Read(name, "", (), None, (problem,))
    try:
        with budget(READ_SECONDS):
            return read_pipelines(
                text, name, overlay, calendars=beside(path.parent), files=files_around(path)
            )
    except OverBudget:
        message = f"reading the file took more than {READ_SECONDS:g} s and was stopped"
        return Read(name, "", (), None, (Unreadable(Span(name, 1, 1, 1, 1), message, slow=True),))


def overlay_of(path: Path, given: Path | None) -> Overlay | None:
    """What the given overlay, else ``bakegate.yaml`` found upwards, says of ``path``.

    Its keys are paths from the repository's root; in the answer they are as this run shows them.
    Raises DocumentError with everything that is wrong in it, and OSError.
    """
    found = given or found_upwards(path, OVERLAY)
    if found is None:
        return None
    overlay = _overlay(found)
    root = repository(path) if given else found.parent
    key = Path(os.path.relpath(path, root)).as_posix()
    entries = {
        shown(path) + name.removeprefix(key): fields
        for name, fields in overlay.entries.items()
        if name == key or name.startswith(f"{key}#")
    }
    return replace(overlay, entries=entries)


@cache
def _overlay(path: Path) -> Overlay:
    return read_overlay(path.read_bytes(), shown(path))
