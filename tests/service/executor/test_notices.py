"""Announcements through the durable engine: one message for each failing team, sent once."""

import time
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta

import pytest

from service.executor.notices import announce
from service.promotions.commands import ReportProblem
from service.promotions.views import NoticeView
from service.store.tables import NoticeRow
from tests.service.executor.conftest import ORGANIZATION, PATIENCE_S, PIPELINE, Field

RULES = """\
schema: bakegate/ruleset/v1
name: corner
extends: [starter]
debate: https://wiki.example/rules
rules:
  bake-time: {parameters: {onebox: 60s, first_wave: 60s, later_wave: 60s}}
  time-window:
    enforcement: observe
    reason: Nights are quiet.
    schedule:
      announced: 2026-11-24
      steps:
        - {from: 2026-12-01, enforcement: warn}
        - {from: 2027-01-20, enforcement: block}
"""


def ruled(field: Field, rules: str = RULES) -> None:
    field.executor.register_organization({**ORGANIZATION, "rules.yaml": rules}, "tester")


def on(field: Field, day: str) -> list[str]:
    """What is ordered on a day; gives the keys once everything has been tried."""
    at = datetime.fromisoformat(f"{day}T00:00:00+00:00")
    field.clock.move(max(at - field.clock.now(), timedelta()))
    keys = announce(field.executor.ground)
    settled(field)
    return keys


def told(field: Field) -> tuple[NoticeView, ...]:
    return field.executor.told(None)


def settled(field: Field) -> None:
    """Wait until every message was sent; fails the test when that takes minutes.

    The durable engine is waited for too: a connection that it holds while it is stopped stays open.
    """
    engine = field.executor.ground.durable.client
    end = time.monotonic() + PATIENCE_S
    while time.monotonic() < end:
        busy = engine.list_workflows(status=["PENDING", "ENQUEUED"], load_input=False)
        if all(each.sent_at for each in told(field)) and not busy:
            return
        time.sleep(0.05)
    pytest.fail(f"a message was not sent within {PATIENCE_S} s")


@pytest.mark.both_databases
def test_a_failing_team_is_told_at_each_moment_once(field: Field) -> None:
    ruled(field)
    moments = {
        "2026-11-24": "announced",
        "2026-12-01": "warns",
        "2027-01-06": "14-days-before",
        "2027-01-17": "3-days-before",
        "2027-01-20": "date",
    }
    for day, expected in moments.items():
        date = "2026-12-01" if expected == "warns" else "2027-01-20"
        assert on(field, day) == [f"corner:time-window:{date}:{expected}:orders:memory"]
        assert on(field, day) == []
    assert on(field, "2027-02-01") == []
    assert [each.message["moment"] for each in field.notifier.letters] == list(moments.values())
    letter = field.notifier.letters[0]
    assert (letter.team, letter.channel) == ("orders", "orders")
    assert letter.subject == "time-window blocks from 2027-01-20"
    assert "Why: Nights are quiet.\nDebate it at https://wiki.example/rules\n" in letter.text
    assert [each["line"] for each in letter.message["findings"]] == [24, 31]


def test_who_was_told_when_is_recorded(field: Field) -> None:
    ruled(field)
    on(field, "2026-11-24")
    recorded = told(field)
    assert [(each.team, each.moment, each.pipelines) for each in recorded] == [
        ("orders", "announced", ("shop",))
    ]
    assert recorded[0].sent_at == field.clock.now()
    assert field.executor.told("unit-tests") == ()


def test_a_team_that_follows_the_rule_is_not_told(field: Field) -> None:
    ruled(field)
    windows = (
        "time_windows: [{name: all, effect: allow, zone: UTC, weekly: [{days: [mon-sun],"
        " from: '00:00', until: '24:00'}]}]\n"
    )
    field.executor.register_pipeline(PIPELINE + windows, "pipeline.yaml", ".", "tester")
    assert on(field, "2026-11-24") == []


def test_a_step_for_other_nodes_tells_nobody_here(field: Field) -> None:
    other = "organizations: [corner/elsewhere]}"
    ruled(field, RULES.replace("enforcement: block}", f"enforcement: block, {other}"))
    assert on(field, "2026-11-24") == []


def test_an_attempt_that_fails_is_repeated_with_the_same_key(field: Field) -> None:
    ruled(field)
    field.notifier.failing = 2
    on(field, "2026-11-24")
    assert len(field.notifier.letters) == 1
    assert told(field)[0].error == ""


@pytest.mark.both_databases
def test_four_that_look_at_once_order_one_message(field: Field) -> None:
    ruled(field)
    with ThreadPoolExecutor(4) as pool:
        ordered = list(pool.map(lambda _: announce(field.executor.ground), range(4)))
    settled(field)
    assert sorted(len(keys) for keys in ordered) == [0, 0, 0, 1]
    assert len(field.notifier.letters) == 1


def test_the_sweep_looks_after_announcements(field: Field) -> None:
    ruled(field)
    field.executor.sweep._campaign()
    assert told(field) == ()
    field.executor.sweep._campaign_at = 0
    field.executor.sweep._campaign()
    settled(field)
    assert [each.moment for each in told(field)] == ["announced"]


def test_what_could_not_be_delivered_is_tried_again_later(field: Field) -> None:
    ruled(field)
    on(field, "2026-11-24")
    with field.engines.transaction() as session:
        row = session.get_one(NoticeRow, told(field)[0].key)
        row.sent_at, row.error = None, "MailError: nobody answers"
    announce(field.executor.ground)
    assert len(field.notifier.letters) == 1
    field.clock.move(timedelta(hours=1))
    announce(field.executor.ground)
    settled(field)
    assert [each.key for each in field.notifier.letters] == [row.key] * 2


def sent(field: Field, count: int) -> None:
    """Wait until so many letters went out and the engine has written that down."""
    end = time.monotonic() + PATIENCE_S
    while len(field.notifier.letters) < count and time.monotonic() < end:
        time.sleep(0.02)
    settled(field)


def test_the_owner_is_told_of_a_problem_once(field: Field) -> None:
    release = field.submit("a")
    field.executor.carry_out(ReportProblem(release, "orders are charged twice"), "ada")
    sent(field, 1)
    announce(field.executor.ground)
    (letter,) = field.notifier.letters
    assert (letter.key, letter.team, letter.channel) == ("problem:pr-1:memory", "orders", "orders")
    assert letter.subject == f"ada reported a problem with {release}"
    assert letter.text == (
        f"ada reported a problem with {release} at 2026-11-24 09:00 UTC:\n"
        "  orders are charged twice\n"
        "\n"
        "It is halted in one-box, and enters no further stage.\n"
        "\n"
        "If it is none:  bakegate release clear-problem pr-1 --reason WHY\n"
        f"If it is one:   bakegate release rollback {release} --reason WHY\n"
    )
    assert letter.message["moment"] == "problem"
    # Who was told of rules is another list.
    assert told(field) == ()


def test_an_owner_who_could_not_be_told_is_told_later(field: Field) -> None:
    field.notifier.failing = 8
    release = field.submit("a")
    field.executor.ground.durable.stop(10)
    field.executor.carry_out(ReportProblem(release, "orders are charged twice"), "ada")
    field.executor.record("problem:pr-1:memory", "nobody answers")
    field.clock.move(timedelta(hours=1))
    field.notifier.failing = 0
    announce(field.executor.ground)
    field.executor.ground.durable.launch(field.executor)
    sent(field, 1)
    with field.engines.reading() as session:
        row = session.get_one(NoticeRow, "problem:pr-1:memory")
    assert (row.error, row.attempts, row.sent_at is not None) == ("", 2, True)
