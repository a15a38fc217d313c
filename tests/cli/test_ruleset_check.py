"""``bakegate ruleset check`` and ``feasibility`` as people call them."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from typer.testing import Result

from policies.findings import Enforcement
from policies.rules import CATALOGUE

Bakegate = Callable[..., Result]
Write = Callable[[str, str], Path]

#: Rules that block from the first day, so under the built-in starter too.
FIRST = [rule.id for rule in CATALOGUE if rule.now is Enforcement.BLOCK]

HEAD = "schema: bakegate/ruleset/v1\nname: {name}\n"
SAID = "owner: release-engineering\ndebate: https://wiki.example/rules\n"
PIPELINE = """\
schema: bakegate/pipeline/v1
name: shop
organization: retail/orders
source: {repository: ., branch: main, start: push}
build: {steps: [{name: package, kind: build, run: ./package app.tar.gz}], artifact: app.tar.gz}
deployers: {hosts: {type: local, hosts: 3}}
stages:
  - {name: beta, kind: test, deploy: hosts, tests: [{name: api, kind: integration, run: ./api}]}
  - {name: one-box, kind: prod, wave: 1, exposure: 1%, deploy: hosts}
  - {name: cell-1, kind: prod, wave: 1, deploy: hosts}
  - {name: wave-2, kind: prod, wave: 2, deploy: hosts}
"""
WINDOWS = """\
time_windows:
  - {name: staffed, effect: allow, weekly: [{days: [mon-fri], from: "09:00", until: "16:00"}]}
"""


@pytest.fixture(autouse=True)
def organization(write: Write) -> None:
    write(
        "organization.yaml",
        "schema: bakegate/organization/v1\nname: retail\nruleset: retail.yaml\n"
        "children: [{name: orders, ruleset: orders.yaml}, {name: carts}]\n",
    )
    write("retail.yaml", HEAD.format(name="retail") + SAID + "extends: [starter]\n" + WINDOWS)
    write("orders.yaml", HEAD.format(name="orders") + "rules: {unit-tests: block}\n")
    write("shop.yaml", PIPELINE)


def test_every_node_is_checked_and_each_complaint_told_once(
    bakegate: Bakegate, write: Write
) -> None:
    write("retail.yaml", HEAD.format(name="retail") + "extends: [starter]\n")
    done = bakegate("ruleset", "check", "--at", "2026-11-24")
    assert done.exit_code == 1
    nobody = "fails: rules block here and nobody answers for them; write owner: TEAM"
    debate = "blocks and has no place to debate it; write debate: LINK"
    assert done.stdout.splitlines() == [
        f"retail.yaml:1:1: {nobody}",
        *(f"retail.yaml:3:11: fails: {each} {debate}" for each in FIRST),
        (
            "orders.yaml:3:21: look: unit-tests blocks without an announced date; if it is new"
            " here, let it warn and write a schedule"
        ),
        f"orders.yaml:1:1: {nobody}",
        f"orders.yaml:3:21: fails: unit-tests {debate}",
        f"{3 + len(FIRST)} fail, 1 to look at",
    ]


def test_what_is_only_to_look_at_does_not_fail(bakegate: Bakegate) -> None:
    done = bakegate("ruleset", "check", "--org", "retail/orders", "--at", "2026-11-24")
    assert (done.exit_code, done.stdout) == (
        0,
        (
            "orders.yaml:3:21: look: unit-tests blocks without an announced date; if it is new"
            " here, let it warn and write a schedule\n0 fail, 1 to look at\n"
        ),
    )
    done = bakegate("ruleset", "check", "--ruleset", "starter", "--format", "json")
    problems = json.loads(done.stdout)["problems"]
    assert {each["rule"] for each in problems} == {None, *FIRST}


def test_targets_that_no_release_can_meet_fail(bakegate: Bakegate, write: Write) -> None:
    targets = "targets: {first_customer: 1h, all_customers: 12h}\n"
    write(
        "retail.yaml",
        HEAD.format(name="retail") + SAID + targets + "extends: [starter]\n" + WINDOWS,
    )
    words = ("ruleset", "check", "--org", "retail", "--at", "2026-06-01T09:30")
    done = bakegate(*words, "--pipeline", "shop.yaml")
    assert (done.exit_code, done.stdout.splitlines()[0]) == (
        1,
        (
            "retail.yaml:5:1: fails: a change reaches all customers after 19h50m at best, the"
            " target is 12h; most of it costs: bake of cell-1"
        ),
    )
    slow = bakegate(*words)
    assert slow.exit_code == 1
    assert "a change reaches all customers after" in slow.stdout


def test_a_target_that_is_no_duration_is_told_at_its_place(
    bakegate: Bakegate, write: Write
) -> None:
    write("retail.yaml", HEAD.format(name="retail") + SAID + "targets: {all_customers: 5 days}\n")
    done = bakegate("ruleset", "check")
    assert (done.exit_code, done.stderr) == (
        2,
        "retail.yaml:5:26: '5 days' is not a duration; write 90s, 30m, 2h, 1d12h or 1w\n",
    )


FORECAST = """\
shop under retail/orders, check-in Mon 2026-06-01 09:30

