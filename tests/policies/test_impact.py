"""What a ruleset multiplies bakes by, by the tier of the pipeline."""

from datetime import UTC, datetime

import pytest

from policies.formats import read_pipelines
from policies.pipeline import Pipeline
from policies.ruleset import read_ruleset, resolve
from policies.ruleset.impact import bake_factor, with_impact

AT = datetime(2026, 11, 24, tzinfo=UTC)


def pipeline(tier: str) -> Pipeline:
    text = (
        f"schema: bakegate/pipeline/v1\nname: shop\n{tier}stages: [{{name: cell-1, kind: prod}}]\n"
    )
    return read_pipelines(text.encode(), "p.yaml").pipelines[0]


def factor(tier: str, rule: str) -> float:
    text = f"schema: bakegate/ruleset/v1\nname: x\nrules: {{bake-scales-with-impact: {rule}}}\n"
    resolved = resolve([("x", read_ruleset(text, "r.yaml", str))], AT)
    assert with_impact(pipeline(tier), resolved).bake_factor == bake_factor(
        pipeline(tier), resolved
    )
    return bake_factor(pipeline(tier), resolved)


@pytest.mark.parametrize(("tier", "expected"), [(0, 2.0), (1, 1.0), (2, 0.5), (3, 0.25)])
def test_a_tier_sets_the_pace(tier: int, expected: float) -> None:
    assert factor(f"tier: {tier}\n", "observe") == expected


def test_an_organization_sets_its_own() -> None:
    assert factor("tier: 0\n", "{enforcement: block, parameters: {tier_0: 3.5}}") == 3.5


def test_off_or_unknown_tier_changes_nothing() -> None:
    assert factor("tier: 0\n", "off") == 1.0
    assert factor("", "block") == 1.0
