"""The headings of the catalogue: what every rule has for a number, a severity and two levels."""

from typing import Final

from policies.findings import Enforcement, Severity

H, M, L, OBSERVE, WARN, BLOCK = (
    Severity.HIGH,
    Severity.MEDIUM,
    Severity.LOW,
    Enforcement.OBSERVE,
    Enforcement.WARN,
    Enforcement.BLOCK,
)
#: Number, severity and the two levels of the headings of the catalogue.
HEADINGS: Final = {
    "alarm-block": (36, H, BLOCK, BLOCK),
    "alarm-coverage": (26, M, OBSERVE, WARN),
    "analysis-enforced": (27, H, WARN, BLOCK),
    "artifact-blocklist": (40, H, BLOCK, BLOCK),
    "auto-build": (48, M, WARN, WARN),
    "auto-promote-preprod": (49, M, WARN, WARN),
    "auto-rollback-on-failure": (3, H, WARN, BLOCK),
    "bake-monitored": (30, H, WARN, BLOCK),
    "bake-scales-with-impact": (31, M, OBSERVE, WARN),
    "bake-time": (29, H, WARN, BLOCK),
    "canary-first": (24, H, WARN, BLOCK),
    "code-reviewed": (66, H, WARN, BLOCK),
    "config-via-pipeline": (46, M, OBSERVE, WARN),
    "emergency-backfill": (45, M, WARN, BLOCK),
    "error-budget": (43, M, OBSERVE, WARN),
    "evidence-matches-artifact": (19, H, WARN, BLOCK),
    "exemption-valid": (68, M, BLOCK, BLOCK),
    "failure-reason": (70, L, OBSERVE, WARN),
    "fault-domain-isolation": (33, H, WARN, BLOCK),
    "health-check-after-deploy": (1, H, WARN, BLOCK),
    "integration-tests": (11, H, WARN, BLOCK),
    "min-data-points": (28, H, OBSERVE, BLOCK),
    "no-soft-fail-tests": (18, H, WARN, BLOCK),
    "oncall-reachable": (44, M, OBSERVE, WARN),
    "override-justified": (41, H, BLOCK, BLOCK),
    "owner-declared": (65, H, WARN, BLOCK),
    "pipeline-only-changes": (8, H, OBSERVE, WARN),
    "preprod-stage": (15, H, WARN, BLOCK),
    "rollback-on-alarm": (25, H, WARN, BLOCK),
    "rolled-back-revision": (42, H, WARN, BLOCK),
    "sbom-present": (61, M, WARN, BLOCK),
    "small-batches": (54, M, WARN, WARN),
    "synthetics-cover-apis": (35, M, OBSERVE, WARN),
    "synthetics-every-minute": (34, H, WARN, BLOCK),
    "time-window": (37, M, WARN, BLOCK),
    "two-phase-change": (22, H, WARN, BLOCK),
    "unit-tests": (9, H, WARN, BLOCK),
    "vuln-threshold": (62, M, WARN, BLOCK),
    "window-headroom": (38, L, OBSERVE, WARN),
    "wave-growth": (32, H, WARN, BLOCK),
}
