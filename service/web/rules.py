"""Pages of rules, made from what the rules say about themselves: the docstrings of their files."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import timedelta
from itertools import groupby
from typing import Any, Final

from fastapi import APIRouter, Request
from fastapi.responses import HTMLResponse

from policies.durations import format_duration
from policies.phrases import percent
from policies.rule import AnyRule, ParamSpec, Unit, specs
from policies.rules import CATALOGUE, rule
from service.errors import NotFound
from service.promotions.exceptions import Filter, State
from service.web.pages import page
from service.web.promotions import GivenPromotions

router = APIRouter(include_in_schema=False)

_FENCE: Final = "```"


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
def rules(request: Request) -> HTMLResponse:
    return page(request, "rules.html", rules=CATALOGUE)


@router.get("/rules/{name}")
def one_rule(name: str, request: Request, promotions: GivenPromotions) -> HTMLResponse:
    found = rule(name)
    if found is None:
        raise NotFound("rule", name)
    return page(
        request,
        "rule.html",
        rule=found,
        moments=moments(found),
        blocks=tuple(blocks(found.docs)),
        parameters=[_parameter(each) for each in specs(found.params)],
        excepted=promotions.exceptions(Filter(rule=name, state=State.APPROVED)),
    )


def moments(asked: AnyRule) -> str:
    """When a rule is asked: before merge, at the gate, or both."""
    before, gate = asked.lint is not None, asked.gate is not None
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
