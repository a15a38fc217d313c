"""Copies of repositories that are elsewhere: bare, one for each address, renewed when asked.

Nothing is thrown out of a copy: what was released must be found again, also after somebody rewrote
a branch. A copy goes as a whole, once no pipeline names its repository any more.
"""

import re
from collections.abc import Collection, Iterator
from hashlib import sha256
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

from service.adapters.git_command import RepositoryError, git
from service.adapters.locked import alone

#: ``git@host:path``, as ``git-clone(1)`` reads it: no slash stands before the first colon.
_SHORT: Final = re.compile(r"[A-Za-z0-9._-]+@[A-Za-z0-9.-]+:[^:].*")
_BRANCHES: Final = "+refs/heads/*:refs/heads/*"


def is_address(repository: str) -> bool:
    """Whether a repository is somewhere else, and not a folder of this machine."""
    return "://" in repository or _SHORT.fullmatch(repository) is not None


def shown(address: str) -> str:
    """An address without the password that may stand in it."""
    if "://" not in address:
        return address
    parts = urlsplit(address)
    return parts._replace(netloc=parts.netloc.rpartition("@")[2]).geturl()


class Mirrors:
    """One bare repository in ``folder`` for each address."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def of(self, address: str) -> str:
        """The folder of the copy, which is made where there is none yet."""
        place = self._place(address)
        if not (place / "HEAD").exists():
            self.renew(address)
        return str(place)

    def renew(self, address: str) -> None:
        """Fetch all branches; raises RepositoryError with what git said."""
        place = self._place(address)
        place.mkdir(parents=True, exist_ok=True)
        with alone(place.with_suffix(".lock")):
            if not (place / "HEAD").exists():
                self._ask(place, address, "init", "--quiet", "--bare")
            fetch = ("fetch", "--quiet", "--prune", "--no-tags", "--no-auto-gc")
            self._ask(place, address, *fetch, "--", address, _BRANCHES)

    def others(self, addresses: Collection[str]) -> Iterator[Path]:
        """The copies of all but the named repositories."""
        named = {self._place(each) for each in addresses}
        return (each for each in sorted(self._folder.glob("*.git")) if each not in named)

    def _place(self, address: str) -> Path:
        return self._folder / f"{sha256(address.encode()).hexdigest()[:32]}.git"

    def _ask(self, place: Path, address: str, *arguments: str) -> None:
        code, _, err = git(str(place), *arguments)
        if code != 0:
            told = err.replace(address, shown(address))
            raise RepositoryError(f"{shown(address)} cannot be read: {told}")
