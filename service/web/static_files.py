"""Files of the pages under names that hold their hash, so that a browser may keep them for ever."""

from dataclasses import dataclass
from functools import cache
from hashlib import sha256
from pathlib import Path
from typing import Final

_FOLDER: Final = Path(__file__).parent / "static"
_TYPES: Final = {".css": "text/css; charset=utf-8", ".js": "text/javascript; charset=utf-8"}
#: Where they are served.
PREFIX: Final = "/static/"


@dataclass(frozen=True, slots=True)
class StaticFile:
    media_type: str
    content: bytes


@cache
def served() -> dict[str, StaticFile]:
    """All files by their served name: ``bakegate.4fd1c2a90b7e.css``."""
    paths = (path for path in _FOLDER.rglob("*") if path.suffix in _TYPES)
    return {_hashed(path): StaticFile(_TYPES[path.suffix], path.read_bytes()) for path in paths}


@cache
def address(name: str) -> str:
    """Where a page finds a file of the folder; a missing one raises FileNotFoundError."""
    return PREFIX + _hashed(_FOLDER / name)


def _hashed(path: Path) -> str:
    digest = sha256(path.read_bytes()).hexdigest()[:12]
    return f"{path.stem}.{digest}{path.suffix}"
