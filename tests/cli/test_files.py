"""Finding files: a stable order, each once, and nothing from above the repository."""

from collections.abc import Callable
from pathlib import Path

import pytest

from cli.files import files_around, found_upwards, pipeline_files, repository, shown
from policies.formats import File, Refused

Write = Callable[[str, str], Path]


def test_each_file_once_in_a_stable_order(write: Write, tmp_path: Path) -> None:
    b, a = write("b.yml", ""), write("a.yaml", "")
    nested = write(".github/workflows/c.yml", "")
    write("bakegate.yaml", "")
    write("notes.md", "")
    stack = write("stack.template", "")
    assert list(pipeline_files([b, tmp_path])) == [
        (b, True),
        (a, False),
        (stack, False),
        (nested, False),
    ]


def test_upwards_ends_at_the_repository(write: Write, tmp_path: Path) -> None:
    above = write("organization.yaml", "")
    outside = write("plain/deep/x.yml", "")
    inside = write("repo/deep/x.yml", "")
    write("repo/.git/HEAD", "")
    assert found_upwards(outside, "organization.yaml") == above
    assert found_upwards(inside, "organization.yaml") is None
    assert repository(inside) == tmp_path / "repo"


def test_a_path_is_shown_relative_to_here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert shown(Path("./x/../deploy.yml")) == "deploy.yml"
    assert shown(tmp_path / "a" / "deploy.yml") == "a/deploy.yml"
    assert shown(Path("../deploy.yml")) == "../deploy.yml"


def test_files_around_a_pipeline_end_at_its_repository(
    write: Write, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    write("secret.yml", "password: x")
    write("repo/.git/HEAD", "")
    here = write("repo/ci/deploy.yml", "")
    write("repo/parts/a.yml", "a: 1")
    (tmp_path / "repo/parts/out.yml").symlink_to(tmp_path / "secret.yml")
    (tmp_path / "repo/parts/in.yml").symlink_to("a.yml")
    (tmp_path / "repo/parts/round.yml").symlink_to("round.yml")
    files = files_around(here)
    assert (files.home, files.rooted) == ("ci/deploy.yml", True)
    assert files.load("parts/a.yml") == File("repo/parts/a.yml", b"a: 1")
    assert files.load("parts/in.yml") == File("repo/parts/in.yml", b"a: 1")
    assert files.load("parts/b.yml") is None
    assert files.load("parts") is None
    assert files.load("parts/round.yml") is None
    for odd in ("../secret.yml", "parts/out.yml", "a\0b", "x" * 5000):
        with pytest.raises(Refused):
            files.load(odd)


def test_without_a_repository_nothing_is_surely_missing(
    write: Write, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = write("plain/ci.yml", "")
    assert files_around(file).home == "ci.yml"
    monkeypatch.chdir(tmp_path)
    files = files_around(file)
    assert (files.home, files.rooted) == ("plain/ci.yml", False)
