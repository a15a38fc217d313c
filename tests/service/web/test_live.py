"""The stream of a page: what a reader gets, and that nothing is lost on the way."""

import asyncio
import re
from dataclasses import replace
from datetime import timedelta

import pytest

from service.promotions.views import ArrivalView
from service.web import live
from service.web.fragments import Fragments, draw_pipeline, draw_release
from service.web.live import Drawings, Page, of_pipeline, stream
from service.web.promotions import Promotions
from tests.twins.backend import MemoryBackend
from tests.twins.examples import PIPELINE, RELEASE
from tests.twins.sights import NOW

PIPELINE_PAGE = Page("/p", of_pipeline("payments-api"), draw_pipeline("payments-api"))
RELEASE_PAGE = Page("/r", of_pipeline("payments-api"), draw_release("payments-api:1846"))
CHANGED = replace(
    PIPELINE,
    stages=tuple(
        replace(each, last_good="payments-api:1850") if each.name == "beta" else each
        for each in PIPELINE.stages
    ),
)


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """Look often, so that the tests do not wait."""
    monkeypatch.setattr(live, "_LOOK_S", 0.01)


def heard(backend: MemoryBackend, page: Page, since: int, *happens: object) -> list[str]:
    """The messages of a stream: the first, and one after each thing that happens."""

    async def listen() -> list[str]:
        messages = stream(backend, Drawings(), page, since)
        found = [(await anext(messages)).decode()]
        for each in happens:
            backend.show(each)  # type: ignore[arg-type]  # the twin checks nothing
            found.append((await anext(messages)).decode())
        await messages.aclose()  # type: ignore[attr-defined]  # it is a generator
        return found

    return asyncio.run(listen())


def targets(message: str) -> list[str]:
    return [part.partition('"')[0] for part in message.split('hx-target="#')[1:]]


def test_a_reader_of_the_current_version_gets_a_sign_of_life_only() -> None:
    (first,) = heard(MemoryBackend(), PIPELINE_PAGE, 61)
    assert targets(first) == ["live"]
    assert "id: 61" in first


def test_a_reader_of_an_older_version_gets_every_fragment() -> None:
    (first,) = heard(MemoryBackend(), PIPELINE_PAGE, 60)
    stops = [f"stage-{each.name}" for each in PIPELINE.stages]
    assert sorted(targets(first)) == sorted(["answer", "flight", "pauses", "log", *stops, "live"])


def test_only_what_changed_is_sent_and_marked() -> None:
    *_, last = heard(MemoryBackend(), PIPELINE_PAGE, 60, CHANGED)
    assert targets(last) == ["stage-beta", "live"]
    assert 'id="stage-beta" data-changed' in last


def test_what_is_only_expected_changes_without_a_mark() -> None:
    later = tuple(
        replace(
            told,
            arrivals=(ArrivalView("gamma", None, NOW, NOW),),
            all_customers=told.all_customers and told.all_customers + timedelta(hours=1),
        )
        for told in PIPELINE.forecasts
    )
    *_, last = heard(MemoryBackend(), PIPELINE_PAGE, 60, replace(CHANGED, forecasts=later))
    assert {"stage-gamma", "answer", "flight"} <= set(targets(last))
    assert re.findall(r'id="([a-z0-9-]+)" data-changed', last) == ["stage-beta"]


def test_what_moves_with_the_clock_alone_is_not_marked() -> None:
    backend = MemoryBackend()

    def draw(promotions: Promotions) -> tuple[Fragments, timedelta]:
        """Draw again whenever somebody looks."""
        return draw_pipeline(PIPELINE.name)(promotions)[0], timedelta(microseconds=1)

    page = Page("/p", of_pipeline(PIPELINE.name), draw)
    messages = stream(backend, Drawings(), page, 60)

    async def listen() -> str:
        await anext(messages)
        # A bake goes on, and no event has happened.
        backend.views[PIPELINE.name] = CHANGED
        return (await anext(messages)).decode()

    async def listened() -> str:
        try:
            return await listen()
        finally:
            await messages.aclose()  # type: ignore[attr-defined]  # it is a generator

    last = asyncio.run(listened())
    assert "stage-beta" in targets(last)
    assert "data-changed" not in last


def test_a_drawing_newer_than_its_version_is_not_lost() -> None:
    backend = MemoryBackend()
    # Stored already, while the version that the stream reads is still the old one.
    backend.known[RELEASE.id] = replace(RELEASE, created_by="grace")
    messages = heard(backend, RELEASE_PAGE, 61, PIPELINE)
    assert "by grace" not in messages[0]
    assert "by grace" in messages[1]


def test_fragments_are_drawn_once_for_all_readers() -> None:
    drawn = []

    def draw(promotions: object) -> tuple[dict[str, str], None]:
        drawn.append(promotions)
        return {"answer": "<p id='answer'></p>"}, None

    backend, drawings = MemoryBackend(), Drawings()
    for _ in range(5):
        drawings.current(backend, "/p", 61, draw)
    drawings.current(backend, "/p", 62, draw)
    assert len(drawn) == 2
