"""``bakegate report announcements``: who was told of which rule, from the service's database."""

import json
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import pytest
from typer.testing import Result

from service.store.engines import open_engines
from service.store.schema import upgrade
from service.store.tables import NoticeRow

Bakegate = Callable[..., Result]

AT = datetime(2026, 11, 24, 9, tzinfo=UTC)


def notice(rule: str, sent: datetime | None, error: str = "") -> NoticeRow:
    return NoticeRow(
        key=f"retail:{rule}",
        rule=rule,
        moment="14-days-before",
        day="2026-12-08",
        team="orders",
        channel="orders",
        via="mail",
        pipelines=["payments", "shop"],
        subject="s",
        text="t",
        message={},
        ordered_at=AT,
        sent_at=sent,
        error=error,
    )


@pytest.fixture
def database(tmp_path: Path) -> str:
    url = f"sqlite:///{tmp_path / 'bakegate.db'}"
    engines = open_engines(url)
    upgrade(engines.write)
    with engines.transaction() as session:
        session.add_all([notice("bake-time", AT), notice("unit-tests", None, "MailError: no")])
    engines.dispose()
    return url


def test_each_message_is_a_line(bakegate: Bakegate, database: str) -> None:
    done = bakegate("report", "announcements", "--database", database)
    assert (done.exit_code, done.stdout) == (
        0,
        (
            "orders  bake-time (14-days-before, 2026-12-08)  payments, shop  by mail,"
            " sent 2026-11-24T09:00:00Z\n"
            "orders  unit-tests (14-days-before, 2026-12-08)  payments, shop  by mail,"
            " not sent: MailError: no\n"
        ),
    )


def test_the_same_rows_for_a_spreadsheet(bakegate: Bakegate, database: str) -> None:
    done = bakegate("report", "announcements", "--database", database, "--format", "csv")
    assert done.stdout.splitlines() == [
        "team,rule,moment,date,pipelines,via,ordered,sent,error",
        (
            "orders,bake-time,14-days-before,2026-12-08,payments shop,mail,"
            "2026-11-24T09:00:00+00:00,2026-11-24T09:00:00+00:00,"
        ),
        (
            "orders,unit-tests,14-days-before,2026-12-08,payments shop,mail,"
            "2026-11-24T09:00:00+00:00,,MailError: no"
        ),
    ]
    empty = bakegate("report", "compliance", "--database", database, "--format", "csv")
    assert empty.stdout.splitlines() == ["rule,pass,fail,unknown,waived,fails in"]


def test_one_rule_for_machines(bakegate: Bakegate, database: str) -> None:
    words = ("report", "announcements", "--database", database, "--format", "json")
    rows = json.loads(bakegate(*words, "--rule", "bake-time").stdout)["announcements"]
    assert [(each["rule"], each["sent_at"]) for each in rows] == [
        ("bake-time", "2026-11-24T09:00:00Z")
    ]
    assert bakegate(*words[:4], "--rule", "canary-first").stdout == (
        "Nobody was told of a rule yet.\n"
    )


def test_what_is_more_than_a_page_is_told_once(bakegate: Bakegate, database: str) -> None:
    engines = open_engines(database)
    with engines.transaction() as session:
        session.add_all([notice(f"rule-{number:04}", AT) for number in range(1100)])
    engines.dispose()
    asked = ("report", "announcements", "--database", database, "--format")
    rows = json.loads(bakegate(*asked, "json").stdout)["announcements"]
    told = [each["rule"] for each in rows]
    assert told == ["bake-time", *(f"rule-{number:04}" for number in range(1100)), "unit-tests"]
    assert len(bakegate(*asked, "table").stdout.splitlines()) == 1102
