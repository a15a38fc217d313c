"""Custom rules along the organization tree: who may name them, lock them, and except from them."""

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import pytest

from policies.documents import DocumentError
from policies.findings import Enforcement
from policies.ruleset import Effective
from policies.tree import Tree, read_tree

RuleText = Callable[..., str]

AT = datetime(2026, 11, 24, 10, tzinfo=UTC)
LINT = 'lint contains {"path": ["pipeline"], "message": "x"}'
MOST = "{type: integer, default: 5, description: How many., x-stricter: less}"
PARAMETERS = f"{{properties: {{most: {MOST}}}}}"
ORGANIZATION = """\
schema: bakegate/organization/v1
name: retail
ruleset: retail.yaml
children:
  - {name: orders, ruleset: orders.yaml, exceptions: orders-exceptions.yaml}
  - {name: stock}
"""
RETAIL = """\
schema: bakegate/ruleset/v1
name: retail
on_unknown: {gate: block}
custom: [rego/some-rule.rego]
rules:
  some-rule:
    enforcement: warn
    parameters: {most: 4}
    locked: [most]
    reason: It happened in May.
    schedule: {announced: 2026-11-01, steps: [{from: 2026-12-08, enforcement: block}]}
exceptions: {forbidden: [some-rule]}
"""
ORDERS = """\
schema: bakegate/ruleset/v1
name: orders
rules:
  some-rule: {enforcement: block, parameters: {most: 3}}
"""
EXCEPTIONS = """\
schema: bakegate/exceptions/v1
exemptions:
  - {id: ex-1, pipeline: shop, rule: some-rule, reason: a drill, requested_by: kim,
     approved_by: lee, from: 2026-11-01, until: 2026-12-01}
"""


def tree(text: str, **changes: str) -> Tree:
    files = {
        "retail.yaml": RETAIL,
        "orders.yaml": ORDERS,
        "orders-exceptions.yaml": EXCEPTIONS,
        "rego/some-rule.rego": text,
    } | {name.replace("__", "/").replace("_", "."): said for name, said in changes.items()}

    def load(path: str) -> str:
        if path not in files:
            raise FileNotFoundError(2, "No such file or directory", path)
        return files[path]

    return read_tree(ORGANIZATION, "organization.yaml", load)


def errors(text: str, **changes: str) -> list[str]:
    with pytest.raises(DocumentError) as caught:
        tree(text, **changes)
    return [str(issue) for issue in caught.value.issues]


def most(effective: Effective) -> Any:
    return getattr(effective.params, "most", None)


def test_a_child_tightens_the_rule_of_its_parent(rule_text: RuleText) -> None:
    found = tree(rule_text(LINT, parameters=PARAMETERS))
    orders = found.resolved("retail/orders", AT).rules["some-rule"]
    stock = found.resolved("retail/stock", AT).rules["some-rule"]
    assert (orders.enforcement, most(orders)) == (Enforcement.BLOCK, 3)
    assert (stock.enforcement, most(stock)) == (Enforcement.WARN, 4)
    assert stock.on_unknown_gate == "block"
    assert stock.next is not None
    assert (stock.next.enforcement, stock.next.at.day) == (Enforcement.BLOCK, 8)


def test_a_lock_holds_for_a_custom_rule_too(rule_text: RuleText) -> None:
    text = rule_text(LINT, parameters=PARAMETERS)
    (told,) = errors(text, orders_yaml=ORDERS.replace("most: 3", "most: 9"))
    looser = "orders.yaml:4:54: some-rule: most 9 is looser than most 4, locked by retail"
    assert told == f"{looser}; only less is stricter"


def test_a_name_means_one_rule(rule_text: RuleText) -> None:
    text = rule_text(LINT, parameters=PARAMETERS)
    other = ORDERS + "custom: [rego/other.rego]\n"
    assert errors(text, orders_yaml=other, rego__other_rego=rule_text(LINT)) == [
        "orders.yaml:5:10: 'some-rule' is another rule in rego/some-rule.rego; rename one of them"
    ]
    assert tree(text, orders_yaml=ORDERS + "custom: [rego/some-rule.rego]\n").has("retail/orders")


def test_what_nobody_above_brought_in_is_unknown(rule_text: RuleText) -> None:
    told = errors(rule_text(LINT, parameters=PARAMETERS, name="another-rule"))
    assert any(each.startswith("orders.yaml:4:3: there is no rule 'some-rule'") for each in told)
    assert any(each.startswith("retail.yaml:6:3: there is no rule 'some-rule'") for each in told)


def test_exceptions_name_custom_rules(rule_text: RuleText) -> None:
    found = tree(rule_text(LINT, parameters=PARAMETERS))
    (exemption,) = found.files["retail/orders"].exemptions
    assert exemption.rule == "some-rule"
    assert found.resolved("retail/orders", AT).exceptions.forbidden == frozenset({"some-rule"})
    wrong = EXCEPTIONS.replace("rule: some-rule", "rule: some-rul")
    (told,) = errors(rule_text(LINT, parameters=PARAMETERS), **{"orders-exceptions_yaml": wrong})
    assert "there is no rule 'some-rul'; did you mean 'some-rule'?" in told


@pytest.mark.parametrize(
    ("entry", "told"),
    [
        ("rego/nothing.rego", "'rego/nothing.rego' cannot be read ("),
        (
            "https://rules.example/x.rego",
            "'https://rules.example/x.rego': custom rules are files beside a ruleset, and not",
        ),
    ],
)
def test_a_module_that_cannot_be_read_is_told_at_its_entry(
    rule_text: RuleText, entry: str, told: str
) -> None:
    ruleset = RETAIL.replace("rego/some-rule.rego", entry)
    found = errors(rule_text(LINT, parameters=PARAMETERS), retail_yaml=ruleset)
    assert any(each.startswith(f"retail.yaml:4:10: {told}") for each in found)
