"""Exceptions on the command line: files under review count in a lint."""

import json
from collections.abc import Callable
from pathlib import Path

from typer.testing import Result

ORGANIZATION = """\
schema: bakegate/organization/v1
name: retail
ruleset: rules.yaml
exceptions: exceptions.yaml
"""
EXEMPTION = """\
schema: bakegate/exceptions/v1
exemptions:
  - {id: ex-1, pipeline: deploy, rule: no-soft-fail-tests, reason: moving to another runner,
     approved_by: lee, from: 2026-11-01, until: 2026-12-01}
"""


def test_the_exceptions_of_the_organization_count_until_their_end(
    bakegate: Callable[..., Result], write: Callable[[str, str], Path], soft: Path
) -> None:
    write("organization.yaml", ORGANIZATION)
    rules = "schema: bakegate/ruleset/v1\nname: retail\nextends: [recommended]\n"
    write("rules.yaml", rules)
    write("exceptions.yaml", EXEMPTION)
    overlay = "schema: bakegate/overlay/v1\npipelines: {.github/workflows/deploy.yml: {name: deploy"
    write("bakegate.yaml", overlay + "}}\n")
    assert bakegate("lint", str(soft), "--at", "2026-11-10").exit_code == 0
    ended = bakegate("lint", str(soft), "--at", "2026-12-01T00:00Z", "--format", "json")
    assert ended.exit_code == 1
    findings = json.loads(ended.stdout)["files"][0]["findings"]
    told = [(each["path"], each["line"], each["column"], each["rule"]) for each in findings]
    assert ("exceptions.yaml", 3, 10, "exemption-valid") in told
