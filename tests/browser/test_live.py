"""Pages that change while somebody looks, without a reload and without taking anything away."""

from collections.abc import Callable
from dataclasses import replace

import pytest
from playwright.sync_api import expect

from service.promotions.views import PipelineView
from tests.browser.conftest import Site, Visit
from tests.twins.examples import PIPELINE, RELEASE
from tests.twins.sights import ago, ended, event

pytestmark = pytest.mark.browser

ONE_BOX = "#stage-one-box"


def with_one_box_done() -> PipelineView:
    """The release in the one-box has baked."""
    done = ended(1848, "one-box", "succeeded", ended_at=ago(seconds=1))
    stages = tuple(
        replace(each, active=None, last=done, last_good="payments-api:1848")
        if each.name == "one-box"
        else each
        for each in PIPELINE.stages
    )
    told = event(62, "bake.ended", ago(seconds=1), release="payments-api:1848", stage="one-box")
    return replace(PIPELINE, stages=stages, events=(told, *PIPELINE.events))


def test_a_stage_changes_in_place(site: Site, visit: Callable[..., Visit]) -> None:
    seen = visit(site)
    seen.go("/pipelines/payments-api")
    page = seen.page
    page.evaluate("document.querySelectorAll('.stop').forEach(each => { each.kept = each.id })")
    link = page.locator(f"{ONE_BOX} .rel a")
    link.focus()
    loads = len([url for url in seen.asked if url.endswith("/pipelines/payments-api")])
    site.backend.show(with_one_box_done())
    expect(page.locator(f"{ONE_BOX} .now")).to_contain_text("succeeded")
    expect(page.locator("#log li").first).to_contain_text("1848 bake in one-box ended")
    assert page.evaluate("document.querySelector('#stage-one-box').kept") == "stage-one-box"
    assert page.evaluate("document.querySelector('#stage-beta').kept") == "stage-beta"
    expect(link).to_be_focused()
    again = [url for url in seen.asked if url.endswith("/pipelines/payments-api")]
    assert (len(again), loads) == (1, 1)
    assert (seen.foreign, seen.complaints) == ([], [])


def test_only_what_changed_is_marked(site: Site, visit: Callable[..., Visit]) -> None:
    seen = visit(site)
    seen.go("/pipelines/payments-api")
    seen.page.evaluate(
        """() => {
            window.marked = new Set();
            new MutationObserver(all => all.forEach(each => window.marked.add(each.target.id)))
                .observe(document.body, {attributeFilter: ["data-changed"], subtree: true});
        }"""
    )
    site.backend.show(with_one_box_done())
    expect(seen.page.locator(f"{ONE_BOX} .now")).to_contain_text("succeeded")
    marked = set(seen.page.evaluate("[...window.marked]"))
    assert "stage-one-box" in marked
    assert "stage-beta" not in marked


def test_details_that_a_reader_opened_stay_open(site: Site, visit: Callable[..., Visit]) -> None:
    seen = visit(site)
    seen.go("/releases/payments-api:1846")
    facts = seen.page.locator("details.facts").first
    facts.locator("summary").click()
    expect(facts).to_have_attribute("open", "")
    asks = RELEASE.runs[-1]
    assert asks.decision is not None
    message = dict(asks.decision.message)
    first, *rest = message["results"]
    message["results"] = [{**first, "message": "68 of 120 min"}, *rest]
    runs = (*RELEASE.runs[:-1], replace(asks, decision=replace(asks.decision, message=message)))
    site.backend.known[RELEASE.id] = replace(RELEASE, runs=runs)
    site.backend.show(PIPELINE)
    expect(seen.page.locator("#decision")).to_contain_text("68 of 120 min")
    expect(facts).to_have_attribute("open", "")


def test_the_answer_is_told_to_who_does_not_see_it(site: Site, visit: Callable[..., Visit]) -> None:
    seen = visit(site)
    seen.go("/pipelines/payments-api")
    stages = tuple(replace(each, waiting=None) for each in PIPELINE.stages)
    site.backend.show(replace(PIPELINE, stages=stages))
    said = seen.page.locator("#say")
    expect(said).to_contain_text("Release 1846 bakes in wave-2")
    expect(said).to_have_attribute("role", "status")


def test_a_page_that_hears_nothing_says_that_it_is_not_live(
    site: Site, visit: Callable[..., Visit]
) -> None:
    seen = visit(site)
    seen.page.clock.install()
    seen.go("/pipelines/payments-api")
    expect(seen.page.locator("#live")).to_contain_text("Live")
    site.stop()
    seen.page.clock.fast_forward(40_000)
    expect(seen.page.locator("#live")).to_contain_text("Not live since")


def test_a_page_that_missed_something_gets_it_after_the_stream_is_back(
    site: Site, visit: Callable[..., Visit]
) -> None:
    seen = visit(site)
    seen.go("/pipelines/payments-api")
    expect(seen.page.locator(f"{ONE_BOX} .now")).to_contain_text("baking")
    seen.page.context.set_offline(True)
    site.backend.show(with_one_box_done())
    seen.page.context.set_offline(False)
    expect(seen.page.locator(f"{ONE_BOX} .now")).to_contain_text("succeeded")
