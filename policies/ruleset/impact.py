"""How a ruleset lets the impact of a service set the pace of its bakes."""

from policies.facts import Unknown
from policies.findings import Enforcement
from policies.frozen import replace
from policies.pipeline import Pipeline
from policies.rules import bake_scales_with_impact
from policies.ruleset.model import Resolved


def bake_factor(pipeline: Pipeline, resolved: Resolved) -> float:
    """What the rows of ``bake-time`` are multiplied by; 1 where the rule is off or no tier told."""
    effective = resolved.rules.get(bake_scales_with_impact.RULE.id)
    tier = pipeline.tier.value
    if effective is None or effective.enforcement is Enforcement.OFF:
        return 1.0
    if tier is None or isinstance(tier, Unknown):
        return 1.0
    params = effective.params
    assert isinstance(params, bake_scales_with_impact.BakeScalesWithImpact)  # noqa: S101 - the catalogue pairs them
    return bake_scales_with_impact.factor(tier, params)


def with_impact(pipeline: Pipeline, resolved: Resolved) -> Pipeline:
    """The pipeline with the pace that its organization asks of it."""
    return replace(pipeline, bake_factor=bake_factor(pipeline, resolved))
