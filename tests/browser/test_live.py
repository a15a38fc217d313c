"""Pages that change while somebody looks, without a reload and without taking anything away."""

import time
from collections.abc import Callable

import pytest
from playwright.sync_api import Route, expect

from tests.browser.conftest import Site, Visit
from tests.browser.store import Store

pytestmark = pytest.mark.browser

ONE_BOX = "#stage-one-box"
BAKING = "payments-api:4"


def end_the_bake(store: Store) -> None:
    """Time passes until the release in the one-box has baked."""
    while store.executor.release(BAKING).runs[-1].stage == "one-box":
        store.passing(1, only=BAKING)


def test_a_stage_changes_in_place(site: Site, visit: Callable[..., Visit]) -> None:
    seen = visit(site)
    seen.go("/pipelines/payments-api")
    page = seen.page
    page.evaluate("document.querySelectorAll('.stop').forEach(each => { each.kept = each.id })")
    link = page.locator(f"{ONE_BOX} .rel a")
    link.focus()
    loads = len([url for url in seen.asked if url.endswith("/pipelines/payments-api")])
    end_the_bake(site.store)
    expect(page.locator(f"{ONE_BOX} .now")).to_contain_text("succeeded")
    expect(page.locator("#log")).to_contain_text("4 bake in one-box ended")
    assert page.evaluate("document.querySelector('#stage-one-box').kept") == "stage-one-box"
    assert page.evaluate("document.querySelector('#stage-beta').kept") == "stage-beta"
    expect(link).to_be_focused()
    again = [url for url in seen.asked if url.endswith("/pipelines/payments-api")]
    assert (len(again), loads) == (1, 1)
    assert (seen.foreign, seen.complaints) == ([], [])


def test_a_page_is_live_however_late_its_scripts_come(
    site: Site, visit: Callable[..., Visit]
) -> None:
    def late(route: Route) -> None:
        time.sleep(0.5)
        route.continue_()

    seen = visit(site)
    seen.page.route("**/hx-sse*", late)
    with seen.page.expect_request("**/pipelines/payments-api/events?*", timeout=120_000):
        seen.go("/pipelines/payments-api")


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
    end_the_bake(site.store)
    expect(seen.page.locator(f"{ONE_BOX} .now")).to_contain_text("succeeded")
    marked = set(seen.page.evaluate("[...window.marked]"))
    assert "stage-one-box" in marked
    assert "stage-beta" not in marked


def test_details_that_a_reader_opened_stay_open(site: Site, visit: Callable[..., Visit]) -> None:
    seen = visit(site)
    seen.go("/releases/payments-api:2")
    facts = seen.page.locator("details.facts").first
    facts.locator("summary").click()
    expect(facts).to_have_attribute("open", "")
    told = "the last 20 approvals refused none"
    site.store.executor.switch_transition("payments-api", "wave-3", "automatic", told, "grace")
    expect(seen.page.locator("#log")).to_contain_text("2 entered wave-3")
    expect(facts).to_have_attribute("open", "")


def test_the_answer_is_told_to_who_does_not_see_it(site: Site, visit: Callable[..., Visit]) -> None:
    seen = visit(site)
    seen.go("/pipelines/payments-api")
    told = "the last 20 approvals refused none"
    site.store.executor.switch_transition("payments-api", "wave-3", "automatic", told, "grace")
    said = seen.page.locator("#say")
    expect(said).to_contain_text("Release 3 waits before cell-1")
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
    end_the_bake(site.store)
    seen.page.context.set_offline(False)
    # The stream tries again at growing intervals, on a machine that may be busy.
    expect(seen.page.locator(f"{ONE_BOX} .now")).to_contain_text("succeeded", timeout=60_000)


def test_the_reason_of_an_override_is_counted(site: Site, visit: Callable[..., Visit]) -> None:
    """While it is typed, and in the answer to one that is too short, which keeps what was typed."""
    seen = visit(site)
    seen.go("/releases/payments-api:3")
    page = seen.page
    page.get_by_text("Speak about 3 before cell-1").click()
    reason = page.get_by_label("Why 3 may pass").first
    expect(reason).to_have_accessible_description("At least 20 characters.")
    reason.fill("urgent ☃")
    expect(reason).to_have_accessible_description("8 of at least 20 characters.")
    page.get_by_label("Incident or ticket").first.fill("INC-31")
    button = page.get_by_role("button", name="Override").first
    button.click()
    expect(reason).to_be_focused()
    told = "the reason has 8 characters; write at least 20: what breaks if it waits?"
    expect(reason).to_have_accessible_description(f"{told} At least 20 characters.")
    assert seen.violations() == []
    reason.fill("The fix stops the loss of orders.")
    button.click()
    expect(page.locator("#people")).to_contain_text("for INC-31")
    (given,) = site.store.executor.release("payments-api:3").overrides
    assert (given.stage, given.incident) == ("cell-1", "INC-31")
