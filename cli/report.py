"""``bakegate report``: what leaders ask, from what the service has seen."""

import json
from dataclasses import asdict
from enum import StrEnum
from typing import Annotated, Any, Final

import typer

from cli.database import reading
from cli.exits import Exit
from cli.instants import instant
from cli.problems import Unusable
from policies.plain import instant_text
from service.executor.excepted import judged
from service.promotions.views import NoticeView
from service.reports.compliance import COLUMNS, compliance
from service.reports.sheets import announcements_sheet, compliance_sheet
from service.store.notices import told

app = typer.Typer(
    rich_markup_mode=None, add_completion=False, no_args_is_help=True, help="Reports for leaders."
)


_EXAMPLES: Final = """\b
Examples:
  bakegate report compliance --org retail/commerce
  bakegate report compliance --format csv > compliance.csv"""


class Shape(StrEnum):
    TABLE = "table"
    JSON = "json"
    CSV = "csv"


@app.callback()
def report() -> None:
    """Reports for leaders, from what the service has seen."""


@app.command("compliance", epilog=_EXAMPLES)
def compliance_command(
    org: Annotated[str | None, typer.Option(metavar="NODE", help="Only this subtree.")] = None,
    at: Annotated[
        str | None, typer.Option(metavar="TIME", help="Count exceptions of another moment.")
    ] = None,
    format: Annotated[Shape, typer.Option(help="How to answer.")] = Shape.TABLE,
    database: Annotated[
        str | None, typer.Option(metavar="URL", help="Default: the service's settings.")
    ] = None,
) -> None:
    """Count pass, fail, unknown and waived per rule over the registered pipelines."""
    try:
        with reading(database) as session:
            rows = compliance(judged(session, instant(at)), org)
    except Unusable as error:
        typer.echo(f"bakegate report: {error}", err=True)
        raise typer.Exit(Exit.NOTHING_EVALUATED) from error
    if format is Shape.JSON:
        typer.echo(json.dumps({"organization": org, "rules": rows}, indent=2))
    elif format is Shape.CSV:
        typer.echo(compliance_sheet(rows), nl=False)
    elif rows:
        typer.echo(_table(rows))
    else:
        typer.echo("No pipeline is registered here; start with: bakegate serve, or bakegate demo.")


@app.command("announcements", epilog="Example: bakegate report announcements --rule bake-time")
def announcements_command(
    rule: Annotated[str | None, typer.Option(metavar="ID", help="Only this rule.")] = None,
    format: Annotated[Shape, typer.Option(help="How to answer.")] = Shape.TABLE,
    database: Annotated[
        str | None, typer.Option(metavar="URL", help="Default: the service's settings.")
    ] = None,
) -> None:
    """List which team was told of which scheduled rule, and when."""
    try:
        with reading(database) as session:
            rows = told(session, rule)
    except Unusable as error:
        typer.echo(f"bakegate report: {error}", err=True)
        raise typer.Exit(Exit.NOTHING_EVALUATED) from error
    if format is Shape.JSON:
        typer.echo(json.dumps({"announcements": [_told_json(row) for row in rows]}, indent=2))
    elif format is Shape.CSV:
        typer.echo(announcements_sheet(rows), nl=False)
    elif rows:
        typer.echo("\n".join(_told_line(row) for row in rows))
    else:
        typer.echo("Nobody was told of a rule yet.")


def _told_json(row: NoticeView) -> dict[str, Any]:
    times = {"ordered_at": row.ordered_at, "sent_at": row.sent_at}
    return asdict(row) | {name: at and instant_text(at) for name, at in times.items()}


def _told_line(row: NoticeView) -> str:
    state = (
        f"sent {instant_text(row.sent_at)}" if row.sent_at else f"not sent: {row.error or 'soon'}"
    )
    about = f"{row.rule} ({row.moment}, {row.date})"
    return f"{row.team}  {about}  {', '.join(row.pipelines)}  by {row.via}, {state}"


def _table(rows: list[dict[str, Any]]) -> str:
    width = max(len(row["rule"]) for row in rows)
    head = "  ".join(f"{column.value:>8}" for column in COLUMNS)
    lines = [f"{'rule':<{width}}  {head}  fails in"]
    for row in rows:
        counts = "  ".join(f"{row[column.value]:>8}" for column in COLUMNS)
        failing = [name for name, result in row["pipelines"].items() if result == "fail"]
        lines.append(f"{row['rule']:<{width}}  {counts}  {', '.join(failing)}".rstrip())
    return "\n".join(lines)
