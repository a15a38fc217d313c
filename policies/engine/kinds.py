"""The table of release kinds against gates, read from ``release_kinds.yaml``."""

from enum import StrEnum
from functools import cache
from pathlib import Path
from typing import Final

from policies.release import ReleaseKind
from policies.rule import AnyRule
from policies.source import core_value, read

_TABLE: Final = Path(__file__).parents[1] / "release_kinds.yaml"


class Meets(StrEnum):
    """How a kind of release meets a gate."""

    APPLIES = "applies"
    WARNS = "warns"
    NEVER = "never"


def meets(kind: ReleaseKind, rule: AnyRule) -> Meets:
    cell = _table()[kind.value][rule.gate_family.value]
    if isinstance(cell, dict):
        cell = cell.get(rule.id, cell["else"])
    return Meets(cell)


@cache
def _table() -> dict[str, dict[str, str | dict[str, str]]]:
    text = _TABLE.read_text(encoding="utf-8")
    table: dict[str, dict[str, str | dict[str, str]]] = core_value(read(text, _TABLE.name)[0].root)
    return table
