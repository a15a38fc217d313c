"""The quick check of documents: its yes is the validator's, and it knows every keyword we use."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st
from jsonschema import Draft202012Validator, FormatChecker

from policies.documents import SCHEMAS, schema_text
from policies.schemas.formats import FORMATS
from policies.schemas.quick import KEYWORDS, SILENT, quick_check
from policies.source import Node, core_value, read

ROOT: Final = Path(__file__).parents[2]
PIPELINE: Final = ROOT / "tests" / "golden" / "pipelines" / "every-key.yaml"
RULESET: Final = ROOT / "rulesets" / "examples" / "harbor" / "rulesets" / "harbor.yaml"

#: Words that stand for many: right ones of every format, near misses, and other types.
LEAVES: Final[st.SearchStrategy[Any]] = st.sampled_from(
    [
        *("errors", "1h", "1%", "09:00", "2026-12-18", "2 of 5", "Europe/Berlin", "prod", "block"),
        *("", "No", "1x", "200%", "25:00", "2026-13-01", "5 of 2", "a/b", "sha256:0", "mon-fri"),
        *(None, True, False, 0, 1, -1, 1.0, 1.5, 10**20, [], {}, ["a"], ["a", "a"], [1, True]),
    ]
)


def validator(schema: dict[str, Any]) -> Draft202012Validator:
    checker = FormatChecker(formats=())
    for word, check in FORMATS.items():
        checker.checks(word, raises=ValueError)(check)
    return Draft202012Validator(schema, format_checker=checker)


def node(document: Any) -> Node:
    """A document as it is read from a file."""
    return read(json.dumps(document, default=str), "document.json")[0].root


def keywords(schema: Any) -> Iterator[str]:
    if isinstance(schema, dict):
        yield from schema
        for word, said in schema.items():
            if word in ("properties", "$defs"):
                for part in said.values():
                    yield from keywords(part)
            elif word not in ("examples", "const", "enum", "dependentRequired"):
                yield from keywords(said)
    elif isinstance(schema, list):
        for part in schema:
            yield from keywords(part)


def places(data: Any, path: tuple[str | int, ...] = ()) -> Iterator[tuple[str | int, ...]]:
    yield path
    match data:
        case dict():
            for key, inner in data.items():
                yield from places(inner, (*path, key))
        case list():
            for index, inner in enumerate(data):
                yield from places(inner, (*path, index))


def changed(data: Any, path: tuple[str | int, ...], value: Any) -> Any:
    if not path:
        return value
    copy: Any = dict(data) if isinstance(data, dict) else list(data)
    copy[path[0]] = changed(copy[path[0]], path[1:], value)
    return copy


@pytest.mark.parametrize("name", SCHEMAS)
def test_every_keyword_of_our_schemas_is_known(name: str) -> None:
    schema = json.loads(schema_text(name))
    assert set(keywords(schema)) <= set(KEYWORDS) | SILENT
    assert quick_check(schema)(node(None)) is False


def test_a_keyword_that_is_not_known_makes_no_check() -> None:
    with pytest.raises(KeyError):
        quick_check({"maxItems": 3})
    with pytest.raises(KeyError):
        quick_check({"oneOf": [{"type": "string"}]})


def loaded(path: Path) -> Any:
    return yaml.load(path.read_text(encoding="utf-8"), Loader=yaml.CSafeLoader)


CASES: Final = [("pipeline", loaded(PIPELINE)), ("ruleset", loaded(RULESET))]


@pytest.mark.parametrize(("name", "document"), CASES, ids=["pipeline", "ruleset"])
@given(data=st.data())
def test_what_the_quick_check_accepts_is_valid(
    name: str, document: Any, data: st.DataObject
) -> None:
    schema = json.loads(schema_text(name))
    for _ in range(data.draw(st.integers(1, 2))):
        path = data.draw(st.sampled_from(list(places(document))))
        document = changed(document, path, data.draw(LEAVES))
    root = node(document)
    if quick_check(schema)(root):
        assert validator(schema).is_valid(core_value(root))


@pytest.mark.parametrize("name", SCHEMAS)
@given(document=st.recursive(LEAVES, lambda inner: st.dictionaries(st.text(max_size=3), inner)))
def test_no_schema_accepts_quickly_what_it_refuses(name: str, document: Any) -> None:
    schema = json.loads(schema_text(name))
    root = node(document)
    if quick_check(schema)(root):
        assert validator(schema).is_valid(core_value(root))
