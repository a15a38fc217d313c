"""The rulesets of the package: a ladder that names every rule, and three examples."""

from datetime import UTC, datetime
from pathlib import Path

import pytest
from typer.testing import CliRunner

from cli.commands import app
from policies.documents import read_document
from policies.exception_files import read_exceptions
from policies.findings import Enforcement
from policies.rule import AnyRule
from policies.rules import CATALOGUE
from policies.rules.min_data_points import MinDataPoints
from policies.ruleset import BUILTIN, builtin, resolve
from policies.tree import Tree, read_tree

ROOT = Path(__file__).parents[1] / "rulesets"
EXAMPLES = ROOT / "examples"
AT = datetime(2026, 11, 24, 10, tzinfo=UTC)

#: The numbers of rules that block from the first day or in the first wave of blocking, by section 2
#: of the catalogue, and those of min-data-points and (ADR 7) rolled-back-revision.
FIRST = {36, 40, 41, 68} | {1, 3, 6, 9, 18, 19, 24, 25, 29, 30, 57, 65, 66} | {28, 42}


#: The examples in the order of the columns below.
COLUMNS = ("harbor", "ledgerline", "quanta")
LETTERS = {
    "B": Enforcement.BLOCK,
    "W": Enforcement.WARN,
    "O": Enforcement.OBSERVE,
    "-": Enforcement.OFF,
}
#: Levels by the number of the rule, as the catalogue gives them for the three organizations.
# fmt: off
CATALOGUE_ROWS = {
    1: "B B B", 2: "B B W", 3: "B B B", 4: "W B W", 5: "O W -", 6: "B B B", 7: "B B B", 8: "W B O",
    9: "B B B", 10: "W W O", 11: "B B B", 12: "W B O", 13: "B B W", 14: "B B W", 15: "B B W",
    16: "W B O", 17: "W B -", 18: "B B B", 19: "B B B", 20: "W W W", 21: "W B O", 22: "B B W",
    23: "B B B", 24: "B B B", 25: "B B B", 26: "W B W", 27: "B B W", 28: "W B W", 29: "B B W",
    30: "B B B", 31: "W B O", 32: "B B W", 33: "B B W", 34: "B B W", 35: "W B O", 36: "B B B",
    37: "B B W", 38: "- B -", 39: "B B -", 40: "B B B", 41: "B B B", 42: "B B W", 43: "W B -",
    44: "B B O", 45: "B B W", 46: "B B W", 47: "- B -", 48: "W W W", 49: "W W W", 50: "O - W",
    51: "W B W", 52: "W O W", 53: "W O W", 54: "W W W", 55: "W B W", 56: "W W O", 57: "B B B",
    58: "B B B", 59: "B B W", 60: "O B O", 61: "B B W", 62: "W B W", 63: "W B O", 64: "B B B",
    65: "B B B", 66: "B B B", 67: "W B O", 68: "B B B", 69: "W W W", 70: "W B O",
}
# fmt: on


@pytest.mark.parametrize("name", BUILTIN)
def test_a_built_in_ruleset_has_the_published_form_and_names_every_rule(name: str) -> None:
    text = (ROOT / f"{name}.yaml").read_text(encoding="utf-8")
    data = read_document(text, f"{name}.yaml", "ruleset").data
    assert data["name"] == name
    assert list(data["rules"]) == [rule.id for rule in CATALOGUE]


@pytest.mark.parametrize("rule", CATALOGUE, ids=lambda rule: rule.id)
def test_the_ladder_is_that_of_the_catalogue(rule: AnyRule) -> None:
    """The left level of its heading, the right one where it may block early, the right one."""
    said = {
        name: {each.rule: each.enforcement for each in builtin(name).settings} for name in BUILTIN
    }
    assert {name: levels.get(rule.id) for name, levels in said.items()} == {
        "starter": rule.now,
        "recommended": rule.target if rule.number in FIRST else rule.now,
        "strict": rule.target,
    }


def example(name: str) -> Tree:
    def load(path: str) -> str:
        return (EXAMPLES / name / path).read_text(encoding="utf-8")

    return read_tree(load("organization.yaml"), "organization.yaml", load)


@pytest.mark.parametrize("name", COLUMNS)
def test_every_node_of_an_example_resolves(name: str) -> None:
    tree = example(name)
    for node in tree.nodes:
        assert tree.resolved(node, AT).organization == node


@pytest.mark.parametrize("name", COLUMNS)
def test_an_example_says_what_its_column_of_the_catalogue_says(name: str) -> None:
    column = list(COLUMNS).index(name)
    expected = {
        rule.id: LETTERS[CATALOGUE_ROWS[rule.number].split()[column]]
        for rule in CATALOGUE
        if rule.number in CATALOGUE_ROWS
    }
    rules = example(name).resolved(name, AT).rules
    text = (EXAMPLES / name / "rulesets" / f"{name}.yaml").read_text(encoding="utf-8")
    said = {rule for rule in expected if f"\n  {rule}:" in text}
    assert {rule: rules[rule].enforcement for rule in said} == {
        rule: expected[rule] for rule in said
    }
    assert said == set(expected), "a rule of the catalogue has no row"


def test_recommended_waits_for_three_thousand_good_answers_and_no_bad_one() -> None:
    rule = resolve([("acme", builtin("recommended"))], AT).rules["min-data-points"]
    assert isinstance(rule.params, MinDataPoints)
    asked = (rule.enforcement, rule.params.min_positive, rule.params.max_negative)
    assert asked == (Enforcement.BLOCK, 3000, 0)


def test_the_exceptions_of_harbor_are_valid() -> None:
    text = (EXAMPLES / "harbor" / "exceptions.yaml").read_text(encoding="utf-8")
    assert read_exceptions(text, "exceptions.yaml", "UTC").exemptions


def test_checkout_tightens_and_announces() -> None:
    rule = example("harbor").resolved("harbor/shop/checkout", AT).rules["min-data-points"]
    assert rule.enforcement is Enforcement.WARN
    assert rule.next is not None
    assert rule.next.enforcement is Enforcement.BLOCK
    assert rule.next.at == datetime(2027, 1, 31, 23, tzinfo=UTC)


@pytest.mark.parametrize("name", COLUMNS)
def test_an_example_keeps_to_what_it_asks_of_rulesets(
    name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(EXAMPLES / name)
    run = CliRunner()
    checked = run.invoke(app, ["ruleset", "check", "--at", "2026-11-24"])
    assert (checked.exit_code, [x for x in checked.stdout.splitlines() if "fails:" in x]) == (0, [])
    tested = run.invoke(app, ["ruleset", "test"])
    assert (tested.exit_code, tested.stdout.endswith(" 0 not as expected\n")) == (0, True)
