"""Announced rules week by week, their pictures, and the same tables for spreadsheets."""

import csv
import io
import re
from dataclasses import replace
from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from service.reports.campaigns import Week, campaigns
from service.reports.heat import heat
from service.reports.overview import Change, Overview
from service.reports.sheets import heat_sheet, sheet
from service.web.campaigns import HEIGHT, WIDTH, drawn
from tests.twins.overviews import OVERVIEW
from tests.twins.sights import NOW, ago

RULE = "rollback-on-alarm"
MONDAY = datetime(2026, 11, 23, tzinfo=UTC)


def seen(*changes: tuple[str, timedelta, str]) -> Overview:
    found = (Change(RULE, name, NOW - before, result) for name, before, result in changes)
    return replace(OVERVIEW, changes=tuple(found))


def test_weeks_follow_those_to_whom_the_rule_applies_today() -> None:
    week = timedelta(weeks=1)
    overview = seen(
        ("payments-api", 3 * week, "fail"),
        ("price-engine", 3 * week, "fail"),
        # It does not apply to this one any more, so it never counts.
        ("mailer", 3 * week, "pass"),
        ("payments-api", 2 * week, "not_applicable"),
        ("price-engine", week, "pass"),
        ("payments-api", timedelta(hours=1), "fail"),
    )
    (campaign,) = campaigns(overview)
    assert campaign.weeks == (
        Week(MONDAY - 2 * week, 0, 2),
        Week(MONDAY - week, 0, 1),
        Week(MONDAY, 1, 1),
        Week(NOW, 1, 2),
    )
    (row,) = (each for each in heat(overview).rows if each.practice.rule == RULE)
    assert (campaign.now.passing, campaign.now.applies) == (row.passing, row.applies)
    assert [each.member.name for each in campaign.left] == ["payments-api"]
    # From none of two to one of two in two weeks and a day; two weeks less a day are left.
    assert campaign.expected is not None
    assert 0.9 < campaign.expected < 1


def test_what_is_announced_to_ask_less_is_no_campaign() -> None:
    looser = tuple(
        replace(each, next_level="observe") if each.rule == RULE else each
        for each in OVERVIEW.practices
    )
    assert campaigns(replace(OVERVIEW, practices=looser)) == ()


def test_without_a_past_there_is_today_and_no_trend() -> None:
    (campaign,) = campaigns(OVERVIEW)
    assert (campaign.weeks, campaign.expected) == ((Week(NOW, 1, 2),), None)
    picture = drawn(campaign)
    assert (picture.curve, picture.area, picture.ahead) == ("", "", "")
    assert picture.label == f"{RULE}: 1 of 2 pipelines pass now; blocks from 2026-12-08"


def test_a_long_past_begins_half_a_year_ago() -> None:
    (campaign,) = campaigns(seen(("payments-api", timedelta(days=900), "fail")))
    assert ago(hours=24 * 7 * 26) <= campaign.weeks[0].at < ago(hours=24 * 7 * 25)
    months = [tick.text for tick in drawn(campaign).ticks]
    assert months == ["Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"]


@given(
    st.lists(
        st.tuples(
            st.sampled_from(["payments-api", "price-engine", "mailer"]),
            st.timedeltas(timedelta(), timedelta(days=400)),
            st.sampled_from(["pass", "fail", "unknown", "not_applicable"]),
        ),
        max_size=20,
    )
)
def test_whatever_happened_the_picture_stays_in_its_frame(
    changes: list[tuple[str, timedelta, str]],
) -> None:
    overview = seen(*sorted(changes, key=lambda each: -each[1]))
    (campaign,) = campaigns(overview)
    assert list(campaign.weeks) == sorted(campaign.weeks, key=lambda each: each.at)
    assert all(0 <= each.passing <= each.applies <= 2 for each in campaign.weeks)
    picture = drawn(campaign)
    numbers = [
        float(word)
        for path in (picture.curve, picture.area, picture.ahead)
        for word in re.findall(r"[0-9.]+", path)
    ]
    assert all(0 <= each <= WIDTH for each in numbers)
    assert 0 <= picture.today[1] + picture.below <= HEIGHT
    assert 0 <= picture.mark <= WIDTH
    assert all(0 <= tick.x <= WIDTH for tick in picture.ticks)


def test_a_sheet_has_the_rows_of_the_map_in_its_order() -> None:
    rows = list(csv.reader(io.StringIO(heat_sheet(heat(OVERVIEW)))))
    assert rows[:3] == [
        [
            *("level", "rule", "next level", "from"),
            *("payments-api", "price-engine", "mailer"),
            *("pass", "applies to", "unknown"),
        ],
        ["block", "unit-tests", "", "", "100", "0", "100", "2", "3", "0"],
        [
            *("warn", RULE, "block", "2026-12-08"),
            *("0", "100", "not applicable", "1", "2", "0"),
        ],
    ]


@given(st.lists(st.lists(st.text(), min_size=2, max_size=2), max_size=5))
def test_no_cell_of_a_sheet_begins_a_formula(rows: list[list[str]]) -> None:
    # The reader ends lines at what the writer quotes, so it is asked for the text as it is.
    found = list(csv.reader(io.StringIO(sheet(("a", "b"), rows), newline="")))[1:]
    assert len(found) == len(rows)
    for row, written in zip(rows, found, strict=True):
        for cell, kept in zip(row, written, strict=True):
            assert kept.removeprefix("'") == cell.removeprefix("'")
            assert not kept.startswith(("=", "+", "-", "@", "\t", "\r", "\n"))


def test_numbers_are_no_formulas() -> None:
    assert sheet(("n", "m"), [(-1, "-1"), ("=1+1", "@sum")]) == "n,m\r\n-1,'-1\r\n'=1+1,'@sum\r\n"
