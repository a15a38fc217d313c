"""An Azure pipeline written out: conditions, loops and local templates put in their places.

A condition that nobody can decide here lets both of its branches stand; a template of another
repository stays where it is named, as a part that is not seen.
"""

import posixpath
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Final

from policies.classify import environment
from policies.facts import Fact, Unknown, elsewhere
from policies.findings import Span
from policies.formats.azure_expressions import Names, evaluate, filled, truth, whole
from policies.formats.follower import Follower, NotFollowed
from policies.frozen import replace
from policies.pipeline import StageKind
from policies.source import Entry, Node, Scalar, Sequence
from policies.source import Mapping as MappingNode

#: Most nodes that loops and templates may write out.
_MOST: Final = 50_000
#: Deepest chain of templates; Azure Pipelines allows 100, which nobody was seen to need.
_CHAIN: Final = 30
#: Sections of a template that stand where it is named.
#: Marks a value between several environments of which a condition chooses one for each run.
_CHOSEN: Final = "!chosen"
#: In front of the name of such a variable.
BY_RUN: Final = "?_"
SECTIONS: Final = ("stages", "jobs", "steps", "variables")


@dataclass(frozen=True, slots=True)
class _Here:
    """Where something is written out: its file's path, the files that led there, and names.

    ``lent`` is what a template of another repository is given: that repository may have the
    templates that it names.
    """

    chain: tuple[str, ...]
    names: Names
    lent: bool = False

    @property
    def folder(self) -> str:
        return posixpath.dirname(self.chain[-1]) if self.chain else ""


