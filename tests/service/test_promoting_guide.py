"""``docs/promoting.md`` done as it says: its files written, its commands run against a service."""

import re
import shlex
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import pytest
from typer.testing import CliRunner, Result

from cli.commands import app
from service.server import Server
from service.settings import Settings

GUIDE: Final = Path(__file__).parents[2] / "docs" / "promoting.md"
FILE: Final = re.compile(r"(?ms)^`(?P<name>[^`\n]+)`\n\n```\w+\n(?P<text>.*?)^```$")
#: Every block of commands; after the name of a file stands the file.
COMMANDS: Final = re.compile(r"(?ms)(?<![^`]`\n\n)^```sh\n(?P<text>.*?)^```$")
COMMIT: Final = "$(git -C hello rev-parse HEAD)"


@pytest.fixture
def served(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Server]:
    """What ``bakegate serve`` starts, in a folder where the guide's files stand."""
    monkeypatch.chdir(tmp_path)
    for match in FILE.finditer(GUIDE.read_text(encoding="utf-8")):
        path = tmp_path / match["name"]
        path.parent.mkdir(exist_ok=True)
        path.write_text(match["text"], encoding="utf-8")
    server = Server(Settings(data_folder=tmp_path / "bakegate-data", port=0))
    server.start()
    server.serve_in_thread()
    monkeypatch.setenv("BAKEGATE_URL", server.url)
    yield server
    server.stop()
    server.deployer.end_all()


def test_the_walk_of_the_guide_ends_in_production(served: Server, tmp_path: Path) -> None:
    commit = _committed(tmp_path / "hello")
    done = {words: _call(words.replace(COMMIT, commit)) for words in _commands()}
    assert {words: each.output for words, each in done.items() if each.exit_code} == {}
    assert "bakegate release watch hello:1" in done
    assert served.executor.release("hello:1").outcome == "succeeded"


def _commands() -> list[str]:
    blocks = COMMANDS.finditer(GUIDE.read_text(encoding="utf-8"))
    lines = [line for block in blocks for line in block["text"].splitlines()]
    # The fixture is this one.
    return [line for line in lines if line != "bakegate serve"]


def _call(words: str) -> Result:
    program, *arguments = shlex.split(words)
    assert program == "bakegate"
    return CliRunner().invoke(app, arguments, prog_name="bakegate")


def _committed(folder: Path) -> str:
    author = ("-c", "user.name=guide", "-c", "user.email=guide@localhost")
    for words in (
        ("init", "--quiet", "--initial-branch", "main"),
        ("add", "--all"),
        (*author, "commit", "--quiet", "--message", "Say hello"),
    ):
        subprocess.run(["git", *words], cwd=folder, check=True)
    asked = ["git", "rev-parse", "HEAD"]
    told = subprocess.run(asked, cwd=folder, check=True, capture_output=True, text=True)
    return told.stdout.strip()
