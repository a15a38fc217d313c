"""A custom rule as the rest of Bakegate knows rules: made from the METADATA of its module."""

from collections.abc import Iterator, Mapping
from functools import cache
from typing import Any, Final

from policies.documents import DocumentError, Issue, locate
from policies.findings import Enforcement, Severity
from policies.frozen import dataclass, field
from policies.patterns import pattern
from policies.rego.contract import Contract, read_contract
from policies.rule import (
    AnyRule,
    Family,
    GateFamily,
    Module,
    Params,
    ParamSpec,
    Rule,
    Stricter,
    Unit,
)
from policies.rules import rule
from policies.ruleset.values import parse_value

_WORD_UNITS: Final = {"bakegate-duration": Unit.DURATION, "bakegate-share": Unit.SHARE}
_UNITS: Final = {
    "integer": Unit.COUNT,
    "boolean": Unit.FLAG,
    "string": Unit.WORD,
    "array": Unit.WORDS,
}
#: What the document is made of; a declared fact starts with one of these.
_ROOTS: Final = ("pipeline", "release", "stage", "window")
_PART: Final = pattern(r"\*|\w+|\[\w+=[^\]]+\]")


@cache
def read_custom(text: str, path: str) -> AnyRule:
    """Read a module as a rule; raises DocumentError with everything that is wrong in it."""
    contract = read_contract(text, path)
    found = list(_issues(contract))
    params, more = _params(contract)
    if found or more:
        raise DocumentError([*found, *more])
    data = contract.data
    said = data["custom"]
    return Rule(
        id=said["id"],
        number=0,
        title=data["title"],
        family=Family.CUSTOM,
        severity=Severity(said["severity"]),
        now=Enforcement.WARN,
        target=Enforcement.BLOCK,
        params=params,
        docs=said["docs"],
        gate_family=GateFamily.CUSTOM,
        stages=frozenset(said.get("stages", ("prod",))),
        module=Module(
            path=path,
            text=contract.module.text,
            halves=contract.halves,
            owner=said["owner"],
            fix=said["fix"],
            facts=tuple(tuple(each.split(".")) for each in said.get("facts", ())),
        ),
    )


def _issues(contract: Contract) -> Iterator[Issue]:
    said = contract.data["custom"]
    if rule(said["id"]) is not None:
        told = f"{said['id']!r} is a built-in rule; choose another id"
        yield Issue(locate(contract.root, ("custom", "id")), told)
    for index, fact in enumerate(said.get("facts", ())):
        first, *rest = fact.split(".")
        if first not in _ROOTS or not all(_PART.fullmatch(each) for each in rest):
            told = (
                f"{fact!r} is no path into the document; write one that starts with "
                f"{', '.join(_ROOTS)}, such as pipeline.stages.[kind=prod].bake.time_s"
            )
            yield Issue(locate(contract.root, ("custom", "facts", index)), told)


def _params(contract: Contract) -> tuple[type[Params], list[Issue]]:
    """The parameters as a class like that of a built-in rule."""
    declared: Mapping[str, Any] = contract.data["custom"]["parameters"].get("properties", {})
    found: list[Issue] = []
    made = []
    for name, schema in declared.items():
        spec = _spec(name, schema)
        place = ("custom", "parameters", "properties", name)
        if not name.isidentifier():
            told = f"{name!r} is no name of a parameter; use a-z, 0-9 and _"
            found.append(Issue(locate(contract.root, place), told))
            continue
        try:
            default = parse_value(spec, schema["default"])
        except ValueError as error:
            found.append(Issue(locate(contract.root, (*place, "default")), str(error)))
            continue
        meta = {key: getattr(spec, key) for key in ("help", "unit", "stricter", "allowed")}
        made.append((name, Any, field(default=default, metadata=meta)))
    return _class(made), found


def _class(made: list[Any]) -> type[Params]:
    body = {name: default for name, _, default in made}
    body |= {"__module__": __name__, "__annotations__": {name: of for name, of, _ in made}}
    return dataclass(frozen=True, slots=True, kw_only=True)(type("CustomParams", (Params,), body))


def _spec(name: str, schema: Mapping[str, Any]) -> ParamSpec:
    unit = _UNITS[schema["type"]]
    if unit is Unit.WORD:
        unit = _WORD_UNITS.get(schema.get("format", ""), unit)
    words = schema.get("items", schema) if unit is Unit.WORDS else schema
    return ParamSpec(
        name=name,
        # A set, because the order of words means nothing and stricter is more or fewer of them.
        default=frozenset() if unit is Unit.WORDS else schema["default"],
        help=schema["description"],
        unit=unit,
        stricter=Stricter(schema.get("x-stricter", "neither")),
        allowed=tuple(words.get("enum", ())),
    )
