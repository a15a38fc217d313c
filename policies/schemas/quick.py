"""A check that is certain where it says yes: the keywords of our own schemas and no others.

``jsonschema`` tells what is wrong, but it takes longer to load than to lint a file, and then longer
to run than everything else. A document that this check accepts is valid; of any other it says
nothing, and the validator is asked. It looks at nodes: the plain data of a document, which takes
longer to make than this check, is only needed where something may be wrong.
"""

import re
from collections.abc import Callable
from collections.abc import Mapping as MappingOf
from typing import Any, Final, NamedTuple, TypeVar

from policies.findings import Span
from policies.schemas.formats import FORMATS
from policies.source import Entry, Mapping, Node, Scalar, Sequence, core_value

T = TypeVar("T")
Check = Callable[[Node], bool]
Schema = MappingOf[str, Any]


class _Said(NamedTuple):
    """What one keyword asks of nodes of each kind: of a scalar's plain value, and of what is in."""

    value: Callable[[Any], bool] | None = None
    entries: Callable[[dict[str, Entry]], bool] | None = None
    items: Callable[[tuple[Node, ...]], bool] | None = None


class _Part(NamedTuple):
    """What a whole schema asks of nodes of each kind."""

    scalars: "_Remembered"
    entries: Callable[[dict[str, Entry]], bool]
    items: Callable[[tuple[Node, ...]], bool]

    def allows(self, node: Node) -> bool:
        if isinstance(node, Scalar):
            return self.scalars[node[1:]]
        return self.entries(node.entries) if isinstance(node, Mapping) else self.items(node.items)


#: Keywords that say something to people and nothing about a value.
SILENT: Final = frozenset({"$schema", "$id", "$defs", "title", "description", "examples"})

_TYPES: Final[dict[str, tuple[type, ...]]] = {
    "string": (str,),
    "integer": (int,),
    "number": (int, float),
    "boolean": (bool,),
    "object": (Mapping,),
    "array": (Sequence,),
    "null": (type(None),),
}
_NOWHERE: Final = Span("", 0, 0, 0, 0)
#: Keywords that are asked together.
_OF_ENTRIES: Final = ("properties", "additionalProperties", "required")
#: Most scalars that one check remembers.
_REMEMBERED: Final = 4096


def quick_check(schema: Schema) -> Check:
    """The check of one schema whose references lead to its own ``$defs``; raises KeyError."""
    return _Compiler(schema.get("$defs", {})).part(schema).allows


class _Compiler:
    """Turns schemas into functions, each definition once, so that it may refer to itself."""

    def __init__(self, definitions: Schema) -> None:
        self.definitions = definitions
        self.known: dict[str, _Part] = {}

    def part(self, schema: Schema) -> _Part:
        said = [
            KEYWORDS[word](self, what, schema)
            for word, what in schema.items()
            if word not in SILENT
        ]
        return _Part(
            _Remembered(_all_of([each.value for each in said if each.value])),
            _all_of([each.entries for each in said if each.entries]),
            _all_of([each.items for each in said if each.items]),
        )

    def reference(self, name: str) -> _Part:
        if name not in self.known:

            def value(plain: Any) -> bool:
                return self.known[name].scalars.right(plain)

            def entries(inner: dict[str, Entry]) -> bool:
                return self.known[name].entries(inner)

            def items(inner: tuple[Node, ...]) -> bool:
                return self.known[name].items(inner)

            # Set before it is made: a definition that refers to itself finds this.
            self.known[name] = _Part(_Remembered(value), entries, items)
            self.known[name] = self.part(self.definitions[name])
        return self.known[name]


def _all_of(checks: "list[Callable[[T], bool]]") -> "Callable[[T], bool]":
    if len(checks) == 1:
        return checks[0]

    def check(inner: T) -> bool:
        # Loops, here and below: a generator costs twice as much, and a file has hundreds of values.
        for each in checks:  # noqa: SIM110 - see above
            if not each(inner):
                return False
        return True

    return check


class _Remembered(dict[tuple[str, bool, str], bool]):
    """A check of a scalar as it is written; files repeat the same names and durations often."""

    def __init__(self, right: Callable[[Any], bool]) -> None:
        self.right = right

    def __missing__(self, written: tuple[str, bool, str]) -> bool:
        if len(self) >= _REMEMBERED:
            self.clear()
        right = self[written] = self.right(core_value(Scalar(_NOWHERE, *written)))
        return right


def _type(_: _Compiler, said: str | list[str], __: Schema) -> _Said:
    words = [said] if isinstance(said, str) else said
    # By exact type, because True is an int in Python and no integer in a schema.
    allowed = frozenset(each for word in words for each in _TYPES[word])
    return _Said(
        value=lambda value: type(value) in allowed,
        entries=None if Mapping in allowed else _never,
        items=None if Sequence in allowed else _never,
    )


def _never(_: object) -> bool:
    return False


_NEVER: Final = _Remembered(_never)


def _enum(_: _Compiler, said: list[Any], __: Schema) -> _Said:
    """One of several scalars; a mapping or list is none of them."""

    def check(value: Any) -> bool:
        return any(type(value) is type(each) and value == each for each in said)

    return _Said(value=check, entries=_never, items=_never)


