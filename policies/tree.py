"""An organization tree with the rulesets of its nodes: what holds for a node at an instant.

Lint and service ask the same tree, one over files beside the organization file, the other over the
texts that were registered.
"""

from collections.abc import Callable, Iterator, Mapping
from datetime import datetime
from posixpath import dirname, join, normpath
from types import MappingProxyType
from typing import TypeVar

from policies.documents import DocumentError, Issue
from policies.exception_files import read_exceptions
from policies.exceptions import Exceptions, joined
from policies.findings import Span
from policies.frozen import dataclass, field, replace
from policies.granted import Reach
from policies.organization import DEFAULT_ZONE, Organization, read_organization
from policies.plain import nearest
from policies.rule import AnyRule
from policies.ruleset import (
    BUILTIN,
    NOT_READY,
    Asked,
    Chain,
    Fetch,
    Ready,
    Resolved,
    Ruleset,
    builtin,
    nothing_fetched,
    read_ruleset,
    root_chain,
)

T = TypeVar("T")

#: Most nodes that a message lists.
_LISTED = 20


@dataclass(frozen=True, slots=True)
class Place:
    """One node as it is asked about: its zone, and the rulesets from the root to it."""

    organization: Organization
    zone: str
    chain: Chain


@dataclass(frozen=True, slots=True)
class Tree:
    """``rulesets`` and ``files`` hold, by the path of its node, what the tree names.

    ``files`` are exceptions files under review. ``places`` holds every node by its path, a parent
    before its children. ``ready`` says which scheduled steps came early, because enough pipelines
    comply.
    """

    root: Organization
    rulesets: Mapping[str, Ruleset]
    places: Mapping[str, Place]
    files: Mapping[str, Exceptions] = field(default_factory=dict)
    ready: Ready = field(default_factory=lambda: NOT_READY)

    @classmethod
    def of(
        cls,
        root: Organization,
        rulesets: Mapping[str, Ruleset],
        files: Mapping[str, Exceptions] = MappingProxyType({}),
    ) -> "Tree":
        """The tree of these nodes; rulesets and exceptions are those of nodes, by their paths."""
        places = dict(_places(root, "", DEFAULT_ZONE, root_chain(), rulesets))
        return cls(root, rulesets, places, files)

    @property
    def nodes(self) -> tuple[str, ...]:
        """The path of every node, a parent before its children."""
        return tuple(self.places)

    def when(self, ready: Ready) -> "Tree":
        """The same tree with other steps that came early."""
        return replace(self, ready=ready)

    def has(self, node: str) -> bool:
        return node in self.places

    def place(self, node: str) -> Place:
        """One node; raises DocumentError for an unknown one."""
        if node not in self.places:
            near = nearest(node, self.places)
            listed = f"; there are {', '.join(self.places)}"
            few = len(self.places) <= _LISTED
            told = f"there is no organization {node!r}{listed if few else near}"
            raise DocumentError((Issue(self.root.span, told),))
        return self.places[node]

    def resolved(self, node: str, at: datetime) -> Resolved:
        """What holds for ``node``; raises DocumentError for an unknown node or a broken lock."""
        return self.place(node).chain.resolved(self.asked(node, at))

    def asked(self, node: str, at: datetime) -> Asked:
        return Asked(node, self.place(node).zone, at, self.ready)

    @property
    def addresses(self) -> frozenset[str]:
        """Every calendar that a ruleset names by an address."""
        files = (each for ruleset in self.rulesets.values() for each, _ in ruleset.layers())
        return frozenset().union(*(each.windows.addresses for each in files if each.windows))

    def exceptions(self, node: str) -> Exceptions:
        """What the files from the root to the node except, and who may approve more.

        A file of a node is about the pipelines of that node and below: nobody excepts a neighbour.
        """
        parts = node.split("/")
        paths = ("/".join(parts[:count]) for count in range(1, len(parts) + 1))
        found = joined(self.files[path] for path in paths if path in self.files)
        chain = self.place(node).chain
        reach = chain.limits.approver or Reach.PARENT
        approvers = self.root.leaders_over(node, reach)
        return replace(found, approvers=approvers, owners=chain.owners)

    def breaches(self) -> list[Issue]:
        """Locks that a node below breaks at any time, so that none waits for its date."""
        return [
            issue
            for node, place in self.places.items()
            if self._differs(node, place)
            for issue in place.chain.breaches(place.zone, node)
        ]

    def _differs(self, node: str, place: Place) -> bool:
        """Whether a node can break what its parent does not: others have the parent's dates."""
        own = place.organization
        return node in self.rulesets or own.zone is not None or node in place.chain.subtrees


