"""``bakegate ruleset publish``: a real service takes over the organization's files."""

from collections.abc import Callable
from hashlib import sha256
from pathlib import Path

import pytest
from typer.testing import Result

from cli.client import get
from service.server import Server

Bakegate = Callable[..., Result]
Write = Callable[[str, str], Path]

BASE = """\
schema: bakegate/ruleset/v1
name: base
rules: {canary-first: {parameters: {max_exposure: 3%}}}
"""
DIGEST = sha256(BASE.encode()).hexdigest()
#: Nobody serves it: what is kept by its digest is not fetched again.
ELSEWHERE = "https://rules.example/base.yaml"


@pytest.fixture(autouse=True)
def organization(write: Write, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    write(f"cache/bakegate/rulesets/{DIGEST}", BASE)
    write(
        "organization.yaml",
        "schema: bakegate/organization/v1\nname: corner\nruleset: rules/corner.yaml\n",
    )
    entry = f"{{from: '{ELSEWHERE}', sha256: {DIGEST}}}"
    write(
        "rules/corner.yaml",
        f"schema: bakegate/ruleset/v1\nname: corner\nextends: [starter, {entry}]\n"
        "rules: {bake-time: observe}\n",
    )


def test_a_service_holds_what_the_files_say(bakegate: Bakegate, service: Server) -> None:
    done = bakegate("ruleset", "publish")
    assert (done.exit_code, done.stdout) == (
        0,
        f"published 3 files: organization.yaml, rules/corner.yaml, {ELSEWHERE}\n",
    )
    rules = get(service.url, "/v1/organization/rules", {"node": "corner"})["rules"]
    values = {each["rule"]: each["values"] for each in rules}
    assert values["bake-time"][0]["value"] == "observe"
    exposure = next(each for each in values["canary-first"] if each["name"] == "max_exposure")
    assert (exposure["value"], exposure["set_by"]) == ("3%", f"corner ({ELSEWHERE}:3)")


def test_files_with_errors_are_not_sent(bakegate: Bakegate, write: Write) -> None:
    write("rules/corner.yaml", "schema: bakegate/ruleset/v1\nname: corner\nrules: {bake: warn}\n")
    done = bakegate("ruleset", "publish", "--url", "http://127.0.0.1:1")
    assert done.exit_code == 2
    assert done.stderr.startswith("rules/corner.yaml:3:9: there is no rule 'bake'")


def test_a_service_that_is_not_there_is_told(bakegate: Bakegate) -> None:
    done = bakegate("ruleset", "publish", "--url", "http://127.0.0.1:1")
    assert done.exit_code == 2
    assert "there is no service at http://127.0.0.1:1" in done.stderr
