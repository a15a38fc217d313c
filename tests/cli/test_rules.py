"""``bakegate rules``: the catalogue as a table and as JSON."""

import json
from collections.abc import Callable

from typer.testing import Result

from policies.rules import CATALOGUE

Bakegate = Callable[..., Result]

#: Of each way of being evaluated one; the columns are as wide as the longest id.
LINES = (
    ("alarm-block", "gate", "block -> block", "Do not start a stage while something important is"),
    ("bake-time", "lint and gate", "warn -> block", "Leave each production stage running for a"),
    ("owner-declared", "lint", "warn -> block", "Name the owning team, on-call, tier and"),
)


def test_table(bakegate: Bakegate) -> None:
    result = bakegate("rules")
    lines = result.stdout.splitlines()
    width = max(len(rule.id) for rule in CATALOGUE)
    assert (result.exit_code, result.stderr) == (0, "")
    assert [line.split()[0] for line in lines] == [rule.id for rule in CATALOGUE]
    for name, where, levels, title in LINES:
        start = f"{name:<{width}}  {where:<13}  {levels:<16}  {title}"
        assert [line for line in lines if line.startswith(start)] != []


def test_json_says_the_same(bakegate: Bakegate) -> None:
    result = bakegate("rules", "--format", "json")
    rules = {each["id"]: each for each in json.loads(result.stdout)}
    assert list(rules) == [rule.id for rule in CATALOGUE]
    assert rules["bake-monitored"] == {
        "id": "bake-monitored",
        "title": "Watch alarms during the bake and act on them",
        "family": "validating-in-production",
        "severity": "high",
        "evaluated_on": "lint",
        "now": "warn",
        "target": "block",
    }
