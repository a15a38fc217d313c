"""Cells of the heat map: what counts, how it looks, and what is told of it."""

from dataclasses import replace

import pytest

from service.reports.heat import Cell, Column, heat
from tests.twins.overviews import OVERVIEW, member

COLUMN = Column("orders", ("a", "b"), "")


def test_rules_stand_by_level_and_what_fails_stands_first() -> None:
    seen = heat(OVERVIEW)
    assert [(level, [row.practice.rule for row in rows]) for level, rows in seen.groups] == [
        ("block", ["unit-tests"]),
        ("warn", ["rollback-on-alarm"]),
        ("observe", ["min-data-points"]),
    ]


def test_a_rule_counts_whom_it_applies_to() -> None:
    rows = {row.practice.rule: row for row in heat(OVERVIEW).rows}
    unit, alarm, points = (
        rows[name] for name in ("unit-tests", "rollback-on-alarm", "min-data-points")
    )
    assert (unit.passing, unit.applies, unit.worst) == (2, 3, "Lowest: price-engine")
    assert (alarm.passing, alarm.applies) == (1, 2)
    assert (points.passing, points.unknown, points.applies, points.worst) == (1, 1, 2, "")


@pytest.mark.parametrize(
    ("counts", "level", "shade", "percent", "label"),
    [
        ((10, 0, 0, 0), "block", "h0", 100, "10 of 10 pass"),
        ((199, 1, 0, 0), "block", "h1", 99, "199 of 200 pass"),
        ((9, 1, 0, 0), "block", "h2", 90, "9 of 10 pass"),
        ((8, 2, 0, 0), "block", "h5", 80, "8 of 10 pass"),
        ((8, 2, 0, 0), "warn", "h3", 80, "8 of 10 pass"),
        ((1, 9, 2, 1), "observe", "h4", 10, "1 of 10 pass, 2 unknown, 1 waived"),
        ((0, 0, 3, 0), "block", "", None, "3 unknown"),
        ((0, 0, 0, 1), "warn", "", None, "1 waived"),
        ((0, 0, 0, 0), "block", "na", None, "not applicable"),
    ],
)
def test_a_cell_looks_as_what_it_counts(
    counts: tuple[int, int, int, int], level: str, shade: str, percent: int | None, label: str
) -> None:
    cell = Cell(COLUMN, *counts)
    assert (cell.shade(level), cell.percent, cell.label) == (shade, percent, label)


def test_what_must_hold_is_counted_over_all_rules_of_a_level() -> None:
    seen = heat(OVERVIEW)
    assert (seen.share("block"), seen.share("warn")) == (2 / 3, 1 / 2)
    assert heat(replace(OVERVIEW, members=())).share("block") is None


def test_the_lowest_are_named_for_who_has_no_room_for_all() -> None:
    results = {f"p-{n}": "fail" if n % 2 else "pass" for n in range(16)}
    members = tuple(
        member(name, f"team-{place % 5}", 1, {"unit-tests": result})
        for place, (name, result) in enumerate(results.items())
    )
    (row,) = heat(replace(OVERVIEW, members=members)).rows
    assert row.worst == "Lowest: team-1 1 of 3, team-3 1 of 3, team-0 2 of 4 and 2 more"


def test_many_pipelines_share_the_column_of_their_team() -> None:
    members = tuple(
        member(f"p-{number}", f"team-{number % 3}", 1, {"unit-tests": "pass"})
        for number in range(9)
    )
    columns = heat(replace(OVERVIEW, members=members)).columns
    assert [(each.name, each.members) for each in columns] == [
        ("team-0", ("p-0", "p-3", "p-6")),
        ("team-1", ("p-1", "p-4", "p-7")),
        ("team-2", ("p-2", "p-5", "p-8")),
    ]


def test_no_more_columns_than_can_be_read() -> None:
    members = tuple(
        member(f"p-{number:02}", f"team-{number:02}", 1, {"unit-tests": "pass"})
        for number in range(30)
    )
    columns = heat(replace(OVERVIEW, members=members)).columns
    assert len(columns) == 12
    assert (columns[-1].name, len(columns[-1].members)) == ("19 more", 19)
