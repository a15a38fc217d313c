"""What an author declares of a pipeline, a deployment or a stage that no tool's own words say.

Bakegate's own format and the overlay share these keys, so that both read them alike.
"""

from collections.abc import Callable, Mapping
from typing import Any, Final

from policies.durations import parse_duration, parse_share
from policies.facts import Fact, Provenance
from policies.fields import Fields
from policies.guards import Mutex, Queue
from policies.neighbours import ConfigSource
from policies.pipeline import Target
from policies.source import Mapping as Node
from policies.source import Scalar

Reader = Callable[[Fields, str], Any]


def _flag(fields: Fields, key: str) -> bool:
    return fields.flag(key)


def _word(fields: Fields, key: str) -> str:
    return fields.text(key)


def _count(fields: Fields, key: str) -> int:
    return int(fields.text(key))


def _share(fields: Fields, key: str) -> float:
    return parse_share(fields.text(key))


def _duration(fields: Fields, key: str) -> Any:
    return parse_duration(fields.text(key)).exact


def _words(fields: Fields, key: str) -> tuple[str, ...]:
    return fields.texts(key)


def _sources(fields: Fields, key: str) -> tuple[ConfigSource, ...]:
    return tuple(
        ConfigSource(each.name, each.text("kind"), each.span, each.text("pipeline"))
        for each in fields.listed(key)
    )


def _variables(fields: Fields, key: str) -> Mapping[str, str]:
    node = fields.node.get(key)
    entries = node.entries if isinstance(node, Node) else {}
    return {
        name: entry.value.text for name, entry in entries.items() if isinstance(entry.value, Scalar)
    }


def _mutex(fields: Fields, key: str) -> Mutex | None:
    group = fields.group(key)
    return (
        Mutex(group.text("key"), Queue(group.text("queue", "latest")), group.span)
        if group
        else None
    )


#: Key in the file, the fact that it gives, and how its value is read.
PIPELINE: Final[Mapping[str, tuple[str, Reader]]] = {
    "maturity": ("maturity", _word),
    "has_ui": ("has_ui", _flag),
    "has_consumers": ("has_consumers", _flag),
    "preprod": ("preprod", _word),
    "operations": ("operations", _words),
    "dependencies": ("dependencies", _words),
    "config_sources": ("config_sources", _sources),
    "notify": ("notifies", _words),
}
DEPLOYMENT: Final[Mapping[str, tuple[str, Reader]]] = {
    "strategy": ("strategy", _word),
    "max_unavailable": ("max_unavailable", _share),
    "surge": ("surge", _share),
    "on_deadline": ("on_deadline", _word),
    "deadline": ("deadline", _duration),
    "drain": ("drain", _duration),
    "retained": ("retained", _count),
    "rollback_batch": ("rollback_batch", _share),
    "availability": ("availability", _word),
    "forward_only": ("forward_only", _flag),
}
STAGE: Final[Mapping[str, tuple[str, Reader]]] = {
    "callers": ("callers", _words),
    "variables": ("variables", _variables),
    "branches": ("branches", _words),
    "mutex": ("mutex", _mutex),
}


def said(
    fields: Fields, table: Mapping[str, tuple[str, Reader]], provenance: Provenance
) -> dict[str, Any]:
    """The facts that the file gives, by the name of their attribute."""
    entries = fields.entries
    return {
        name: Fact(read(fields, key), fields.place(key), provenance)
        for key, (name, read) in table.items()
        if key in entries
    }


def all_of(fields: Fields, table: Mapping[str, tuple[str, Reader]]) -> dict[str, Any]:
    """All facts of a table, where a missing key says that there is none."""
    entries, nothing = fields.entries, fields.nothing
    return {
        name: Fact(read(fields, key), fields.place(key)) if key in entries else nothing
        for key, (name, read) in table.items()
    }


def read_targets(fields: Fields) -> tuple[Target, ...]:
    return tuple(
        Target(
            name=each.name,
            region=each.text("region"),
            zone=each.text("zone"),
            cell=each.text("cell"),
            traffic=parse_share(each.text("traffic")) if each.scalar("traffic") else None,
        )
        for each in fields.listed("targets")
    )
