"""The organization tree: who belongs to whom, in which zone, under which ruleset file."""

from collections.abc import Iterator
from typing import Final

from policies.documents import DocumentError, Issue, read_single
from policies.documents import issues as form_issues
from policies.findings import Span
from policies.frozen import dataclass
from policies.granted import Reach
from policies.source import Mapping, Node, Scalar, Sequence
from policies.windows import zone as zone_data

DEFAULT_ZONE: Final = "UTC"
#: Roles that everybody has who is named for them elsewhere: no group may take such a name.
LEADER: Final = "leader"
OWNER: Final = "owner"
ONCALL: Final = "oncall"


@dataclass(frozen=True, slots=True)
class Organization:
    """One node; ``zone`` and the paths of files are None where this node names none.

    ``leaders`` are the people who answer for the node and what lies below it, by the subject of
    their token: they approve exceptions. ``groups`` are teams, rotas and others with their members,
    whom approvals name as roles.
    """

    name: str
    zone: str | None
    ruleset: str | None
    children: "tuple[Organization, ...]"
    span: Span
    exceptions: str | None = None
    leaders: tuple[str, ...] = ()
    groups: tuple[tuple[str, frozenset[str]], ...] = ()

    def path_to(self, path: str) -> "tuple[Organization, ...]":
        """The nodes from this root to ``retail/commerce/orders``; empty where there is none."""
        head, _, rest = path.partition("/")
        if head != self.name:
            return ()
        if not rest:
            return (self,)
        below = next((found for each in self.children if (found := each.path_to(rest))), ())
        return (self, *below) if below else ()

    def find(self, path: str) -> "Organization | None":
        nodes = self.path_to(path)
        return nodes[-1] if nodes else None

    def zone_of(self, path: str) -> str:
        """The zone in which dates of this node are read: its own, else the nearest above."""
        zones = [each.zone for each in self.path_to(path) if each.zone]
        return zones[-1] if zones else DEFAULT_ZONE

    def leaders_over(self, path: str, reach: Reach) -> frozenset[str] | None:
        """Who may approve for a pipeline of the node; None where nobody up the tree is named.

        A pipeline of the root has no node above its own: the root's leaders approve for it.
        """
        nodes = self.path_to(path)
        if not any(each.leaders for each in nodes):
            return None
        above = nodes[:-1] or nodes
        reached = {Reach.NODE: nodes, Reach.PARENT: above, Reach.ROOT: nodes[:1]}[reach]
        return frozenset(name for each in reached for name in each.leaders)

    def groups_at(self, path: str) -> dict[str, frozenset[str]]:
        """Each group that a node knows, with its members; the nearest of equal names counts."""
        return {name: members for each in self.path_to(path) for name, members in each.groups}

    def walk(self, above: str = "") -> "Iterator[tuple[str, Organization]]":
        """Every node with its path, a parent before its children."""
        path = f"{above}/{self.name}" if above else self.name
        yield path, self
        for each in self.children:
            yield from each.walk(path)


def read_organization(text: bytes | str, path: str) -> Organization:
    """Read ``bakegate/organization/v1``; raises DocumentError with everything that is wrong."""
    source = read_single(text, path)
    form = form_issues(source, "organization")
    issues: list[Issue] = []
    root = _node(source.root, issues)
    # Where the form is wrong, the meaning adds nothing.
    told = {issue.span for issue in form}
    if found := [*form, *(each for each in issues if each.span not in told)]:
        raise DocumentError(found)
    return root


def _node(node: Node, issues: list[Issue]) -> Organization:
    mapping = node if isinstance(node, Mapping) else Mapping(node.span, {})
    keys = ("name", "zone", "ruleset", "exceptions")
    name, zone, ruleset, exceptions = (_scalar(mapping.get(key)) for key in keys)
    if zone:
        try:
            zone_data(zone.text)
        except ValueError as error:
            issues.append(Issue(zone.span, str(error)))
    groups = mapping.get("groups")
    named = groups if isinstance(groups, Mapping) else Mapping(node.span, {})
    _refuse_roles(named, issues)
    children = tuple(_node(each, issues) for each in _items(mapping, "children"))
    _refuse_twins(children, issues)
    return Organization(
        name=name.text if name else "",
        zone=zone.text if zone else None,
        ruleset=ruleset.text if ruleset else None,
        children=children,
        span=name.span if name else node.span,
        exceptions=exceptions.text if exceptions else None,
        leaders=_words(mapping, "leaders"),
        groups=tuple((name, frozenset(_words(named, name))) for name in named.entries),
    )


def _words(mapping: Mapping, key: str) -> tuple[str, ...]:
    return tuple(each.text for each in _items(mapping, key) if isinstance(each, Scalar))


def _refuse_roles(groups: Mapping, issues: list[Issue]) -> None:
    for role in (LEADER, OWNER, ONCALL):
        if role in groups.entries:
            told = f"{role!r} is a role that every pipeline has; give the group another name"
            issues.append(Issue(groups.entries[role].key.span, told))


def _items(mapping: Mapping, key: str) -> tuple[Node, ...]:
    listed = mapping.get(key)
    return tuple(listed.items) if isinstance(listed, Sequence) else ()


def _refuse_twins(children: tuple[Organization, ...], issues: list[Issue]) -> None:
    seen: dict[str, Span] = {}
    for child in children:
        first = seen.setdefault(child.name, child.span)
        if first is not child.span:
            told = f"{child.name!r} stands already on line {first.line}; siblings need other names"
            issues.append(Issue(child.span, told))


def _scalar(node: Node | None) -> Scalar | None:
    return node if isinstance(node, Scalar) else None
