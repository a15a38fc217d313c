"""Jobs of a matrix that chooses environments, as one job for each, named as GitHub names them."""

from collections.abc import Iterator
from typing import Final

from policies.classify import environment
from policies.fields import texts
from policies.patterns import pattern
from policies.source import Entry, Mapping, Node, Scalar, Sequence

_MATRIX: Final = pattern(r"\$\{\{\s*matrix\.([\w-]+)\s*\}\}")
#: Inputs of a called workflow that name an environment.
_INPUTS: Final = frozenset({"environment", "environment_name", "environment-name", "env", "stage"})
#: Most jobs that GitHub makes of one matrix.
_MOST: Final = 256


def choices(name: str, job: Mapping) -> Iterator[tuple[str, Mapping]]:
    """The jobs of a matrix whose values say where each deploys; any other job as it stands.

    Only the variable that names the environment is written out: what else a matrix varies does
    not change where a job deploys.
    """
    found = _MATRIX.search(_where(job))
    key = found[1] if found else _telling(job)
    values = _values(job, key) if key else ()
    if not values:
        yield name, job
        return
    for value in values[:_MOST]:
        filled = _filled(job, key, value)
        if isinstance(filled, Mapping):
            yield f"{name} ({value})", filled


def _where(job: Mapping) -> str:
    """The text that names the environment of a job, or of the workflow that it calls."""
    node = job.get("environment")
    name = node.get("name") if isinstance(node, Mapping) else node
    if isinstance(name, Scalar):
        return name.text
    inputs = job.get("with") if job.get("uses") else None
    for key, entry in inputs.entries.items() if isinstance(inputs, Mapping) else ():
        if key.lower() in _INPUTS and isinstance(entry.value, Scalar):
            return entry.value.text
    return ""


def _telling(job: Mapping) -> str:
    """The variable of a matrix that by its name and its values chooses environments."""
    strategy = job.get("strategy")
    matrix = strategy.get("matrix") if isinstance(strategy, Mapping) else None
    for key in matrix.entries if isinstance(matrix, Mapping) else ():
        if key.lower() in _INPUTS and any(map(environment, _values(job, key))):
            return key
    return ""


def _values(job: Mapping, key: str) -> tuple[str, ...]:
    """The values of one variable of the matrix, those of ``include`` with them."""
    strategy = job.get("strategy")
    matrix = strategy.get("matrix") if isinstance(strategy, Mapping) else None
    if not isinstance(matrix, Mapping):
        return ()
    found = list(texts(matrix.get(key))) if isinstance(matrix.get(key), Sequence) else []
    include = matrix.get("include")
    for item in include.items if isinstance(include, Sequence) else ():
        found.extend(texts(item.get(key)) if isinstance(item, Mapping) else ())
    return tuple(each for each in dict.fromkeys(found) if "${{" not in each)


def _filled(node: Node, key: str, value: str) -> Node:
    match node:
        case Scalar(text=text) if "matrix." in text:
            return node._replace(
                text=_MATRIX.sub(lambda at: value if at[1] == key else at[0], text)
            )
        case Scalar():
            return node
        case Mapping(entries=entries):
            found = {
                name: Entry(each.key, _filled(each.value, key, value))
                for name, each in entries.items()
            }
            return Mapping(node.span, found, node.duplicates, node.tag)
        case Sequence(items=items):
            return Sequence(node.span, tuple(_filled(each, key, value) for each in items), node.tag)
