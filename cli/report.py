"""``bakegate report``: what leaders ask, from what the service has seen."""

import json
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import asdict
from enum import StrEnum
from itertools import chain
from textwrap import indent
from typing import Annotated, Any, Final

import typer
from sqlmodel import Session

from cli.database import reading
from cli.exits import Exit
from cli.instants import instant
from cli.problems import Unusable
from policies.plain import instant_text
from service.executor.excepted import judged_in_pages, judged_rules
from service.promotions.views import NoticeView
from service.reports.compliance import COLUMNS, compliance
from service.reports.sheets import announcements_sheet, compliance_sheet
from service.store.notices import every_told

app = typer.Typer(
    rich_markup_mode=None, add_completion=False, no_args_is_help=True, help="Reports for leaders."
)


_EXAMPLES: Final = """\b
Examples:
  bakegate report compliance --org retail/commerce
  bakegate report compliance --format csv > compliance.csv"""


_NOTHING: Final = "No pipeline is registered here; start with: bakegate serve, or bakegate demo."


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
    with _answering(database) as session:
        rules = judged_rules(session, org, "", None)
        pages = judged_in_pages(session, instant(at), rules)
        rows = (row for page in pages for row in compliance(page, org))
        if format is Shape.JSON:
            _write(_json({"organization": org}, "rules", rows))
        elif format is Shape.CSV:
            _write(compliance_sheet(rows))
        elif rules:
            _write(_table(rules, rows))
        else:
            typer.echo(_NOTHING)


@app.command("announcements", epilog="Example: bakegate report announcements --rule bake-time")
def announcements_command(
    rule: Annotated[str | None, typer.Option(metavar="ID", help="Only this rule.")] = None,
    format: Annotated[Shape, typer.Option(help="How to answer.")] = Shape.TABLE,
    database: Annotated[
        str | None, typer.Option(metavar="URL", help="Default: the service's settings.")
    ] = None,
) -> None:
    """List which team was told of which scheduled rule, and when."""
    with _answering(database) as session:
        rows = every_told(session, rule)
        if format is Shape.JSON:
            _write(_json({}, "announcements", (_told_json(row) for row in rows)))
        elif format is Shape.CSV:
            _write(announcements_sheet(rows))
        else:
            told = (f"{_told_line(row)}\n" for row in rows)
            _write(chain([next(told, "Nobody was told of a rule yet.\n")], told))


@contextmanager
def _answering(database: str | None) -> Iterator[Session]:
    """Answers are written while the database is read, so that no more is held than a page."""
    try:
        with reading(database) as session:
            yield session
    except Unusable as error:
        typer.echo(f"bakegate report: {error}", err=True)
        raise typer.Exit(Exit.NOTHING_EVALUATED) from error


def _write(parts: Iterable[str]) -> None:
    for each in parts:
        typer.echo(each, nl=False)


def _json(head: dict[str, Any], name: str, rows: Iterable[Any]) -> Iterator[str]:
    """What ``json.dumps`` with an indent of 2 writes for a head and a list, row by row."""
    end = "]\n}\n"
    yield json.dumps({**head, name: []}, indent=2).removesuffix(end.rstrip())
    before = "\n"
    for row in rows:
        yield before + indent(json.dumps(row, indent=2), "    ")
        before = ",\n"
    yield end if before == "\n" else f"\n  {end}"


def _told_json(row: NoticeView) -> dict[str, Any]:
    times = {"ordered_at": row.ordered_at, "sent_at": row.sent_at}
    return asdict(row) | {name: at and instant_text(at) for name, at in times.items()}


def _told_line(row: NoticeView) -> str:
    state = (
        f"sent {instant_text(row.sent_at)}" if row.sent_at else f"not sent: {row.error or 'soon'}"
    )
    about = f"{row.rule} ({row.moment}, {row.date})"
    return f"{row.team}  {about}  {', '.join(row.pipelines)}  by {row.via}, {state}"


def _table(rules: Iterable[str], rows: Iterable[dict[str, Any]]) -> Iterator[str]:
    width = max(len(rule) for rule in rules)
    head = "  ".join(f"{column.value:>8}" for column in COLUMNS)
    yield f"{'rule':<{width}}  {head}  fails in\n"
    for row in rows:
        counts = "  ".join(f"{row[column.value]:>8}" for column in COLUMNS)
        failing = [name for name, result in row["pipelines"].items() if result == "fail"]
        yield f"{row['rule']:<{width}}  {counts}  {', '.join(failing)}".rstrip() + "\n"
