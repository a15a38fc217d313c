"""An organization tree with the rulesets of its nodes: what holds for a node at an instant.

Lint and service ask the same tree, one over files beside the organization file, the other over the
texts that were registered.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from policies.documents import DocumentError, Issue
from policies.organization import Organization, read_organization
from policies.ruleset import Resolved, Ruleset, breaches, read_ruleset, resolve


@dataclass(frozen=True, slots=True)
class Tree:
    """``rulesets`` holds, by the path of its node, every ruleset that the tree names."""

    root: Organization
    rulesets: dict[str, Ruleset]

    def resolved(self, node: str, at: datetime) -> Resolved:
        """What holds for ``node``; raises DocumentError for an unknown node or a broken lock."""
        if not self.root.path_to(node):
            known = ", ".join(path for path, _ in self.root.walk())
            told = f"there is no organization {node!r}; there are {known}"
            raise DocumentError((Issue(self.root.span, told),))
        return resolve(self._chain(node), at, self.root.zone_of(node), node)

    def breaches(self) -> list[Issue]:
        """Locks that a node below breaks at any time, so that none waits for its date."""
        return [
            issue
            for node, _ in self.root.walk()
            for issue in breaches(self._chain(node), self.root.zone_of(node), node)
        ]

    def _chain(self, node: str) -> list[tuple[str, Ruleset]]:
        paths = [path for path, _ in self.root.walk() if f"{node}/".startswith(f"{path}/")]
        return [(path, self.rulesets[path]) for path in paths if path in self.rulesets]


def read_tree(text: bytes | str, path: str, load: Callable[[str], str]) -> Tree:
    """Read an organization file and every ruleset file that it names, all errors at once.

    Ruleset paths are relative to the organization file; ``load`` gives the text of such a path and
    raises OSError for what cannot be read.
    """
    root = read_organization(text, path)
    issues: list[Issue] = []
    rulesets: dict[str, Ruleset] = {}
    for node, organization in root.walk():
        if not organization.ruleset:
            continue
        try:
            rulesets[node] = read_ruleset(load(organization.ruleset), organization.ruleset, load)
        except OSError as error:
            told = f"ruleset {organization.ruleset!r} cannot be read: {error.strerror or error}"
            issues.append(Issue(organization.span, told))
        except DocumentError as error:
            issues.extend(error.issues)
    tree = Tree(root, rulesets)
    issues = issues or tree.breaches()
    if issues:
        raise DocumentError(issues)
    return tree
