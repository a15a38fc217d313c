"""Pages of rules, made from what the rules say about themselves: the docstrings of their files."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import timedelta
from itertools import groupby
from typing import Any, Final

from fastapi import APIRouter, Request
from fastapi.responses import HTMLResponse

from policies.durations import format_duration
from policies.findings import Result
from policies.phrases import percent
from policies.rule import AnyRule, ParamSpec, Unit, specs
from policies.rules import CATALOGUE, rule
from service.errors import NotFound
from service.promotions.exceptions import Filter, State
from service.promotions.views import PAGE
from service.reports.campaigns import campaign
from service.reports.overview import Member
from service.web.campaigns import drawn
from service.web.lists import Lists
from service.web.pages import page
from service.web.promotions import GivenPromotions

router = APIRouter(include_in_schema=False)

_FENCE: Final = "```"
#: Results in the order in which somebody has to look at them.
_ORDER: Final = ("fail", "unknown", "waived", "overridden", "pass", "not_applicable")
#: Results of pipelines that the rule applies to.
_COUNTED: Final = frozenset({Result.PASS, Result.FAIL, Result.UNKNOWN})


@dataclass(frozen=True, slots=True)
class Block:
    """A part of a docstring: ``heading``, ``text``, ``list`` (one item a line) or ``code``."""

    kind: str
    lines: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Parameter:
    name: str
    default: str
    help: str


@router.get("/rules")
def rules(request: Request, promotions: GivenPromotions) -> HTMLResponse:
    return page(request, "rules.html", rules=CATALOGUE, own=promotions.custom_rules())


@router.get("/rules/{name}")
def one_rule(
    name: str, request: Request, promotions: GivenPromotions, node: str = ""
) -> HTMLResponse:
    """A rule of the catalogue or of the organization, and who follows it below a node."""
    own = {each.id: each for each in promotions.custom_rules()}
    found = rule(name) or own.get(name)
    if found is None:
        raise NotFound("rule", name)
    seen = promotions.followers(name, node)
    members, coming = seen.members, campaign(seen)
    said = tuple(blocks(found.docs))
    lists = Lists(request, f"/rules/{name}", node=node)
    ordered = [(_urgency(each), each) for each in members]
    shown = sorted(each for each in ordered if each[0] > _place(lists.after("who")))[:PAGE]
    lists.add("who", [each for _, each in shown], [f"{at[0]} {at[1]}" for at, _ in shown])
    excepted = promotions.exceptions(
        Filter(rule=name, state=State.APPROVED), lists.after("exceptions"), PAGE
    )
    lists.add("exceptions", excepted, [each.place for each in excepted])
    return page(
        request,
        "rule.html",
        rule=found,
        moments=moments(found),
        lead=f"{found.title}." if found.module else said[0].lines[0],
        blocks=said if found.module else said[1:],
        parameters=[_parameter(each) for each in specs(found.params)],
        node=node,
        seen=seen,
        campaign=drawn(coming) if coming else None,
        lists=lists,
        applied=bool(members),
        passing=sum(each.judgements[0].result == Result.PASS for each in members),
        applies=sum(each.judgements[0].result in _COUNTED for each in members),
    )


def _urgency(member: Member) -> tuple[int, str]:
    """Who fails stands first, who has nothing to do with the rule last."""
    return _ORDER.index(member.judgements[0].result), member.name


def _place(text: str) -> tuple[int, str]:
    """Behind whom the list begins; the beginning where the address says nothing of use."""
    order, _, name = text.partition(" ")
    return (int(order), name) if order.isdecimal() else (-1, "")


def moments(asked: AnyRule) -> str:
    """When a rule is asked: before merge, at the gate, or both."""
    before, gate = asked.lints, asked.gates
    if before and gate:
        return "asked before merge and at the gate"
    return "asked before merge" if before else "asked at the gate"


def blocks(docs: str) -> Iterator[Block]:
    """Cut a docstring at its blank lines, except in code, which stays as it is."""
    for index, part in enumerate(f"\n{docs.strip()}\n".split(f"\n{_FENCE}")):
        lines = part.splitlines()
        if index % 2:
            # What follows the fence on its line names the language.
            yield Block("code", tuple(lines[1:]))
            continue
        for blank, group in groupby(lines, lambda line: not line.strip()):
            if not blank:
                yield from _paragraph(tuple(group))


def _paragraph(lines: Sequence[str]) -> Iterator[Block]:
    if lines[0].startswith("#"):
        yield Block("heading", (lines[0].lstrip("# "),))
        lines = lines[1:]
    if not lines:
        return
    if lines[0].startswith("- "):
        items = "\n".join(lines).removeprefix("- ").split("\n- ")
        yield Block("list", tuple(" ".join(item.split()) for item in items))
    else:
        yield Block("text", (" ".join(line.strip() for line in lines),))


def _parameter(spec: ParamSpec) -> Parameter:
    allowed = f" One of {', '.join(spec.allowed)}." if spec.allowed else ""
    return Parameter(spec.name, _default(spec.unit, spec.default), f"{spec.help}{allowed}")


def _default(unit: Unit, value: Any) -> str:
    """A parameter as a ruleset file writes it."""
    match value:
        case None:
            return "none"
        case bool():
            return "true" if value else "false"
        case timedelta():
            return format_duration(value)
        case tuple() | frozenset():
            return f"[{', '.join(sorted(map(str, value)))}]"
        case _:
            return percent(value) if unit is Unit.SHARE else str(value)
