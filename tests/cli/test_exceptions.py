"""Exceptions on the command line: files under review in a lint, and those of a running service."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest
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


@pytest.mark.usefixtures("service")
def test_an_exemption_is_asked_for_approved_and_revoked(bakegate: Callable[..., Result]) -> None:
    asked = ("shop", "bake-time", "--until", "2099-01-31", "--reason", "the hosts arrive then")
    told = bakegate("exception", "request", *asked)
    assert told.stdout == "ex-1 is requested; anybody may approve it\n"
    again = bakegate("exception", "request", *asked)
    standing = "ex-1 from bake-time is requested already; revoke it before you ask for another one"
    assert (again.exit_code, again.stderr) == (2, f"bakegate exception: {standing}\n")
    line = "ex-1  approved  shop  bake-time  until 2099-01-30"
    needless = "not needed: the rule passes without it"
    approved = bakegate("exception", "approve", "ex-1").stdout
    assert approved == f"{line}  {needless}  the hosts arrive then\n"
    assert bakegate("exception", "list", "--stale", "--rule", "bake-time").stdout == approved
    bakegate("exception", "revoke", "ex-1", "--reason", "not needed")
    shown = json.loads(bakegate("exception", "show", "ex-1", "--format", "json").stdout)
    assert (shown["state"], shown["decision"]) == ("revoked", "not needed")
    text = bakegate("exception", "show", "ex-1").stdout.splitlines()
    assert text[:2] == ["exemption ex-1", "pipeline:       shop (corner)"]
    assert "last day:       2099-01-30" in text
    assert bakegate("exception", "list", "--state", "approved").stdout == "none\n"


@pytest.mark.usefixtures("service")
def test_what_the_service_refuses_and_what_is_no_time_is_one_sentence(
    bakegate: Callable[..., Result],
) -> None:
    for words, told in (
        (("deny", "ex-9", "--reason", "no"), "there is no exception in the service 'ex-9'"),
        (("show", "x"), "there is no exception 'x'"),
        (
            ("request", "shop", "bake-time", "--reason", "x", "--until", "2027-02-30"),
            "--until: '2027-02-30' is not a day of the calendar",
        ),
    ):
        answer = bakegate("exception", *words)
        assert (answer.exit_code, answer.stderr) == (2, f"bakegate exception: {told}\n")


def test_without_a_service_the_command_says_how_to_start_one(
    bakegate: Callable[..., Result],
) -> None:
    answer = bakegate("exception", "list", "--url", "http://127.0.0.1:9")
    assert answer.exit_code == 2
    assert "there is no service at http://127.0.0.1:9" in answer.stderr
    assert "bakegate serve" in answer.stderr
