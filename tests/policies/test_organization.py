"""The organization tree: paths, inherited zones, and errors with their places."""

import pytest

from policies.documents import DocumentError
from policies.organization import read_organization

TREE = """\
schema: bakegate/organization/v1
name: retail
ruleset: rulesets/retail.yaml
children:
  - {name: commerce, zone: Europe/Berlin, children: [{name: orders}, {name: carts}]}
  - {name: stores}
"""


def test_a_path_gives_its_nodes_from_the_root() -> None:
    root = read_organization(TREE, "org.yaml")
    assert [each.name for each in root.path_to("retail/commerce/orders")] == [
        "retail",
        "commerce",
        "orders",
    ]
    assert root.path_to("retail/commerce/order") == ()
    assert root.path_to("orders") == ()
    found = root.find("retail/stores")
    assert found is not None
    assert found.span.line == 6


def test_a_zone_is_inherited_and_utc_without_one() -> None:
    root = read_organization(TREE, "org.yaml")
    assert root.zone_of("retail/commerce/orders") == "Europe/Berlin"
    assert root.zone_of("retail/stores") == "UTC"


GROUPS = """\
schema: bakegate/organization/v1
name: retail
groups: {sre: [ada, kim], orders: [ada]}
children:
  - {name: orders, groups: {orders: [lee]}}
"""


def test_the_nearest_group_of_a_name_counts() -> None:
    root = read_organization(GROUPS, "org.yaml")
    assert root.groups_at("retail/orders") == {
        "sre": frozenset({"ada", "kim"}),
        "orders": frozenset({"lee"}),
    }
    assert root.groups_at("retail")["orders"] == frozenset({"ada"})
    assert root.groups_at("retail/other") == {}


def test_a_group_may_not_be_named_like_a_role_of_every_pipeline() -> None:
    with pytest.raises(DocumentError) as refused:
        read_organization(GROUPS.replace("sre:", "owner:"), "org.yaml")
    (issue,) = refused.value.issues
    told = "'owner' is a role that every pipeline has; give the group another name"
    assert (issue.message, issue.span.line, issue.span.column) == (told, 3, 10)


def test_every_node_is_walked_a_parent_first() -> None:
    root = read_organization(TREE, "org.yaml")
    assert [path for path, _ in root.walk()] == [
        "retail",
        "retail/commerce",
        "retail/commerce/orders",
        "retail/commerce/carts",
        "retail/stores",
    ]


@pytest.mark.parametrize("word", ["team", "target", "localtime"])
def test_only_names_of_the_locked_zone_data_are_zones(word: str) -> None:
    text = f"schema: bakegate/organization/v1\nname: retail\nzone: {word}\n"
    with pytest.raises(DocumentError) as caught:
        read_organization(text, "org.yaml")
    assert str(caught.value).startswith("org.yaml:3:7: ")


def test_twins_and_unknown_zones_are_errors_at_once() -> None:
    text = """\
schema: bakegate/organization/v1
name: retail
children:
  - {name: orders, zone: Europe/Berln}
  - {name: orders}
"""
    with pytest.raises(DocumentError) as caught:
        read_organization(text, "org.yaml")
    assert [(each.span.line, each.span.column) for each in caught.value.issues] == [
        (4, 26),
        (5, 12),
    ]
    assert caught.value.issues[1].message == (
        "'orders' stands already on line 4; siblings need other names"
    )
