"""``bakegate sbom``: which Python packages are in a folder, for the gate's blocklist."""

from pathlib import Path
from typing import Annotated

import typer

from cli.exits import Exit

app = typer.Typer(rich_markup_mode=None, add_completion=False)


@app.command(epilog="Example: bakegate sbom dist/app/lib --output reports/sbom.json")
def sbom(
    folder: Annotated[Path, typer.Argument(help="Where packages are installed.")],
    output: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Write there instead of printing.")
    ] = None,
) -> None:
    """List the Python packages that are installed in FOLDER, as CycloneDX JSON."""
    # Imported here: the library takes longer to load than every other command needs to start.
    from service.adapters.sbom import SbomError, installed

    if not folder.is_dir():
        typer.echo(f"bakegate sbom: there is no folder {folder}", err=True)
        raise typer.Exit(Exit.NOTHING_EVALUATED)
    try:
        text = installed(folder)
        if output:
            output.parent.mkdir(parents=True, exist_ok=True)
            output.write_text(text + "\n", encoding="utf-8")
        else:
            typer.echo(text)
    except (SbomError, OSError) as error:
        typer.echo(f"bakegate sbom: {error}", err=True)
        raise typer.Exit(Exit.NOTHING_EVALUATED) from error
