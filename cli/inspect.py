"""``bakegate inspect``: what one pipeline file says, without judging it."""

import json
from pathlib import Path
from typing import Annotated, Any

import typer

from cli.exits import Exit
from cli.formats import Format
from cli.reading import read_file
from policies.inspect import inspect as describe

app = typer.Typer(rich_markup_mode=None, add_completion=False)

_FACTS = (
    "approval_before_production",
    "alarm_gating",
    "time_window",
    "automatic_rollback",
    "progressive_exposure",
)


_EPILOG = """\b
Examples:
  bakegate inspect .github/workflows/deploy.yml
  bakegate inspect .github/workflows/deploy.yml --format json
"""


@app.command(epilog=_EPILOG)
def inspect(
    file: Annotated[
        Path, typer.Argument(metavar="FILE", help="A pipeline file of any known format.")
    ],
    format: Annotated[Format, typer.Option(help="How to answer.")] = Format.TEXT,
) -> None:
    """Say what FILE deploys, tests, bakes and guards; `unknown` means that it points elsewhere.

    Speaks of the file alone: neither the overlay nor a ruleset is read.
    """
    if not file.is_file():
        told = "a folder; name one file of it" if file.is_dir() else "no such file"
        typer.echo(f"bakegate inspect: {file}: {told}", err=True)
        raise typer.Exit(Exit.NOTHING_EVALUATED)
    answer = describe(read_file(file, overlay=None))
    if format is Format.JSON:
        typer.echo(json.dumps(answer, indent=2, ensure_ascii=False))
    else:
        typer.echo(_text(answer))


def _text(answer: dict[str, Any]) -> str:
    lines = [f"{each['path']}:{each['line']}: {each['message']}" for each in answer["problems"]]
    for pipeline in answer["pipelines"]:
        lines.append(f"{pipeline['name']} ({pipeline['format']})")
        lines += [
            f"  deploys {each['stage']}: {each['kind']}, line {each['line']}"
            for each in pipeline["deploys"]
        ]
        tests = pipeline["tests_before_production"]
        lines += [f"  {kind} tests before production: {_fact(tests[kind])}" for kind in tests]
        lines += [f"  {name.replace('_', ' ')}: {_fact(pipeline[name])}" for name in _FACTS]
        lines += [
            f"  bakes {each['stage']}: {each['seconds']} s, line {each['line']}"
            for each in pipeline["bake"]
        ]
    return "\n".join(lines) or "no pipeline in this file"


def _fact(fact: dict[str, Any]) -> str:
    return f"{fact['value']}, line {fact['line']}" if fact.get("line") else str(fact["value"])
