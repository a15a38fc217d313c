"""The page of an organization for its leaders: who follows which practice, and where time goes."""

from dataclasses import dataclass
from datetime import timedelta
from typing import Final
from urllib.parse import quote

from fastapi import APIRouter, Request
from fastapi.responses import HTMLResponse, Response

from service.reports.attention import attention
from service.reports.campaigns import campaigns
from service.reports.flow import FlowRow, flow
from service.reports.heat import LEVELS, Heat, heat
from service.reports.overview import Overview
from service.reports.sheets import heat_sheet
from service.reports.telling import detail, headline
from service.web.campaigns import drawn
from service.web.pages import page
from service.web.promotions import GivenPromotions
from service.web.segments import Bar

router = APIRouter(include_in_schema=False)

#: Levels of automation from which customers get changes without a person.
_AUTOMATIC: Final = 4
#: How many pipelines the list of those that need attention shows.
_SHOWN: Final = 10


@dataclass(frozen=True, slots=True)
class Part:
    """One row of the picture of where time goes; all rows share one scale."""

    row: FlowRow
    bars: tuple[Bar, ...]
    label: str


@router.get("/organization")
def root(request: Request, promotions: GivenPromotions) -> HTMLResponse:
    return node("", request, promotions)


@router.get("/organization.csv")
def sheet(promotions: GivenPromotions, node: str = "") -> Response:
    """Who follows which practice, as the page shows it, for a spreadsheet."""
    seen = promotions.overview(node)
    name = "-".join(["practices", *seen.node.split("/"), f"{seen.now:%Y-%m-%d}"])
    return Response(
        heat_sheet(heat(seen)),
        media_type="text/csv; charset=utf-8",
        headers={"Content-Disposition": f'attachment; filename="{quote(name)}.csv"'},
    )


@router.get("/organization/{name:path}")
def node(name: str, request: Request, promotions: GivenPromotions) -> HTMLResponse:
    seen = promotions.overview(name)
    map_ = heat(seen)
    needing = attention(seen)
    rows = _rows(seen, map_)
    return page(
        request,
        "organization.html",
        seen=seen,
        heat=map_,
        levels=LEVELS,
        campaigns=[drawn(each) for each in campaigns(seen)],
        flow=_drawn(rows),
        whole=rows[0] if rows else None,
        headline=headline(map_, rows[0] if rows else None),
        detail=detail(map_, needing),
        needing=needing[:_SHOWN],
        left=max(len(needing) - _SHOWN, 0),
        automatic=sum(each.automation >= _AUTOMATIC for each in seen.members),
        protected=next((e for e in map_.rows if e.practice.rule == "no-untested-automation"), None),
    )


def _rows(seen: Overview, map_: Heat) -> list[FlowRow]:
    """All changes together, then those of each column of the map that has any."""
    found = [flow(f"all of {seen.node}", seen.passages)]
    for column in map_.columns if len(map_.columns) > 1 else ():
        mine = [each for each in seen.passages if each.pipeline in column.members]
        found.append(flow(column.name, mine))
    return [each for each in found if each]


def _drawn(rows: list[FlowRow]) -> list[Part]:
    longest = max((each.mean for each in rows), default=timedelta()) or timedelta(seconds=1)
    return [_part(each, longest) for each in rows]


def _part(row: FlowRow, longest: timedelta) -> Part:
    bars, x = [], 0.0
    for kind, span in row.parts.items():
        width = round(100 * (span / longest), 2)
        if width:
            bars.append(Bar(kind, round(x, 2), width))
        x += width
    told = [f"{kind} {span.total_seconds():.0f} s" for kind, span in row.parts.items() if span]
    return Part(row, tuple(bars), f"{row.name}: {', '.join(told)}")
