"""``bakegate schema``: every JSON Schema by name, valid and in one piece."""

import json
from collections.abc import Callable

import pytest
from jsonschema import Draft202012Validator
from typer.testing import Result

Bakegate = Callable[..., Result]

NAMES = (
    "pipeline",
    "overlay",
    "ruleset",
    "ruleset-cases",
    "organization",
    "exceptions",
    "baseline",
    "history",
    "release",
    "gate",
    "lint",
    "inspect",
    "windows",
    "custom-rule",
    "input",
    "rego-cases",
)


def test_without_a_name_the_names_are_listed(bakegate: Bakegate) -> None:
    result = bakegate("schema")
    assert (result.exit_code, result.stdout) == (0, "\n".join(NAMES) + "\n")


@pytest.mark.parametrize("name", NAMES)
def test_each_is_a_schema_that_needs_no_other_file(bakegate: Bakegate, name: str) -> None:
    result = bakegate("schema", name)
    schema = json.loads(result.stdout)
    Draft202012Validator.check_schema(schema)
    assert result.exit_code == 0
    assert schema["$id"] == f"https://bakegate.dev/schemas/{name}/v1.json"
    assert "shared.json" not in result.stdout


def test_an_unknown_name_ends_with_2(bakegate: Bakegate) -> None:
    result = bakegate("schema", "pipelin")
    told = f"there is no schema 'pipelin', only {', '.join(NAMES)}; did you mean 'pipeline'?"
    assert (result.exit_code, result.stdout, result.stderr) == (2, "", f"bakegate schema: {told}\n")
