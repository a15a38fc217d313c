"""``bakegate worker``: a process that promotes and serves no pages."""

import signal
import threading
from pathlib import Path
from typing import Annotated

import typer

from cli.exits import Exit
from service.errors import DomainError
from service.parts import open_parts
from service.settings import settings_with

app = typer.Typer(rich_markup_mode=None, add_completion=False)

_EPILOG = """\b
Example:
  BAKEGATE_DATABASE_URL=postgresql+psycopg:///bakegate bakegate worker --data /srv/bakegate"""


@app.command(epilog=_EPILOG)
def worker(
    data: Annotated[
        Path | None,
        typer.Option(help="Folder that all processes of this database share; ./bakegate-data."),
    ] = None,
) -> None:
    """Share the work of `bakegate serve` on one PostgreSQL database, and take over from the dead.

    Run as many as you like, with the same data folder. Stop one with Ctrl-C or SIGTERM: what it
    does ends first. On SQLite one process works, so there it only works while nobody else does.
    """
    try:
        settings = settings_with(data_folder=data)
        settings.data_folder.mkdir(parents=True, exist_ok=True)
        parts = open_parts(settings)
        parts.executor.start()
    except (DomainError, OSError, ValueError) as error:
        typer.echo(f"bakegate worker: {error}", err=True)
        raise typer.Exit(Exit.NOTHING_EVALUATED) from error
    asked = threading.Event()
    for name in (signal.SIGTERM, signal.SIGINT):
        signal.signal(name, lambda *_: asked.set())
    typer.echo(f"working as {parts.executor.lease.name}; state in {settings.data_folder}")
    asked.wait()
    parts.executor.stop()
    parts.close()
