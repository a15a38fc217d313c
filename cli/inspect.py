"""``bakegate inspect``: what one pipeline file says, without judging it."""

import json
from pathlib import Path
from typing import Annotated, Any

import typer

from cli.budget import budgets
from cli.exits import Exit
from cli.formats import Format
from cli.problems import Unusable
from cli.reading import read_file
from policies.documents import nearest
from policies.engine.budget import RULE_SECONDS, Budget, OverBudget
from policies.findings import Span
from policies.formats import Read, Unreadable
from policies.frozen import replace
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
  bakegate inspect "pipelines.json#deploy to prod"
"""


@app.command(epilog=_EPILOG)
def inspect(
    file: Annotated[
        str,
        typer.Argument(
            metavar="FILE[#NAME]",
            help="A pipeline file of any known format; of several pipelines the one of this name.",
        ),
    ],
    format: Annotated[Format, typer.Option(help="How to answer.")] = Format.TEXT,
) -> None:
    """Say what FILE deploys, tests, bakes and guards; `unknown` means that it points elsewhere.

    Speaks of the file alone: neither the overlay nor a ruleset is read.
    """
    try:
        path, name = _found(file)
        with budgets() as budget:
            answer = _described(_only(read_file(path, None, budget), name), budget)
    except Unusable as error:
        typer.echo(f"bakegate inspect: {error}", err=True)
        raise typer.Exit(Exit.NOTHING_EVALUATED) from error
    if format is Format.JSON:
        typer.echo(json.dumps(answer, indent=2, ensure_ascii=False))
    else:
        typer.echo(_text(answer))


def _found(given: str) -> tuple[Path, str]:
    """The file that is meant, and the name of one pipeline in it as the keys of overlays say it."""
    path, name = Path(given), ""
    if not path.exists() and "#" in given:
        file, _, name = given.partition("#")
        path = Path(file)
    if not path.is_file():
        told = "a folder; name one file of it" if path.is_dir() else "no such file"
        raise Unusable(f"{path}: {told}")
    return path, name


def _only(read: Read, name: str) -> Read:
    """What was read of one pipeline; of all without a name."""
    chosen = tuple(each for each in read.pipelines if each.name == name)
    if name and read.pipelines and not chosen:
        known = [each.name for each in read.pipelines]
        told = f"{read.path}: there is no pipeline '{name}'; {nearest(name, known)}"
        raise Unusable(told)
    return replace(read, pipelines=chosen) if name else read


def _described(read: Read, budget: Budget) -> dict[str, Any]:
    try:
        with budget(RULE_SECONDS):
            return describe(read)
    except OverBudget:
        message = f"looking through the pipeline took more than {RULE_SECONDS:g} s and was stopped"
        slow = Unreadable(Span(read.path, 1, 1, 1, 1), message, slow=True)
        return describe(replace(read, pipelines=(), problems=(*read.problems, slow)))


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
