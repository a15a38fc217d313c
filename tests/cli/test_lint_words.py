"""Words that are read without the library for commands: it would read them the same."""

import subprocess
import sys
from dataclasses import asdict
from pathlib import Path
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from typer.main import get_command

from cli.formats import Format
from cli.lint import app
from cli.lint_words import plainly

LINT: Any = get_command(app)
#: Every option as the library knows it, what may follow, and what is wrong or written rarely.
OPTIONS = sorted({each for option in LINT.params for each in option.opts if each.startswith("-")})
VALUES = [
    "strict",
    "json",
    "yaml",
    "3",
    "0",
    "\N{ARABIC-INDIC DIGIT THREE}",
    "",
    ".",
    "a.yml",
    "json=x",
]
RARE = ["-", "--", "--each=1", "--jobs=2", "--ruleset=x", "--rule", "-j", "--help", "--no-each"]
words = st.lists(st.sampled_from([*OPTIONS, *VALUES, *RARE]), max_size=6)


def as_the_library_reads(asked: list[str]) -> dict[str, Any]:
    """The values that lint is called with."""
    read: dict[str, Any] = LINT.make_context("lint", list(asked)).params
    return read | {
        "paths": tuple(Path(each) for each in read["paths"]),
        "format": Format(read["format"]),
        "overlay": None if read["overlay"] is None else Path(read["overlay"]),
        "history": None if read["history"] is None else Path(read["history"]),
        "output": tuple(read["output"] or ()),
    }


@given(words)
@example(["a.yml", "--jobs", "\N{ARABIC-INDIC DIGIT THREE}"])
@example(["", "--output", "a", "--output", "json=b"])
@example(["--history", "", "a.yml"])
def test_what_is_plain_is_what_the_library_reads(asked: list[str]) -> None:
    plain = plainly(asked)
    assert plain is None or asdict(plain) == as_the_library_reads(asked)


@pytest.mark.parametrize("option", OPTIONS)
def test_every_option_can_be_said_plainly(option: str) -> None:
    following = {"--each": [], "--jobs": ["2"]}.get(option, ["json"])
    assert plainly(["a.yml", option, *following])


def test_plain_words_need_no_library_for_commands(tmp_path: Path, soft: Path) -> None:
    program = (
        "import atexit, sys; from cli.main import run\n"
        "atexit.register(lambda: print(*sorted(sys.modules), file=sys.stderr))\n"
        "run()"
    )
    command = [sys.executable, "-c", program, "lint", str(soft), "--ruleset", "starter"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    loaded = {name.partition(".")[0] for name in done.stderr.split()}
    assert "yaml" in loaded
    assert loaded & {"typer", "service", "jsonschema"} == set()


def test_a_reader_that_went_away_is_told_nothing(tmp_path: Path, soft: Path) -> None:
    soft.write_text("on: push\njobs: {}\n", encoding="utf-8")  # With a reader it ends with 0.
    command = [sys.executable, "-c", "from cli.main import run; run()", "lint", str(soft)]
    with subprocess.Popen(
        command, cwd=tmp_path, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    ) as running:
        assert running.stdout
        running.stdout.close()
        assert running.stderr
        assert (running.stderr.read(), running.wait()) == (b"", 1)
