"""``bakegate ruleset``: what holds for an organization, who set it, and what would change."""

import json
from collections.abc import Iterator
from dataclasses import asdict
from datetime import datetime
from pathlib import Path
from typing import Annotated, Any, Final

import typer

from cli.formats import Format
from cli.instants import instant
from cli.practice import practice, ruleset_named
from cli.problems import Unusable
from cli.ruleset_check import EPILOG as CHECK_EPILOG
from cli.ruleset_check import check
from cli.ruleset_feasibility import EPILOG as FEASIBILITY_EPILOG
from cli.ruleset_feasibility import feasibility
from cli.ruleset_options import AtOption, FormatOption, OrgOption, RulesetOption, refusing
from cli.ruleset_publish import EPILOG as PUBLISH_EPILOG
from cli.ruleset_publish import publish
from cli.ruleset_test import EPILOG as TEST_EPILOG
from cli.ruleset_test import run_cases
from policies.plain import instant_text, nearest
from policies.ruleset import Effective, Resolved
from policies.ruleset.account import Difference, Direction, account, differences, values
from policies.windows import zone as zone_of

app = typer.Typer(
    rich_markup_mode=None,
    no_args_is_help=True,
    add_completion=False,
    help="Say what holds for an organization, who set it, and what would change.",
    epilog="Example: bakegate ruleset show --org retail/commerce",
)

app.command(epilog=CHECK_EPILOG)(check)
app.command(epilog=FEASIBILITY_EPILOG)(feasibility)
app.command("test", epilog=TEST_EPILOG)(run_cases)
app.command(epilog=PUBLISH_EPILOG)(publish)

_NOTHING: Final = "-"

_SHOW: Final = """\b
Examples:
  bakegate ruleset show --org retail/commerce
  bakegate ruleset show --org retail/commerce --rule bake-time --explain
  bakegate ruleset show --ruleset strict --at 2027-02-01 --format json
"""


@app.command(epilog=_SHOW)
def show(
    org: OrgOption = None,
    ruleset: RulesetOption = None,
    rule: Annotated[str | None, typer.Option(metavar="ID", help="Only this rule.")] = None,
    explain: Annotated[
        bool, typer.Option("--explain", help="Every value: who set it, who locked it.")
    ] = False,
    at: AtOption = None,
    format: FormatOption = Format.TEXT,
) -> None:
    """Print what holds for an organization, and when it changes next."""
    with refusing("ruleset show"):
        moment = instant(at)
        resolved = practice([Path.cwd()], ruleset, org, moment).default
        chosen = _chosen(resolved, rule)
    if format is Format.JSON:
        typer.echo(json.dumps(account(resolved, moment, rule), indent=2))
        return
    lines = _explained(chosen, resolved) if explain else _table(chosen, resolved)
    typer.echo("\n".join((*_heading(resolved, moment), *(each.rstrip() for each in lines))))


@app.command(
    epilog="\b\nExamples:\n  bakegate ruleset diff recommended strict\n"
    "  bakegate ruleset diff retail/commerce retail/stores --at 2027-01-01"
)
def diff(
    before: Annotated[
        str, typer.Argument(metavar="A", help="A built-in ruleset, a file, or a node.")
    ],
    after: Annotated[str, typer.Argument(metavar="B", help="The same, to compare with.")],
    at: AtOption = None,
    format: FormatOption = Format.TEXT,
) -> None:
    """Print what would change for a team that moves from A to B: stricter, looser or other."""
    with refusing("ruleset diff"):
        moment = instant(at)
        found = differences(ruleset_named(before, moment), ruleset_named(after, moment))
    if format is Format.JSON:
        message = {
            "type": "bakegate.ruleset-diff/v1",
            "at": instant_text(moment),
            "before": before,
            "after": after,
            "differences": [asdict(each) for each in found],
        }
        typer.echo(json.dumps(message, indent=2))
        return
    typer.echo("\n".join(_differing(before, after, found)))


def _chosen(resolved: Resolved, rule: str | None) -> list[Effective]:
    if rule is None:
        return list(resolved.rules.values())
    if rule not in resolved.rules:
        near = nearest(rule, resolved.rules) or "; they are listed by: bakegate rules"
        raise Unusable(f"--rule {rule}: there is no such rule{near}")
    return [resolved.rules[rule]]


def _heading(resolved: Resolved, at: datetime) -> list[str]:
    of = f"organization {resolved.organization}" if resolved.organization else resolved.name
    return [f"{of} at {instant_text(at)}, zone {resolved.zone}", f"ruleset {resolved.digest}", ""]


def _table(rules: list[Effective], resolved: Resolved) -> Iterator[str]:
    rows = [("rule", "level", "changes next", "set by")]
    rows += [
        (each.rule.id, each.enforcement.word, _upcoming(each, resolved.zone), each.set_by)
        for each in rules
    ]
    widths = [max(len(row[place]) for row in rows) for place in range(3)]
    for row in rows:
        cells = (f"{cell:<{width}}" for cell, width in zip(row, widths, strict=False))
        yield "  ".join((*cells, row[-1]))


def _upcoming(effective: Effective, zone: str) -> str:
    upcoming = effective.next
    if upcoming is None:
        return _NOTHING
    return f"{upcoming.enforcement.word} on {upcoming.at.astimezone(zone_of(zone)):%Y-%m-%d}"


def _explained(rules: list[Effective], resolved: Resolved) -> Iterator[str]:
    for effective in rules:
        yield effective.rule.id
        found = values(effective)
        names = max(len(each.name) for each in found)
        shown = [_written(each.value) for each in found]
        width = max(map(len, shown))
        for each, text in zip(found, shown, strict=True):
            locked = f"; locked by {each.origin.locked_by}" if each.origin.locked_by else ""
            yield f"  {each.name:<{names}}  {text:<{width}}  {each.origin.by}{locked}"
        if effective.next:
            yield f"  next: {_upcoming(effective, resolved.zone)}"
        if effective.reason:
            yield f"  reason: {effective.reason}"
        if effective.debate:
            yield f"  debate: {effective.debate}"
        yield ""


def _written(value: Any) -> str:
    if isinstance(value, list):
        return f"[{', '.join(map(str, value))}]"
    if value is None:
        return _NOTHING
    return str(value).lower() if isinstance(value, bool) else str(value)


def _differing(before: str, after: str, found: tuple[Difference, ...]) -> list[str]:
    if not found:
        return [f"{before} and {after} ask for the same"]
    counts = {turned: sum(each.direction is turned for each in found) for turned in Direction}
    told = ", ".join(f"{count} {turned}" for turned, count in counts.items() if count)
    rows = [("rule", "value", before, after, "")]
    rows += [
        (each.rule, each.name, _written(each.before), _written(each.after), each.direction)
        for each in found
    ]
    widths = [max(len(row[place]) for row in rows) for place in range(4)]
    lines = [
        "  ".join(
            (*(f"{cell:<{width}}" for cell, width in zip(row, widths, strict=False)), row[-1])
        ).rstrip()
        for row in rows
    ]
    return [f"from {before} to {after}: {told}", "", *lines]
