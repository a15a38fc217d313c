"""Options that the commands about rulesets share, and how they refuse what cannot be used."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Annotated

import typer

from cli.exits import Exit
from cli.formats import Format
from cli.instants import AT_HELP
from cli.problems import Unusable
from policies.documents import DocumentError

RulesetOption = Annotated[
    str | None,
    typer.Option(
        metavar="NAME|FILE",
        help="A built-in ruleset or a file, instead of the organization's.",
    ),
]
OrgOption = Annotated[
    str | None,
    typer.Option(metavar="NODE", help="A node of the nearest organization.yaml; its root."),
]
AtOption = Annotated[str | None, typer.Option(metavar="TIME", help=AT_HELP)]
FormatOption = Annotated[Format, typer.Option(help="How to answer.")]


@contextmanager
def refusing(command: str) -> Iterator[None]:
    """Tell what cannot be used and end with exit code 2; every error of a file has its place."""
    try:
        yield
    except DocumentError as error:
        typer.echo(str(error), err=True)
        raise typer.Exit(Exit.NOTHING_EVALUATED) from error
    except Unusable as error:
        typer.echo(f"bakegate {command}: {error}", err=True)
        raise typer.Exit(Exit.NOTHING_EVALUATED) from error
    except OSError as error:
        typer.echo(f"bakegate {command}: {error.filename}: {error.strerror}", err=True)
        raise typer.Exit(Exit.NOTHING_EVALUATED) from error
