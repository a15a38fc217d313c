"""Tables for spreadsheets: CSV as RFC 4180 has it, in which no cell becomes a formula."""

import csv
from collections.abc import Iterable, Iterator, Sequence
from itertools import chain
from typing import Any, Final

from service.promotions.views import NoticeView
from service.reports.compliance import COLUMNS
from service.reports.heat import Heat

#: What programs of spreadsheets take for the beginning of a formula, or of another cell (OWASP,
#: "CSV Injection").
_FORMULA: Final = ("=", "+", "-", "@", "\t", "\r", "\n", "＝", "＋", "－", "＠")  # noqa: RUF001 - the wide ones are meant


class _Told:
    """Gives a writer of CSV its own lines back, one after the other."""

    def write(self, line: str) -> str:
        return line


def lines(head: Sequence[str], rows: Iterable[Sequence[object]]) -> Iterator[str]:
    """A table with its heading; a text that would begin a formula gets an apostrophe before it."""
    writer = csv.writer(_Told())
    return (writer.writerow([_plain(each) for each in row]) for row in chain([head], rows))


def sheet(head: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    return "".join(lines(head, rows))


def compliance_sheet(rows: Iterable[dict[str, Any]]) -> Iterator[str]:
    """The rows of the report of compliance."""
    names = [column.value for column in COLUMNS]
    return lines(
        ("rule", *names, "fails in"),
        ((each["rule"], *(each[name] for name in names), _failing(each)) for each in rows),
    )


def announcements_sheet(rows: Iterable[NoticeView]) -> Iterator[str]:
    """Which team was told of which rule, the newest first."""
    head = ("team", "rule", "moment", "date", "pipelines", "via", "ordered", "sent", "error")
    return lines(
        head,
        (
            (
                each.team,
                each.rule,
                each.moment,
                each.date,
                " ".join(each.pipelines),
                each.via,
                each.ordered_at.isoformat(),
                each.sent_at.isoformat() if each.sent_at else "",
                each.error,
            )
            for each in rows
        ),
    )


def heat_sheet(heat: Heat) -> str:
    """The rows of the heat map: in each cell the percent that pass, or why there is none."""
    names = [column.name for column in heat.columns]
    totals = ("pass", "applies to", "unknown")
    head = ("level", "rule", "next level", "from", *names, *totals)
    return sheet(
        head,
        (
            (
                row.practice.level,
                row.practice.rule,
                row.practice.next_level,
                row.practice.next_day,
                *(each.label if each.percent is None else each.percent for each in row.cells),
                row.passing,
                row.applies,
                row.unknown,
            )
            for row in heat.rows
        ),
    )


def _failing(row: dict[str, Any]) -> str:
    return " ".join(name for name, result in row["pipelines"].items() if result == "fail")


def _plain(cell: object) -> object:
    return f"'{cell}" if isinstance(cell, str) and cell.startswith(_FORMULA) else cell