stage    starts                deployed              bakes  waited for
build    Mon 2026-06-01 09:30  Mon 2026-06-01 09:40  -
beta     Mon 2026-06-01 09:40  Mon 2026-06-01 10:00  -
one-box  Mon 2026-06-01 10:10  Mon 2026-06-01 10:20  1h
cell-1   Mon 2026-06-01 11:20  Mon 2026-06-01 11:40  12h
wave-2   Tue 2026-06-02 09:00  Tue 2026-06-02 09:20  2h     9h20m: staffed (organization retail)

first customers after 50m
all customers after   23h50m

most of it costs
         12h  bake of cell-1
       9h20m  closed until staffed (organization retail)
       1h10m  deployments
          1h  bake of one-box
         10m  tests

without time windows all customers after 14h30m
check-ins of a week: 19h50m (Mon 2026-06-01 13:30) to 3d18h50m (Thu 2026-06-04 14:30)
"""


def test_a_forecast_says_where_the_time_goes(bakegate: Bakegate) -> None:
    words = ("ruleset", "feasibility", "--pipeline", "shop.yaml", "--at", "2026-06-01T09:30")
    done = bakegate(*words)
    assert (done.exit_code, done.stdout) == (0, FORECAST)


def test_a_forecast_for_machines_takes_other_lengths(bakegate: Bakegate) -> None:
    lengths = ("--build", "0s", "--test", "0s", "--deploy", "2h")
    words = ("ruleset", "feasibility", "--pipeline", "shop.yaml", "--at", "2026-06-01T09:30")
    answer = json.loads(bakegate(*words, *lengths, "--format", "json").stdout)
    assert answer["type"] == "bakegate.feasibility/v1"
    assert (answer["first_customer"], answer["without_windows"]) == ("3h", "20h")
    assert answer["stages"][2] == {
        "stage": "one-box",
        "ready": "2026-06-01T11:30:00Z",
        "start": "2026-06-01T11:30:00Z",
        "deployed": "2026-06-01T12:30:00Z",
        "baked": "2026-06-01T13:30:00Z",
    }


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (
            ("feasibility", "--pipeline", "shop.yaml", "--deploy", "long"),
            "--deploy: 'long' is not a duration",
        ),
        (("feasibility", "--pipeline", "no.yaml"), "no.yaml:1: the file cannot be opened"),
        (
            ("feasibility", "--pipeline", "shop.yaml", "--name", "shp"),
            "shop.yaml holds these pipelines: shop; choose one with --name; did you mean 'shop'?",
        ),
        (("check", "--org", "retail", "--ruleset", "strict"), "exclude each other"),
        (("check", "--ruleset", "strct"), "did you mean 'strict'?"),
    ],
)
def test_what_cannot_be_used_is_told(bakegate: Bakegate, words: list[str], told: str) -> None:
    done = bakegate("ruleset", *words)
    assert done.exit_code == 2
    assert told in done.stderr


def test_a_pipeline_without_production_has_no_forecast(bakegate: Bakegate, write: Write) -> None:
    write("shop.yaml", PIPELINE.split("  - {name: one-box", maxsplit=1)[0])
    done = bakegate("ruleset", "feasibility", "--pipeline", "shop.yaml")
    assert (done.exit_code, done.stderr) == (
        2,
        "bakegate ruleset feasibility: shop has no production stage, so it reaches no customers\n",
    )