@dataclass(slots=True)
class Expander:
    """Writes one pipeline out; ``gaps`` are the parts that are not seen."""

    follower: Follower
    gaps: list[Fact[bool]] = field(default_factory=list)
    count: int = 0

    def root(self, root: MappingNode) -> MappingNode:
        """The file itself, over the template that it extends."""
        names = Names(loops={}, parameters=_lists(_defaults(root)), variables=variables_of(root))
        here = _Here(self.follower.chain, names)
        body = self._mapping(root, here)
        extends = body.get("extends")
        if isinstance(extends, MappingNode):
            found = self._template(extends, here)
            if isinstance(found, MappingNode):
                entries = {**found.entries, **body.entries}
                return MappingNode(body.span, {**entries, "extends": body.entries["extends"]})
        return body

    def _mapping(self, node: MappingNode, here: _Here) -> MappingNode:
        """Keys in order; those of a condition stand beside the others."""
        entries: dict[str, Entry] = {}
        for key, entry in self._entries(node, here):
            entries[key] = chosen(entries[key], entry) if key in entries else entry
        return MappingNode(node.span, entries, node.duplicates, node.tag)

    def _entries(self, node: MappingNode, here: _Here) -> Iterator[tuple[str, Entry]]:
        taken = False
        for key, entry in node.entries.items():
            expression = whole(key)
            if expression is None:
                text = filled(key, here.names)
                inside = replace(here, lent=here.lent or (key == "extends" and _away(entry.value)))
                yield text, Entry(entry.key, self._node(entry.value, inside, text))
                continue
            holds, taken = _decided(expression, here.names, taken=taken)
            if holds:
                for inside in self._bound(expression, here):
                    if isinstance(entry.value, MappingNode):
                        yield from self._entries(entry.value, inside)

    def _node(self, node: Node, here: _Here, key: str = "") -> Node:
        self.count += 1
        match node:
            case Scalar(text=text) if "${{" in text:
                return self._scalar(node, here)
            case Scalar():
                return node
            case MappingNode():
                return self._mapping(node, here)
            case Sequence(items=items):
                return Sequence(node.span, tuple(self._items(items, here, key)), node.tag)

    def _scalar(self, node: Scalar, here: _Here) -> Node:
        """A text with its expressions filled in; one that is a whole list or mapping becomes it."""
        expression = whole(node.text)
        if expression is not None:
            found = evaluate(expression, here.names)
            if isinstance(found, MappingNode | Sequence):
                return found
        return node._replace(text=filled(node.text, here.names))

    def _items(self, items: tuple[Node, ...], here: _Here, key: str) -> Iterator[Node]:
        taken = False
        for item in items:
            if self.count > _MOST:
                self._full(item.span)
                return
            condition = _condition(item)
            if condition is None:
                taken = False
                yield from self._item(item, here, key)
                continue
            expression, inner = condition
            holds, taken = _decided(expression, here.names, taken=taken)
            if holds:
                for inside in self._bound(expression, here):
                    nodes = inner.items if isinstance(inner, Sequence) else (inner,)
                    yield from self._items(nodes, inside, key)

    def _full(self, span: Span) -> None:
        note = f"loops and templates write out more than {_MOST:,} values; the rest is not read"
        if all(each.note != note for each in self.gaps):
            self.gaps.append(elsewhere(span, note))

    def _item(self, item: Node, here: _Here, key: str) -> Iterator[Node]:
        found = self._node(item, here)
        if isinstance(found, Sequence) and isinstance(item, Scalar):
            yield from found.items
        elif key in SECTIONS and isinstance(found, MappingNode) and "template" in found.entries:
            body = self._template(found, here, hides=key in ("stages", "jobs"))
            inner = body.get(key) if isinstance(body, MappingNode) else None
            if isinstance(inner, Sequence):
                yield from inner.items
            elif isinstance(inner, MappingNode):
                yield inner
            elif body is None:
                yield found
        else:
            yield found

    def _template(
        self, item: MappingNode, here: _Here, *, hides: bool = True
    ) -> MappingNode | None:
        """The template that an item names, written out with what it is given.

        ``hides`` says that whole jobs would be missing where it cannot be read.
        """
        named = item.get("template")
        if not isinstance(named, Scalar):
            return None
        path, _, repository = named.text.partition("@")
        if repository.lower() not in ("", "self") or "$" in path or len(here.chain) > _CHAIN:
            self._gap(named.span, f"the template {named.text} is not read", hides=hides)
            return None
        relative = not path.startswith("/")
        path = posixpath.join(here.folder, path) if relative else path
        if here.lent and not self.follower.has(path):
            self._gap(named.span, f"the template {named.text} is not read", hides=hides)
            return None
        try:
            part = self.follower.follow(path, named.span, here.chain, relative=relative)
        except NotFollowed as error:
            self._gap(named.span, error.note, hides=hides)
            return None
        root = part.source.root
        if not isinstance(root, MappingNode):
            return None
        given = item.get("parameters")
        arguments = {
            name: entry.value
            for name, entry in (given.entries.items() if isinstance(given, MappingNode) else ())
        }
        names = Names({**_defaults(root), **arguments}, here.names.variables)
        return self._mapping(root, _Here(part.chain, names))

    def _gap(self, span: Span, note: str, *, hides: bool) -> None:
        if hides:
            self.gaps.append(elsewhere(span, note))

    def _bound(self, expression: str, here: _Here) -> Iterator[_Here]:
        """The names inside of a condition; for a loop, those of each of its rounds."""
        words = expression.split()
        if words[:1] != ["each"] or len(words) < len(("each", "x", "in", "y")):
            yield here
            return
        found = evaluate(" ".join(words[3:]), here.names)
        if isinstance(found, Unknown):
            yield here
        for each in _rounds(found):
            loops = {**here.names.loops, words[1]: each}
            yield replace(here, names=replace(here.names, loops=loops))


def _away(extends: Node) -> bool:
    """Whether a template of another repository is extended."""
    named = extends.get("template") if isinstance(extends, MappingNode) else None
    return isinstance(named, Scalar) and named.text.partition("@")[2].lower() not in ("", "self")


