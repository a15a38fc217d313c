"""Pages in a browser that runs no script: forms post and links lead."""

from collections.abc import Callable

import pytest
from playwright.sync_api import expect

from tests.browser.conftest import Site, Visit

pytestmark = pytest.mark.browser


def test_a_transition_is_switched_to_manual_at_once(
    site: Site, visit: Callable[..., Visit]
) -> None:
    seen = visit(site, script=False)
    seen.go("/pipelines/payments-api")
    seen.page.get_by_role("switch", name="Transition into beta").click()
    switch = seen.page.get_by_role("switch", name="Transition into beta")
    expect(switch).to_have_attribute("aria-checked", "false")
    beta = site.store.executor.pipeline("payments-api").stages[1]
    assert (beta.name, beta.transition) == ("beta", "manual")


def test_a_transition_is_switched_to_automatic_with_a_reason(
    site: Site, visit: Callable[..., Visit]
) -> None:
    seen = visit(site, script=False)
    seen.go("/pipelines/payments-api")
    seen.page.get_by_role("switch", name="Transition into wave-3").click()
    before = site.store.executor.version("payments-api")
    button = seen.page.get_by_role("button", name="automatic")
    reason = seen.page.get_by_role("textbox")
    reason.fill("   ")
    button.click()
    expect(reason).to_have_attribute("aria-invalid", "true")
    assert site.store.executor.version("payments-api") == before
    reason.fill("The last 20 approvals refused none.")
    button.click()
    switch = seen.page.get_by_role("switch", name="Transition into wave-3")
    expect(switch).to_have_attribute("aria-checked", "true")
    events = site.store.executor.release("payments-api:2").events
    assert ("stage.entered", "wave-3") in [(each.kind, each.stage) for each in events]


def test_the_theme_is_kept(site: Site, visit: Callable[..., Visit]) -> None:
    seen = visit(site, script=False)
    seen.go("/releases/payments-api:2")
    seen.page.get_by_role("button", name="Dark").click()
    assert seen.page.url.endswith("/releases/payments-api:2")
    dark = "rgb(17, 19, 21)"
    expect(seen.page.locator("body")).to_have_css("background-color", dark)
    seen.go("/")
    expect(seen.page.locator("body")).to_have_css("background-color", dark)


def test_links_lead_from_the_list_to_the_release(
    gallery: Site, visit: Callable[..., Visit]
) -> None:
    seen = visit(gallery, script=False)
    seen.go("/")
    seen.page.get_by_role("link", name="payments-api").click()
    seen.page.locator("#stage-wave-3 .why a").first.click()
    expect(seen.page.get_by_role("heading", level=1)).to_have_text("Release 2")
    seen.page.get_by_role("link", name="payments-api").first.click()
    expect(seen.page.get_by_role("heading", level=1)).to_have_text("payments-api")


def test_people_pause_report_and_approve(site: Site, visit: Callable[..., Visit]) -> None:
    seen, service = visit(site, script=False), site.store.executor
    seen.go("/pipelines/payments-api")
    page = seen.page
    page.get_by_text("Pause", exact=True).first.click()
    page.get_by_label("What").select_option("gamma")
    page.get_by_label("Reason").fill("the database moves")
    page.get_by_label("For how many hours").fill("2")
    page.get_by_role("button", name="Pause").click()
    expect(page.locator("#pauses")).to_contain_text("gamma is paused by ada until 10:31")
    page.get_by_role("button", name="Resume gamma").click()
    expect(page.locator("#pauses")).not_to_contain_text("paused by")

    seen.go("/releases/payments-api:4")
    page.get_by_text("Report a problem, roll back").click()
    page.get_by_label("What you see, or why").fill("orders charged twice")
    page.get_by_role("button", name="Report a problem").click()
    expect(page.locator("#people")).to_contain_text("ada reported a problem")
    expect(page.locator("#answer")).to_contain_text("it is halted: orders charged twice")
    page.get_by_label("Why it is none, or why it goes back").fill("the test account was wrong")
    page.get_by_role("button", name="Clear the problem").click()
    expect(page.locator("#people")).to_contain_text("cleared by ada")

    seen.go("/releases/payments-api:2")
    page.get_by_role("link", name="Speak about wave-3").click()
    page.get_by_text("Speak about 2 before wave-3").click()
    page.get_by_role("button", name="Approve for wave-3").click()
    expect(page.locator("#people")).to_contain_text("approved")
    runs = {run.stage: run.state for run in service.release("payments-api:2").runs}
    assert runs["wave-3"] == "deploying"
