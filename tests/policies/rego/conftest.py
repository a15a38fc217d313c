"""Engines of custom rules, each started once: the interpreter, and a real OPA where one is here."""

import os
import shutil
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from policies.rego.embedded import Embedded
from policies.rego.port import Rego
from policies.rego.process import OpaProcess

ROOT = Path(__file__).resolve().parents[3]
#: Generous, because the machine of the tests may be busy.
TIMEOUT = 30.0
MISSING = "no opa on the PATH or in .cache; tools/opa build makes one where Go is"


@pytest.fixture(scope="session")
def opa_program() -> str:
    """The program that `tools/opa which` names; left out where there is none, except in CI."""
    built = sorted(ROOT.glob(".cache/opa-*/opa"))
    for program in (shutil.which("opa"), *map(str, reversed(built))):
        if program and _is_new(program):
            return program
    if os.environ.get("CI") == "true":
        pytest.fail(MISSING)
    pytest.skip(MISSING)


def _is_new(program: str) -> bool:
    done = subprocess.run([program, "version"], capture_output=True, text=True, check=False)
    return done.stdout.startswith("Version: ") and not done.stdout.startswith("Version: 0.")


@pytest.fixture(scope="session")
def embedded() -> Iterator[Rego]:
    rego = Embedded(TIMEOUT)
    yield rego
    rego.close()


@pytest.fixture(scope="session")
def opa(opa_program: str) -> Iterator[Rego]:
    rego = OpaProcess(opa_program, TIMEOUT)
    yield rego
    rego.close()


@pytest.fixture(params=["embedded", "opa"])
def rego(request: pytest.FixtureRequest) -> Rego:
    """Each engine in turn: what a test says of one holds for all."""
    found: Rego = request.getfixturevalue(request.param)
    return found


@pytest.fixture
def rule_text() -> Callable[..., str]:
    """The text of a module with right METADATA around the code that a test is about."""

    def make(code: str, *, name: str = "some-rule", parameters: str = "{}", more: str = "") -> str:
        lines = [
            "# METADATA",
            "# title: A practice holds",
            "# custom:",
            f"#   id: {name}",
            "#   severity: medium",
            "#   owner: release-engineering",
            "#   docs: It matters.",
            "#   fix: Mend it.",
            f"#   parameters: {parameters}",
            *(f"#   {each}" for each in more.splitlines()),
            "package rules",
            "",
            "import rego.v1",
            "",
            code,
            "",
        ]
        return "\n".join(lines)

    return make
