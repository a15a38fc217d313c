"""Levels that hold for some tiers only."""

from dataclasses import replace
from datetime import UTC, datetime

import pytest

from policies.engine.lint import lint
from policies.engine.tiers import at_tier
from policies.findings import Enforcement
from policies.formats import Read, read_pipelines
from policies.ruleset import Resolved, Upcoming, read_ruleset, resolve

AT = datetime(2026, 11, 24, tzinfo=UTC)
RULE = "synthetics-every-minute"


def shop(tier: str) -> Read:
    text = (
        f"schema: bakegate/pipeline/v1\nname: shop\n{tier}"
        "deployers: {hosts: {type: local, hosts: 1}}\n"
        "stages: [{name: cell-1, kind: prod, deploy: hosts}]\n"
    )
    return read_pipelines(text.encode(), "p.yaml")


def ruleset(setting: str) -> Resolved:
    text = f"schema: bakegate/ruleset/v1\nname: x\nrules: {{{RULE}: {setting}}}\n"
    return resolve([("x", read_ruleset(text, "r.yaml", str))], AT)


@pytest.mark.parametrize(
    ("tier", "setting", "expected"),
    [
        ("tier: 0\n", "block", Enforcement.BLOCK),
        ("tier: 2\n", "block", Enforcement.WARN),
        ("", "block", Enforcement.WARN),
        ("tier: 2\n", "observe", Enforcement.OBSERVE),
        (
            "tier: 2\n",
            'enforcement: block, parameters: {block_tiers: ["0", "1", "2"]}',
            Enforcement.BLOCK,
        ),
    ],
)
def test_a_level_counts_in_full_for_its_tiers(
    tier: str, setting: str, expected: Enforcement
) -> None:
    resolved = ruleset(setting if ":" not in setting else f"{{{setting}}}")
    report = lint(shop(tier), lambda _: resolved, AT)
    (finding,) = [each for each in report.findings if each.rule == RULE]
    assert finding.enforcement is expected


def test_a_date_that_changes_nothing_here_is_not_announced() -> None:
    effective = ruleset("warn").rules[RULE]
    dated = replace(effective, next=Upcoming(AT, Enforcement.BLOCK))
    assert at_tier(dated, shop("tier: 3\n").pipelines[0]).next is None
    assert at_tier(dated, shop("tier: 0\n").pipelines[0]).next == dated.next
