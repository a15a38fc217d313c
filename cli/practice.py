"""Which ruleset a command asks: a built-in one, a file, or the organization's tree."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from pathlib import Path

from cli.files import ORGANIZATION, beside, elsewhere, found_upwards, shown
from cli.problems import Unusable
from policies.pipeline import Pipeline
from policies.plain import nearest
from policies.ruleset import BUILTIN, Resolved, builtin, read_ruleset, resolve
from policies.tree import Tree, read_tree

DEFAULT = "recommended"


@dataclass(frozen=True, slots=True)
class Practice:
    """What to ask of each pipeline; ``default`` of one that names no node of the organization."""

    default: Resolved
    of: Callable[[Pipeline], Resolved]


def practice(paths: list[Path], ruleset: str | None, node: str | None, at: datetime) -> Practice:
    """The given ruleset, else the organization's, else the built-in ``recommended``.

    The organization file is found upwards from the first path and asked for the node given, else
    for the one that each pipeline names.
    Raises Unusable, and DocumentError with everything that is wrong in a file.
    """
    if ruleset and node:
        told = "--ruleset and --org exclude each other; the organization has its own rulesets"
        raise Unusable(told)
    if ruleset:
        return _same(_from_ruleset(ruleset, at))
    tree = _tree_above(paths[0])
    if tree is None:
        if node:
            told = f"--org {node}: no {ORGANIZATION} beside or above {paths[0]}; use --ruleset"
            raise Unusable(told)
        return _same(_from_ruleset(DEFAULT, at))
    if node:
        return _same(tree.resolved(node, at))
    root = tree.resolved(tree.root.name, at)
    return Practice(root, lambda pipeline: _of_pipeline(tree, pipeline, at) or root)


def _same(resolved: Resolved) -> Practice:
    return Practice(resolved, lambda _: resolved)


def _of_pipeline(tree: Tree, pipeline: Pipeline, at: datetime) -> Resolved | None:
    """None for a pipeline that names no node of the tree."""
    named = pipeline.organization.or_else("")
    return tree.resolved(named, at) if named and tree.has(named) else None


def _from_ruleset(name: str, at: datetime) -> Resolved:
    if name in BUILTIN:
        return resolve([("", builtin(name))], at)
    path = Path(name)
    if not path.is_file():
        known = f"{', '.join(BUILTIN)}{nearest(name, BUILTIN)}"
        told = f"--ruleset {name}: no such file, and built in are only {known}"
        raise Unusable(told)
    own = read_ruleset(path.read_bytes(), shown(path), beside(path.parent), elsewhere)
    return resolve([("", own)], at)


def _tree_above(path: Path) -> Tree | None:
    found = found_upwards(path, ORGANIZATION)
    return _tree(found) if found else None


@cache
def _tree(path: Path) -> Tree:
    return read_tree(path.read_bytes(), shown(path), beside(path.parent), elsewhere)
