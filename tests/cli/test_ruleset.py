"""``bakegate ruleset show`` and ``diff``: every value, who set it, who locked it, what differs."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from typer.testing import Result

Bakegate = Callable[..., Result]
Write = Callable[[str, str], Path]

ORGANIZATION = """\
schema: bakegate/organization/v1
name: retail
zone: Europe/Berlin
ruleset: rules/retail.yaml
children:
  - {name: commerce, ruleset: rules/commerce.yaml, children: [{name: orders}]}
  - {name: stores}
"""
RETAIL = """\
schema: bakegate/ruleset/v1
name: retail
extends: [starter]
owner: release-engineering
debate: https://wiki.example/rules
rules:
  bake-time:
    enforcement: warn
    parameters: {first_wave: 12h, onebox: 30m}
    locked: [first_wave]
    reason: Two incidents in May were seen only in the second peak.
    schedule:
      announced: 2026-10-01
      steps:
        - {from: 2026-12-08, enforcement: block, organizations: [retail/commerce]}
        - {from: 2027-02-01, enforcement: block}
"""
COMMERCE = """\
schema: bakegate/ruleset/v1
name: commerce
rules:
  bake-time: {parameters: {first_wave: 16h, onebox: 10m}}
  canary-first: {enforcement: block, parameters: {max_exposure: 5%}}
"""


@pytest.fixture(autouse=True)
def organization(write: Write) -> None:
    write("organization.yaml", ORGANIZATION)
    write("rules/retail.yaml", RETAIL)
    write("rules/commerce.yaml", COMMERCE)


def test_every_value_of_a_rule_is_explained(bakegate: Bakegate) -> None:
    words = ("--org", "retail/commerce/orders", "--rule", "bake-time", "--at", "2026-11-24")
    done = bakegate("ruleset", "show", *words, "--explain")
    assert done.exit_code == 0
    lines = done.stdout.splitlines()
    assert (
        lines[0] == "organization retail/commerce/orders at 2026-11-24T00:00:00Z,"
        " zone Europe/Berlin"
    )
    assert lines[3] == "bake-time"
    said = [" ".join(each.split()) for each in lines[4:]]
    for expected in (
        "enforcement warn retail (rules/retail.yaml:8)",
        "onebox 10m retail/commerce (rules/commerce.yaml:4)",
        "first_wave 16h retail/commerce (rules/commerce.yaml:4); locked by retail",
        "later_wave 2h built-in default",
        "on_unknown.lint warn retail (starter:3)",
        "on_unknown.gate hold retail (starter:3)",
    ):
        assert expected in said
    assert said[-4:] == [
        "next: block on 2026-12-08",
        "reason: Two incidents in May were seen only in the second peak.",
        "debate: https://wiki.example/rules",
        "",
    ]


def test_another_moment_and_another_node_have_other_levels(bakegate: Bakegate) -> None:
    def level(org: str, at: str) -> str:
        words = ("--org", org, "--rule", "bake-time", "--at", at, "--format", "json")
        shown = json.loads(bakegate("ruleset", "show", *words).stdout)
        assert shown["type"] == "bakegate.ruleset/v1"
        return f"{shown['rules'][0]['values'][0]['value']} {shown['rules'][0]['next']}"

    upcoming = "{'at': '2027-01-31T23:00:00Z', 'enforcement': 'block'}"
    assert level("retail/commerce", "2026-12-07T22:59Z").startswith("warn {'at': '2026-12-07T23:00")
    assert level("retail/commerce", "2026-12-07T23:00Z") == "block None"
    assert level("retail/stores", "2026-12-07T23:00Z") == f"warn {upcoming}"


def test_all_rules_are_a_table(bakegate: Bakegate) -> None:
    done = bakegate("ruleset", "show", "--org", "retail/commerce", "--at", "2026-11-24")
    rows = [line.split() for line in done.stdout.splitlines()[3:]]
    assert rows[0] == ["rule", "level", "changes", "next", "set", "by"]
    assert ["bake-time", "warn", "block", "on", "2026-12-08"] in [row[:5] for row in rows]
    assert ["canary-first", "block", "-", "retail/commerce", "(rules/commerce.yaml:5)"] in rows


def test_a_move_in_the_tree_says_what_turns_stricter_or_looser(bakegate: Bakegate) -> None:
    done = bakegate("ruleset", "diff", "retail/stores", "retail/commerce", "--at", "2026-11-24")
    assert done.exit_code == 0
    assert (
        done.stdout
        == """\
from retail/stores to retail/commerce: 3 stricter, 1 looser

rule          value         retail/stores  retail/commerce
bake-time     onebox        30m            10m              looser
bake-time     first_wave    12h            16h              stricter
canary-first  enforcement   warn           block            stricter
canary-first  max_exposure  10%            5%               stricter
"""
    )


def test_built_in_rulesets_and_files_are_compared_too(bakegate: Bakegate) -> None:
    words = ("ruleset", "diff", "starter", "rules/retail.yaml", "--at", "2026-11-24")
    found = json.loads(bakegate(*words, "--format", "json").stdout)
    assert found["type"] == "bakegate.ruleset-diff/v1"
    assert found["differences"] == [
        {
            "rule": "bake-time",
            "name": "onebox",
            "before": "1h",
            "after": "30m",
            "direction": "looser",
        }
    ]
    assert bakegate("ruleset", "diff", "starter", "starter").stdout == (
        "starter and starter ask for the same\n"
    )


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (
            ("show", "--org", "retail/comerce"),
            (
                "organization.yaml:2:7: there is no organization 'retail/comerce'; there are"
                " retail, retail/commerce, retail/commerce/orders, retail/stores\n"
            ),
        ),
        (
            ("show", "--rule", "bake-tme"),
            (
                "bakegate ruleset show: --rule bake-tme: there is no such rule; did you mean"
                " 'bake-time'?\n"
            ),
        ),
        (
            ("diff", "starter", "recomended"),
            (
                "bakegate ruleset diff: 'recomended' is no built-in ruleset, file or node; did you"
                " mean 'recommended'?\n"
            ),
        ),
        (
            ("show", "--at", "9999-12-31"),
            (
                "bakegate ruleset show: '9999-12-31' is too far away; write a time like"
                " 2027-01-31T09:00Z\n"
            ),
        ),
        (
            ("show", "--at", "soon"),
            (
                "bakegate ruleset show: 'soon' is not a time that exists; write it like"
                " 2027-01-31T09:00Z\n"
            ),
        ),
    ],
)
def test_what_cannot_be_used_is_told(bakegate: Bakegate, words: list[str], told: str) -> None:
    done = bakegate("ruleset", *words)
    assert (done.exit_code, done.stderr) == (2, told)


def test_errors_of_rulesets_are_told_where_they_stand_seen_from_here(
    bakegate: Bakegate, write: Write
) -> None:
    write("rules/commerce.yaml", COMMERCE.replace("16h", "11h").replace("canary-first", "canary"))
    done = bakegate("ruleset", "show", "--org", "retail")
    assert (done.exit_code, done.stderr.splitlines()) == (
        2,
        ["rules/commerce.yaml:5:3: there is no rule 'canary'; did you mean 'canary-first'?"],
    )
