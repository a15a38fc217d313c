"""Whether somebody owns the path of a pipeline file, by the CODEOWNERS of its repository."""

from collections.abc import Callable
from pathlib import Path

import pytest

from cli.owners import with_owners
from cli.reading import read_file

Write = Callable[[str, str], Path]
DEPLOY = "on: push\njobs: {a: {runs-on: x, environment: production, steps: [{run: ./deploy}]}}\n"
FILE = ".github/workflows/deploy.yml"


def owned(path: Path) -> object:
    return with_owners(read_file(path, None), path).pipelines[0].owned_path.value


@pytest.mark.parametrize("place", [".github/CODEOWNERS", "CODEOWNERS", "docs/CODEOWNERS"])
def test_an_entry_for_its_folder_owns_it(write: Write, place: str) -> None:
    write(".git/HEAD", "ref: refs/heads/main\n")
    write(place, "# who answers\n/.github/workflows/ @shop/releases\n")
    assert owned(write(FILE, DEPLOY)) is True


def test_the_last_entry_counts_and_may_take_the_owner_away(write: Write) -> None:
    write(".git/HEAD", "ref: refs/heads/main\n")
    write("CODEOWNERS", "* @shop/all\n/.github/workflows/deploy.yml\n")
    assert owned(write(FILE, DEPLOY)) is False


def test_a_repository_without_the_file_has_no_owner(write: Write) -> None:
    write(".git/HEAD", "ref: refs/heads/main\n")
    assert owned(write(FILE, DEPLOY)) is False


def test_outside_of_a_repository_nobody_can_tell(write: Write) -> None:
    path = write(FILE, DEPLOY)
    assert not with_owners(read_file(path, None), path).pipelines[0].owned_path.known
