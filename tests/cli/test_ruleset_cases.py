"""``bakegate ruleset test``: what is expected of a ruleset, and the place of what is not so."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from typer.testing import Result

Bakegate = Callable[..., Result]
Write = Callable[[str, str], Path]

RETAIL = """\
schema: bakegate/ruleset/v1
name: retail
rules:
  bake-time:
    enforcement: warn
    parameters: {first_wave: 16h}
    schedule:
      announced: 2026-10-01
      steps: [{from: 2026-12-08, enforcement: block, organizations: [retail/commerce]}]
time_windows:
  - {name: staffed, effect: allow, weekly: [{days: [mon-fri], from: "09:00", until: "16:00"}]}
"""
PIPELINE = """\
schema: bakegate/pipeline/v1
name: shop
organization: retail/commerce
source: {repository: ., branch: main, start: push}
build: {steps: [{name: package, kind: build, run: ./package app.tar.gz}], artifact: app.tar.gz}
deployers: {hosts: {type: local, hosts: 3}}
stages:
  - {name: one-box, kind: prod, wave: 1, exposure: 1%, deploy: hosts, bake: {time: 10m}}
  - {name: cell-1, kind: prod, wave: 1, deploy: hosts}
"""
RECORD = {
    "type": "bakegate.release/v1",
    "release": {
        "id": "shop:1",
        "pipeline": "shop",
        "kind": "normal",
        "created_at": "2026-11-23T09:00:00Z",
        "created_by": "kim",
    },
    "artifact": {"digest": f"sha256:{'a' * 64}", "commit": "b" * 40},
}
CASES = """\
schema: bakegate/ruleset-cases/v1
organization: organization.yaml
cases:
  - name: bakes block in commerce from December on
    node: retail/commerce
    at: 2026-12-08T00:00:00Z
    levels: {bake-time: block}
    parameters: {bake-time: {first_wave: 16h}}
  - name: before that they warn
    node: retail/commerce
    at: 2026-12-07T23:59:59Z
    levels: {bake-time: warn, unit-tests: warn}
  - name: a short bake and a build without tests are found
    node: retail/commerce
    at: 2026-11-24T10:00:00Z
    pipeline: shop.yaml
    lint: {bake-time: fail, unit-tests: fail, time-window: pass}
  - name: nobody enters at night
    at: 2026-11-24T22:00:00Z
    pipeline: shop.yaml
    record: release.json
    stage: one-box
    gate: {verdict: hold, rules: {time-window: fail}}
"""


@pytest.fixture(autouse=True)
def organization(write: Write) -> None:
    write(
        "rules/organization.yaml",
        "schema: bakegate/organization/v1\nname: retail\nruleset: retail.yaml\n"
        "children: [{name: commerce}]\n",
    )
    write("rules/retail.yaml", RETAIL)
    write("rules/shop.yaml", PIPELINE)
    write("rules/release.json", json.dumps(RECORD))


def test_cases_that_are_as_expected_end_well(bakegate: Bakegate, write: Write) -> None:
    write("rules/retail.cases.yaml", CASES)
    done = bakegate("ruleset", "test")
    assert (done.exit_code, done.stdout) == (0, "4 cases, 0 not as expected\n")


def test_what_is_not_as_expected_is_told_where_it_is_expected(
    bakegate: Bakegate, write: Write
) -> None:
    wrong = CASES.replace("levels: {bake-time: block}", "levels: {bake-time: warn}")
    wrong = wrong.replace("first_wave: 16h", "first_wave: 12h")
    wrong = wrong.replace("time-window: pass", "time-window: fail, min-data-points: pass")
    wrong = wrong.replace("verdict: hold", "verdict: allow")
    write("rules/retail.cases.yaml", wrong)
    done = bakegate("ruleset", "test", "rules")
    assert done.exit_code == 1
    bakes = "bakes block in commerce from December on"
    found = "a short bake and a build without tests are found"
    assert done.stdout.splitlines() == [
        f"rules/retail.cases.yaml:7:25: {bakes}: bake-time is at block, warn is expected",
        f"rules/retail.cases.yaml:8:42: {bakes}: bake-time.first_wave is 16h, 12h is expected",
        f"rules/retail.cases.yaml:17:60: {found}: time-window is pass, fail is expected",
        f"rules/retail.cases.yaml:17:83: {found}: min-data-points was not asked, pass is expected",
        (
            "rules/retail.cases.yaml:23:21: nobody enters at night: the verdict is hold, allow is"
            " expected"
        ),
        "4 cases, 3 not as expected",
    ]
    message = json.loads(bakegate("ruleset", "test", "rules", "--format", "json").stdout)
    assert [each["passed"] for each in message["cases"]] == [False, True, False, False]
    assert message["cases"][3]["wrong"][0]["line"] == 23


def test_one_ruleset_is_tested_without_an_organization(bakegate: Bakegate, write: Write) -> None:
    head = "schema: bakegate/ruleset-cases/v1\nruleset: "
    case = "\ncases: [{name: units, at: 2026-11-24T10:00:00Z, levels: {unit-tests: block}}]\n"
    write("a.cases.yaml", f"{head}strict{case}")
    write("b.cases.yaml", f"{head}rules/retail.yaml{case}")
    assert bakegate("ruleset", "test", "a.cases.yaml").exit_code == 0
    done = bakegate("ruleset", "test", "b.cases.yaml")
    assert (done.exit_code, done.stdout.splitlines()[0]) == (
        1,
        "b.cases.yaml:3:70: units: unit-tests is at warn, block is expected",
    )


@pytest.mark.parametrize(
    ("change", "told"),
    [
        (
            ("organization: organization.yaml\n", ""),
            "retail.cases.yaml:1:1: write exactly one of 'ruleset' or 'organization'",
        ),
        (
            ("node: retail/commerce", "node: retail/comerce"),
            "there is no organization 'retail/comerce'",
        ),
        (
            ("levels: {bake-time: block}", "levels: {bake-times: block}"),
            "retail.cases.yaml:7:26: there is no rule 'bake-times'; `bakegate rules` lists all",
        ),
        (
            ("first_wave: 16h", "first: 16h"),
            "retail.cases.yaml:8:37: rule 'bake-time' has no parameter 'first'",
        ),
        (("    stage: one-box\n", ""), "retail.cases.yaml:18:5: 'stage' is a dependency"),
        (
            ("stage: one-box", "stage: cell-9"),
            "retail.cases.yaml:21:13: pipeline 'shop' has no stage 'cell-9'",
        ),
        (("pipeline: shop.yaml\n    lint", "pipeline: no.yaml\n    lint"), "cannot be opened"),
        (("record: release.json", "record: no.json"), "no.json: No such file or directory"),
    ],
)
def test_cases_that_cannot_be_run_are_told(
    bakegate: Bakegate, write: Write, change: tuple[str, str], told: str
) -> None:
    write("rules/retail.cases.yaml", CASES.replace(*change))
    done = bakegate("ruleset", "test")
    assert done.exit_code == 2
    assert told in done.stderr


def test_a_folder_without_cases_is_told(bakegate: Bakegate) -> None:
    done = bakegate("ruleset", "test", "rules")
    assert (done.exit_code, done.stderr) == (
        2,
        "bakegate ruleset test: no *.cases.yaml in rules\n",
    )
