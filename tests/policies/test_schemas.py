"""The schemas themselves: valid, closed, described, whole, and right about their examples."""

import json
from collections.abc import Iterator
from typing import Any

import pytest
from jsonschema import Draft202012Validator

from policies.documents import SCHEMAS, schema_text
from policies.schemas import formats


def parts(schema: Any) -> Iterator[dict[str, Any]]:
    if isinstance(schema, dict):
        yield schema
        for part in schema.values():
            yield from parts(part)
    elif isinstance(schema, list):
        for part in schema:
            yield from parts(part)


@pytest.mark.parametrize("name", SCHEMAS)
def test_a_schema_is_valid_and_needs_no_other(name: str) -> None:
    schema = json.loads(schema_text(name))
    Draft202012Validator.check_schema(schema)
    references = {part["$ref"] for part in parts(schema) if isinstance(part.get("$ref"), str)}
    assert references <= {f"#/$defs/{name}" for name in schema["$defs"]}


@pytest.mark.parametrize("name", SCHEMAS)
def test_objects_are_closed_and_described(name: str) -> None:
    for part in parts(json.loads(schema_text(name))):
        if part.get("type") == "object" and "properties" in part:
            assert part["additionalProperties"] is False
            assert part["description"]


@pytest.mark.parametrize("name", SCHEMAS)
def test_formats_are_known(name: str) -> None:
    used = {
        part["format"]
        for part in parts(json.loads(schema_text(name)))
        if isinstance(part.get("format"), str)
    }
    assert used <= set(formats.FORMATS)


@pytest.mark.parametrize("name", SCHEMAS)
def test_examples_hold(name: str) -> None:
    schema = json.loads(schema_text(name))
    for example in schema.get("examples", ()):
        Draft202012Validator(schema).validate(example)
    for part in schema["$defs"].values():
        check = formats.FORMATS.get(part.get("format", ""))
        for example in part.get("examples", ()) if check else ():
            assert check is not None
            assert check(example)


@pytest.mark.parametrize(
    ("check", "text", "expected"),
    [
        (formats.clock, "25:00", "'25:00' is not a time of day; write 09:00, at most 24:00"),
        (formats.zone, "Mars/Base", "'Mars/Base' is not a time zone; write one like Europe/Berlin"),
        (formats.periods, "6 of 5", "'6 of 5' is not a count of periods; write '3 of 5'"),
        (formats.day, "2026-13-01", "'2026-13-01' is not a date: month must be in 1..12;"),
        (formats.utc_instant, "2026-01-01T00:00", "'2026-01-01T00:00' is not in UTC;"),
        (formats.digest, "sha256:1", "'sha256:1' is not a digest;"),
        (formats.commit, "abc", "'abc' is not a full commit hash;"),
        (formats.node_path, "a//b", "'a//b' is not a place in an organization;"),
    ],
)
def test_a_format_says_what_is_allowed(check: Any, text: str, expected: str) -> None:
    with pytest.raises(ValueError) as caught:  # noqa: PT011 - the text is compared below
        check(text)
    assert str(caught.value).startswith(expected)


@pytest.mark.parametrize("check", formats.FORMATS.values())
def test_a_format_leaves_other_types_alone(check: Any) -> None:
    assert check(3)
