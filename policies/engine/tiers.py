"""Levels that hold for some tiers only."""

from policies.findings import Enforcement
from policies.frozen import replace
from policies.pipeline import Pipeline
from policies.rule import Tiered
from policies.ruleset import Effective, Resolved


def tier_of(pipeline: Pipeline) -> int | None:
    """The tier, None where nobody says one."""
    return pipeline.tier.or_else(None)


def at_tier(effective: Effective, pipeline: Pipeline) -> Effective:
    """The rule as it holds for a pipeline of this tier."""
    params = effective.params
    if not isinstance(params, Tiered) or str(pipeline.tier.value) in params.block_tiers:
        return effective
    cap = effective.rule.now
    level = min(effective.enforcement, cap)
    upcoming = effective.next
    if upcoming and min(upcoming.enforcement, cap) == level:
        upcoming = None
    return replace(effective, enforcement=level, next=upcoming)


def asked_at_tier(resolved: Resolved, pipeline: Pipeline) -> tuple[Effective, ...]:
    """The rules that a lint asks of a pipeline of this tier; remembered, as most files say none."""
    tier = str(pipeline.tier.value)
    if tier not in resolved.asked:
        held = (at_tier(each, pipeline) for each in resolved.rules.values())
        resolved.asked[tier] = tuple(each for each in held if _is_asked(each))
    return resolved.asked[tier]


def _is_asked(effective: Effective) -> bool:
    return effective.rule.lints and effective.enforcement > Enforcement.OFF