def _places(
    node: Organization, above: str, zone: str, chain: Chain, rulesets: Mapping[str, Ruleset]
) -> Iterator[tuple[str, Place]]:
    path = f"{above}/{node.name}" if above else node.name
    zone = node.zone or zone
    if path in rulesets:
        chain = chain.below(path, rulesets[path])
    yield path, Place(node, zone, chain)
    for each in node.children:
        yield from _places(each, path, zone, chain, rulesets)


def read_tree(
    text: bytes | str, path: str, load: Callable[[str], str], fetch: Fetch = nothing_fetched
) -> Tree:
    """Read an organization file and every file that it names, all errors at once.

    Paths are relative to the organization file; ``load`` gets them joined with its folder and
    raises OSError for what cannot be read, as does ``fetch`` for a pinned ruleset elsewhere.
    """
    reading = _Reading(dirname(path), load, fetch)
    root = read_organization(text, path)
    for node, organization in root.walk():
        reading.node(root, node, organization)
    if reading.issues:
        raise DocumentError(reading.issues)
    tree = Tree.of(root, reading.rulesets, reading.files)
    if issues := tree.breaches():
        raise DocumentError(issues)
    return tree


@dataclass(slots=True)
class _Reading:
    """The files that an organization file names, and everything that is wrong in them."""

    folder: str
    load: Callable[[str], str]
    fetch: Fetch
    issues: list[Issue] = field(default_factory=list)
    rulesets: dict[str, Ruleset] = field(default_factory=dict)
    files: dict[str, Exceptions] = field(default_factory=dict)
    custom: dict[str, Mapping[str, AnyRule]] = field(default_factory=dict)
    """Custom rules of the nodes that have some, by the path of the node."""

    def node(self, root: Organization, node: str, organization: Organization) -> None:
        at, ruleset, exceptions = organization.span, organization.ruleset, organization.exceptions
        if ruleset:
            above = self._above(node)
            if ruleset in BUILTIN:
                read: Ruleset | None = builtin(ruleset)
            else:
                read = self._file("ruleset", ruleset, at, lambda path: self._ruleset(path, above))
            if read:
                self.rulesets[node] = read
            if read and (own := read.all_custom()):
                self.custom[node] = own
        if exceptions:
            zone, known = root.zone_of(node), self._above(node)
            found = self._file(
                "exceptions file", exceptions, at, lambda path: self._exceptions(path, zone, known)
            )
            if found:
                self.files[node] = found

    def _above(self, node: str) -> dict[str, AnyRule]:
        """The custom rules of a node and of all above it, as far as they are read."""
        return {
            name: rule
            for path, rules in self.custom.items()
            if f"{node}/".startswith(f"{path}/")
            for name, rule in rules.items()
        }

    def _ruleset(self, path: str, above: Mapping[str, AnyRule]) -> Ruleset:
        return read_ruleset(self.load(path), path, self.load, self.fetch, above)

    def _exceptions(self, path: str, zone: str, known: Mapping[str, AnyRule]) -> Exceptions:
        return read_exceptions(self.load(path), path, zone, known)

    def _file(self, kind: str, path: str, at: Span, read: Callable[[str], T]) -> T | None:
        try:
            return read(normpath(join(self.folder, path)))
        except OSError as error:
            told = f"{kind} {path!r} cannot be read: {error.strerror or error}"
            self.issues.append(Issue(at, told))
        except DocumentError as error:
            self.issues.extend(error.issues)
        return None
