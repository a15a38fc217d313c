"""Scheduled rules in the service: activations in the log, early steps, and freezes."""

from datetime import datetime, timedelta
from typing import Any

import pytest

from service.errors import Conflict
from service.executor.executor import Executor
from service.executor.notices import announce
from service.executor.schedules import activate, adopt, ripen
from service.promotions.views import EventView
from service.store.engines import open_engines
from service.store.read import events
from service.store.schema import upgrade
from service.store.tables import ScheduleRow
from tests.service.executor.conftest import ORGANIZATION, PIPELINE, Field
from tests.twins.ports import (
    MemoryBuilder,
    MemoryDeployer,
    MemoryNotifier,
    MemoryTester,
    MovableClock,
    memory_ports,
)

DAY = timedelta(days=1)

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
      announced: 2026-11-01
      steps:
        - {from: 2026-11-26, enforcement: warn}
        - {from: 2026-12-08, enforcement: block}
"""


def ruled(field: Field, rules: str) -> None:
    files = {**ORGANIZATION, "rules.yaml": rules}
    field.executor.register_organization(files, "tester")


def until(field: Field, day: str) -> None:
    """Move time to the start of a day, and let what is due happen."""
    at = datetime.fromisoformat(f"{day}T00:00:00+00:00")
    field.clock.move(at - field.clock.now())
    activate(field.executor.ground)


def activated(field: Field) -> list[dict[str, Any]]:
    """What the log says of the rule with the schedule."""
    with field.engines.reading() as session:
        log: tuple[EventView, ...] = events(session, "shop", 0, 100)
    return [each.data for each in log if each.data.get("rule") == "time-window"]


@pytest.mark.both_databases
def test_each_activation_is_an_event_of_the_pipelines_that_it_meets(field: Field) -> None:
    ruled(field, RULES)
    assert [(each["before"], each["enforcement"]) for each in activated(field)] == [
        ("warn", "observe")
    ]
    until(field, "2026-11-25")
    assert len(activated(field)) == 1
    until(field, "2026-11-26")
    assert activate(field.executor.ground) == 0
    assert activated(field)[1:] == [
        {
            "rule": "time-window",
            "enforcement": "warn",
            "before": "observe",
            "set_by": "corner (rules.yaml:13)",
            "reason": "Nights are quiet.",
            "debate": "https://wiki.example/rules",
        }
    ]
    until(field, "2026-12-09")
    assert [each["enforcement"] for each in activated(field)[1:]] == ["warn", "block"]


def test_activations_during_an_outage_are_logged_once_as_one(field: Field) -> None:
    ruled(field, RULES)
    until(field, "2027-01-10")
    assert [(each["before"], each["enforcement"]) for each in activated(field)[1:]] == [
        ("observe", "block")
    ]


def test_what_lint_said_is_kept_at_the_new_level(field: Field) -> None:
    ruled(field, RULES)
    until(field, "2026-11-26")
    rows = {row["rule"]: row for row in field.executor.compliance("corner")}
    assert rows["time-window"]["pipelines"] == {"shop": "fail"}
    found = field.executor.pipeline("shop").findings
    levels = {each.rule: each.enforcement for each in found if each.result == "fail"}
    assert levels["time-window"] == "warn"


READY = RULES.replace("      announced", "      ready_when: 50%\n      announced")


def test_a_step_comes_early_when_enough_pipelines_comply(field: Field) -> None:
    ruled(field, READY)
    assert ripen(field.executor.ground) == []
    windows = (
        "time_windows: [{name: all, effect: allow, zone: UTC, weekly: [{days: [mon-sun],"
        " from: '00:00', until: '24:00'}]}]\n"
    )
    field.executor.register_pipeline(PIPELINE + windows, "pipeline.yaml", ".", "tester")
    assert [key.day.isoformat() for key in ripen(field.executor.ground)] == [
        "2026-11-26",
        "2026-12-08",
    ]
    assert ripen(field.executor.ground) == []
    activate(field.executor.ground)
    assert [each["enforcement"] for each in activated(field)[1:]] == ["block"]


def test_a_step_that_is_not_announced_yet_does_not_come_early(field: Field) -> None:
    ruled(field, READY.replace("2026-11-01", "2026-11-25").replace("50%", "0%"))
    assert ripen(field.executor.ground) == []
    field.clock.move(DAY)
    assert len(ripen(field.executor.ground)) == 2


def test_a_freeze_holds_an_activation_until_it_ends(field: Field) -> None:
    freeze = (
        "time_windows: [{name: sale, effect: deny, between: {from: 2026-11-26,"
        " until: 2026-11-30}}]\n"
    )
    ruled(field, RULES + freeze)
    until(field, "2026-11-29")
    assert activated(field)[1:] == []
    until(field, "2026-11-30")
    assert [each["enforcement"] for each in activated(field)[1:]] == ["warn"]


def test_a_pipeline_of_an_older_version_is_followed_from_now_on(field: Field) -> None:
    with field.engines.transaction() as session:
        session.delete(session.get_one(ScheduleRow, "shop"))
    assert (adopt(field.executor.ground), adopt(field.executor.ground)) == (1, 0)
    ruled(field, RULES)
    until(field, "2026-11-26")
    assert [each["enforcement"] for each in activated(field)] == ["observe", "warn"]


def test_files_without_an_organization_are_refused(field: Field) -> None:
    with pytest.raises(Conflict, match=r"the files hold no organization\.yaml"):
        field.executor.register_organization({"rules.yaml": RULES}, "tester")


def test_a_service_without_an_organization_has_no_schedules(database: str) -> None:
    engines = open_engines(database)
    upgrade(engines.write)
    clock = MovableClock()
    twins = (MemoryBuilder(), MemoryDeployer(), MemoryTester(), MemoryNotifier())
    ground = Executor(engines, memory_ports(clock, *twins)).ground
    assert (activate(ground), ripen(ground), announce(ground)) == (0, [], [])
    engines.dispose()


@pytest.mark.parametrize("name", ["corner", "corner/elsewhere"])
def test_a_step_for_other_nodes_is_no_activation_here(field: Field, name: str) -> None:
    other = RULES.replace("enforcement: warn}", f"enforcement: warn, organizations: [{name}]}}")
    ruled(field, other)
    until(field, "2026-11-26")
    assert len(activated(field)[1:]) == (name == "corner")
