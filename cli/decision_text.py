"""A decision of a gate in words: what was asked, and what every rule and condition said."""

from datetime import UTC, datetime
from typing import Any


def told(message: dict[str, Any]) -> list[str]:
    """The lines of a ``bakegate.gate/v1`` message; facts only of what did not simply pass."""
    subject = message["subject"]
    name = f"{message['decision']}: " if message["decision"] else ""
    lines = [
        f"{name}{message['verdict']}{_until(message['until'])}",
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


def _until(text: str | None) -> str:
    if text is None:
        return ""
    return f" until {datetime.fromisoformat(text).astimezone(UTC):%Y-%m-%d %H:%M:%S} UTC"


def _fact(fact: dict[str, Any]) -> str:
    seen = f", {fact['observed_at']}" if fact["observed_at"] else ""
    return f"{fact['path']} = {fact['value']} ({fact['provenance']}, {fact['source']}{seen})"
