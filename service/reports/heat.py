"""The heat map of an organization: who follows which practice, rules against pipelines or teams.

The number in a cell is the percent that pass, of those that pass or fail. A rule that does not
apply and what is excepted count for nothing; unknown is told beside the number, never as a fail.
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Final

from policies.findings import Result
from service.reports.overview import Member, Overview, Practice

#: Up to so many pipelines have a column each; more of them are put together by team.
_EACH: Final = 8
#: More columns than this cannot be read; the rest share one.
_MOST: Final = 12
#: Levels, the strictest first, with what each does.
LEVELS: Final = {
    "block": "a failing result stops a merge or a promotion",
    "warn": "shown to engineers, stops nothing yet",
    "observe": "recorded for leaders only",
}
#: Lowest percent of each shade; what a rule that blocks lets under the last is solid.
_SHADES: Final = ((100, "h0"), (95, "h1"), (85, "h2"), (70, "h3"), (0, "h4"))
_LOUD: Final = 90
_WORST: Final = 3


@dataclass(frozen=True, slots=True)
class Column:
    """One pipeline, or all pipelines of one team; ``link`` is where its name leads."""

    name: str
    members: tuple[str, ...]
    link: str


@dataclass(frozen=True, slots=True)
class Cell:
    column: Column
    passing: int
    failing: int
    unknown: int
    waived: int

    @property
    def percent(self) -> int | None:
        """Of those that pass or fail, rounded down so that 100 means all; None where none does."""
        judged = self.passing + self.failing
        return 100 * self.passing // judged if judged else None

    def shade(self, level: str) -> str:
        """The class of its look: ``na`` where nothing applies, ``h0`` to ``h4``, solid ``h5``."""
        if self.percent is None:
            return "" if self.unknown or self.waived else "na"
        if level == "block" and self.percent < _LOUD:
            return "h5"
        return next(name for least, name in _SHADES if self.percent >= least)

    @property
    def told(self) -> str:
        """Whose cell it is, with how many follow the rule where there are several."""
        of = f" {self.passing} of {self.passing + self.failing}"
        return f"{self.column.name}{of if len(self.column.members) > 1 else ''}"

    @property
    def label(self) -> str:
        """The cell in words."""
        told = [
            f"{self.passing} of {self.passing + self.failing} pass"
            if self.percent is not None
            else "",
            f"{self.unknown} unknown" if self.unknown else "",
            f"{self.waived} waived" if self.waived else "",
        ]
        return ", ".join(filter(None, told)) or "not applicable"


@dataclass(frozen=True, slots=True)
class HeatRow:
    practice: Practice
    cells: tuple[Cell, ...]

    @property
    def passing(self) -> int:
        return sum(each.passing for each in self.cells)

    @property
    def failing(self) -> int:
        return sum(each.failing for each in self.cells)

    @property
    def unknown(self) -> int:
        return sum(each.unknown for each in self.cells)

    @property
    def applies(self) -> int:
        return self.passing + self.failing + self.unknown

    @property
    def worst(self) -> str:
        """The columns that follow it least, for who has no room for the whole row."""
        low = [each for each in self.cells if each.failing]
        low.sort(key=lambda each: each.percent or 0)
        names = [each.told for each in low[:_WORST]]
        more = f" and {len(low) - _WORST} more" if len(low) > _WORST else ""
        return f"Lowest: {', '.join(names)}{more}" if names else ""


@dataclass(frozen=True, slots=True)
class Heat:
    """``groups`` holds the rows of each level, the strictest first."""

    columns: tuple[Column, ...]
    groups: tuple[tuple[str, tuple[HeatRow, ...]], ...]

    @property
    def rows(self) -> tuple[HeatRow, ...]:
        return tuple(row for _, rows in self.groups for row in rows)

    def share(self, level: str) -> float | None:
        """What passes of what passes or fails at a level; None where nothing is at it."""
        rows = [row for row in self.rows if row.practice.level == level]
        judged = sum(row.passing + row.failing for row in rows)
        return sum(row.passing for row in rows) / judged if judged else None


def heat(overview: Overview) -> Heat:
    """Rules that apply to somebody, by level; what passes least stands first."""
    columns = tuple(_columns(overview.members))
    results = {
        (member.name, each.rule): each.result
        for member in overview.members
        for each in member.judgements
    }
    rows = [
        HeatRow(practice, tuple(_cell(practice.rule, column, results) for column in columns))
        for practice in overview.practices
    ]
    groups = []
    for level in LEVELS:
        mine = [row for row in rows if row.practice.level == level and row.applies]
        mine.sort(key=lambda row: (-row.failing, -row.unknown, row.practice.rule))
        groups.append((level, tuple(mine)))
    return Heat(columns, tuple((level, mine) for level, mine in groups if mine))


def _columns(members: tuple[Member, ...]) -> Iterator[Column]:
    if len(members) <= _EACH:
        for each in members:
            yield Column(each.name, (each.name,), f"/pipelines/{each.name}")
        return
    teams: dict[str, list[str]] = defaultdict(list)
    for each in members:
        teams[each.team or "no team"].append(each.name)
    names = sorted(teams)
    shown = names if len(names) <= _MOST else names[: _MOST - 1]
    for name in shown:
        yield Column(name, tuple(teams[name]), "")
    rest = names[len(shown) :]
    if rest:
        yield Column(f"{len(rest)} more", tuple(_all(teams[name] for name in rest)), "")


def _all(lists: Iterable[list[str]]) -> Iterator[str]:
    for each in lists:
        yield from each


def _cell(rule: str, column: Column, results: dict[tuple[str, str], str]) -> Cell:
    found = [results.get((name, rule), "") for name in column.members]
    return Cell(
        column,
        found.count(Result.PASS.value),
        found.count(Result.FAIL.value),
        found.count(Result.UNKNOWN.value),
        found.count(Result.WAIVED.value),
    )
