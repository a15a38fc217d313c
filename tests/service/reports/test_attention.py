"""Which pipelines need a leader's eye, and what leaders read first."""

from dataclasses import replace
from datetime import timedelta

from service.reports.attention import attention
from service.reports.flow import flow
from service.reports.heat import heat
from service.reports.overview import Judgement
from service.reports.telling import detail, headline, percent_down, rough
from tests.twins.overviews import OVERVIEW, member
from tests.twins.sights import ago


def test_severity_tier_and_days_make_the_order() -> None:
    found = attention(OVERVIEW)
    # High weighs 3, tier 0 weighs 4 and tier 1 weighs 3; nobody knows since when.
    assert [(each.member.name, each.points) for each in found] == [
        ("price-engine", 12),
        ("payments-api", 9),
    ]
    old = Judgement("rollback-on-alarm", "fail", "warn", "look", 7, ago(days=10))
    late = replace(OVERVIEW.members[0], judgements=(old,))
    found = attention(replace(OVERVIEW, members=(late, *OVERVIEW.members[1:])))
    assert [(each.member.name, each.points) for each in found] == [
        ("payments-api", 90),
        ("price-engine", 12),
    ]


def test_what_blocks_is_told_first_and_what_is_only_observed_not_at_all() -> None:
    rules = {"min-data-points": "fail", "rollback-on-alarm": "fail", "unit-tests": "fail"}
    (found,) = attention(replace(OVERVIEW, members=(member("shop", "orders", 3, rules),)))
    assert [each.rule for each in found.failing] == ["unit-tests", "rollback-on-alarm"]
    assert found.points == 6


def test_the_headline_says_what_holds_and_how_fast_changes_are() -> None:
    seen, whole = heat(OVERVIEW), flow("all", OVERVIEW.passages)
    told = "66.6% of what must hold does hold."
    assert headline(seen, None) == told
    assert headline(seen, whole) == f"{told} A change reaches all customers in 2h."
    warned = tuple(each for each in OVERVIEW.practices if each.level != "block")
    assert headline(heat(replace(OVERVIEW, practices=warned)), None) == "No rule blocks here yet."
    none = replace(OVERVIEW, members=())
    assert headline(heat(none), None) == "No pipeline is judged here yet."


def test_the_detail_says_what_comes_and_what_fails() -> None:
    told = "1 rule starts to block on a day that is set, and 1 result still fails."
    assert (
        detail(heat(OVERVIEW), attention(OVERVIEW))
        == f"{told} 1 pipeline fails what blocks already."
    )
    assert detail(heat(replace(OVERVIEW, practices=())), ()) == "Nothing that blocks is failed."


def test_numbers_never_read_better_than_they_are() -> None:
    assert [percent_down(each) for each in (1, 0.9999, 0.5, 0)] == ["100%", "99.9%", "50%", "0%"]
    spans = (
        timedelta(days=2, hours=5, minutes=40),
        timedelta(hours=3, seconds=9),
        timedelta(seconds=75),
    )
    assert [rough(each) for each in spans] == ["2d5h", "3h", "1m15s"]
