"""``bakegate schema``: the JSON Schemas of every file and message, for editors and other tools."""

from typing import Annotated

import typer

from cli.exits import Exit
from policies.documents import SCHEMAS, schema_text
from policies.plain import nearest

app = typer.Typer(rich_markup_mode=None, add_completion=False)


@app.command(epilog="Example: bakegate schema pipeline > pipeline.schema.json")
def schema(
    name: Annotated[
        str, typer.Argument(metavar="NAME", help=f"One of: {', '.join(SCHEMAS)}.")
    ] = "",
) -> None:
    """Print the JSON Schema of a file or message; without NAME, list their names."""
    if not name:
        typer.echo("\n".join(SCHEMAS))
    elif name in SCHEMAS:
        typer.echo(schema_text(name), nl=False)
    else:
        told = f"there is no schema {name!r}, only {', '.join(SCHEMAS)}{nearest(name, SCHEMAS)}"
        typer.echo(f"bakegate schema: {told}", err=True)
        raise typer.Exit(Exit.NOTHING_EVALUATED)
