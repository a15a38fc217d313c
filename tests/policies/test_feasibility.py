"""How fast a change reaches customers: the catalogue's figures, costs, and what never opens.

The catalogue gives figures for check-ins that are ready before production on a Monday at 09:30 and
on a Thursday at 13:00, with ten minutes for a one-box and twenty for a wave.
"""

from datetime import UTC, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from policies.feasibility import Assumed, Simulation, model
from policies.formats import read_pipelines
from policies.pipeline import Pipeline
from policies.ruleset import Resolved, builtin, read_ruleset, resolve
from policies.tree import read_tree
from policies.windows import NeverOpen

MONDAY = datetime(2026, 6, 1, 9, 30, tzinfo=UTC)
THURSDAY = datetime(2026, 6, 4, 13, tzinfo=UTC)
#: The catalogue counts from the end of the build.
FROM_PREPROD = Assumed(build=timedelta())
DAY = timedelta(days=1)

HEAD = """\
schema: bakegate/pipeline/v1
name: shop
organization: retail
source: {repository: ., branch: main, start: push}
build: {steps: [{name: package, kind: build, run: ./package app.tar.gz}], artifact: app.tar.gz}
deployers: {hosts: {type: local, hosts: 3}}
stages:
"""
STAFFED = (
    "{days: [mon-thu], from: '09:00', until: '16:00'}, {days: [fri], from: '09:00', until: '12:00'}"
)


def pipeline(waves: int, *, per_wave: bool) -> Pipeline:
    stages = ""
    for wave in range(1, waves + 1):
        if per_wave or wave == 1:
            stages += (
                f"  - {{name: ob-{wave}, kind: prod, wave: {wave}, exposure: 1%, deploy: hosts}}\n"
            )
        stages += f"  - {{name: w-{wave}, kind: prod, wave: {wave}, deploy: hosts}}\n"
    return read_pipelines((HEAD + stages).encode(), "shop.yaml").pipelines[0]


def rules(bake: tuple[int, int, int], weekly: str, more: str = "", clock: str = "wall") -> Resolved:
    onebox, first, later = bake
    text = f"""\
schema: bakegate/ruleset/v1
name: retail
extends: [strict]
rules:
  bake-time:
    parameters:
      {{onebox: {onebox}m, first_wave: {first}m, later_wave: {later}m, clock: {clock}}}
time_windows:
  - {{name: hours, effect: allow, weekly: [{weekly}]}}
{more}"""
    return resolve([("retail", read_ruleset(text, "retail.yaml", str))], MONDAY)


@pytest.mark.parametrize(
    ("whose", "of", "bake", "weekly", "days"),
    [
        ("starter", (4, True), (60, 720, 120), STAFFED, (2.0, 4.0)),
        (
            "harbor",
            (4, False),
            (60, 960, 120),
            "{days: [tue-sat], from: '02:00', until: '06:00'}",
            (2.7, 4.6),
        ),
        (
            "ledgerline",
            (6, True),
            (120, 1440, 240),
            "{days: [mon-thu], from: '10:00', until: '15:00'}",
            (8.1, 12.0),
        ),
        (
            "quanta",
            (3, False),
            (15, 60, 30),
            "{days: [mon-fri], from: '08:00', until: '20:00'}",
            (0.1, 0.1),
        ),
        (
            "five waves, a one-box before each, nights of four hours",
            (5, True),
            (60, 720, 120),
            "{days: [mon-thu], from: '02:00', until: '06:00'}",
            (6.75, 6.6),
        ),
    ],
)
def test_the_figures_of_the_catalogue(
    whose: str,
    of: tuple[int, bool],
    bake: tuple[int, int, int],
    weekly: str,
    days: tuple[float, float],
) -> None:
    waves, per_wave = of
    run = Simulation(pipeline(waves, per_wave=per_wave), rules(bake, weekly), FROM_PREPROD)
    taken = [run.forecast(at).all_customers for at in (MONDAY, THURSDAY)]
    assert [each / DAY for each in taken if each] == pytest.approx(list(days), abs=0.051), whose


@pytest.mark.parametrize(
    ("name", "of", "days"),
    [
        ("harbor", (4, False), (2.7, 4.6)),
        ("ledgerline", (6, True), (8.1, 12.0)),
        ("quanta", (3, False), (0.1, 0.1)),
    ],
)
def test_the_example_organizations_have_the_figures_of_the_catalogue(
    name: str, of: tuple[int, bool], days: tuple[float, float]
) -> None:
    folder = Path(__file__).parents[2] / "rulesets" / "examples" / name

    def load(path: str) -> str:
        return (folder / path).read_text(encoding="utf-8")

    resolved = read_tree(load("organization.yaml"), "organization.yaml", load).resolved(
        name, MONDAY
    )
    waves, per_wave = of
    run = Simulation(pipeline(waves, per_wave=per_wave), resolved, FROM_PREPROD)
    here = ZoneInfo(resolved.zone)
    taken = [run.forecast(at.replace(tzinfo=here)).all_customers for at in (MONDAY, THURSDAY)]
    assert [each / DAY for each in taken if each] == pytest.approx(list(days), abs=0.051)


