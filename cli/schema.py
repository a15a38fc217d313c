"""``bakegate schema``: the JSON Schemas of every file and message, for editors and other tools."""

from typing import Annotated

import typer

from cli.exits import Exit
from policies.documents import SCHEMAS, schema_text

app = typer.Typer(rich_markup_mode=None)


@app.command(epilog="Example: bakegate schema pipeline > pipeline.schema.json")
def schema(
    name: Annotated[str, typer.Argument(help=f"One of: {', '.join(SCHEMAS)}.")] = "",
) -> None:
    """Print the JSON Schema NAME; without a name, list them."""
    if not name:
        typer.echo("\n".join(SCHEMAS))
    elif name in SCHEMAS:
        typer.echo(schema_text(name), nl=False)
    else:
        typer.echo(f"no schema {name!r}; there are {', '.join(SCHEMAS)}", err=True)
        raise typer.Exit(Exit.NOTHING_EVALUATED)
