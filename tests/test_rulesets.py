"""The rulesets of the package: a ladder that names every rule, and an example that is valid."""

from datetime import UTC, datetime
from pathlib import Path

import pytest

from policies.documents import read_document
from policies.exception_files import read_exceptions
from policies.findings import Enforcement
from policies.organization import read_organization
from policies.rule import AnyRule
from policies.rules import CATALOGUE
from policies.ruleset import BUILTIN, Resolved, builtin, read_ruleset, resolve

ROOT = Path(__file__).parents[1] / "rulesets"
HARBOR = ROOT / "examples" / "harbor"
AT = datetime(2026, 11, 24, 10, tzinfo=UTC)

#: The numbers of rules that block from the first day or in the first wave of blocking, by section 2
#: of the catalogue, and that of min-data-points.
FIRST = {36, 40, 41, 68} | {1, 3, 6, 9, 18, 19, 24, 25, 29, 30, 57, 65, 66} | {28}


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


def harbor(path: str) -> Resolved:
    def load(name: str) -> str:
        return (HARBOR / name).read_text(encoding="utf-8")

    root = read_organization(load("organization.yaml"), "organization.yaml")
    nodes = root.path_to(path)
    names = ["/".join(each.name for each in nodes[: n + 1]) for n in range(len(nodes))]
    chain = [
        (name, read_ruleset(load(node.ruleset), node.ruleset, load))
        for name, node in zip(names, nodes, strict=True)
        if node.ruleset
    ]
    return resolve(chain, AT, root.zone_of(path), path)


def test_every_node_of_harbor_resolves() -> None:
    text = (HARBOR / "organization.yaml").read_text(encoding="utf-8")
    root = read_organization(text, "organization.yaml")
    for path, _ in root.walk():
        assert harbor(path).organization == path


def test_harbor_says_what_its_column_of_the_catalogue_says() -> None:
    resolved = harbor("harbor/shop")
    levels = {name: each.enforcement for name, each in resolved.rules.items()}
    rows = (HARBOR / "rulesets" / "harbor.yaml").read_text(encoding="utf-8")
    own = {name for name in levels if f"\n  {name}:" in rows}
    assert {name for name in own if levels[name] is not Enforcement.BLOCK} == {"min-data-points"}
    assert levels["min-data-points"] is Enforcement.WARN
    assert [window.name for each in resolved.windows for window in each.windows] == ["quiet-nights"]
    assert read_exceptions(
        (HARBOR / "exceptions.yaml").read_text(encoding="utf-8"), "exceptions.yaml", "UTC"
    ).exemptions


def test_checkout_tightens_and_announces() -> None:
    rule = harbor("harbor/shop/checkout").rules["min-data-points"]
    assert rule.enforcement is Enforcement.WARN
    assert rule.next is not None
    assert rule.next.enforcement is Enforcement.BLOCK
    assert rule.next.at == datetime(2027, 1, 31, 23, tzinfo=UTC)
