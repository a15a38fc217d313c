"""Rules that contradict each other, from the table, with the place of what is said."""

from policies.findings import Enforcement, Span
from policies.ruleset.conflicts import Standing, conflicts

HERE = Span("orders.yaml", 4, 18, 4, 23)
THERE = Span("retail.yaml", 7, 3, 7, 8)
WHOLE = Span("orders.yaml", 1, 1, 1, 7)


def told(**levels: Standing) -> list[str]:
    return [
        str(each)
        for each in conflicts(
            {name.replace("_", "-"): standing for name, standing in levels.items()}, WHOLE
        )
    ]


def test_an_approval_and_a_production_without_a_button_exclude_each_other() -> None:
    assert told(
        prod_approval=Standing(Enforcement.BLOCK, HERE),
        no_manual_prod_gate=Standing(Enforcement.OBSERVE, THERE),
        no_untested_automation=Standing(Enforcement.WARN, None),
    ) == [
        (
            "orders.yaml:4:18: prod-approval is on (block) and so is no-manual-prod-gate"
            " (observe, retail.yaml:7); switch one of them off"
        )
    ]


def test_a_production_without_a_button_needs_tests_before_it() -> None:
    assert told(
        no_manual_prod_gate=Standing(Enforcement.WARN, HERE),
        no_untested_automation=Standing(Enforcement.OFF, None),
    ) == [
        (
            "orders.yaml:4:18: no-manual-prod-gate is on (warn) while no-untested-automation is"
            " off (off, which is the built-in default); switch no-untested-automation on, or"
            " no-manual-prod-gate off"
        )
    ]


def test_what_is_off_contradicts_nothing() -> None:
    off = Standing(Enforcement.OFF, HERE)
    assert told(prod_approval=Standing(Enforcement.BLOCK, None), no_manual_prod_gate=off) == []
    assert told(no_manual_prod_gate=off, no_untested_automation=off) == []
