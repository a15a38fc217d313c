"""The tree of organizations: every lock that a node breaks, now or later, told when it is read."""

from collections.abc import Mapping
from datetime import UTC, datetime

import pytest

from policies.documents import DocumentError
from policies.findings import Enforcement
from policies.tree import Tree, read_tree

AT = datetime(2026, 11, 24, 10, tzinfo=UTC)
TREE = """\
schema: bakegate/organization/v1
name: retail
zone: Europe/Berlin
ruleset: retail.yaml
children: [{name: orders, ruleset: orders.yaml}, {name: carts}]
"""
HEAD = "schema: bakegate/ruleset/v1\nname: "


def tree(retail: str, orders: str) -> Tree:
    files: Mapping[str, str] = {"retail.yaml": HEAD + retail, "orders.yaml": HEAD + orders}
    return read_tree(TREE, "organization.yaml", files.__getitem__)


def refused(retail: str, orders: str) -> list[str]:
    with pytest.raises(DocumentError) as caught:
        tree(retail, orders)
    return str(caught.value).splitlines()


LATER = """retail
rules:
  unit-tests:
    enforcement: warn
    locked: true
    schedule: {announced: 2026-10-01, steps: [{from: 2027-02-01, enforcement: block}]}
"""


def test_a_lock_that_a_date_will_break_is_told_when_the_tree_is_read() -> None:
    assert refused(LATER, "orders\nrules: {unit-tests: warn}\n") == [
        (
            "orders.yaml:3:21: from 2027-02-01: unit-tests: level 'warn' is looser than level"
            " 'block', locked by retail; only a higher level is stricter"
        )
    ]


def test_a_step_that_loosens_a_locked_level_is_told_at_the_step() -> None:
    orders = """orders
rules:
  unit-tests:
    enforcement: block
    schedule: {announced: 2026-10-01, steps: [{from: 2027-03-01, enforcement: observe}]}
"""
    assert refused("retail\nrules: {unit-tests: {enforcement: warn, locked: true}}\n", orders) == [
        (
            "orders.yaml:6:47: from 2027-03-01: unit-tests: level 'observe' is looser than level"
            " 'warn', locked by retail; only a higher level is stricter"
        )
    ]


def test_a_lock_that_is_broken_at_once_is_told_without_a_date() -> None:
    locked = "retail\nrules: {unit-tests: {enforcement: block, locked: true}}\n"
    assert refused(locked, "orders\nrules: {unit-tests: warn}\n") == [
        (
            "orders.yaml:3:21: unit-tests: level 'warn' is looser than level 'block', locked by"
            " retail; only a higher level is stricter"
        )
    ]


def test_a_node_without_a_ruleset_holds_what_its_parent_says() -> None:
    resolved = tree(LATER, "orders\n").resolved("retail/carts", AT)
    assert resolved.rules["unit-tests"].enforcement is Enforcement.WARN
    assert (resolved.organization, resolved.zone) == ("retail/carts", "Europe/Berlin")
