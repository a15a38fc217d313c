"""Explaining a stored decision: what was seen, and whether this engine says the same again."""

import json
from typing import Any

import typer

from cli.database import reading
from cli.decision_text import told
from cli.exits import Exit
from cli.problems import Unusable
from policies.decision import difference, to_message
from policies.engine.gate import recompute
from service.errors import NotFound
from service.store.read import decision, decision_inputs


def explain_decision(name: str, database: str | None) -> str:
    """The decision in words; ends the command where there is none of this name."""
    try:
        with reading(database) as session:
            stored = decision(session, name)
            inputs = json.loads(decision_inputs(session, name))
    except (NotFound, Unusable) as error:
        typer.echo(f"bakegate explain: {error}", err=True)
        raise typer.Exit(Exit.NOTHING_EVALUATED) from error
    again = to_message(recompute(inputs), name)
    return "\n".join((*told(stored.message), "", *_compared(stored.message, again)))


def _compared(before: dict[str, Any], after: dict[str, Any]) -> list[str]:
    if before["digest"] == after["digest"]:
        return [f"recomputed with engine {after['engine']}: the same bytes, {after['digest']}"]
    lines = [f"engine {after['engine']} differs from engine {before['engine']}, which decided:"]
    return lines + [
        f"  {each.name}.{each.field}: {each.before!r} became {each.after!r}"
        for each in difference(before, after)
    ]
