"""Which ruleset a command asks: a built-in one, a file, or the organization's tree."""

from collections.abc import Callable
from datetime import datetime
from functools import cache
from pathlib import Path

from cli.files import ORGANIZATION, found_upwards, shown
from cli.problems import Unusable
from cli.reading import beside
from policies.documents import DocumentError
from policies.pipeline import Pipeline
from policies.ruleset import BUILTIN, Resolved, builtin, read_ruleset, resolve
from policies.tree import Tree, read_tree

DEFAULT = "recommended"


def practice(
    paths: list[Path], ruleset: str | None, node: str | None, at: datetime
) -> Callable[[Pipeline], Resolved]:
    """What to ask of each pipeline.

    ``--ruleset`` wins; then the organization file found upwards from the first path, for the node
    given or the one that the pipeline names; then the built-in ``recommended``.
    Raises Unusable with every located error.
    """
    try:
        return _practice(paths, ruleset, node, at)
    except DocumentError as error:
        raise Unusable(str(error)) from error


def _practice(
    paths: list[Path], ruleset: str | None, node: str | None, at: datetime
) -> Callable[[Pipeline], Resolved]:
    if ruleset:
        one = _from_ruleset(ruleset, at)
        return lambda _: one
    tree = _tree_above(paths[0])
    if tree is None:
        if node:
            told = f"--org {node}: no {ORGANIZATION} here or above; write one or use --ruleset"
            raise Unusable(told)
        one = _from_ruleset(DEFAULT, at)
        return lambda _: one
    if node:
        one = tree.resolved(node, at)
        return lambda _: one
    return lambda pipeline: _of_pipeline(tree, pipeline, at)


def _of_pipeline(tree: Tree, pipeline: Pipeline, at: datetime) -> Resolved:
    """A pipeline that names no node of the tree is held to the root's ruleset."""
    named = pipeline.organization.or_else(None)
    return tree.resolved(named if named and tree.root.path_to(named) else tree.root.name, at)


def _from_ruleset(name: str, at: datetime) -> Resolved:
    if name in BUILTIN:
        return resolve([("", builtin(name))], at)
    path = Path(name)
    if not path.is_file():
        told = f"no ruleset {name!r}: name {', '.join(BUILTIN)} or a file"
        raise Unusable(told)
    here = beside(path.parent)
    return resolve([("", read_ruleset(path.read_bytes(), path.name, here))], at)


def _tree_above(path: Path) -> Tree | None:
    found = found_upwards(path, ORGANIZATION)
    return _tree(found) if found else None


@cache
def _tree(path: Path) -> Tree:
    return read_tree(path.read_bytes(), shown(path), beside(path.parent))
