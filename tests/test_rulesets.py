"""The rulesets of the package: a ladder that names every rule, and an example that is valid."""

from datetime import UTC, datetime
from pathlib import Path

import pytest

from policies.documents import read_document
from policies.exception_files import read_exceptions
from policies.findings import Enforcement
from policies.organization import read_organization
from policies.rules import CATALOGUE
from policies.ruleset import BUILTIN, Resolved, builtin, read_ruleset, resolve

ROOT = Path(__file__).parents[1] / "rulesets"
HARBOR = ROOT / "examples" / "harbor"
AT = datetime(2026, 11, 24, 10, tzinfo=UTC)

#: Rules that block from the first day or in the first wave of blocking, and min-data-points.
FIRST = {
    "alarm-block",
    "artifact-blocklist",
    "auto-rollback-on-failure",
    "bake-monitored",
    "bake-time",
    "build-once",
    "canary-first",
    "code-reviewed",
    "evidence-matches-artifact",
    "exemption-valid",
    "health-check-after-deploy",
    "min-data-points",
    "no-soft-fail-tests",
    "ordered-deploys",
    "override-justified",
    "owner-declared",
    "rollback-on-alarm",
    "unit-tests",
}


@pytest.mark.parametrize("name", BUILTIN)
def test_a_built_in_ruleset_has_the_published_form_and_names_every_rule(name: str) -> None:
    text = (ROOT / f"{name}.yaml").read_text(encoding="utf-8")
    data = read_document(text, f"{name}.yaml", "ruleset").data
    assert data["name"] == name
    assert list(data["rules"]) == [rule.id for rule in CATALOGUE]


def test_the_ladder_is_that_of_the_catalogue() -> None:
    starter, recommended, strict = (
        {setting.rule: setting.enforcement for setting in builtin(name).settings}
        for name in BUILTIN
    )
    for rule in CATALOGUE:
        assert starter[rule.id] is rule.now
        assert strict[rule.id] is rule.target
        assert recommended[rule.id] is (rule.target if rule.id in FIRST else rule.now)


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
