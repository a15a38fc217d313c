"""Git repositories of pipelines, read by the ``git`` command."""

import os
import re
import subprocess
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from service.promotions.ports import Commit, UnknownCommit, Unreadable

_HASH: Final = re.compile(r"[0-9a-f]{40}|[0-9a-f]{64}")
#: Seconds for one command; a clone of a big repository is the longest.
_TIMEOUT: Final = 300
#: Full hash, author, subject and the committer's date, each ended by a NUL byte (``-z``).
_FORMAT: Final = "--format=tformat:%H%x00%aN%x00%s%x00%cI%x00%aE"


class RepositoryError(Unreadable):
    """Git could not do what was asked; the message says what, where and what git said."""


class UnknownCommitError(RepositoryError, UnknownCommit):
    """The repository was read, and the commit or branch is not in it."""


class GitRepository:
    """Repositories that are folders on this machine, bare or with files in them."""

    def head(self, repository: str, branch: str) -> str:
        """The full hash of the newest commit of ``branch``."""
        asked = f"refs/heads/{branch}^{{commit}}"
        code, out, _ = _git(repository, "rev-parse", "--verify", "--quiet", asked)
        if code != 0:
            raise UnknownCommitError(f"{repository} has no branch {branch!r}")
        return out.decode().strip()

    def changes(self, repository: str, base: str | None, commit: str) -> tuple[Commit, ...]:
        """First-parent commits after ``base``, newest first; without a base only ``commit`` itself.

        Where nothing was released before, the whole history would be no statement about a change.
        """
        _require(repository, commit)
        if base is not None:
            _require(repository, base)
        wanted = ["--max-count=1", commit] if base is None else [f"{base}..{commit}"]
        code, out, err = _git(repository, "log", "--first-parent", "-z", _FORMAT, *wanted, "--")
        if code != 0:
            raise RepositoryError(f"the history of {commit} in {repository} is unreadable: {err}")
        # Names and subjects may be in any encoding; what is no UTF-8 is shown with a mark.
        fields = iter(out.decode(errors="replace").split("\0")[:-1])
        return tuple(
            Commit(found, author, subject, datetime.fromisoformat(at).astimezone(UTC), email)
            for found, author, subject, at, email in zip(*[fields] * 5, strict=True)
        )

    def file(self, repository: str, commit: str, path: str) -> bytes:
        """The bytes of ``path`` as of ``commit``."""
        _require(repository, commit)
        code, out, err = _git(repository, "cat-file", "blob", f"{commit}:{path}")
        if code != 0:
            raise RepositoryError(f"no file {path} in {commit} of {repository}: {err}")
        return out

    def is_ancestor(self, repository: str, ancestor: str, commit: str) -> bool:
        """Whether ``commit`` contains ``ancestor``; a commit contains itself."""
        _require(repository, ancestor)
        _require(repository, commit)
        code, _, err = _git(repository, "merge-base", "--is-ancestor", ancestor, commit)
        if code not in {0, 1}:
            raise RepositoryError(f"{repository}: {ancestor} and {commit}: {err}")
        return code == 0

    def checkout(self, repository: str, commit: str, folder: Path) -> None:
        """Clone into the new ``folder`` and put the files of ``commit`` there."""
        _require(repository, commit)
        source = str(Path(repository).resolve())
        clone = (
            "clone",
            "--quiet",
            "--no-hardlinks",
            "--no-checkout",
            "--",
            source,
            str(folder.resolve()),
        )
        for where, command in (
            (repository, clone),
            (str(folder), ("checkout", "--quiet", "--detach", commit, "--")),
        ):
            code, _, err = _git(where, *command)
            if code != 0:
                raise RepositoryError(f"cannot check {commit} of {repository} out: {err}")


def _require(repository: str, commit: str) -> None:
    """Raise UnknownCommitError unless ``commit`` is a full hash of a commit in the repository."""
    if not _HASH.fullmatch(commit):
        raise UnknownCommitError(f"{commit!r} is no full commit hash")
    code, _, _ = _git(repository, "cat-file", "-e", f"{commit}^{{commit}}")
    if code != 0:
        raise UnknownCommitError(f"{repository} has no commit {commit}; is it pushed?")


def _git(repository: str, *arguments: str) -> tuple[int, bytes, str]:
    """Exit code, output and the errors of one command, run in ``repository``."""
    if not Path(repository).is_dir():
        raise RepositoryError(f"there is no folder {repository}; clone the repository to this host")
    try:
        done = subprocess.run(  # noqa: S603 - no shell, and names never stand where options do
            ["git", "-C", repository, *arguments],  # noqa: S607 - git is found on the PATH
            env=_environment(),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=_TIMEOUT,
            check=False,
        )
    except FileNotFoundError as missing:
        raise RepositoryError("there is no command git on the PATH; install git") from missing
    except subprocess.TimeoutExpired as late:
        raise RepositoryError(
            f"git {arguments[0]} in {repository} took over {_TIMEOUT} s"
        ) from late
    err = done.stderr.decode(errors="replace").strip()
    if done.returncode != 0 and ("not a git repository" in err or "dubious ownership" in err):
        raise RepositoryError(f"{repository}: {err.splitlines()[0]}")
    return done.returncode, done.stdout, err


def _environment() -> dict[str, str]:
    """Ours without the variables that point git to another repository; English, no questions."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("GIT_")}
    return kept | {"LC_ALL": "C", "GIT_TERMINAL_PROMPT": "0"}
