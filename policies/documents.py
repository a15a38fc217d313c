"""Bakegate's own files and messages: read, checked against their JSON Schema, every error located.

All errors of a file are told at once, each with its place and what is allowed there. The schemas
are package data in ``policies/schemas``; what several of them share stands once in ``shared.json``
and is put into each when it is read, so that an editor gets one file that needs no other.
"""

import json
from collections import defaultdict
from collections.abc import Iterator
from collections.abc import Sequence as SequenceOf
from difflib import get_close_matches
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from policies.findings import Span
from policies.frozen import dataclass
from policies.schemas.formats import FORMATS
from policies.schemas.quick import Check, quick_check
from policies.source import Mapping, Node, Scalar, Sequence, Source, SourceError, core_value, read

if TYPE_CHECKING:
    from jsonschema.protocols import Validator

#: Files of ours and messages of ours, by the name that ``bakegate schema`` takes.
SCHEMAS: Final = (
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
#: JSON types in the words of somebody who writes YAML.
_TYPES: Final = {
    "object": "a mapping",
    "array": "a list",
    "string": "text",
    "integer": "a whole number",
    "number": "a number",
    "boolean": "true or false",
    "null": "nothing",
}
#: Keywords of a schema that compare with one value.
_LIMITS: Final = {
    "const": "{shown} is not allowed; write {limit}",
    "minimum": "{shown} is out of range; at least {limit}",
    "maximum": "{shown} is out of range; at most {limit}",
    "minItems": "empty here; write at least {limit}",
    "minProperties": "empty here; write at least {limit}",
    "minLength": "empty here; write at least {limit} character",
    "uniqueItems": "{shown} names something twice; keep one",
}
#: Most characters of a value that a message repeats.
_SHOWN: Final = 60
#: Most names that a message lists as allowed.
_LISTED: Final = 20
_LISTED_ALONE: Final = 30


class Issue(NamedTuple):
    """One error of a file: its place, and what is wrong and allowed there."""

    span: Span
    message: str

    def __str__(self) -> str:
        return f"{self.span.path}:{self.span.line}:{self.span.column}: {self.message}"


class DocumentError(Exception):
    """A file of ours that is not what it must be, with all of its errors in file order."""

    def __init__(self, issues: SequenceOf[Issue]) -> None:
        self.issues = tuple(sorted(set(issues)))
        super().__init__("\n".join(str(issue) for issue in self.issues))


@dataclass(frozen=True, slots=True)
class Document:
    """A checked file: its nodes for places, and its plain data (YAML 1.2 core schema)."""

    source: Source
    data: Any


def read_document(text: bytes | str, path: str, schema: str) -> Document:
    """Read one document and check it against the named schema; raises DocumentError."""
    source = read_single(text, path)
    if found := issues(source, schema):
        raise DocumentError(found)
    return Document(source, core_value(source.root))


def read_single(text: bytes | str, path: str) -> Source:
    """The only document of a text; raises DocumentError."""
    try:
        sources = read(text, path)
    except SourceError as error:
        raise DocumentError((Issue(error.span, error.message),)) from error
    if len(sources) > 1:
        message = "a second document starts here; write one file for each"
        raise DocumentError((Issue(sources[1].root.span, message),))
    return sources[0]


def issues(source: Source, schema: str) -> list[Issue]:
    """Everything that the named schema, and the ban on duplicate keys, say against a document."""
    root = source.root
    found = list(_duplicates(root)) if source.doubled else []
    if not _quick(schema)(root):
        for error in _validator(schema).iter_errors(core_value(root)):
            found.extend(_told(root, error))
    return sorted(set(found))


def locate(node: Node, path: SequenceOf[str | int]) -> Span:
    """The place of a data path: a scalar's own, else the visible key that leads there.

    A missing thing is at the visible key of its parent; in a list, at the first word of its item.
    """
    visible = _first_word(node)
    for step in path:
        match node:
            case Mapping(entries=entries) if isinstance(step, str) and step in entries:
                visible, node = entries[step].key.span, entries[step].value
            case Sequence(items=items) if isinstance(step, int) and 0 <= step < len(items):
                node = items[step]
                visible = _first_word(node)
            case _:
                return visible
    return node.span if isinstance(node, Scalar) and node.text else visible


def schema_text(name: str) -> str:
    """The JSON Schema of a file or message, whole in itself, as text for editors."""
    return json.dumps(_schema(name), indent=2, ensure_ascii=False) + "\n"


def nearest(word: str, known: SequenceOf[str]) -> str:
    """What to say after an unknown word: the nearest known one, or all where they help more."""
    close = get_close_matches(word, known, n=1, cutoff=0.6)
    hint = f"did you mean '{close[0]}'?" if close else ""
    # A kind of step has 27 names: without a near one the reader needs them all to go on.
    if len(known) <= (_LISTED if close else _LISTED_ALONE):
        hint = f"{hint} known are {', '.join(known) or 'none'}".strip()
    return hint or f"no known name is near; {len(known)} are known"


@cache
def _schema(name: str) -> dict[str, Any]:
    folder = Path(__file__).parent / "schemas"
    own: dict[str, Any] = json.loads((folder / f"{name}.json").read_text("utf-8"))
    shared = json.loads((folder / "shared.json").read_text("utf-8"))["$defs"]
    defs = own.setdefault("$defs", {})
    todo = [own]
    while todo:
        for wanted in list(_references(todo.pop())):
            if wanted not in defs:
                defs[wanted] = shared[wanted]
                todo.append(shared[wanted])
    return own


def _references(schema: Any) -> Iterator[str]:
    """Names of the definitions that a schema refers to, itself included."""
    if isinstance(schema, dict):
        if "$ref" in schema:
            yield schema["$ref"].removeprefix("#/$defs/")
        for part in schema.values():
            yield from _references(part)
    elif isinstance(schema, list):
        for part in schema:
            yield from _references(part)


@cache
def _quick(name: str) -> Check:
    return quick_check(_schema(name))


@cache
def _validator(name: str) -> "Validator":
    # Imported here: it costs 0.07 s, and a file without errors never needs it.
    from jsonschema import Draft202012Validator, FormatChecker  # noqa: PLC0415 - see above

    checker = FormatChecker(formats=())
    for word, check in FORMATS.items():
        checker.checks(word, raises=ValueError)(check)
    return Draft202012Validator(_schema(name), format_checker=checker)


def _duplicates(node: Node) -> Iterator[Issue]:
    inner: Iterator[Node] = iter(())
    if isinstance(node, Mapping):
        for key in node.duplicates:
            again = node.entries[key.text].key.span.line
            message = f"key '{key.text}' is written again on line {again}; keep one of them"
            yield Issue(key.span, message)
        inner = (entry.value for entry in node.entries.values())
    elif isinstance(node, Sequence):
        inner = iter(node.items)
    for each in inner:
        if type(each) is not Scalar:
            yield from _duplicates(each)


def _told(root: Node, error: Any) -> Iterator[Issue]:
    """One error of the validator as issues: its branches resolved, its place found."""
    path = list(error.absolute_path)
    match error.validator:
        case "oneOf" if all(set(form) == {"required"} for form in error.validator_value):
            words = " or ".join(f"'{form['required'][0]}'" for form in error.validator_value)
            yield Issue(locate(root, path), f"write exactly one of {words}")
        case "dependentRequired":
            yield Issue(locate(root, path), f"{error.message}; write both or neither")
        case "anyOf" | "oneOf" if error.context:
            yield from _branch(root, error)
        case "additionalProperties" | "unevaluatedProperties":
            yield from _unknown_keys(root, error)
        case "pattern" if "format" in error.schema:
            return  # The format says the same in words; the pattern is for editors.
        case "required":
            missing = [key for key in error.validator_value if key not in error.instance]
            for key in missing:
                # The validator reports each missing key by itself, with the same list.
                if error.message.startswith(f"'{key}'"):
                    told = _purpose(error.schema, key)
                    yield Issue(locate(root, path), f"'{key}' is missing{told}")
        case _:
            yield Issue(locate(root, path), _message(error))


def _branch(root: Node, error: Any) -> Iterator[Issue]:
    """Of several allowed forms, the errors of the one that was meant, else what the forms are."""
    branches: dict[int, list[Any]] = defaultdict(list)
    for inner in error.context or ():
        branches[int(inner.schema_path[0])].append(inner)
    meant = [
        found
        for found in branches.values()
        if not any(not each.path and each.validator in ("type", "const", "enum") for each in found)
    ]
    if len(meant) == 1:
        for inner in meant[0]:
            yield from _told(root, inner)
        return
    forms = error.schema.get("description") or "another form"
    yield Issue(locate(root, list(error.absolute_path)), f"not allowed here; write {forms}")


def _unknown_keys(root: Node, error: Any) -> Iterator[Issue]:
    known = tuple(error.schema.get("properties", ()))
    node = _at(root, list(error.absolute_path))
    for key in error.instance:
        if key not in known and isinstance(node, Mapping):
            message = f"unknown key '{key}'; {nearest(key, known)}"
            yield Issue(node.entries[key].key.span, message)


def _at(node: Node, path: SequenceOf[str | int]) -> Node | None:
    found: Node | None = node
    for step in path:
        match found:
            case Mapping() if isinstance(step, str):
                found = found.get(step)
            case Sequence(items=items) if isinstance(step, int):
                found = items[step]
            case _:
                return None
    return found


def _purpose(schema: dict[str, Any], key: str) -> str:
    says = schema.get("properties", {}).get(key, {})
    if "const" in says:
        return f"; write '{key}: {says['const']}'"
    return f": {says['description'].rstrip('.')}" if "description" in says else ""


def _message(error: Any) -> str:
    """What is wrong and what is allowed, without the whole value or a regular expression."""
    limit, word = error.validator_value, error.validator
    shown = json.dumps(error.instance, ensure_ascii=False, default=str)
    shown = shown if len(shown) <= _SHOWN else f"{shown[: _SHOWN - 3]}..."
    if word == "type":
        allowed = [limit] if isinstance(limit, str) else limit
        told = f"{shown} is not {' or '.join(_TYPES[each] for each in allowed)}"
    elif word == "enum":
        told = f"{shown} is not allowed; {nearest(str(error.instance), limit)}"
    elif word == "format":
        told = str(error.cause)
    elif word in _LIMITS:
        told = _LIMITS[word].format(shown=shown, limit=limit)
    else:
        told = f"{shown} is not allowed; {error.schema.get('description', 'see the schema')}"
    return told


def _first_word(node: Node) -> Span:
    """The first visible word of a container, so that no mark spans a whole file."""
    match node:
        case Mapping(entries=entries) if entries:
            return next(iter(entries.values())).key.span
        case Sequence(items=items) if items:
            return _first_word(items[0])
        case _:
            return node.span