def test_the_first_customers_of_harbor_wait_for_the_night() -> None:
    nights = "{days: [tue-sat], from: '02:00', until: '06:00'}"
    of = Simulation(pipeline(4, per_wave=False), rules((60, 960, 120), nights), FROM_PREPROD)
    hours = [of.forecast(at).first_customer for at in (MONDAY, THURSDAY)]
    assert hours == [timedelta(hours=16, minutes=40), timedelta(hours=13, minutes=10)]


def test_costs_are_named_and_sum_up_to_the_whole() -> None:
    of = Simulation(pipeline(2, per_wave=False), rules((60, 720, 120), STAFFED), Assumed())
    forecast = of.forecast(MONDAY)
    assert forecast.costs == (
        ("bake of w-1", timedelta(hours=12)),
        ("closed until hours (organization retail)", timedelta(hours=9, minutes=50)),
        ("bake of ob-1", timedelta(hours=1)),
        ("deployments", timedelta(minutes=50)),
        ("build", timedelta(minutes=10)),
    )
    assert sum((span for _, span in forecast.costs), timedelta()) == forecast.all_customers
    bare = of.without_windows().forecast(MONDAY)
    assert bare.all_customers == timedelta(hours=14)


def test_holidays_and_freezes_are_waited_for() -> None:
    freeze = "  - {name: sale, effect: deny, between: {from: 2026-06-02, until: 2026-06-09}}\n"
    of = Simulation(pipeline(2, per_wave=False), rules((60, 720, 120), STAFFED, freeze), Assumed())
    last = of.forecast(MONDAY).legs["w-2"]
    assert last.start == datetime(2026, 6, 9, 9, tzinfo=UTC)
    holidays = "  - {name: de, effect: deny, holidays: {country: DE, subdivision: BY}}\n"
    of = Simulation(
        pipeline(2, per_wave=False), rules((60, 720, 120), STAFFED, holidays), Assumed()
    )
    # Thursday 4 June 2026 is Corpus Christi, a holiday in Bavaria.
    assert of.forecast(THURSDAY).legs["ob-1"].start == datetime(2026, 6, 5, 9, tzinfo=UTC)


def test_a_staffed_clock_bakes_only_in_open_time() -> None:
    resolved = rules((60, 720, 120), STAFFED, clock="staffed")
    of = Simulation(pipeline(2, per_wave=False), resolved, FROM_PREPROD)
    legs = of.forecast(MONDAY).legs
    # Deployed at 11:00, baked for five hours on Monday and for seven on Tuesday.
    assert legs["w-1"].deployed == datetime(2026, 6, 1, 11, tzinfo=UTC)
    assert legs["w-1"].baked == datetime(2026, 6, 2, 16, tzinfo=UTC)
    assert legs["w-2"].start == datetime(2026, 6, 3, 9, tzinfo=UTC)


def test_the_tier_of_a_service_sets_the_pace() -> None:
    text = HEAD.replace("source:", "tier: 0\nsource:") + (
        "  - {name: ob, kind: prod, wave: 1, exposure: 1%, deploy: hosts}\n"
        "  - {name: w-1, kind: prod, wave: 1, deploy: hosts}\n"
    )
    found = read_pipelines(text.encode(), "shop.yaml").pipelines[0]
    resolved = resolve([("", builtin("strict"))], MONDAY)
    legs = Simulation(found, resolved, FROM_PREPROD).forecast(MONDAY).legs
    assert legs["ob"].baked - legs["ob"].tested == timedelta(hours=2)


def test_time_that_never_opens_is_told() -> None:
    closed = "  - {name: closed, effect: deny, between: {from: 2026-01-01, until: 2029-01-01}}\n"
    of = Simulation(pipeline(1, per_wave=False), rules((60, 720, 120), STAFFED, closed), Assumed())
    with pytest.raises(NeverOpen, match="no time is open for ob-1 within a year of 2026-06-01"):
        of.forecast(MONDAY)


def test_a_rule_that_is_only_observed_takes_no_time() -> None:
    resolved = resolve(
        [
            (
                "",
                read_ruleset(
                    "schema: bakegate/ruleset/v1\nname: r\nrules: {bake-time: observe}\n",
                    "r.yaml",
                    str,
                ),
            )
        ],
        MONDAY,
    )
    of = Simulation(pipeline(2, per_wave=False), resolved, Assumed())
    assert of.forecast(MONDAY).all_customers == timedelta(hours=1)


def test_a_stage_of_several_targets_takes_a_round_for_each_batch() -> None:
    text = HEAD + (
        "  - {name: wave, kind: prod, wave: 1, parallel: 2, deploy: hosts,"
        " targets: [{name: a}, {name: b}, {name: c}]}\n"
    )
    found = read_pipelines(text.encode(), "shop.yaml").pipelines[0]
    resolved = resolve([("", builtin("starter"))], MONDAY)
    forecast = Simulation(found, resolved, FROM_PREPROD).forecast(MONDAY)
    assert forecast.all_customers == timedelta(minutes=40)


def test_the_model_has_four_waves() -> None:
    resolved = resolve([("", builtin("recommended"))], MONDAY)
    found = model(resolved)
    assert {stage.wave.value for stage in found.prod} == {1, 2, 3, 4}
    assert Simulation(found, resolved, Assumed()).forecast(MONDAY).all_customers
