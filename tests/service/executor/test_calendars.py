"""Freezes from an address: kept fresh, and the last good copy in use when the server fails."""

from dataclasses import replace
from datetime import timedelta

import pytest

from service.adapters.calendars import HttpCalendars
from service.executor.calendars import refresh
from service.store.tables import CalendarRow
from tests.service.adapters.test_calendars import CALENDAR, Site, site
from tests.service.executor.conftest import ORGANIZATION, Field

__all__ = ["site"]

WINDOW = """\
time_windows:
  - {name: sale, effect: deny, zone: UTC, calendar: "ADDRESS", owner: retail-ops}
"""


def registered(field: Field, site: Site) -> None:
    """A freeze that stands in a calendar of the server, under a rule that blocks."""
    ports = replace(field.executor.ground.ports, calendars=HttpCalendars())
    field.executor.ground = replace(field.executor.ground, ports=ports)
    rules = ORGANIZATION["rules.yaml"] + "  freeze-calendar: block\n"
    files = ORGANIZATION | {"rules.yaml": rules + WINDOW.replace("ADDRESS", site.address)}
    field.executor.register_organization(files, "tester")


def verdict(field: Field, release: str) -> tuple[str, str]:
    """The result of freeze-calendar at the one-box now, and its message."""
    message = field.executor.gate(
        "shop", release, "one-box", dry_run=True, at=None, record=None, actor="me"
    )
    found = next(each for each in message["results"] if each["rule"] == "freeze-calendar")
    return found["result"], found["message"]


def row(field: Field, site: Site) -> CalendarRow:
    with field.engines.reading() as session:
        return session.get_one(CalendarRow, site.address)


@pytest.mark.both_databases
def test_a_freeze_of_a_calendar_holds_until_it_ends(field: Field, site: Site) -> None:
    registered(field, site)
    release = field.submit("a")
    assert verdict(field, release)[0] == "fail"
    assert field.state(release, "one-box") == "waiting"
    run = next(run for run in field.release(release).runs if run.stage == "one-box")
    assert run.decision is not None
    assert run.decision.until is not None
    assert f"{run.decision.until:%Y-%m-%d}" == "2026-11-30"


def test_the_last_good_copy_stays_in_use_when_the_server_fails(field: Field, site: Site) -> None:
    registered(field, site)
    release = field.submit("a")
    site.status = 500
    field.clock.move(timedelta(hours=1))
    assert refresh(field.executor.ground) == ()
    kept = row(field, site)
    assert (kept.error, kept.failed_at) == (f"{site.address} answered 500", field.clock.now())
    assert verdict(field, release)[0] == "fail"
    site.status, site.body, site.etag = 200, b"no calendar", '"two"'
    refresh(field.executor.ground)
    assert "no iCalendar file" in row(field, site).error
    assert verdict(field, release)[0] == "fail"


def test_a_new_version_asks_the_gates_again(field: Field, site: Site) -> None:
    registered(field, site)
    release = field.submit("a")
    assert refresh(field.executor.ground) == ()
    assert site.asked[-1] == '"one"'
    site.body = CALENDAR.replace("20261122", "20261128").encode()
    site.etag = '"two"'
    assert refresh(field.executor.ground) == (site.address,)
    field.settle()
    assert verdict(field, release)[0] == "pass"
    assert field.state(release, "one-box") == "baking"


def test_one_that_was_never_read_is_unknown(field: Field, site: Site) -> None:
    site.status = 503
    registered(field, site)
    release = field.submit("a")
    assert verdict(field, release) == (
        "unknown",
        "whether it is frozen cannot be told: sale (organization corner) was never read",
    )
    assert field.state(release, "one-box") == "waiting"
