"""Finding files: a stable order, each once, and nothing from above the repository."""

from collections.abc import Callable
from pathlib import Path

import pytest

from cli.files import found_upwards, pipeline_files, repository, shown

Write = Callable[[str, str], Path]


def test_each_file_once_in_a_stable_order(write: Write, tmp_path: Path) -> None:
    b, a = write("b.yml", ""), write("a.yaml", "")
    nested = write(".github/workflows/c.yml", "")
    write("bakegate.yaml", "")
    write("notes.md", "")
    assert list(pipeline_files([b, tmp_path])) == [(b, True), (a, False), (nested, False)]


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
