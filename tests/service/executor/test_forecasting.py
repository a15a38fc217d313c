"""What forecasts rest on, looked up in a real store on SQLite and PostgreSQL."""

from datetime import timedelta

import pytest

from service.promotions.commands import Approve, Pause, ReportProblem, Resume
from service.promotions.views import ForecastView
from tests.service.executor.conftest import ORGANIZATION, PIPELINE, Field

#: Customers get changes between 09:00 and 10:00 UTC only.
SHORT_DAY = PIPELINE + (
    "    time_windows: [{name: short, effect: allow, zone: UTC, weekly: "
    '[{days: [mon-sun], from: "09:00", until: "10:00"}]}]\n'
)
BLOCKING = ORGANIZATION["rules.yaml"] + "  time-window: block\n"


def ahead(field: Field, release: str) -> ForecastView:
    """The forecast, which the page of the release and that of its pipeline tell alike."""
    told = field.release(release).forecast
    assert told is not None
    assert told in field.executor.pipeline("shop").forecasts
    return told


def through(field: Field) -> None:
    """A first release that reaches everything, so that it is known how long that takes."""
    first = field.through("a")
    assert field.release(first).forecast is None


def test_the_first_release_has_an_earliest_time_only(field: Field) -> None:
    told = ahead(field, field.submit("a"))
    assert told.all_customers is None
    assert told.unknown == "no answers have come in one-box yet"
    assert told.earliest == field.clock.now() + timedelta(seconds=60)


@pytest.mark.both_databases
def test_later_releases_are_expected_when_the_first_took_as_long(field: Field) -> None:
    through(field)
    second = field.submit("b")
    began = field.clock.now()
    told = ahead(field, second)
    assert (told.unknown, told.people, told.superseded_by) == ("", (), "")
    assert told.all_customers is not None
    assert told.earliest == began + timedelta(seconds=60)
    field.passing(180)
    run = next(run for run in field.release(second).runs if run.stage == "cell-1")
    assert run.deployed_at is not None
    assert abs(run.deployed_at - told.all_customers) <= timedelta(seconds=10)


def test_closed_time_counts_where_its_rule_blocks(field: Field) -> None:
    through(field)
    field.executor.register_pipeline(SHORT_DAY, "pipeline.yaml", ".", "tester")
    loose = ahead(field, field.submit("b"))
    assert loose.all_customers is not None
    assert loose.all_customers - field.clock.now() < timedelta(hours=1)
    field.executor.register_organization(ORGANIZATION | {"rules.yaml": BLOCKING}, "tester")
    field.clock.move(field.clock.now().replace(hour=10, minute=30) - field.clock.now())
    held = ahead(field, "shop:2")
    assert held.earliest is not None
    assert (held.earliest.hour, held.earliest.minute) == (9, 0)
    told_why = {"kind": "emergency", "reason": "orders fail", "incident": "in-7"}
    urgent = field.executor.submit("shop", "c" * 40, "kim", **told_why)
    field.settle()
    told = ahead(field, urgent).earliest
    assert told is not None
    assert told - field.clock.now() < timedelta(hours=1)


def test_people_and_pauses_on_the_way_are_told(field: Field) -> None:
    through(field)
    field.executor.switch_transition("shop", "cell-1", "manual", "look first", "kim")
    release = field.submit("b")
    assert [stage for stage, _ in ahead(field, release).people] == ["cell-1"]
    field.executor.carry_out(Approve(release, "cell-1"), "ada")
    assert ahead(field, release).people == ()
    pause = field.executor.carry_out(Pause("the database moves", "shop", "cell-1"), "kim")
    assert ahead(field, release).unknown == "cell-1 is paused: the database moves"
    field.executor.carry_out(Resume(pause), "kim")
    until = field.clock.now() + timedelta(hours=3)
    field.executor.carry_out(Pause("moves", "shop", "cell-1", until=until), "kim")
    assert ahead(field, release).earliest == until


def test_a_problem_that_somebody_reported_halts_the_forecast(field: Field) -> None:
    through(field)
    release = field.submit("b")
    field.executor.carry_out(ReportProblem(release, "charged twice"), "sam")
    told = ahead(field, release)
    assert (told.all_customers, told.unknown) == (None, "it is halted: charged twice")


def test_a_page_tells_how_long_stages_usually_take(field: Field) -> None:
    assert field.executor.pipeline("shop").usual == ()
    through(field)
    usual = dict(field.executor.pipeline("shop").usual)
    assert set(usual) == {"build", "beta", "one-box", "cell-1"}
    assert usual["one-box"] >= timedelta(seconds=60)
