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
