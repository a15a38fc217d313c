"""``bakegate rules``: the catalogue as a table and as JSON."""

import json
from collections.abc import Callable

from typer.testing import Result

Bakegate = Callable[..., Result]

TABLE = """\
alarm-block                gate           block -> block    \
Do not start a stage while something important is alarming
artifact-blocklist         gate           block -> block    \
Stop every release that contains a known bad package or commit
auto-rollback-on-failure   lint and gate  warn -> block     \
Roll back automatically when the deployment engine sees a failure
bake-monitored             lint           warn -> block     \
Watch alarms during the bake and act on them
bake-time                  lint and gate  warn -> block     \
Leave each production stage running for a fixed time before the next
canary-first               lint and gate  warn -> block     \
Expose a small slice of customers first
exemption-valid            lint and gate  block -> block    \
Allow opt-outs, but dated and seen
health-check-after-deploy  lint and gate  warn -> block     \
Verify that the new artifact started and answers requests after every deployment
integration-tests          lint and gate  warn -> block     \
Test the deployed artifact with off-box tests before production
min-data-points            gate           observe -> block  \
Wait for enough clean observations, not only for time
no-soft-fail-tests         lint and gate  warn -> block     \
Do not let test failures pass
owner-declared             lint           warn -> block     \
Name the owning team, on-call, tier and time-to-remediate
preprod-stage              lint           warn -> block     \
Have a pre-production stage as the last stop before production
rollback-on-alarm          lint and gate  warn -> block     \
Roll back automatically when an alarm fires during a release
time-window                lint and gate  warn -> block     \
Let changes reach customers only in the agreed hours
unit-tests                 lint and gate  warn -> block     \
Run unit tests in the build and stop on failure
"""


def test_table(bakegate: Bakegate) -> None:
    result = bakegate("rules")
    assert (result.exit_code, result.stdout, result.stderr) == (0, TABLE, "")


def test_json_says_the_same(bakegate: Bakegate) -> None:
    result = bakegate("rules", "--format", "json")
    rules = json.loads(result.stdout)
    assert [each["id"] for each in rules] == [line.split()[0] for line in TABLE.splitlines()]
    assert rules[3] == {
        "id": "bake-monitored",
        "title": "Watch alarms during the bake and act on them",
        "family": "validating-in-production",
        "severity": "high",
        "evaluated_on": "lint",
        "now": "warn",
        "target": "block",
    }
