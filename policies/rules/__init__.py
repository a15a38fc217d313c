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
    bake_time,
    canary_first,
    exemption_valid,
    health_check_after_deploy,
    integration_tests,
    min_data_points,
    no_soft_fail_tests,
    owner_declared,
    preprod_stage,
    rollback_on_alarm,
    time_window,
    unit_tests,
)

CATALOGUE: Final[tuple[AnyRule, ...]] = (
    alarm_block.RULE,
    artifact_blocklist.RULE,
    auto_build.RULE,
    auto_promote_preprod.RULE,
    auto_rollback_on_failure.RULE,
    bake_monitored.RULE,
    bake_time.RULE,
    canary_first.RULE,
    exemption_valid.RULE,
    health_check_after_deploy.RULE,
    integration_tests.RULE,
    min_data_points.RULE,
    no_soft_fail_tests.RULE,
    owner_declared.RULE,
    preprod_stage.RULE,
    rollback_on_alarm.RULE,
    time_window.RULE,
    unit_tests.RULE,
)

_BY_ID: Final = {each.id: each for each in CATALOGUE}


def rule(id: str) -> AnyRule | None:  # noqa: A002 - the word that rulesets and reports use
    return _BY_ID.get(id)
