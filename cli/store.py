"""``bakegate store``: what a service keeps beside its database."""

from collections import Counter
from collections.abc import Iterable
from pathlib import Path
from typing import Annotated

import typer
from pydantic import ByteSize

from cli.asking import Shape, said, show
from cli.formats import Format
from cli.problems import Unusable
from policies.phrases import counted, listed
from service.api.store_schemas import pruned
from service.errors import DomainError
from service.identity import actor
from service.parts import open_parts
from service.promotions.retention import Stored
from service.settings import settings_with

app = typer.Typer(
    rich_markup_mode=None,
    no_args_is_help=True,
    add_completion=False,
    help="Look after what a service keeps beside its database.",
    epilog="Example: bakegate store prune --dry-run",
)


@app.callback()
def store() -> None:
    """Keep ``prune`` a command of its own: typer makes a group of one command no group."""


@app.command(
    epilog="Example: BAKEGATE_KEEP_DAYS=30 bakegate store prune --data /srv/bakegate --dry-run"
)
def prune(
    data: Annotated[
        Path | None, typer.Option(help="Folder of the service; ./bakegate-data.")
    ] = None,
    dry_run: Annotated[bool, typer.Option(help="Only say what would be removed.")] = False,
    format: Shape = Format.TEXT,
) -> None:
    """Remove artifacts, logs and copies that nothing needs any more, as a service does each hour.

    BAKEGATE_KEEP_DAYS (90) says how long all is kept, BAKEGATE_KEEP_GOOD (5) how many good
    artifacts of each pipeline stay besides. What runs somewhere, can be gone back to, or is on its
    way always stays, and so do all records. Services may run meanwhile; the log of the pipelines
    says who let artifacts go. POST /v1/store/prune asks a running service for the same.
    """
    with said("store"):
        try:
            settings = settings_with(data_folder=data)
            if not settings.database_url and not settings.data_folder.is_dir():
                raise Unusable(f"there is no folder {settings.data_folder}; name it with --data")
            parts = open_parts(settings)
            try:
                gone = parts.executor.prune(actor(), dry=dry_run)
            finally:
                parts.close()
        except (DomainError, OSError, ValueError) as error:
            raise Unusable(str(error)) from error
        told = pruned(gone, dry_run=dry_run).model_dump(mode="json")
        show(told, format, "\n".join(_lines(gone, dry_run=dry_run)))


def _lines(gone: tuple[Stored, ...], *, dry_run: bool) -> Iterable[str]:
    for each in gone:
        yield f"{each.kind:<9} {each.at:%Y-%m-%d}  {_size(each.size):>10}  {each.place}"
    kinds = Counter(each.kind.value for each in gone)
    told = listed(counted(number, kind) for kind, number in sorted(kinds.items())) if kinds else ""
    verb = "would be removed" if dry_run else "removed"
    total = _size(sum(each.size for each in gone))
    yield f"{told}, {total}: {verb}" if told else f"nothing {verb}"


def _size(size: int) -> str:
    return ByteSize(size).human_readable(separator=" ")
