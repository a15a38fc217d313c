"""The three answers of an inspection, each with the line that shows it."""

from collections.abc import Iterable
from typing import Any

from policies.facts import Fact, Provenance
from policies.pipeline import Pipeline, Stage

Answer = dict[str, Any]


def yes(line: int) -> Answer:
    return {"value": "yes", "line": line}


def no() -> Answer:
    return {"value": "no", "line": None}


def unknown(line: int) -> Answer:
    return {"value": "unknown", "line": line}


def elsewhere(fact: Fact[Any]) -> bool:
    """Whether the file points to the place where this is set, so that it may be set there."""
    return not fact.known and fact.provenance is Provenance.DECLARED


def above(pipeline: Pipeline, goals: Iterable[Stage]) -> tuple[Stage, ...]:
    bits = 0
    for goal in goals:
        bits |= pipeline.above(goal)
    return pipeline.of_bits(bits)
