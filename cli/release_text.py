"""Releases as text: a line of a list, one whole release, and why a run is where it is."""

from datetime import timedelta
from typing import Any

from policies.phrases import brief, listed, short
from policies.plain import instant_text, parse_instant


def second(text: str | None) -> str:
    """An instant for people, to the second that has begun by then; empty where none is told."""
    if not text:
        return ""
    at = parse_instant(text)
    whole = at.replace(microsecond=0)
    return instant_text(whole + timedelta(seconds=1) if at > whole else whole)


def reason(run: dict[str, Any]) -> str:
    """Why a run is where it is, and until when at least, where that can be told."""
    told = brief(run["message"])
    if run["outcome"]:
        return told
    decision, bake = run["decision"], run["bake"]
    if run["state"] == "waiting" and decision and decision["until"]:
        return f"{told}; until {second(decision['until'])}"
    if run["state"] == "baking" and bake and bake["earliest_end"]:
        return f"{told}; ends at {second(bake['earliest_end'])} at the earliest"
    return told


def _word(run: dict[str, Any]) -> str:
    return str(run["outcome"] or run["state"]).replace("_", " ")


def line(found: dict[str, Any]) -> str:
    stage, state = found["stages"][-1] if found["stages"] else ("", "created")
    where = f"{found['outcome'] or state} {stage}".strip()
    commit = short(found["commit"])
    return f"{found['id']}  {where}  {found['kind']}  {commit}  by {found['created_by']}"


def lines(found: dict[str, Any]) -> list[str]:
    digest = found["digest"] or "not built"
    told = [f"{found['id']}  {found['outcome'] or 'in flight'}  {found['kind']}  {digest}"]
    if found["incident"]:
        sure = f"confirmed by {found['confirmed_by']}" if found["confirmed_by"] else ""
        sure = sure or f"claimed by {found['created_by']}"
        told.append(f"it mends {found['incident']}, {sure}: {found['reason']}")
    told += [f"{run['stage']:<16} {_word(run):<12} {reason(run)}".rstrip() for run in found["runs"]]
    if found["removed_at"]:
        told.append(f"its artifact was removed at {second(found['removed_at'])}; nothing needed it")
    told += _riding(found)
    told += _differs(found["differs"]) if found["differs"] else []
    told += _ahead(found["forecast"]) if found["forecast"] else []
    for each in found["approvals"]:
        void = f" (void: {each['voided']})" if each["voided"] else ""
        told.append(f"{each['word']} for {each['stage']} by {each['by']}{void}")
    told += [
        f"override of {each['rule']} at {each['stage']} by {each['by']}"
        + (f" for {each['incident']}" if each["incident"] else "")
        for each in found["overrides"]
    ]
    for each in found["problems"]:
        end = f"cleared by {each['cleared_by']}" if each["cleared_by"] else "open"
        told.append(f"{each['id']} by {each['by']}, {end}: {each['text']}")
    for each in found["checklist"]:
        done = f"done by {each['by']}" if each["by"] else "open"
        told.append(f"{each['stage']}: {each['item']}: {done}")
    return told


def _riding(found: dict[str, Any]) -> list[str]:
    """Whose changes the release carries, and who carries its own."""
    riders: dict[str, list[str]] = {}
    for change in found["changes"]:
        if change["rides_from"]:
            riders.setdefault(change["rides_from"], []).append(short(change["commit"]))
    told = [f"carries {listed(commits)} of {name}" for name, commits in riders.items()]
    if found["superseded_by"]:
        own = listed(short(change["commit"]) for change in found["changes"])
        told.append(f"superseded by {found['superseded_by']}, which carries {own}")
    return told


def _differs(found: dict[str, Any]) -> list[str]:
    """How the pipeline file changed since the release began, and what it alone still goes to."""
    told = ["the pipeline file has changed since; this release keeps its own:"]
    told += [f"  {each}" for each in found["diff"].splitlines()]
    if found["gone"]:
        told.append(f"it still goes to what is gone from the file: {listed(found['gone'])}")
    return told


def _ahead(found: dict[str, Any]) -> list[str]:
    """When each stage that it has not entered is expected, and what all customers wait for."""
    lines = [
        f"{each['stage']:<16} {'expected':<12} {second(each['entered']) or 'not told'}"
        f", earliest {second(each['earliest']) or 'not told'}"
        for each in found["arrivals"]
        if each["entered"] or not each["reached"]
    ]
    bound = f", earliest {second(found['earliest'])}" if found["earliest"] else ""
    if found["superseded_by"]:
        end = f"superseded by {found['superseded_by']} at about {second(found['superseded_at'])}"
    else:
        end = second(found["all_customers"]) or f"not told: {found['unknown']}"
    return [*lines, f"all customers: {end}{bound}"]
