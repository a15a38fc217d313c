"""``bakegate blocklist`` against a running service, and against a file alone."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from typer.testing import Result

PACKAGE = ("--package", "pkg:pypi/urllib3", "--versions", "vers:pypi/>=2.0.0|<2.0.7")
WHY = ("--reason", "leaks cookies", "--owner", "security")
LIST = """\
schema: bakegate/exceptions/v1
blocklist:
  - {id: bl-1, package: pkg:pypi/urllib3, versions: "vers:pypi/>=2.0.0|<2.0.7",
     reason: leaks cookies, owner: security}
"""


@pytest.mark.usefixtures("service")
def test_an_entry_is_added_listed_and_removed(bakegate: Callable[..., Result]) -> None:
    added = bakegate("blocklist", "add", *PACKAGE, *WHY, "--until", "2099-03-01")
    assert added.stdout == "bl-1 is active\n"
    line = (
        "bl-1  active  pkg:pypi/urllib3 vers:pypi/>=2.0.0|<2.0.7  until 2099-03-01T00:00:00Z"
        "  security: leaks cookies\n"
    )
    assert bakegate("blocklist", "list").stdout == line
    removed = bakegate("blocklist", "remove", "bl-1", "--reason", "gone", "--format", "json")
    assert json.loads(removed.stdout)["state"] == "removed"
    assert bakegate("blocklist", "list").stdout == "none\n"
    assert bakegate("blocklist", "list", "--all").stdout.startswith("bl-1  removed")
    wrong = bakegate("blocklist", "add", *WHY, "--package", "urllib3")
    assert (wrong.exit_code, wrong.stderr.count("\n")) == (2, 1)
    assert "'urllib3' is no package URL; write pkg:pypi/urllib3" in wrong.stderr


@pytest.mark.usefixtures("service")
def test_a_list_of_packages_is_compared_with_the_service(
    bakegate: Callable[..., Result], write: Callable[[str, str], Path]
) -> None:
    write("sbom.json", sbom("2.0.3"))
    assert bakegate("blocklist", "check", "sbom.json").stdout == "nothing in it is blocked\n"
    bakegate("blocklist", "add", *PACKAGE, *WHY)
    found = bakegate("blocklist", "check", "sbom.json")
    assert (found.exit_code, found.stdout) == (
        1,
        "blocked: pkg:pypi/urllib3@2.0.3 (bl-1: leaks cookies)\n",
    )


@pytest.mark.parametrize(("version", "code"), [("2.0.3", 1), ("2.0.7", 0), ("not-a-version", 4)])
def test_a_file_of_entries_needs_no_service(
    bakegate: Callable[..., Result], write: Callable[[str, str], Path], version: str, code: int
) -> None:
    write("exceptions.yaml", LIST)
    write("sbom.json", sbom(version))
    answer = bakegate("blocklist", "check", "sbom.json", "--list", "exceptions.yaml")
    assert answer.exit_code == code


def test_a_file_that_is_none_is_told(
    bakegate: Callable[..., Result], write: Callable[[str, str], Path]
) -> None:
    write("exceptions.yaml", LIST.replace("vers:pypi", "pypi"))
    write("sbom.json", sbom("1"))
    answer = bakegate("blocklist", "check", "sbom.json", "--list", "exceptions.yaml")
    told = "'pypi/>=2.0.0|<2.0.7' is no version range; write vers:pypi/>=2.0.0|<2.0.7"
    assert answer.exit_code == 2
    assert answer.stderr == f"bakegate blocklist: exceptions.yaml:3:53: {told}\n"


def sbom(version: str) -> str:
    component = {"type": "library", "name": "urllib3", "purl": f"pkg:pypi/urllib3@{version}"}
    return json.dumps({"bomFormat": "CycloneDX", "specVersion": "1.6", "components": [component]})
