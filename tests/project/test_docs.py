"""What the documents say exists: links, paths in backticks, and commands of the program."""

import re
import shlex
from collections.abc import Iterator
from pathlib import Path

import pytest
import typer
from typer.core import TyperGroup
from typer.main import get_command

from cli.commands import app

ROOT = Path(__file__).resolve().parents[2]
DOCUMENTS = [
    *(ROOT / name for name in ("README.md", "CHANGELOG.md", "CONTRIBUTING.md")),
    *sorted((ROOT / "docs").rglob("*.md")),
]
TOP_LEVEL = ("policies", "service", "cli", "rulesets", "tests", "tools", "docs", ".ci")

LINK = re.compile(r"!?\[[^\]]*\]\((?P<target>[^)\s]+)\)")
BACKTICKS = re.compile(r"(?<!`)`(?P<text>[^`\n]+)`(?!`)")
CODE_BLOCK = re.compile(r"^```[^\n]*\n(?P<body>.*?)^```$", re.DOTALL | re.MULTILINE)


def relative_links(text: str) -> Iterator[str]:
    for match in LINK.finditer(CODE_BLOCK.sub("", text)):
        target = match["target"].partition("#")[0]
        if target and "://" not in target and not target.startswith("mailto:"):
            yield target


def repository_paths(text: str) -> Iterator[str]:
    """Backticked words that start in one of our folders; `<id>` and `*` stand for any name."""
    for match in BACKTICKS.finditer(CODE_BLOCK.sub("", text)):
        words = match["text"]
        if " " not in words and words.partition("/")[0] in TOP_LEVEL and "/" in words:
            yield re.sub(r"<[^>]+>", "*", words)


def commands(text: str) -> Iterator[list[str]]:
    """The words after `bakegate`, per line of a code block that calls it."""
    for block in CODE_BLOCK.finditer(text):
        for line in block["body"].splitlines():
            words = shlex.split(line.removeprefix("$ "), comments=True)
            if words and Path(words[0]).name == "bakegate":
                yield words[1:]


def complaint(words: list[str]) -> str | None:
    """Follow the words into the command tree; None when every command and option is known."""
    command = get_command(app)
    context = typer.Context(command)
    for word in words:
        if isinstance(command, TyperGroup) and not word.startswith("-"):
            found = command.get_command(context, word)
            if found is None:
                return f"no command {word!r}"
            command, context = found, typer.Context(found)
        elif word.startswith("-"):
            name = word.partition("=")[0]
            # Every command answers --help, which is not among its own parameters.
            known = {"--help", *(opt for param in command.params for opt in param.opts)}
            if name not in known:
                return f"no option {word!r}"
    return None


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: str(path.relative_to(ROOT)))
def test_links_and_paths_lead_somewhere(document: Path) -> None:
    text = document.read_text(encoding="utf-8")
    dead = [link for link in relative_links(text) if not (document.parent / link).exists()]
    missing = [path for path in repository_paths(text) if not any(ROOT.glob(path.rstrip("/")))]
    assert (dead, missing) == ([], [])


def test_commands_in_the_readme_are_known() -> None:
    called = list(commands((ROOT / "README.md").read_text(encoding="utf-8")))
    assert called
    complaints = {" ".join(words): complaint(words) for words in called}
    assert {line: said for line, said in complaints.items() if said is not None} == {}


def test_an_unknown_command_is_noticed() -> None:
    assert complaint(["no-such-command"]) == "no command 'no-such-command'"
    assert complaint(["lint", "--no-such-option"]) == "no option '--no-such-option'"
