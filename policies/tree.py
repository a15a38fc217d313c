"""An organization tree with the rulesets of its nodes: what holds for a node at an instant.

Lint and service ask the same tree, one over files beside the organization file, the other over the
texts that were registered.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from posixpath import dirname, join, normpath

from policies.documents import DocumentError, Issue
from policies.organization import DEFAULT_ZONE, Organization, read_organization
from policies.plain import nearest
from policies.ruleset import (
    NOT_READY,
    Asked,
    Chain,
    Fetch,
    Ready,
    Resolved,
    Ruleset,
    nothing_fetched,
    read_ruleset,
    root_chain,
)

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
    """``rulesets`` holds, by the path of its node, every ruleset that the tree names.

    ``places`` holds every node by its path, a parent before its children. ``ready`` says which
    scheduled steps came early, because enough pipelines comply.
    """

    root: Organization
    rulesets: Mapping[str, Ruleset]
    places: Mapping[str, Place]
    ready: Ready = field(default_factory=lambda: NOT_READY)

    @classmethod
    def of(cls, root: Organization, rulesets: Mapping[str, Ruleset]) -> "Tree":
        """The tree of these nodes; ``rulesets`` are those of nodes, by the node's path."""
        return cls(root, rulesets, dict(_places(root, "", DEFAULT_ZONE, root_chain(), rulesets)))

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
    """Read an organization file and every ruleset file that it names, all errors at once.

    Ruleset paths are relative to the organization file; ``load`` gets them joined with its folder
    and raises OSError for what cannot be read, as does ``fetch`` for a pinned ruleset elsewhere.
    """
    root = read_organization(text, path)
    issues: list[Issue] = []
    rulesets: dict[str, Ruleset] = {}
    for node, organization in root.walk():
        if not organization.ruleset:
            continue
        try:
            own = normpath(join(dirname(path), organization.ruleset))
            rulesets[node] = read_ruleset(load(own), own, load, fetch)
        except OSError as error:
            told = f"ruleset {organization.ruleset!r} cannot be read: {error.strerror or error}"
            issues.append(Issue(organization.span, told))
        except DocumentError as error:
            issues.extend(error.issues)
    if issues:
        raise DocumentError(issues)
    tree = Tree.of(root, rulesets)
    if issues := tree.breaches():
        raise DocumentError(issues)
    return tree
