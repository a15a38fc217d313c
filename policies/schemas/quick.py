"""A check that is certain where it says yes: the keywords of our own schemas and no others.

``jsonschema`` tells what is wrong, but it takes longer to load than to lint a file, and then longer
to run than everything else. A document that this check accepts is valid; of any other it says
nothing, and the validator is asked.
"""

import re
from collections.abc import Callable, Mapping, Sized
from functools import lru_cache
from typing import Any, Final

from policies.schemas.formats import FORMATS

Check = Callable[[Any], bool]

#: Keywords that say something to people and nothing about a value.
SILENT: Final = frozenset({"$schema", "$id", "$defs", "title", "description", "examples"})

_TYPES: Final[dict[str, tuple[type, ...]]] = {
    "string": (str,),
    "integer": (int,),
    "number": (int, float),
    "boolean": (bool,),
    "object": (dict,),
    "array": (list,),
    "null": (type(None),),
}


def quick_check(schema: Mapping[str, Any]) -> Check:
    """The check of one schema whose references lead to its own ``$defs``; raises KeyError."""
    return _Compiler(schema.get("$defs", {})).check(schema)


class _Compiler:
    """Turns schemas into functions, each definition once, so that it may refer to itself."""

    def __init__(self, definitions: Mapping[str, Any]) -> None:
        self.definitions = definitions
        self.known: dict[str, Check] = {}

    def check(self, schema: Mapping[str, Any]) -> Check:
        parts = [
            made
            for word, said in schema.items()
            if word not in SILENT and (made := KEYWORDS[word](self, said, schema))
        ]
        if len(parts) == 1:
            return parts[0]
        if schema.get("type") == "string":
            return _remembered(parts)

        def check(value: Any) -> bool:
            # A loop, because this is asked of every value and a generator costs twice as much.
            for part in parts:  # noqa: SIM110 - see above
                if not part(value):
                    return False
            return True

        return check

    def reference(self, name: str) -> Check:
        if name not in self.known:

            def later(value: Any) -> bool:
                return self.known[name](value)

            # Set before it is made: a definition that refers to itself finds this.
            self.known[name] = later
            self.known[name] = self.check(self.definitions[name])
        return self.known[name]


def _remembered(parts: list[Check]) -> Check:
    """All checks of a text; files repeat the same names and durations many times."""

    @lru_cache(maxsize=4096)
    def check(value: str) -> bool:
        return all(part(value) for part in parts)

    return lambda value: type(value) is str and check(value)


def _type(_: _Compiler, said: str | list[str], __: Mapping[str, Any]) -> Check:
    words = [said] if isinstance(said, str) else said
    # By exact type, because True is an int in Python and no integer in a schema.
    allowed = frozenset(each for word in words for each in _TYPES[word])
    return lambda value: type(value) in allowed


def _enum(_: _Compiler, said: list[Any], __: Mapping[str, Any]) -> Check:
    return lambda value: any(type(value) is type(each) and value == each for each in said)


def _const(_: _Compiler, said: Any, __: Mapping[str, Any]) -> Check:
    return lambda value: type(value) is type(said) and bool(value == said)


def _properties(
    compiler: _Compiler, said: Mapping[str, Any], schema: Mapping[str, Any]
) -> Check | None:
    """``properties`` and ``additionalProperties`` in one walk; either one brings both."""
    if said is not schema.get("properties", schema.get("additionalProperties")):
        return None
    known = {name: compiler.check(part) for name, part in schema.get("properties", {}).items()}
    more = schema.get("additionalProperties", True)
    rest: Check = compiler.check(more) if isinstance(more, Mapping) else lambda _: bool(more)

    def check(value: Any) -> bool:
        if type(value) is not dict:
            return True
        for name, inner in value.items():  # noqa: SIM110 - a loop, as above
            if not known.get(name, rest)(inner):
                return False
        return True

    return check


def _names(compiler: _Compiler, said: Mapping[str, Any], _: Mapping[str, Any]) -> Check:
    name = compiler.check(said)
    return lambda value: type(value) is not dict or all(map(name, value))


def _items(compiler: _Compiler, said: Mapping[str, Any], _: Mapping[str, Any]) -> Check:
    item = compiler.check(said)
    return lambda value: type(value) is not list or all(map(item, value))


def _required(_: _Compiler, said: list[str], __: Mapping[str, Any]) -> Check:
    return lambda value: type(value) is not dict or all(name in value for name in said)


def _dependent(_: _Compiler, said: Mapping[str, list[str]], __: Mapping[str, Any]) -> Check:
    def check(value: Any) -> bool:
        if type(value) is not dict:
            return True
        return all(need in value for name in said if name in value for need in said[name])

    return check


def _any_of(compiler: _Compiler, said: list[Mapping[str, Any]], _: Mapping[str, Any]) -> Check:
    parts = [compiler.check(each) for each in said]
    return lambda value: any(part(value) for part in parts)


def _one_of(compiler: _Compiler, said: list[Mapping[str, Any]], _: Mapping[str, Any]) -> Check:
    """Only of ``required``: there a no is as certain as a yes, which counting needs."""
    if any(set(each) != {"required"} for each in said):
        raise KeyError("oneOf of more than required")
    parts = [compiler.check(each) for each in said]
    return lambda value: type(value) is dict and sum(part(value) for part in parts) == 1


def _least(_: _Compiler, said: float, __: Mapping[str, Any]) -> Check:
    return lambda value: type(value) not in (int, float) or bool(value >= said)


def _most(_: _Compiler, said: float, __: Mapping[str, Any]) -> Check:
    return lambda value: type(value) not in (int, float) or bool(value <= said)


def _size(kind: type[Sized]) -> Callable[[_Compiler, int, Mapping[str, Any]], Check]:
    def keyword(_: _Compiler, said: int, __: Mapping[str, Any]) -> Check:
        return lambda value: type(value) is not kind or len(value) >= said

    return keyword


def _unique(_: _Compiler, said: bool, __: Mapping[str, Any]) -> Check:  # noqa: FBT001 - the value of the keyword
    def check(value: Any) -> bool:
        if not said or type(value) is not list:
            return True
        return all(type(each) is str for each in value) and len(set(value)) == len(value)

    return check


def _pattern(_: _Compiler, said: str, __: Mapping[str, Any]) -> Check:
    search = re.compile(said).search
    return lambda value: type(value) is not str or search(value) is not None


def _format(_: _Compiler, said: str, __: Mapping[str, Any]) -> Check:
    right = FORMATS[said]

    def check(value: Any) -> bool:
        try:
            return right(value)
        except ValueError:
            return False

    return check


def _reference(compiler: _Compiler, said: str, _: Mapping[str, Any]) -> Check:
    return compiler.reference(said.removeprefix("#/$defs/"))


#: What each keyword makes of its value; a schema with another one cannot be checked here.
KEYWORDS: Final[dict[str, Callable[[_Compiler, Any, Mapping[str, Any]], Check | None]]] = {
    "$ref": _reference,
    "type": _type,
    "const": _const,
    "enum": _enum,
    "properties": _properties,
    "additionalProperties": _properties,
    "propertyNames": _names,
    "required": _required,
    "dependentRequired": _dependent,
    "minProperties": _size(dict),
    "items": _items,
    "minItems": _size(list),
    "uniqueItems": _unique,
    "minLength": _size(str),
    "pattern": _pattern,
    "format": _format,
    "minimum": _least,
    "maximum": _most,
    "anyOf": _any_of,
    "oneOf": _one_of,
}
