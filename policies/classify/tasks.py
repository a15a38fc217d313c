"""What a task of Azure Pipelines is: a table as data; its scripts are read like any other."""

import re
from collections.abc import Mapping
from functools import cache
from typing import Any, Final

from policies.classify import GUESSED, NAMED, Row, classify, named, refined
from policies.classify.data import table
from policies.frozen import dataclass
from policies.patterns import pattern
from policies.pipeline import StepKind

_INPUT: Final = pattern(r"\{(\w+)\}")


@dataclass(frozen=True, slots=True)
class _Row:
    input: str
    row: Row


@dataclass(frozen=True, slots=True)
class _Tables:
    scripts: tuple[str, ...]
    arguments: tuple[str, ...]
    shells: frozenset[str]
    preparing: frozenset[str]
    commands: Mapping[str, str]
    rows: Mapping[str, tuple[_Row, ...]]


@cache
def _tables() -> _Tables:
    data = table("tasks")
    tasks: dict[str, Any] = data["tasks"]
    written = {name: row for name, row in tasks.items() if "command" in row}
    return _Tables(
        scripts=tuple(data["scripts"]),
        arguments=tuple(data["arguments"]),
        shells=frozenset(data["shells"]),
        preparing=frozenset(data["preparing"]),
        commands={name: row["command"] for name, row in written.items()},
        rows={name: _rows(rows) for name, rows in tasks.items() if name not in written},
    )


def _rows(rows: Any) -> tuple[_Row, ...]:
    listed = rows if isinstance(rows, list) else [rows]
    return tuple(
        _Row(
            each.get("input", ""),
            Row(each.get("match"), StepKind(each["kind"]), each["confidence"]),
        )
        for each in listed
    )


def script_of(inputs: Mapping[str, str]) -> str:
    """The script of a task, or the path of one with its arguments; empty where it has none.

    ``inputs`` are by their names in lower case.
    """
    known = _tables()
    script = next((inputs[name] for name in known.scripts if inputs.get(name)), "")
    arguments = next((inputs[name] for name in known.arguments if inputs.get(name)), "")
    return f"{script} {arguments}".strip() if "\n" not in script else script


def prepares(name: str) -> bool:
    """Whether a task, named with or without its version, only prepares or keeps something."""
    return name.partition("@")[0].lower() in _tables().preparing


def task(name: str, title: str, inputs: Mapping[str, str]) -> tuple[StepKind, float]:
    """What a task is, and how sure that is, from its name without a version and its inputs."""
    known = _tables()
    key = name.lower()
    if key in known.preparing:
        return StepKind.OTHER, 0.95
    if key in known.commands:
        command = _INPUT.sub(lambda match: inputs.get(match[1], ""), known.commands[key])
        return classify(title, command, None)
    if key in known.shells and (script := script_of(inputs)):
        return classify(title, script, None)
    for each in known.rows.get(key, ()):
        if _counts(each, inputs):
            kind = each.row.kind
            if kind is StepKind.UNIT and (found := refined(title)):
                return found, NAMED
            return kind, each.row.confidence
    said = named(title) or named(key)
    return (said, NAMED) if said else (StepKind.OTHER, GUESSED)


def _counts(each: _Row, inputs: Mapping[str, str]) -> bool:
    if not each.input:
        return True
    value = inputs.get(each.input, "")
    return bool(value) and re.search(each.row.match or "", value, re.IGNORECASE) is not None
