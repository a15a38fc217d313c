"""Git repositories of pipelines, read by the ``git`` command."""

import re
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from service.adapters.git_command import RepositoryError, git
from service.adapters.mirrors import Mirrors, is_address, shown
from service.promotions.ports import Commit, UnknownCommit

_HASH: Final = re.compile(r"[0-9a-f]{40}|[0-9a-f]{64}")
#: Full hash, author, subject and the committer's date, each ended by a NUL byte (``-z``).
_FORMAT: Final = "--format=tformat:%H%x00%aN%x00%s%x00%cI%x00%aE"


class UnknownCommitError(RepositoryError, UnknownCommit):
    """The repository was read, and the commit or branch is not in it."""


@dataclass(frozen=True, slots=True)
class _Place:
    """Where a repository can be asked, and how messages name it."""

    name: str
    folder: str


class GitRepository:
    """Repositories that are folders on this machine, and with ``mirrors`` those elsewhere.

    A repository elsewhere is named by its address: ``ssh://``, ``https://``, ``file://`` or
    ``git@host:path``. Its copy is renewed for its newest commit, and for one that is not in it.
    """

    def __init__(self, mirrors: Mirrors | None = None) -> None:
        self._mirrors = mirrors

    def head(self, repository: str, branch: str) -> str:
        """The full hash of the newest commit of ``branch``."""
        place = self._place(repository, fresh=True)
        asked = f"refs/heads/{branch}^{{commit}}"
        code, out, _ = git(place.folder, "rev-parse", "--verify", "--quiet", asked)
        if code != 0:
            raise UnknownCommitError(f"{place.name} has no branch {branch!r}")
        return out.decode().strip()

    def changes(self, repository: str, base: str | None, commit: str) -> tuple[Commit, ...]:
        """First-parent commits after ``base``, newest first; without a base only ``commit`` itself.

        Where nothing was released before, the whole history would be no statement about a change.
        """
        place = self._holding(repository, commit, *([] if base is None else [base]))
        wanted = ["--max-count=1", commit] if base is None else [f"{base}..{commit}"]
        code, out, err = git(place.folder, "log", "--first-parent", "-z", _FORMAT, *wanted, "--")
        if code != 0:
            raise RepositoryError(f"the history of {commit} in {place.name} is unreadable: {err}")
        # Names and subjects may be in any encoding; what is no UTF-8 is shown with a mark.
        fields = iter(out.decode(errors="replace").split("\0")[:-1])
        return tuple(
            Commit(found, author, subject, datetime.fromisoformat(at).astimezone(UTC), email)
            for found, author, subject, at, email in zip(*[fields] * 5, strict=True)
        )

    def file(self, repository: str, commit: str, path: str) -> bytes:
        """The bytes of ``path`` as of ``commit``."""
        place = self._holding(repository, commit)
        code, out, err = git(place.folder, "cat-file", "blob", f"{commit}:{path}")
        if code != 0:
            raise RepositoryError(f"no file {path} in {commit} of {place.name}: {err}")
        return out

    def is_ancestor(self, repository: str, ancestor: str, commit: str) -> bool:
        """Whether ``commit`` contains ``ancestor``; a commit contains itself."""
        place = self._holding(repository, ancestor, commit)
        code, _, err = git(place.folder, "merge-base", "--is-ancestor", ancestor, commit)
        if code not in {0, 1}:
            raise RepositoryError(f"{place.name}: {ancestor} and {commit}: {err}")
        return code == 0

    def checkout(self, repository: str, commit: str, folder: Path) -> None:
        """Clone into the new ``folder`` and put the files of ``commit`` there."""
        place = self._holding(repository, commit)
        source = str(Path(place.folder).resolve())
        clone = ("clone", "--quiet", "--no-hardlinks", "--no-checkout", "--", source)
        for where, command in (
            (place.folder, (*clone, str(folder.resolve()))),
            (str(folder), ("checkout", "--quiet", "--detach", commit, "--")),
        ):
            code, _, err = git(where, *command)
            if code != 0:
                raise RepositoryError(f"cannot check {commit} of {place.name} out: {err}")

    def _place(self, repository: str, *, fresh: bool = False) -> _Place:
        if self._mirrors is None or not is_address(repository):
            return _Place(repository, repository)
        if fresh:
            self._mirrors.renew(repository)
        return _Place(shown(repository), self._mirrors.of(repository))

    def _holding(self, repository: str, *commits: str) -> _Place:
        """The place of a repository; raises UnknownCommitError unless it holds all of these."""
        for commit in commits:
            if not _HASH.fullmatch(commit):
                raise UnknownCommitError(f"{commit!r} is no full commit hash")
        place = self._place(repository)
        if place.folder != repository and _missing(place, commits):
            place = self._place(repository, fresh=True)
        for commit in _missing(place, commits):
            raise UnknownCommitError(f"{place.name} has no commit {commit}; is it pushed?")
        return place


def _missing(place: _Place, commits: tuple[str, ...]) -> list[str]:
    """The commits that are not there."""
    return [
        commit
        for commit in commits
        if git(place.folder, "cat-file", "-e", f"{commit}^{{commit}}")[0] != 0
    ]
