"""Which ruleset a command asks: a built-in one, a file, or the organization's tree."""

from collections.abc import Callable
from datetime import datetime
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

from cli.files import ORGANIZATION, beside, elsewhere, found_upwards, shown
from cli.problems import Unusable
from policies.exceptions import NO_EXCEPTIONS, Exceptions
from policies.frozen import dataclass, replace
from policies.pipeline import Pipeline
from policies.plain import nearest
from policies.ruleset import (
    BUILTIN,
    Chain,
    Resolved,
    Ruleset,
    builtin,
    read_ruleset,
    resolve,
    root_chain,
)

if TYPE_CHECKING:
    from policies.tree import Tree

DEFAULT = "recommended"


@dataclass(frozen=True, slots=True)
class Practice:
    """What to ask of each pipeline; ``default`` of one that names no node of the organization.

    ``named`` gives it by the name of a node that ``of`` answered for. ``exceptions`` gives what the
    organization's files except for a pipeline.
    """

    default: Resolved
    of: Callable[[Pipeline], Resolved]
    named: Callable[[str], Resolved]
    exceptions: Callable[[Pipeline], Exceptions] = lambda _: NO_EXCEPTIONS


def practice(paths: list[Path], ruleset: str | None, node: str | None, at: datetime) -> Practice:
    """The given ruleset, else the organization's, else the built-in ``recommended``.

    The organization file is found upwards from the first path and asked for the node given, else
    for the one that each pipeline names. A node given is also looked for upwards from here.
    Raises Unusable, and DocumentError with everything that is wrong in a file.
    """
    if ruleset and node:
        told = "--ruleset and --org exclude each other; the organization has its own rulesets"
        raise Unusable(told)
    if ruleset:
        return _same(_from_ruleset(ruleset, at))
    # A node that somebody names is looked for from here as well: its file may be elsewhere.
    tree = tree_above(paths[0]) or (tree_above(Path.cwd()) if node else None)
    if tree is None:
        if node:
            where = f"beside or above {paths[0]} or this folder"
            told = f"--org {node}: no {ORGANIZATION} {where}; use --ruleset"
            raise Unusable(told)
        return _same(_from_ruleset(DEFAULT, at))
    if node:
        excepted = tree.exceptions(node)
        return replace(_same(tree.resolved(node, at)), exceptions=lambda _: excepted)
    root = tree.resolved(tree.root.name, at)
    return Practice(
        root,
        lambda pipeline: _of_pipeline(tree, pipeline, at) or root,
        lambda node: tree.resolved(node, at),
        lambda pipeline: tree.exceptions(_node(tree, pipeline) or tree.root.name),
    )


def ruleset_named(name: str, at: datetime) -> Resolved:
    """What a word on the command line names: a built-in ruleset, a file, or a node of the tree.

    The tree is that of the organization file found upwards from here. Raises Unusable for a word
    that names nothing.
    """
    if name in BUILTIN or Path(name).is_file():
        return _from_ruleset(name, at)
    tree = tree_above(Path.cwd())
    if tree and tree.has(name):
        return tree.resolved(name, at)
    known = [*BUILTIN, *(tree.nodes if tree else ())]
    above = "" if tree else f", and there is no {ORGANIZATION} here or above"
    told = f"{name!r} is no built-in ruleset, file or node{nearest(name, known)}{above}"
    raise Unusable(told)


def _same(resolved: Resolved) -> Practice:
    return Practice(resolved, lambda _: resolved, lambda _: resolved)


def _of_pipeline(tree: "Tree", pipeline: Pipeline, at: datetime) -> Resolved | None:
    """None for a pipeline that names no node of the tree."""
    named = _node(tree, pipeline)
    return tree.resolved(named, at) if named else None


def _node(tree: "Tree", pipeline: Pipeline) -> str:
    """The node that a pipeline names, if the tree has it."""
    named = pipeline.organization.or_else(None) or ""
    return named if named and tree.has(named) else ""


def chain_named(name: str) -> Chain:
    """The ruleset of a built-in name or a file, asked alone; raises Unusable for any other."""
    return root_chain().below("", _read_named(name))


def _from_ruleset(name: str, at: datetime) -> Resolved:
    return resolve([("", _read_named(name))], at)


def _read_named(name: str) -> Ruleset:
    if name in BUILTIN:
        return builtin(name)
    path = Path(name)
    if not path.is_file():
        known = f"{', '.join(BUILTIN)}{nearest(name, BUILTIN)}"
        told = f"--ruleset {name}: no such file, and built in are only {known}"
        raise Unusable(told)
    return read_ruleset(path.read_bytes(), shown(path), beside(Path()), elsewhere)


def tree_above(path: Path) -> "Tree | None":
    """The tree of the organization file found upwards from a path; raises DocumentError."""
    found = found_upwards(path, ORGANIZATION)
    return _tree(found) if found else None


@cache
def _tree(path: Path) -> "Tree":
    # Imported here: most repositories have no organization file, and lint must start fast there.
    from policies.tree import read_tree

    return read_tree(path.read_bytes(), shown(path), beside(Path()), elsewhere)
