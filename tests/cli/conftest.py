"""Calling ``bakegate`` in a folder of its own, as a person would, and writing files for it."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from cli.commands import app
from service.server import Server
from service.settings import Settings
from tests.service.executor.conftest import ORGANIZATION, PIPELINE

#: A workflow whose only test cannot stop anything: one finding at ``block`` under ``recommended``.
SOFT = """\
name: Deploy
on: push
jobs:
  test:
    runs-on: ubuntu-latest
    steps:
      - run: npm test
        continue-on-error: true
permissions: {contents: read}
"""


@pytest.fixture
def bakegate(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Result]:
    """Call the program with words; the working folder is ``tmp_path``, the terminal 80 wide."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "80")
    monkeypatch.setenv("TERMINAL_WIDTH", "80")

    def call(*words: str) -> Result:
        return CliRunner().invoke(app, words, prog_name="bakegate")

    return call


@pytest.fixture
def write(tmp_path: Path) -> Callable[[str, str], Path]:
    """Write a file below the working folder, with the folders above it."""

    def put(name: str, text: str) -> Path:
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
        return path

    return put


@pytest.fixture
def soft(write: Callable[[str, str], Path]) -> Path:
    """A repository with the workflow that blocks, at its usual place."""
    write(".git/HEAD", "ref: refs/heads/main\n")
    return write(".github/workflows/deploy.yml", SOFT)


@pytest.fixture
def service(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Server]:
    """A real service with one registered pipeline, named to the commands by the environment."""
    server = Server(Settings(data_folder=tmp_path / "state", port=0))
    server.executor.register_organization(ORGANIZATION, "tester")
    server.executor.register_pipeline(PIPELINE, "pipeline.yaml", ".", "tester")
    server.start()
    server.serve_in_thread()
    monkeypatch.setenv("BAKEGATE_URL", server.url)
    yield server
    server.stop()
