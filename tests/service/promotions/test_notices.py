"""When a team is told of a rule on its way, and in which words."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from service.promotions.notices import Campaign, Moment, Told, letter, moment

STARTS = datetime(2027, 2, 1, tzinfo=UTC)
BLOCKS = Campaign(
    rule="bake-time",
    level="block",
    announced=datetime(2026, 12, 1, tzinfo=UTC),
    starts=STARTS,
    day="2027-02-01",
    reason="Two incidents in May.",
    debate="https://wiki.example/rules",
    title="Leave each production stage running for a fixed time before the next",
)
WARNS = replace(BLOCKS, level="warn")
FOUND = Told("shop", "release.yaml", 12, "cell-1 has no bake", "Set bake to 12h.")


@pytest.mark.parametrize(
    ("day", "expected"),
    [
        ("2026-11-30", None),
        ("2026-12-01", Moment.ANNOUNCED),
        ("2027-01-17", Moment.ANNOUNCED),
        ("2027-01-18", Moment.FORTNIGHT),
        ("2027-01-28", Moment.FORTNIGHT),
        ("2027-01-29", Moment.THREE_DAYS),
        ("2027-02-01", Moment.DATE),
        ("2027-02-07", Moment.DATE),
        ("2027-02-08", None),
    ],
)
def test_the_latest_moment_counts_until_it_is_no_news(day: str, expected: Moment | None) -> None:
    assert moment(BLOCKS, datetime.fromisoformat(f"{day}T00:00:00+00:00")) is expected


def test_a_rule_that_only_warns_is_told_when_it_does() -> None:
    assert moment(WARNS, STARTS - timedelta(seconds=1)) is None
    assert moment(WARNS, STARTS) is Moment.WARNS


def test_a_late_announcement_wins_over_the_fortnight_before() -> None:
    late = replace(BLOCKS, announced=STARTS - timedelta(days=5))
    assert moment(late, STARTS - timedelta(days=4)) is Moment.ANNOUNCED
    assert moment(replace(BLOCKS, announced=None), STARTS - timedelta(days=20)) is None


def test_a_letter_says_what_when_why_and_what_to_do() -> None:
    told = letter("k", ("orders", "orders-room"), BLOCKS, Moment.FORTNIGHT, [FOUND])
    assert told.subject == "bake-time blocks from 2027-02-01"
    assert told.text == (
        "The rule bake-time blocks from 2027-02-01.\n"
        "Leave each production stage running for a fixed time before the next.\n"
        "Why: Two incidents in May.\n"
        "Debate it at https://wiki.example/rules\n"
        "\nWhat it finds in your pipelines:\n"
        "\nshop, release.yaml:12\n  cell-1 has no bake\n  Set bake to 12h.\n"
        "\nMore about the rule: bakegate explain bake-time\n"
    )
    assert dict(told.message) == {
        "type": "bakegate.notice/v1",
        "id": "k",
        "moment": "14-days-before",
        "rule": "bake-time",
        "enforcement": "block",
        "date": "2027-02-01",
        "reason": "Two incidents in May.",
        "debate": "https://wiki.example/rules",
        "team": "orders",
        "channel": "orders-room",
        "findings": [
            {
                "pipeline": "shop",
                "path": "release.yaml",
                "line": 12,
                "message": "cell-1 has no bake",
                "fix": "Set bake to 12h.",
            }
        ],
    }


def test_on_its_day_a_letter_says_since_when() -> None:
    assert (
        letter("k", ("o", "o"), BLOCKS, Moment.DATE, []).subject
        == "bake-time blocks since 2027-02-01"
    )
    assert (
        letter("k", ("o", "o"), WARNS, Moment.WARNS, []).subject
        == "bake-time warns since 2027-02-01"
    )
