"""A check that is certain where it says yes: the keywords of our own schemas and no others.

``jsonschema`` tells what is wrong, but it takes longer to load than to lint a file, and then longer
to run than everything else. A document that this check accepts is valid; of any other it says
nothing, and the validator is asked. It looks at nodes: the plain data of a document, which takes
longer to make than this check, is only needed where something may be wrong.
"""

import re
from collections.abc import Callable, Iterable
from collections.abc import Mapping as MappingOf
from typing import Any, Final, NamedTuple

from policies.findings import Span
from policies.schemas.formats import FORMATS
from policies.source import Entry, Mapping, Node, Scalar, Sequence, core_value

Check = Callable[[Node], bool]
Schema = MappingOf[str, Any]


class _Said(NamedTuple):
    """What one keyword asks: of any node, or of those of one kind; of a scalar's plain value."""

    node: Check | None = None
    value: Callable[[Any], bool] | None = None
    entries: Callable[[dict[str, Entry]], bool] | None = None
    items: Callable[[tuple[Node, ...]], bool] | None = None


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
#: Most scalars that one check remembers.
_REMEMBERED: Final = 4096


def quick_check(schema: Schema) -> Check:
    """The check of one schema whose references lead to its own ``$defs``; raises KeyError."""
    return _Compiler(schema.get("$defs", {})).check(schema)


class _Compiler:
    """Turns schemas into functions, each definition once, so that it may refer to itself."""

    def __init__(self, definitions: Schema) -> None:
        self.definitions = definitions
        self.known: dict[str, Check] = {}
        self.scalars: dict[Check, _Remembered] = {}
        """What a check says of scalars, for those that ask nothing of every node."""

    def check(self, schema: Schema) -> Check:
        said = [
            KEYWORDS[word](self, what, schema)
            for word, what in schema.items()
            if word not in SILENT
        ]
        always = [each.node for each in said if each.node]
        if len(always) == len(said) == 1:
            return always[0]
        scalar = _Remembered(each.value for each in said if each.value)
        of_entries: list[Callable[[Any], bool]] = [each.entries for each in said if each.entries]
        of_items: list[Callable[[Any], bool]] = [each.items for each in said if each.items]

        def check(node: Node) -> bool:
            # Loops, because this is asked of every value and a generator costs twice as much.
            for part in always:
                if not part(node):
                    return False
            if type(node) is Scalar:
                return scalar[node[1:]]
            inner: Any = node[1]  # the entries of a mapping, the items of a list
            for below in of_entries if type(node) is Mapping else of_items:
                if not below(inner):
                    return False
            return True

        if not always:
            self.scalars[check] = scalar
        return check

    def reference(self, name: str) -> Check:
        if name not in self.known:

            def later(node: Node) -> bool:
                return self.known[name](node)

            # Set before it is made: a definition that refers to itself finds this.
            self.known[name] = later
            self.known[name] = self.check(self.definitions[name])
        return self.known[name]


class _Remembered(dict[tuple[str, bool, str], bool]):
    """All checks of a scalar as it is written; files repeat the same names and durations often."""

    def __init__(self, parts: Iterable[Callable[[Any], bool]]) -> None:
        self.parts = tuple(parts)

    def __missing__(self, written: tuple[str, bool, str]) -> bool:
        if len(self) >= _REMEMBERED:
            self.clear()
        value = core_value(Scalar(_NOWHERE, *written))
        right = self[written] = all(part(value) for part in self.parts)
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


def _enum(_: _Compiler, said: list[Any], __: Schema) -> _Said:
    """One of several scalars; a mapping or list is none of them."""

    def check(value: Any) -> bool:
        return any(type(value) is type(each) and value == each for each in said)

    return _Said(value=check, entries=_never, items=_never)


def _const(compiler: _Compiler, said: Any, schema: Schema) -> _Said:
    return _enum(compiler, [said], schema)


def _properties(compiler: _Compiler, said: Schema, schema: Schema) -> _Said:
    """``properties`` and ``additionalProperties`` in one walk; either one brings both."""
    if said is not schema.get("properties", schema.get("additionalProperties")):
        return _Said()
    known = {name: compiler.check(part) for name, part in schema.get("properties", {}).items()}
    more = schema.get("additionalProperties", True)
    rest: Check = compiler.check(more) if isinstance(more, MappingOf) else lambda _: bool(more)
    # Most values are scalars, and what is known of one is looked up without a call.
    scalars = compiler.scalars
    both = {name: (check, scalars.get(check)) for name, check in known.items()}
    other = rest, scalars.get(rest)

    def check(entries: dict[str, Entry]) -> bool:
        for name, entry in entries.items():
            value = entry[1]
            ask, scalar = both.get(name, other)
            if scalar is not None and type(value) is Scalar:
                if not scalar[value[1:]]:
                    return False
            elif not ask(value):
                return False
        return True

    return _Said(entries=check)


def _names(compiler: _Compiler, said: Schema, _: Schema) -> _Said:
    check = compiler.check(said)
    # A key is text, whatever it looks like.
    return _Said(
        entries=lambda entries: all(check(Scalar(_NOWHERE, name, plain=False)) for name in entries)
    )


def _items(compiler: _Compiler, said: Schema, _: Schema) -> _Said:
    item = compiler.check(said)
    return _Said(items=lambda items: all(map(item, items)))


def _required(_: _Compiler, said: list[str], __: Schema) -> _Said:
    def check(entries: dict[str, Entry]) -> bool:
        for name in said:  # noqa: SIM110 - a loop, as above
            if name not in entries:
                return False
        return True

    return _Said(entries=check)


def _dependent(_: _Compiler, said: MappingOf[str, list[str]], __: Schema) -> _Said:
    def check(entries: dict[str, Entry]) -> bool:
        for name in said:
            if name in entries and not all(need in entries for need in said[name]):
                return False
        return True

    return _Said(entries=check)


def _any_of(compiler: _Compiler, said: list[Schema], _: Schema) -> _Said:
    parts = [compiler.check(each) for each in said]
    return _Said(node=lambda node: any(part(node) for part in parts))


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
    return _Said(node=compiler.reference(said.removeprefix("#/$defs/")))


#: What each keyword asks; a schema with another one cannot be checked here.
KEYWORDS: Final[dict[str, Callable[[_Compiler, Any, Schema], _Said]]] = {
    "$ref": _reference,
    "type": _type,
    "const": _const,
    "enum": _enum,
    "properties": _properties,
    "additionalProperties": _properties,
    "propertyNames": _names,
    "required": _required,
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
