"""Repositories that are elsewhere: copied once, renewed when asked, and nothing of them lost."""

from pathlib import Path

import pytest

from service.adapters import git_command
from service.adapters.git import GitRepository, UnknownCommitError
from service.adapters.git_command import RepositoryError, git
from service.adapters.mirrors import Mirrors, is_address, shown
from tests.service.adapters.test_git import commit
from tests.service.adapters.test_git import git as run_git
from tests.twins import sshd


@pytest.fixture
def origin(tmp_path: Path) -> Path:
    folder = tmp_path / "origin"
    folder.mkdir()
    run_git(folder, "init", "--quiet", "--initial-branch", "main")
    return folder


@pytest.fixture
def mirrored(tmp_path: Path) -> GitRepository:
    return GitRepository(Mirrors(tmp_path / "mirrors"))


def test_a_repository_elsewhere_is_read_like_a_folder(
    origin: Path, mirrored: GitRepository, tmp_path: Path
) -> None:
    address = f"file://{origin}"
    first = commit(origin, "One", "1")
    assert mirrored.head(address, "main") == first
    second = commit(origin, "Two", "2")
    # A commit that the copy does not have is fetched by the way.
    assert [each.subject for each in mirrored.changes(address, first, second)] == ["Two"]
    assert mirrored.is_ancestor(address, first, second)
    assert mirrored.file(address, second, "file.txt") == b"2"
    mirrored.checkout(address, first, tmp_path / "checkout")
    assert (tmp_path / "checkout" / "file.txt").read_text(encoding="utf-8") == "1"


def test_a_repository_behind_ssh(
    origin: Path, mirrored: GitRepository, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = commit(origin, "One", "1")
    with sshd.listening(tmp_path / "far") as side:
        files = f"-i {side.identity} -o UserKnownHostsFile={side.known_hosts}"
        config = f'[core]\n    sshCommand = "ssh -F /dev/null -o IdentitiesOnly=yes {files}"\n'
        (tmp_path / ".gitconfig").write_text(config, encoding="utf-8")
        monkeypatch.setenv("HOME", str(tmp_path))
        address = f"ssh://127.0.0.1:{side.port}{origin}"
        assert mirrored.head(address, "main") == first
        # Of a host that nobody knows the key nobody is asked: it is no host to fetch from.
        sshd.make_key(tmp_path / "other")
        side.trust(tmp_path / "other")
        with pytest.raises(RepositoryError, match="Host key verification failed"):
            mirrored.head(address, "main")
    # What was fetched once can still be built.
    assert mirrored.file(address, first, "file.txt") == b"1"


def test_a_commit_that_was_rewritten_away_can_still_be_built(
    origin: Path, mirrored: GitRepository, tmp_path: Path
) -> None:
    address = f"file://{origin}"
    first = commit(origin, "One", "1")
    mirrored.head(address, "main")
    run_git(origin, "commit", "--quiet", "--amend", "--message", "Other")
    run_git(origin, "reflog", "expire", "--expire=now", "--all")
    run_git(origin, "gc", "--quiet", "--prune=now")
    assert mirrored.head(address, "main") != first
    mirrored.checkout(address, first, tmp_path / "checkout")
    assert (tmp_path / "checkout" / "file.txt").exists()


def test_a_branch_that_is_gone_is_gone_in_the_copy(origin: Path, mirrored: GitRepository) -> None:
    commit(origin, "One", "1")
    run_git(origin, "branch", "old")
    mirrored.head(f"file://{origin}", "old")
    run_git(origin, "branch", "--delete", "old")
    with pytest.raises(UnknownCommitError, match=f"^file://{origin} has no branch 'old'$"):
        mirrored.head(f"file://{origin}", "old")


def test_an_unknown_commit_names_the_address(origin: Path, mirrored: GitRepository) -> None:
    commit(origin, "One", "1")
    with pytest.raises(UnknownCommitError) as caught:
        mirrored.file(f"file://{origin}", "f" * 40, "file.txt")
    assert str(caught.value) == f"file://{origin} has no commit {'f' * 40}; is it pushed?"


@pytest.mark.parametrize(
    ("address", "told"),
    [
        ("file:///absent", "file:///absent cannot be read: "),
        ("http://me:secret@127.0.0.1:1/x.git", "http://127.0.0.1:1/x.git cannot be read: "),
        ("ext::sh -c touch% /tmp/x", "there is no folder ext::sh"),
        ("ext://x", "ext://x cannot be read: fatal: transport 'ext' not allowed"),
    ],
)
def test_an_address_that_gives_nothing(mirrored: GitRepository, address: str, told: str) -> None:
    with pytest.raises(RepositoryError) as caught:
        mirrored.head(address, "main")
    assert str(caught.value).startswith(told)
    assert "secret" not in str(caught.value)


@pytest.mark.parametrize(
    ("repository", "elsewhere"),
    [
        ("git@forge.example:orders/shop.git", True),
        ("ssh://git@forge.example/orders/shop", True),
        ("https://forge.example/orders/shop.git", True),
        ("/srv/git/shop.git", False),
        (".", False),
        ("./git@forge:shop", False),
    ],
)
def test_what_is_elsewhere(repository: str, elsewhere: bool) -> None:  # noqa: FBT001 - a case's answer
    assert is_address(repository) is elsewhere


def test_a_name_without_its_password() -> None:
    assert shown("https://me:secret@forge.example/a?b#c") == "https://forge.example/a?b#c"
    assert shown("git@forge.example:a") == "git@forge.example:a"


def test_git_that_hangs_is_ended_with_its_helpers(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    program = tmp_path / "bin" / "git"
    program.parent.mkdir()
    program.write_text("#!/bin/sh\nsleep 300 & wait\n", encoding="utf-8")
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{program.parent}:/usr/bin:/bin")
    monkeypatch.setattr(git_command, "_TIMEOUT", 0.3)
    with pytest.raises(RepositoryError, match=r"^git fetch in .* took over 0.3 s$"):
        git(str(tmp_path), "fetch")