def chosen(first: Entry, other: Entry) -> Entry:
    """Of two values that a condition chooses between, the one that names production.

    What may reach customers is judged as what does; else the first one stands.
    """
    texts = [each.value.text for each in (first, other) if isinstance(each.value, Scalar)]
    kinds = [environment(text) for text in texts]
    one = other if kinds[1:] == [StageKind.PROD] and kinds[0] is not StageKind.PROD else first
    if isinstance(one.value, Scalar) and len({kind for kind in kinds if kind}) > 1:
        return Entry(one.key, one.value._replace(tag=_CHOSEN))
    return one


def _rounds(found: object) -> Iterator[Node]:
    match found:
        case Sequence(items=items):
            yield from items
        case MappingNode(entries=entries):
            for entry in entries.values():
                pair = {
                    "key": Entry(entry.key, entry.key),
                    "value": Entry(entry.key, entry.value),
                }
                yield MappingNode(entry.key.span, pair)


def _condition(item: Node) -> tuple[str, Node] | None:
    """An item that is nothing but a condition or a loop, and what it holds."""
    if isinstance(item, MappingNode) and len(item.entries) == 1:
        key, entry = next(iter(item.entries.items()))
        expression = whole(key)
        if expression is not None:
            return expression, entry.value
    return None


def _decided(expression: str, names: Names, *, taken: bool) -> tuple[bool, bool]:
    """Whether a branch stands, and whether a branch of this chain was surely taken."""
    word, _, rest = expression.partition(" ")
    if word not in ("if", "elseif", "else"):
        return True, False
    if word != "if" and taken:
        return False, True
    holds = True if word == "else" else truth(evaluate(rest, names))
    return holds is not False, holds is True


def _defaults(root: MappingNode) -> dict[str, Node]:
    """The default values of a template's parameters, in both of the forms that they have."""
    node = root.get("parameters")
    if isinstance(node, MappingNode):
        return {name: entry.value for name, entry in node.entries.items()}
    found: dict[str, Node] = {}
    for item in node.items if isinstance(node, Sequence) else ():
        name = item.get("name") if isinstance(item, MappingNode) else None
        default = item.get("default") if isinstance(item, MappingNode) else None
        if isinstance(name, Scalar) and default is not None:
            found[name.text] = default
    return found


def _lists(defaults: Mapping[str, Node]) -> dict[str, Node]:
    """Of a pipeline's own parameters those that loops go over; a person chooses the others."""
    return {name: node for name, node in defaults.items() if not isinstance(node, Scalar)}


def _add(found: dict[str, str], name: str, value: str) -> None:
    """A variable beside those before it; of several environments the one that reaches furthest."""
    hint = f"{BY_RUN}{name}"
    known = found.get(hint, found.get(name))
    if known is None:
        found[name] = value
        return
    kinds = environment(known), environment(value)
    if None not in kinds and kinds[0] is not kinds[1]:
        found.pop(name, None)
        found[hint] = value if kinds[1] is StageKind.PROD else known
    elif kinds[1] is StageKind.PROD:
        found[hint if hint in found else name] = value


def variables_of(body: MappingNode) -> dict[str, str]:
    """Names and values of a ``variables`` section, in both of its forms.

    A variable by which each run chooses its environment has no value that could be put in; the one
    that reaches furthest stands under a name that nothing can ask for, and only hints.
    """
    node = body.get("variables")
    if isinstance(node, MappingNode):
        return {
            f"{BY_RUN}{name}" if entry.value.tag == _CHOSEN else name: entry.value.text
            for name, entry in node.entries.items()
            if isinstance(entry.value, Scalar)
        }
    found: dict[str, str] = {}
    for item in node.items if isinstance(node, Sequence) else ():
        name = item.get("name") if isinstance(item, MappingNode) else None
        value = item.get("value") if isinstance(item, MappingNode) else None
        if isinstance(name, Scalar) and isinstance(value, Scalar):
            _add(found, name.text, value.text)
    return found
