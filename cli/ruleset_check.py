"""``bakegate ruleset check``: whether rulesets keep to what makes rules welcome."""

import json
from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path
from typing import Annotated, Final

import typer

from cli.exits import Exit
from cli.files import ORGANIZATION
from cli.formats import Format
from cli.instants import instant
from cli.practice import chain_named, tree_above
from cli.problems import Unusable
from cli.ruleset_feasibility import read_one
from cli.ruleset_options import AtOption, FormatOption, OrgOption, RulesetOption, refusing
from policies.durations import format_duration
from policies.feasibility import Assumed, Simulation, model
from policies.pipeline import Pipeline
from policies.ruleset import Asked, Chain, Resolved
from policies.ruleset.checks import Complaint, complaints
from policies.windows import NeverOpen

EPILOG: Final = """\b
Examples:
  bakegate ruleset check
  bakegate ruleset check --org retail/commerce --pipeline release.yaml
  bakegate ruleset check --ruleset rules.yaml --format json

\b
Checked are, besides contradictions and broken locks:
  a rule that blocks was announced and warned for 14 days before
  it has an owner, a place to debate it, and says what to do
  the ruleset's targets can be met, by the pipeline given, else by a one-box and
  four waves

\b
Exit codes:
  0  nothing fails
  1  something fails
  2  a ruleset cannot be read, contradicts itself or breaks a lock
"""
#: Check-ins that are tried: one every four hours of four weeks, so that no freeze hides the best.
_STEP: Final = timedelta(hours=4)
_TRIED: Final = 4 * 7 * 6


def check(
    org: OrgOption = None,
    ruleset: RulesetOption = None,
    pipeline: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="Meet the targets with this pipeline."),
    ] = None,
    at: AtOption = None,
    format: FormatOption = Format.TEXT,
) -> None:
    """Judge rulesets themselves: of one node, of a file, or of every node of the tree."""
    with refusing("ruleset check"):
        moment = instant(at)
        chosen = read_one(pipeline, None) if pipeline else None
        found = list(_found(_asked(org, ruleset, moment), chosen))
    if format is Format.JSON:
        typer.echo(
            json.dumps(
                {"type": "bakegate.ruleset-check/v1", "problems": [_json(each) for each in found]},
                indent=2,
            )
        )
    else:
        for each in found:
            word = "fails" if each.fails else "look"
            place = f"{each.span.path}:{each.span.line}:{each.span.column}"
            typer.echo(f"{place}: {word}: {each.message}")
        typer.echo(_summary(found))
    raise typer.Exit(Exit.FINDINGS if any(each.fails for each in found) else Exit.CLEAN)


def _asked(org: str | None, ruleset: str | None, at: datetime) -> list[tuple[Chain, Asked]]:
    """One chain where one is named, else those of all nodes that have a ruleset."""
    if org and ruleset:
        raise Unusable("--ruleset and --org exclude each other")
    if ruleset:
        return [(chain_named(ruleset), Asked("", "UTC", at))]
    tree = tree_above(Path.cwd())
    if tree is None:
        raise Unusable(f"no {ORGANIZATION} here or above; name a ruleset with --ruleset")
    nodes = [org] if org else [node for node in tree.nodes if node in tree.rulesets]
    return [(tree.place(node).chain, tree.asked(node, at)) for node in nodes]


def _found(asked: list[tuple[Chain, Asked]], pipeline: Pipeline | None) -> Iterator[Complaint]:
    """Every complaint once: nodes below a ruleset would repeat what it says."""
    seen: set[tuple[object, str]] = set()
    for chain, of in asked:
        resolved = chain.resolved(of)
        for each in (*complaints(chain, resolved, of), *_too_slow(chain, resolved, of, pipeline)):
            if (each.span, each.message) not in seen:
                seen.add((each.span, each.message))
                yield each


def _too_slow(
    chain: Chain, resolved: Resolved, asked: Asked, pipeline: Pipeline | None
) -> Iterator[Complaint]:
    """Targets that no release can meet, whenever in the next weeks it is checked in."""
    targets = chain.targets
    if targets is None:
        return
    simulation = Simulation(pipeline or model(resolved), resolved, Assumed())
    try:
        tried = [simulation.forecast(asked.at + each * _STEP) for each in range(_TRIED)]
    except NeverOpen as error:
        yield Complaint("", targets.span, str(error))
        return
    first = min(tried, key=lambda each: each.first_customer or timedelta())
    whole = min(tried, key=lambda each: each.all_customers or timedelta())
    for words, limit, taken in (
        ("first customers", targets.first_customer, first.first_customer),
        ("all customers", targets.all_customers, whole.all_customers),
    ):
        if limit is not None and taken is not None and taken > limit:
            most = whole.costs[0][0] if whole.costs else "nothing"
            told = (
                f"a change reaches {words} after {format_duration(taken)} at best, the target is "
                f"{format_duration(limit)}; most of it costs: {most}"
            )
            yield Complaint("", targets.span, told)


def _json(complaint: Complaint) -> dict[str, object]:
    span = complaint.span
    return {
        "rule": complaint.rule or None,
        "fails": complaint.fails,
        "message": complaint.message,
        "path": span.path,
        "line": span.line,
        "column": span.column,
    }


def _summary(found: list[Complaint]) -> str:
    if not found:
        return "nothing to complain of"
    failing = sum(each.fails for each in found)
    return f"{failing} fail, {len(found) - failing} to look at"
