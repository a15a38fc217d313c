"""``bakegate serve``: pages, API and executor in one process."""

from pathlib import Path
from typing import Annotated

import typer

from cli.exits import Exit
from service.errors import DomainError
from service.server import Server
from service.settings import settings_with

app = typer.Typer(rich_markup_mode=None, add_completion=False)

_EPILOG = """\b
Examples:
  bakegate serve
  bakegate serve --port 0 --data state
  BAKEGATE_DATABASE_URL=postgresql+psycopg:///bakegate bakegate serve

Settings may also be given as BAKEGATE_HOST, BAKEGATE_PORT, BAKEGATE_DATA_FOLDER and
BAKEGATE_DATABASE_URL. BAKEGATE_ARTIFACTS=s3://bucket/prefix keeps artifacts there too;
with BAKEGATE_HOOK_SECRET code forges may start releases."""


@app.command(epilog=_EPILOG)
def serve(
    host: Annotated[str | None, typer.Option(help="Loopback only; default 127.0.0.1.")] = None,
    port: Annotated[int | None, typer.Option(help="Default 8440; 0 takes a free one.")] = None,
    data: Annotated[
        Path | None, typer.Option(help="Folder of state; default ./bakegate-data.")
    ] = None,
) -> None:
    """Serve the pages and the API on this machine and promote releases.

    Stop it with Ctrl-C: running effects finish, deployed hosts go on, and the next start continues.
    """
    try:
        server = Server(settings_with(host=host, port=port, data_folder=data))
    except (DomainError, OSError, ValueError) as error:
        typer.echo(f"bakegate serve: {error}", err=True)
        raise typer.Exit(Exit.NOTHING_EVALUATED) from error
    server.start()
    typer.echo(f"Bakegate is at {server.url}; state in {server.settings.data_folder}")
    try:
        server.serve()
    finally:
        server.stop()
