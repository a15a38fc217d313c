"""The demonstration's git repository: made once, then one commit for each release."""

import subprocess
from importlib.resources import as_file, files
from pathlib import Path
from shutil import copytree
from typing import Final

#: Commits of a program have no person behind them.
_IDENTITY: Final = ("-c", "user.name=bakegate demo", "-c", "user.email=demo@localhost")


class DemoRepository:
    """A clone-like folder under version control; commits are found again by their tag."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def create(self) -> None:
        """Copy the site and commit it, unless that has been done."""
        if self._git("rev-parse", "--verify", "--quiet", "base^{commit}", check=False):
            return
        with as_file(files("service.demo") / "site") as site:
            copytree(site, self.folder, dirs_exist_ok=True)
        self._git("init", "--quiet", "--initial-branch", "main")
        self._commit("base", "Add the price service")

    def commit(self, name: str, subject: str, changes: dict[str, str]) -> str:
        """The commit of this name; made from ``changes`` (path to text) if it is not there yet."""
        known = self._git("rev-parse", "--verify", "--quiet", f"{name}^{{commit}}", check=False)
        if known:
            return known
        for path, text in changes.items():
            (self.folder / path).write_text(text, encoding="utf-8")
        return self._commit(name, subject)

    def _commit(self, tag: str, subject: str) -> str:
        self._git("add", "--all")
        self._git(*_IDENTITY, "commit", "--quiet", "--allow-empty", "--message", subject)
        self._git("tag", "--force", tag)
        return self._git("rev-parse", "HEAD")

    def _git(self, *arguments: str, check: bool = True) -> str:
        self.folder.mkdir(parents=True, exist_ok=True)
        done = subprocess.run(  # noqa: S603 - the arguments are this module's own
            ["git", *arguments],  # noqa: S607 - git is found on the user's PATH
            cwd=self.folder,
            check=check,
            capture_output=True,
            text=True,
        )
        return done.stdout.strip()
