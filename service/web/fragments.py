"""The parts of a page that live: each is a whole element with an id, drawn as the page draws it.

A message holds the full current HTML of every part that changed, never a delta: losing one costs
nothing.
"""

import re
from collections.abc import Callable, Container, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from markupsafe import Markup

from service.promotions.foretelling import outlook
from service.promotions.views import (
    PAGE,
    ForecastView,
    PipelineSummary,
    PipelineView,
    ReleaseView,
    RunView,
)
from service.promotions.wording import Answer, answer, release_answer
from service.web.flight import flight
from service.web.promotions import Promotions
from service.web.render import render
from service.web.timeline import timeline

#: Fragments by the id of their element.
Fragments = Mapping[str, str]

#: What needs a person stands first.
_ATTENTION: Final = ("act", "rolled_back", "held", "moving", "quiet")
#: How often the list of all pipelines is drawn again while somebody looks at it.
_LIST_PACE: Final = timedelta(seconds=5)
#: The shortest usual time of a stage that is worth a word.
_TOLD: Final = timedelta(seconds=1)
#: Fragments that are drawn around now, so that they change whenever they are drawn.
_FORECASTS: Final = frozenset({"flight", "timeline"})
#: What a template says of the time ahead, inside of other fragments.
_AHEAD: Final = re.compile(r"<(span|div) data-ahead>.*?</\1>", re.DOTALL)
_ACTING: Final = frozenset({"building", "deploying", "testing", "baking", "rolling_back"})


@dataclass(frozen=True, slots=True)
class Node:
    """A node of the organization with its pipelines, what needs a person first."""

    name: str
    rows: tuple[PipelineSummary, ...]


def list_fragments(summaries: Iterable[PipelineSummary]) -> Fragments:
    """Answer and list of a page of pipelines."""
    rows = sorted(summaries, key=_urgency)
    names = dict.fromkeys(row.organization for row in rows)
    nodes = [Node(name, tuple(row for row in rows if row.organization == name)) for name in names]
    given = {"rows": rows, "nodes": nodes, "full": len(rows) == PAGE}
    return {name: render(f"fragments/list_{name}.html", **given) for name in ("answer", "list")}


def _urgency(row: PipelineSummary) -> tuple[int, str]:
    return _ATTENTION.index(row.attention), row.name


@dataclass(frozen=True, slots=True)
class Coming:
    """Who is expected to enter a stage next."""

    release: str
    at: datetime


def pipeline_fragments(view: PipelineView) -> Fragments:
    """Answer, every stop of the line, releases in flight, findings and log of a pipeline's page."""
    said = answer(view)
    spoken = [each for each in view.forecasts if each.release == said.release]
    given = {
        "view": view,
        "now": view.now,
        "answer": said,
        "outlook": _beside(said, spoken[0], view.now) if spoken else "",
        "flight": flight(view),
        "coming": _coming(view),
        "usual": {stage: span for stage, span in view.usual if span >= _TOLD},
    }
    found = {
        name: render(f"fragments/pipeline_{name}.html", **given)
        for name in ("answer", "flight", "pauses", "log")
    }
    for stage in view.stages:
        found[f"stage-{stage.name}"] = render("fragments/stop.html", stage=stage, **given)
    return found


def _coming(view: PipelineView) -> Mapping[str, Coming]:
    """By stage, the first that is expected there after now."""
    found: dict[str, Coming] = {}
    for told in view.forecasts:
        for each in told.arrivals:
            known = found.get(each.stage)
            if each.entered and (known is None or each.entered < known.at):
                found[each.stage] = Coming(told.release, each.entered)
    return found


def release_fragments(
    view: ReleaseView, now: datetime, tried: Mapping[str, str] | None = None
) -> Fragments:
    """Answer, timeline, decision, evidence, all decisions and log of a release's page.

    ``tried`` holds the fields of an override that was refused, and in ``bad`` why.
    """
    said = release_answer(view, now)
    given = {
        "view": view,
        "now": now,
        "answer": said,
        "outlook": _beside(said, view.forecast, now) if view.forecast else "",
        "timeline": timeline(view, now),
        "run": standing(view),
        "tried": tried or {},
    }
    names = ("answer", "timeline", "decision", "people", "evidence", "decisions", "log")
    return {name: render(f"fragments/release_{name}.html", **given) for name in names}


def _beside(said: Answer, forecast: ForecastView, now: datetime) -> str:
    """The forecast beside an answer, but no reason that the answer gives already."""
    reason = forecast.unknown.partition(": ")[2] or forecast.unknown
    known = reason and reason.lower() in said.detail.lower()
    return "" if known else outlook(forecast, now)


def standing(view: ReleaseView) -> RunView | None:
    """The run whose decision a reader asks about: the one that waits, else the newest asked."""
    waiting = [run for run in view.runs if run.state == "waiting" and run.decision]
    asked = [run for run in view.runs if run.decision]
    return (waiting or asked)[-1] if asked else None


def changed(before: Fragments, after: Fragments) -> Fragments:
    """The fragments of ``after`` that a reader of ``before`` has not seen."""
    return {place: html for place, html in after.items() if before.get(place) != html}


def news(before: Fragments, after: Fragments) -> frozenset[str]:
    """The places where something happened: what is only expected moves with the clock."""
    return frozenset(
        place
        for place, html in after.items()
        if place not in _FORECASTS and _AHEAD.sub("", html) != _AHEAD.sub("", before.get(place, ""))
    )


def message(fragments: Fragments, moved: Container[str]) -> str:
    """One message of the stream: each fragment for its place; what has just moved is marked."""
    parts = {
        place: Markup(_marked(place, html) if place in moved else html)  # noqa: S704 - our own templates made it
        for place, html in fragments.items()
    }
    return render("fragments/message.html", fragments=parts)


def _marked(place: str, html: str) -> str:
    return html.replace(f'id="{place}"', f'id="{place}" data-changed', 1)


def pace(runs: tuple[RunView, ...]) -> timedelta | None:
    """How often a page is drawn again though nothing happened; None while nothing acts.

    Once a minute, and for short bakes a sixtieth of the shortest, but at most once a second.
    """
    acting = [run for run in runs if run.outcome is None and run.state in _ACTING]
    if not acting:
        return None
    bakes = [run.bake.needed for run in acting if run.bake]
    shortest = min(bakes, default=timedelta(minutes=1))
    return min(max(shortest / 60, timedelta(seconds=1)), timedelta(minutes=1))


#: Draws one page: its live parts, and how soon they are drawn again.
Draw = Callable[[Promotions], tuple[Fragments, timedelta | None]]


def draw_list(after: str) -> Draw:
    def draw(promotions: Promotions) -> tuple[Fragments, timedelta | None]:
        return list_fragments(promotions.pipelines(after)), _LIST_PACE

    return draw


def draw_pipeline(name: str) -> Draw:
    def draw(promotions: Promotions) -> tuple[Fragments, timedelta | None]:
        view = promotions.pipeline(name)
        return pipeline_fragments(view), pace(view.in_flight)

    return draw


def draw_release(name: str) -> Draw:
    def draw(promotions: Promotions) -> tuple[Fragments, timedelta | None]:
        view = promotions.release(name)
        now = promotions.pipeline(view.pipeline).now
        return release_fragments(view, now), pace(view.runs)

    return draw
