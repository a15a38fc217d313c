"""Explaining a stored decision: what was seen, and whether this engine says the same again."""

import json
from typing import Any

import typer

from cli.database import reading
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
    return "\n".join((*_told(stored.message), "", *_compared(stored.message, again)))


def _told(message: dict[str, Any]) -> list[str]:
    subject = message["subject"]
    lines = [
        f"{message['decision']}: {message['verdict']}",
        f"may {subject['release']} ({subject['kind']}) enter {subject['stage']}?",
        f"asked at {message['at']}",
        "",
    ]
    for result in message["results"]:
        verdict = f"{result['verdict']:<6} {result['result']:<15}"
        lines.append(f"{verdict} {result['rule']}: {result['message']}")
        if result["result"] not in {"pass", "not_applicable"}:
            lines += [f"       would pass: {result['would_pass']}"] if result["would_pass"] else []
            lines += [f"       {_fact(each)}" for each in result["facts"]]
    lines += [
        f"{each['verdict']:<6} {'condition':<15} {each['condition']}: {each['message']}"
        for each in message["conditions"]
    ]
    return lines


def _fact(fact: dict[str, Any]) -> str:
    seen = f", {fact['observed_at']}" if fact["observed_at"] else ""
    return f"{fact['path']} = {fact['value']} ({fact['provenance']}, {fact['source']}{seen})"


def _compared(before: dict[str, Any], after: dict[str, Any]) -> list[str]:
    if before["digest"] == after["digest"]:
        return [f"recomputed with engine {after['engine']}: the same bytes, {after['digest']}"]
    lines = [f"engine {after['engine']} differs from engine {before['engine']}, which decided:"]
    return lines + [
        f"  {each.name}.{each.field}: {each.before!r} became {each.after!r}"
        for each in difference(before, after)
    ]
