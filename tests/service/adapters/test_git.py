"""GitRepository on real repositories that the tests make."""

import subprocess
from datetime import UTC, datetime
from pathlib import Path

import pytest

from service.adapters.git import GitRepository, UnknownCommitError
from service.adapters.git_command import RepositoryError
from service.promotions.ports import Commit

AT = "2026-11-24T10:00:00+02:00"


def git(folder: Path, *arguments: str) -> str:
    environment = {
        "PATH": "/usr/local/bin:/usr/bin:/bin",
        "HOME": str(folder),
        "GIT_AUTHOR_NAME": "Ada",
        "GIT_AUTHOR_EMAIL": "ada@localhost",
        "GIT_AUTHOR_DATE": AT,
        "GIT_COMMITTER_NAME": "Ada",
        "GIT_COMMITTER_EMAIL": "ada@localhost",
        "GIT_COMMITTER_DATE": AT,
    }
    done = subprocess.run(
        ["git", *arguments], cwd=folder, env=environment, check=True, capture_output=True, text=True
    )
    return done.stdout.strip()


def commit(folder: Path, subject: str, text: str) -> str:
    (folder / "file.txt").write_text(text, encoding="utf-8")
    git(folder, "add", "--all")
    git(folder, "commit", "--quiet", "--message", subject)
    return git(folder, "rev-parse", "HEAD")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    folder = tmp_path / "source"
    folder.mkdir()
    git(folder, "init", "--quiet", "--initial-branch", "main")
    return folder


def test_head_is_the_newest_commit_of_the_branch(folder: Path) -> None:
    commit(folder, "One", "1")
    second = commit(folder, "Two", "2")
    git(folder, "branch", "other", "HEAD~1")
    assert GitRepository().head(str(folder), "main") == second


def test_head_of_an_unknown_branch_is_an_error(folder: Path) -> None:
    commit(folder, "One", "1")
    with pytest.raises(UnknownCommitError) as caught:
        GitRepository().head(str(folder), "--all")
    assert str(caught.value) == f"{folder} has no branch '--all'"


def test_changes_are_those_after_the_base_newest_first(folder: Path) -> None:
    first = commit(folder, "One", "1")
    second = commit(folder, "Two, with ümlaut", "2")
    third = commit(folder, "Three", "3")
    at = datetime(2026, 11, 24, 8, 0, tzinfo=UTC)
    assert GitRepository().changes(str(folder), first, third) == (
        Commit(third, "Ada", "Three", at, "ada@localhost"),
        Commit(second, "Ada", "Two, with ümlaut", at, "ada@localhost"),
    )


def test_without_a_base_only_the_commit_itself_is_a_change(folder: Path) -> None:
    commit(folder, "One", "1")
    second = commit(folder, "Two", "2")
    found = GitRepository().changes(str(folder), None, second)
    assert [each.subject for each in found] == ["Two"]


def test_nothing_changed_since_the_same_commit(folder: Path) -> None:
    first = commit(folder, "One", "1")
    assert GitRepository().changes(str(folder), first, first) == ()


def test_a_file_is_read_as_of_the_commit(folder: Path) -> None:
    first = commit(folder, "One", "1\r\n")
    commit(folder, "Two", "2")
    assert GitRepository().file(str(folder), first, "file.txt") == b"1\r\n"


def test_a_missing_file_is_an_error(folder: Path) -> None:
    first = commit(folder, "One", "1")
    with pytest.raises(RepositoryError, match=f"no file absent.txt in {first} of {folder}"):
        GitRepository().file(str(folder), first, "absent.txt")


def test_ancestry(folder: Path) -> None:
    first = commit(folder, "One", "1")
    second = commit(folder, "Two", "2")
    ask = GitRepository().is_ancestor
    assert ask(str(folder), first, second)
    assert ask(str(folder), second, second)
    assert not ask(str(folder), second, first)


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("f" * 40, f"has no commit {'f' * 40}; is it pushed?"),
        ("main", "'main' is no full commit hash"),
        ("--output=x", "'--output=x' is no full commit hash"),
    ],
)
def test_what_is_no_commit_is_an_error(folder: Path, name: str, message: str) -> None:
    commit(folder, "One", "1")
    with pytest.raises(UnknownCommitError) as caught:
        GitRepository().changes(str(folder), None, name)
    assert str(caught.value).endswith(message)


def test_a_checkout_has_the_files_and_modes_of_the_commit(folder: Path, tmp_path: Path) -> None:
    (folder / "run").write_text("#!/bin/sh\n", encoding="utf-8")
    (folder / "run").chmod(0o755)
    first = commit(folder, "One", "1")
    commit(folder, "Two", "2")
    target = tmp_path / "checkout"
    GitRepository().checkout(str(folder), first, target)
    assert (target / "file.txt").read_text(encoding="utf-8") == "1"
    assert (target / "run").stat().st_mode & 0o100


def test_a_folder_that_is_absent_or_no_repository_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(RepositoryError, match=f"there is no folder {tmp_path}/absent"):
        GitRepository().head(str(tmp_path / "absent"), "main")
    with pytest.raises(RepositoryError, match=f"{tmp_path}: fatal: not a git repository"):
        GitRepository().head(str(tmp_path), "main")


def test_variables_of_another_repository_do_not_count(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = commit(folder, "One", "1")
    monkeypatch.setenv("GIT_DIR", str(tmp_path / "elsewhere"))
    assert GitRepository().head(str(folder), "main") == first
