"""What commands that ask a running service share: their options, and how they end."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Annotated, Any

import typer

from cli.client import URL_HELP
from cli.exits import Exit
from cli.formats import Format
from cli.problems import Unusable

Url = Annotated[str | None, typer.Option(metavar="URL", help=URL_HELP)]
Shape = Annotated[Format, typer.Option(help="How to answer.")]


@contextmanager
def said(command: str) -> Iterator[None]:
    """What cannot be done is one sentence and exit 2."""
    try:
        yield
    except Unusable as error:
        typer.echo(f"bakegate {command}: {error}", err=True)
        raise typer.Exit(Exit.NOTHING_EVALUATED) from error


def show(found: Any, shape: Format, text: str) -> None:
    typer.echo(json.dumps(found, indent=2) if shape is Format.JSON else text)
