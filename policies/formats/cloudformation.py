"""What a CloudFormation template says without being deployed: resources, and values of intrinsics.

Both spellings of an intrinsic are read alike: ``!Sub x`` and ``{"Fn::Sub": "x"}``. What only a
deployment can fill in stays in the text as ``${Name}``, so that the name can still tell something.
"""

from collections.abc import Iterator
from typing import Final

from policies.findings import Span
from policies.frozen import dataclass
from policies.patterns import pattern
from policies.source import Mapping, Node, Scalar, Sequence

_PLACEHOLDER: Final = pattern(r"\$\{([^!}][^}]*)\}")
_NOTHING: Final = "${AWS::NoValue}"
#: Deepest nesting of intrinsics that is read; CloudFormation itself stops far below.
_DEEPEST: Final = 20


@dataclass(frozen=True, slots=True)
class Resource:
    """One resource of a template; ``span`` is its logical id."""

    name: str
    type: str
    span: Span
    properties: Mapping


class Template:
    """The resources of a template by type, and the defaults of its parameters."""

    def __init__(self, root: Mapping) -> None:
        resources = root.get("Resources")
        found = resources.entries.items() if isinstance(resources, Mapping) else ()
        self.resources = tuple(
            _resource(name, entry.key.span, entry.value)
            for name, entry in found
            if isinstance(entry.value, Mapping)
        )
        self.defaults = dict(_defaults(root.get("Parameters")))

    def of_type(self, *types: str) -> Iterator[Resource]:
        return (each for each in self.resources if each.type in types)

    def named(self, node: Node | None, name_key: str, *types: str) -> Resource | None:
        """The resource that ``node`` refers to, by logical id or by the name that it has itself."""
        if node is None:
            return None
        said = text(node)
        target = _target(node)
        for each in self.of_type(*types):
            own = each.properties.get(name_key)
            if target == each.name or (own is not None and said and text(own) == said):
                return each
        return None

    def filled(self, said: str) -> str:
        """The text with the defaults of parameters in the places of their names."""
        return _PLACEHOLDER.sub(lambda found: self.defaults.get(found[1], found[0]), said)


def _resource(name: str, span: Span, node: Mapping) -> Resource:
    kind, properties = node.get("Type"), node.get("Properties")
    return Resource(
        name,
        kind.text if isinstance(kind, Scalar) else "",
        span,
        properties if isinstance(properties, Mapping) else Mapping(span, {}),
    )


def _defaults(parameters: Node | None) -> Iterator[tuple[str, str]]:
    for name, entry in parameters.entries.items() if isinstance(parameters, Mapping) else ():
        default = entry.value.get("Default") if isinstance(entry.value, Mapping) else None
        if isinstance(default, Scalar) and default.text:
            yield name, default.text


def intrinsic(node: Node) -> tuple[str, Node] | None:
    """The name of the function that a value calls, and its argument; None for plain values."""
    if len(node.tag) > 1 and node.tag.startswith("!") and not node.tag.startswith("!!"):
        return node.tag[1:], node._replace(tag="")
    if isinstance(node, Mapping) and len(node.entries) == 1:
        name, entry = next(iter(node.entries.items()))
        if name == "Ref" or name.startswith("Fn::"):
            return name.removeprefix("Fn::"), entry.value
    return None


def text(node: Node | None, depth: int = 0) -> str | None:
    """What a value says as text, with ``${Name}`` where a deployment fills in; None for others."""
    if node is None or depth > _DEEPEST:
        return None
    called = intrinsic(node)
    if called is None:
        return node.text if isinstance(node, Scalar) else None
    name, argument = called
    match name, argument:
        case ("Ref", Scalar(text=said)):
            return f"${{{said}}}"
        case ("GetAtt", Scalar(text=said)):
            return f"${{{said}}}"
        case ("GetAtt", Sequence(items=items)):
            return f"${{{'.'.join(text(item, depth + 1) or '' for item in items)}}}"
        case ("Sub" | "ImportValue" | "Base64", _):
            first = argument.items[0] if isinstance(argument, Sequence) else argument
            return text(first, depth + 1)
        case ("Join", Sequence(items=(Scalar(text=between), Sequence(items=items)))):
            return between.join(text(item, depth + 1) or "" for item in items)
        case ("If", Sequence(items=(_, *branches))):
            said_by = (text(branch, depth + 1) for branch in branches)
            return next((said for said in said_by if said and said != _NOTHING), None)
        case _:
            return None


def exact(node: Node | None) -> str | None:
    """The text of a value that is the same in every deployment of the template."""
    said = text(node)
    return said if said is not None and not _PLACEHOLDER.search(said) else None


def _target(node: Node) -> str:
    """The logical id that a value refers to, through ``!Ref``, ``!GetAtt`` or a lone ``${X}``."""
    said = text(node) or ""
    found = _PLACEHOLDER.fullmatch(said)
    return found[1].partition(".")[0] if found else ""


def options(node: Node, depth: int = 0) -> Iterator[Node]:
    """The values that a value may have: the branches of conditions, without ``NoValue``."""
    called = intrinsic(node)
    if called is None or called[0] != "If" or depth > _DEEPEST:
        if text(node) != _NOTHING:
            yield node
        return
    argument = called[1]
    for branch in argument.items[1:] if isinstance(argument, Sequence) else ():
        yield from options(branch, depth + 1)


def elements(node: Node | None) -> tuple[tuple[Node, ...], bool]:
    """The items of a list, those under conditions too, and whether the list could be seen whole."""
    if node is None:
        return (), True
    choices = list(options(node))
    lists = [each for each in choices if isinstance(each, Sequence) and intrinsic(each) is None]
    if not lists:
        return (), False
    found = [item for each in lists[0].items for item in options(each)]
    plain = [item for item in found if intrinsic(item) is None]
    return tuple(plain), len(choices) == 1 and len(plain) == len(found)


def mapping(node: Node | None) -> Mapping | None:
    """The first mapping that a value may be."""
    for each in options(node) if node is not None else ():
        if isinstance(each, Mapping) and intrinsic(each) is None:
            return each
    return None


def field(node: Mapping | None, name: str) -> Node | None:
    """A key as templates write it (``ActionTypeId``) or as the API does (``actionTypeId``)."""
    if node is None:
        return None
    found = node.get(name)
    return node.get(name[:1].lower() + name[1:]) if found is None else found


def said(node: Mapping | None, name: str) -> str:
    """The text under a key of either spelling; empty where there is none."""
    return text(field(node, name)) or ""
