"""The tree of organizations: every lock that a node breaks, now or later, told when it is read."""

from collections.abc import Mapping
from datetime import UTC, date, datetime

import pytest

from policies.documents import DocumentError
from policies.findings import Enforcement
from policies.ruleset import StepKey, builtin
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


def test_an_unknown_node_is_told_with_all_that_there_are() -> None:
    with pytest.raises(DocumentError) as caught:
        tree(LATER, "orders\n").resolved("retail/order", AT)
    assert str(caught.value) == (
        "organization.yaml:2:7: there is no organization 'retail/order'; there are retail,"
        " retail/orders, retail/carts"
    )


def test_what_is_said_of_unknown_in_general_cannot_loosen_what_is_locked() -> None:
    retail = "retail\nrules: {unit-tests: {on_unknown: {gate: block}, locked: true}}\n"
    strict = tree(retail, "orders\non_unknown: {gate: ignore}\n").resolved("retail/orders", AT)
    assert strict.rules["unit-tests"].on_unknown_gate == "block"
    assert strict.rules["bake-time"].on_unknown_gate == "ignore"
    locked = "retail\nrules: {unit-tests: {locked: true}}\n"
    assert refused(locked, "orders\non_unknown: {gate: ignore}\n") == [
        (
            "orders.yaml:1:1: unit-tests: on_unknown.gate 'ignore' is looser than on_unknown.gate"
            " 'hold', locked by retail; only a stricter answer is allowed"
        )
    ]


STEP = "schedule: {announced: 2026-10-01, steps: [{from: 2026-12-24, enforcement: block}]}"
FREEZE = """time_windows:
  - {name: peak, effect: deny, between: {from: 2026-12-20, until: 2027-01-04}, owner: retail}
"""


def test_a_step_that_falls_into_a_freeze_waits_for_its_end() -> None:
    retail = f"retail\nrules: {{unit-tests: {{enforcement: warn, {STEP}}}}}\n"
    frozen = tree(retail + FREEZE, "orders\n")
    thaw = datetime(2027, 1, 3, 23, tzinfo=UTC)
    held = frozen.resolved("retail", datetime(2026, 12, 28, tzinfo=UTC)).rules["unit-tests"]
    assert (held.enforcement, held.next and held.next.at) == (Enforcement.WARN, thaw)
    assert frozen.resolved("retail", thaw).rules["unit-tests"].enforcement is Enforcement.BLOCK
    free = tree(retail, "orders\n" + FREEZE)
    day = datetime(2026, 12, 28, tzinfo=UTC)
    assert free.resolved("retail", day).rules["unit-tests"].enforcement is Enforcement.BLOCK
    assert free.resolved("retail/orders", day).rules["unit-tests"].enforcement is Enforcement.WARN


def test_a_step_that_enough_pipelines_are_ready_for_comes_early() -> None:
    steps = tree(f"retail\nrules: {{unit-tests: {{enforcement: warn, {STEP}}}}}\n", "orders\n")
    key = StepKey("retail", "unit-tests", date(2026, 12, 24), ())
    early = steps.when({key: AT})
    assert early.resolved("retail/carts", AT).rules["unit-tests"].enforcement is Enforcement.BLOCK
    assert steps.resolved("retail/carts", AT).rules["unit-tests"].enforcement is Enforcement.WARN


EXCEPTED = """\
schema: bakegate/organization/v1
name: retail
leaders: [ada]
exceptions: all.yaml
children:
  - name: orders
    ruleset: orders.yaml
    exceptions: orders-exceptions.yaml
    children: [{name: carts, leaders: [kim]}]
  - {name: search, leaders: [lee]}
"""
ENTRY = """\
schema: bakegate/exceptions/v1
exemptions: [{{id: {id}, pipeline: shop, rule: bake-time, reason: moving, approved_by: ada,
  from: 2026-11-01, until: 2026-12-01}}]
"""


def excepted(orders: str = "orders\nowner: rules-team\n") -> Tree:
    files = {
        "all.yaml": ENTRY.format(id="ex-1"),
        "orders-exceptions.yaml": ENTRY.format(id="ex-2"),
        "orders.yaml": HEAD + orders,
    }
    return read_tree(EXCEPTED, "organization.yaml", files.__getitem__)


def test_a_file_of_exceptions_is_about_its_node_and_below() -> None:
    ids = {
        node: [each.id for each in excepted().exceptions(node).exemptions]
        for node in ("retail", "retail/orders/carts", "retail/search")
    }
    assert ids == {
        "retail": ["ex-1"],
        "retail/orders/carts": ["ex-1", "ex-2"],
        "retail/search": ["ex-1"],
    }


def test_those_above_a_pipeline_approve_unless_the_ruleset_says_who() -> None:
    assert excepted().exceptions("retail/orders/carts").approvers == frozenset({"ada"})
    assert excepted().exceptions("retail").approvers == frozenset({"ada"})
    near = excepted("orders\nexceptions: {approver: node}\n")
    assert near.exceptions("retail/orders/carts").approvers == frozenset({"ada", "kim"})
    assert tree("retail\n", "orders\n").exceptions("retail/orders").approvers is None


def test_the_owners_of_the_rulesets_are_known() -> None:
    assert "rules-team" in excepted().exceptions("retail/orders").owners
    assert "rules-team" not in excepted().exceptions("retail/search").owners


def test_an_exceptions_file_that_is_wrong_or_missing_is_told_with_the_rest() -> None:
    text = EXCEPTED.replace("all.yaml", "none.yaml")

    def load(path: str) -> str:
        if path == "none.yaml":
            raise FileNotFoundError(2, "No such file", path)
        return "schema: bakegate/exceptions/v1\nexemption: []\n" if "exc" in path else HEAD + "o"

    with pytest.raises(DocumentError) as caught:
        read_tree(text, "organization.yaml", load)
    assert [line.partition(";")[0] for line in str(caught.value).splitlines()] == [
        "orders-exceptions.yaml:2:1: unknown key 'exemption'",
        "organization.yaml:2:7: exceptions file 'none.yaml' cannot be read: No such file",
    ]


def test_a_node_may_name_a_ruleset_of_the_ladder() -> None:
    text = "schema: bakegate/organization/v1\nname: retail\nruleset: starter\n"
    files: Mapping[str, str] = {}
    found = read_tree(text, "organization.yaml", files.__getitem__)
    assert found.rulesets["retail"] == builtin("starter")
