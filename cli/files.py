"""Files of commands: pipeline files of a folder, the overlay, the organization file."""

import os
from collections.abc import Callable, Iterable, Iterator
from functools import cache
from pathlib import Path
from stat import S_ISLNK
from typing import TYPE_CHECKING, Final

from policies.formats import File, Files, Refused
from policies.frozen import dataclass
from policies.source import MAX_BYTES

if TYPE_CHECKING:
    from policies.ruleset import Pinned

OVERLAY: Final = "bakegate.yaml"
BASELINE: Final = "bakegate-baseline.yaml"
ORGANIZATION: Final = "organization.yaml"
#: So many files of a folder are looked at for those that a pattern matches.
_MOST: Final = 20_000
_ENDINGS: Final = (".yml", ".yaml", ".json", ".template")
#: Folders that never hold a pipeline of the repository itself.
_SKIPPED: Final = frozenset({"node_modules", "vendor", "third_party", "dist", "build"})
#: Hidden folders in which teams keep pipeline files.
_HIDDEN: Final = frozenset(
    {
        ".ado",
        ".azdo",
        ".azure",
        ".azure-devops",
        ".azure-pipelines",
        ".azuredevops",
        ".circleci",
        ".github",
        ".gitlab",
        ".gitlab-ci",
        ".pipelines",
        ".vsts",
    }
)


def pipeline_files(paths: Iterable[Path]) -> Iterator[tuple[Path, bool]]:
    """Every file to read, once, in a stable order; true beside it when the user named it himself.

    Of folders, hidden ones are passed over except those that are known to hold pipelines.
    """
    seen: set[Path] = set()
    for path in paths:
        named = not path.is_dir()
        for each in [path] if named else _walk(path):
            if each not in seen:
                seen.add(each)
                yield each, named


def _walk(folder: Path) -> Iterator[Path]:
    for here, folders, files in os.walk(folder):
        folders[:] = sorted(name for name in folders if _is_read(name))
        for name in sorted(files):
            path = Path(here, name)
            # A link that leads nowhere holds nothing, and a pipe would be waited for.
            if name.endswith(_ENDINGS) and name not in (OVERLAY, BASELINE) and path.is_file():
                yield path


def _is_read(folder: str) -> bool:
    if folder.startswith("."):
        return folder in _HIDDEN
    return folder not in _SKIPPED


def found_upwards(start: Path, name: str) -> Path | None:
    """The nearest ``name`` from ``start`` upwards, not past the repository's root (``.git``)."""
    return _found_upwards(Path(absolute(start if start.is_dir() else start.parent)), name)


@cache
def _found_upwards(folder: Path, name: str) -> Path | None:
    here = folder / name
    if here.is_file():
        return here
    if (folder / ".git").exists() or folder.parent == folder:
        return None
    return _found_upwards(folder.parent, name)


def repository(path: Path) -> Path:
    """The root of the repository that ``path`` lies in; outside of one, the working folder."""
    return repository_of(path) or Path.cwd()


def repository_of(path: Path) -> Path | None:
    """The root of the repository that ``path`` lies in; None outside of one."""
    return _repository_of(os.path.dirname(absolute(path)))  # noqa: PTH120 - as in absolute


def absolute(path: Path) -> str:
    """A path from the root of the file system, without ``..``; links are not followed.

    A text, which takes a quarter of the time of a path.
    """
    return os.path.abspath(path)  # noqa: PTH100 - see above


@cache
def _repository_of(folder: str) -> Path | None:
    here = Path(folder)
    if (here / ".git").exists():
        return here
    return None if here.parent == here else _repository_of(str(here.parent))


def files_around(path: Path) -> Files:
    """The repository of a pipeline file; without ``.git``, the working folder or the file's own.

    Nothing outside is ever read, whatever links say.
    """
    folder, name = os.path.split(absolute(path))
    around = _around(folder, os.getcwd())  # noqa: PTH109 - as in absolute
    return Files(f"{around.inside}{name}", _loader(around.root), around.known, _lister(around.root))


@dataclass(frozen=True, slots=True)
class _Around:
    """Where files of a folder may be read from, and the folder in it; "" for the root itself."""

    root: Path
    known: bool
    """Whether it is a repository."""
    inside: str


@cache
def _around(folder: str, here: str) -> _Around:
    place = Path(folder)
    found = _repository_of(folder)
    root = found or (Path(here) if place.is_relative_to(here) else place)
    inside = "" if place == root else f"{place.relative_to(root).as_posix()}/"
    return _Around(root, found is not None, inside)


@cache
def _real(folder: str) -> str:
    return os.path.realpath(folder)


def _real_file(path: Path) -> str:
    """Where a file really is: in its folder, which is known from other files, if it is no link.

    Raises OSError and ValueError for a name that no path can have.
    """
    # Texts take a quarter of the time of paths.
    there = os.path.join(_real(os.path.dirname(path)), path.name)  # noqa: PTH118, PTH120 - see above
    try:
        is_link = S_ISLNK(os.lstat(there).st_mode)
    except (FileNotFoundError, NotADirectoryError):
        return there
    return os.path.realpath(there) if is_link else there


@cache
def _loader(root: Path) -> Callable[[str], File | None]:
    real = _real(str(root))
    inside = real if real.endswith(os.sep) else real + os.sep

    def load(name: str) -> File | None:
        path = root / name
        try:
            there = _real_file(path)
            if there != real and not there.startswith(inside):
                raise Refused("a link leads out of the repository")
            if not path.is_file():
                return None
            with path.open("rb") as file:
                return File(shown(path), file.read(MAX_BYTES + 1))
        except (OSError, ValueError) as error:
            # A name may hold what no path can: a zero character, too many characters.
            raise Refused(getattr(error, "strerror", None) or str(error)) from error

    return load


def _lister(root: Path) -> Callable[[str], tuple[str, ...] | None]:
    def below(folder: str) -> tuple[str, ...] | None:
        found: list[str] = []
        for here, folders, files in os.walk(root / folder):
            folders[:] = [name for name in folders if name != ".git"]
            found += [Path(here, name).relative_to(root).as_posix() for name in files]
            if len(found) > _MOST:
                return None
        return tuple(found)

    return below


def shown(path: Path) -> str:
    """A path as people and machines read it: relative to here where that is shorter, with ``/``."""
    there, here = absolute(path), os.getcwd()  # noqa: PTH109 - as in absolute
    inside = f"{there}{os.sep}".startswith(here if here.endswith(os.sep) else here + os.sep)
    return Path(there[len(here) :].lstrip(os.sep) if inside else path).as_posix()


def beside(folder: Path) -> Callable[[str], str]:
    """Gives the text of a file that another one names, relative to that one's folder."""

    def load(reference: str) -> str:
        return (folder / reference).read_text(encoding="utf-8")

    return load


def elsewhere(pinned: "Pinned") -> bytes:
    """The bytes of a pinned ruleset; what fetching needs is loaded when there is one to fetch."""
    from cli.fetching import fetch

    return fetch(pinned)