def _const(compiler: _Compiler, said: Any, schema: Schema) -> _Said:
    return _enum(compiler, [said], schema)


def _properties(compiler: _Compiler, said: object, schema: Schema) -> _Said:
    """``required`` and both kinds of properties in one walk; each of the three brings all."""
    if said is not next(schema[word] for word in _OF_ENTRIES if word in schema):
        return _Said()
    required: list[str] = schema.get("required", [])
    more = schema.get("additionalProperties", True)
    rest = compiler.part(more if isinstance(more, MappingOf) else {})
    known: dict[str, tuple[Any, ...]] = {
        name: tuple(compiler.part(part)) for name, part in schema.get("properties", {}).items()
    }
    other: tuple[Any, ...] = tuple(rest) if more else (_NEVER, _never, _never)

    def check(entries: dict[str, Entry]) -> bool:
        for name in required:
            if name not in entries:
                return False
        for name, entry in entries.items():
            value: Any = entry.value
            scalars, of_entries, of_items = known.get(name, other)
            kind = type(value)
            if kind is Scalar:
                if not scalars[value[1:]]:
                    return False
            elif not (of_entries if kind is Mapping else of_items)(value[1]):
                return False
        return True

    return _Said(entries=check)


def _names(compiler: _Compiler, said: Schema, _: Schema) -> _Said:
    check = compiler.part(said).allows
    # A key is text, whatever it looks like.
    return _Said(
        entries=lambda entries: all(check(Scalar(_NOWHERE, name, plain=False)) for name in entries)
    )


def _items(compiler: _Compiler, said: Schema, _: Schema) -> _Said:
    item = compiler.part(said).allows
    return _Said(items=lambda items: all(map(item, items)))


def _dependent(_: _Compiler, said: MappingOf[str, list[str]], __: Schema) -> _Said:
    def check(entries: dict[str, Entry]) -> bool:
        for name in said:
            if name in entries and not all(need in entries for need in said[name]):
                return False
        return True

    return _Said(entries=check)


def _any_of(compiler: _Compiler, said: list[Schema], _: Schema) -> _Said:
    parts = [compiler.part(each) for each in said]
    return _Said(
        value=lambda value: any(each.scalars.right(value) for each in parts),
        entries=lambda entries: any(each.entries(entries) for each in parts),
        items=lambda items: any(each.items(items) for each in parts),
    )


def _one_of(_: _Compiler, said: list[Schema], __: Schema) -> _Said:
    """Only of ``required``: there a no is as certain as a yes, which counting needs."""
    if any(set(each) != {"required"} for each in said):
        raise KeyError("oneOf of more than required")
    forms = [each["required"] for each in said]

    def check(entries: dict[str, Entry]) -> bool:
        return sum(all(name in entries for name in form) for form in forms) == 1

    return _Said(value=_never, entries=check, items=_never)


def _least(_: _Compiler, said: float, __: Schema) -> _Said:
    return _Said(value=lambda value: type(value) not in (int, float) or bool(value >= said))


def _most(_: _Compiler, said: float, __: Schema) -> _Said:
    return _Said(value=lambda value: type(value) not in (int, float) or bool(value <= said))


def _least_text(_: _Compiler, said: int, __: Schema) -> _Said:
    return _Said(value=lambda value: type(value) is not str or len(value) >= said)


def _least_entries(_: _Compiler, said: int, __: Schema) -> _Said:
    return _Said(entries=lambda entries: len(entries) >= said)


def _least_items(_: _Compiler, said: int, __: Schema) -> _Said:
    return _Said(items=lambda items: len(items) >= said)


def _unique(_: _Compiler, said: bool, __: Schema) -> _Said:  # noqa: FBT001 - the value of the keyword
    def check(items: tuple[Node, ...]) -> bool:
        values = [core_value(each) for each in items]
        return all(type(each) is str for each in values) and len(set(values)) == len(values)

    return _Said(items=check if said else None)


def _pattern(_: _Compiler, said: str, __: Schema) -> _Said:
    search = re.compile(said).search
    return _Said(value=lambda value: type(value) is not str or search(value) is not None)


def _format(_: _Compiler, said: str, __: Schema) -> _Said:
    right = FORMATS[said]

    def check(value: Any) -> bool:
        try:
            return right(value)
        except ValueError:
            return False

    return _Said(value=check)


def _reference(compiler: _Compiler, said: str, _: Schema) -> _Said:
    part = compiler.reference(said.removeprefix("#/$defs/"))
    return _Said(part.scalars.right, part.entries, part.items)


#: What each keyword asks; a schema with another one cannot be checked here.
KEYWORDS: Final[dict[str, Callable[[_Compiler, Any, Schema], _Said]]] = {
    "$ref": _reference,
    "type": _type,
    "const": _const,
    "enum": _enum,
    "properties": _properties,
    "additionalProperties": _properties,
    "propertyNames": _names,
    "required": _properties,
    "dependentRequired": _dependent,
    "minProperties": _least_entries,
    "items": _items,
    "minItems": _least_items,
    "uniqueItems": _unique,
    "minLength": _least_text,
    "pattern": _pattern,
    "format": _format,
    "minimum": _least,
    "maximum": _most,
    "anyOf": _any_of,
    "oneOf": _one_of,
}
