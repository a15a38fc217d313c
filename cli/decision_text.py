"""A decision of a gate in words: what was asked, and what was said of it, what decided first."""

from datetime import UTC, datetime
from typing import Any

from policies.findings import Verdict


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
    said = (*message["conditions"], *message["results"])
    for each in sorted(said, key=lambda each: Verdict.of(each["verdict"]), reverse=True):
        lines += _condition(each) if "condition" in each else _result(each)
    return lines


def _condition(said: dict[str, Any]) -> list[str]:
    return [f"{said['verdict']:<6} {'condition':<15} {said['condition']}: {said['message']}"]


def _result(said: dict[str, Any]) -> list[str]:
    verdict = f"{said['verdict']:<6} {said['result']:<15}"
    lines = [f"{verdict} {said['rule']}: {said['message']}"]
    if said["result"] not in {"pass", "not_applicable"}:
        lines += [f"       would pass: {said['would_pass']}"] if said["would_pass"] else []
        lines += [f"       {_fact(each)}" for each in said["facts"]]
    return lines


def _until(text: str | None) -> str:
    if text is None:
        return ""
    return f" until {datetime.fromisoformat(text).astimezone(UTC):%Y-%m-%d %H:%M:%S} UTC"


def _fact(fact: dict[str, Any]) -> str:
    seen = f", {fact['observed_at']}" if fact["observed_at"] else ""
    return f"{fact['path']} = {fact['value']} ({fact['provenance']}, {fact['source']}{seen})"
