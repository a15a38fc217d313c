"""The catalogue: one file per rule, named like its id, listed here in the order of the ids."""

from typing import Final

from policies.rule import AnyRule
from policies.rules import (
    alarm_block,
    artifact_blocklist,
    auto_build,
    auto_promote_preprod,
    auto_rollback_on_failure,
    bake_monitored,
    bake_scales_with_impact,
    bake_time,
    canary_first,
    code_reviewed,
    emergency_backfill,
    evidence_matches_artifact,
    exemption_valid,
    failure_reason,
    health_check_after_deploy,
    integration_tests,
    min_data_points,
    no_soft_fail_tests,
    override_justified,
    owner_declared,
    preprod_stage,
    rollback_on_alarm,
    rolled_back_revision,
    sbom_present,
    small_batches,
    synthetics_cover_apis,
    synthetics_every_minute,
    time_window,
    two_phase_change,
    unit_tests,
    vuln_threshold,
)

CATALOGUE: Final[tuple[AnyRule, ...]] = (
    alarm_block.RULE,
    artifact_blocklist.RULE,
    auto_build.RULE,
    auto_promote_preprod.RULE,
    auto_rollback_on_failure.RULE,
    bake_monitored.RULE,
    bake_scales_with_impact.RULE,
    bake_time.RULE,
    canary_first.RULE,
    code_reviewed.RULE,
    emergency_backfill.RULE,
    evidence_matches_artifact.RULE,
    exemption_valid.RULE,
    failure_reason.RULE,
    health_check_after_deploy.RULE,
    integration_tests.RULE,
    min_data_points.RULE,
    no_soft_fail_tests.RULE,
    override_justified.RULE,
    owner_declared.RULE,
    preprod_stage.RULE,
    rollback_on_alarm.RULE,
    rolled_back_revision.RULE,
    sbom_present.RULE,
    small_batches.RULE,
    synthetics_cover_apis.RULE,
    synthetics_every_minute.RULE,
    time_window.RULE,
    two_phase_change.RULE,
    unit_tests.RULE,
    vuln_threshold.RULE,
)

_BY_ID: Final = {each.id: each for each in CATALOGUE}


def rule(id: str) -> AnyRule | None:  # noqa: A002 - the word that rulesets and reports use
    return _BY_ID.get(id)
