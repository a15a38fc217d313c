"""Every page in both themes and at both widths: readable by everybody, whole, and only from us."""

import re
from collections.abc import Callable

import pytest
from playwright.sync_api import expect

from tests.browser.conftest import DESKTOP, PHONE, Site, Visit

PAGES = {
    "organization": ("/organization", 200),
    "pipelines": ("/", 200),
    "pipeline": ("/pipelines/payments-api", 200),
    "pipeline in trouble": ("/pipelines/price-engine", 200),
    "pipeline never used": ("/pipelines/new-app", 200),
    "quiet pipeline": ("/pipelines/mailer", 200),
    "release": ("/releases/payments-api:2", 200),
    "release rolled back": ("/releases/price-engine:2", 200),
    "release that builds": ("/releases/payments-api:6", 200),
    "switch": ("/pipelines/payments-api/stages/wave-3/transition", 200),
    "rules": ("/rules", 200),
    "rule with a campaign": ("/rules/no-untested-automation?node=retail", 200),
    "exceptions": ("/exceptions", 200),
    "ask for an exemption": ("/exceptions/new?rule=bake-time", 200),
    "blocklist": ("/blocklist", 200),
    "not found": ("/pipelines/nope", 404),
}

pytestmark = pytest.mark.browser


@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize(("path", "status"), PAGES.values(), ids=PAGES.keys())
def test_a_page_is_fit_for_everybody(
    gallery: Site, visit: Callable[..., Visit], path: str, status: int, theme: str
) -> None:
    seen = visit(gallery, theme=theme)
    assert seen.go(path) == status
    seen.page.evaluate("document.querySelectorAll('details').forEach(each => each.open = true)")
    for width in (DESKTOP, PHONE):
        seen.resize(width)
        assert (width, seen.violations()) == (width, [])
        assert (width, max(seen.too_wide, 0)) == (width, 0)
    assert seen.foreign == []
    assert seen.complaints == []


@pytest.mark.parametrize(
    ("theme", "scheme", "dark"),
    [
        ("", "light", False),
        ("", "dark", True),
        ("light", "dark", False),
        ("dark", "light", True),
        ("system", "dark", True),
        ("pink", "light", False),
    ],
)
def test_the_theme_is_the_readers_else_the_systems(
    gallery: Site, visit: Callable[..., Visit], theme: str, scheme: str, *, dark: bool
) -> None:
    seen = visit(gallery, theme=theme, scheme=scheme)
    seen.go("/pipelines/payments-api")
    paper = "rgb(17, 19, 21)" if dark else "rgb(248, 247, 244)"
    expect(seen.page.locator("body")).to_have_css("background-color", paper)


def test_the_tab_key_goes_in_the_order_of_reading(
    gallery: Site, visit: Callable[..., Visit]
) -> None:
    seen = visit(gallery)
    seen.go("/pipelines/payments-api")
    names = seen.tabbed(16)
    assert names[0] == "Skip to content"
    order = [
        "5 releases in flight",
        "Let 2 enter wave-3…",
        "6",
        "Transition into beta: automatic",
        # Who is expected there next, then who is there.
        "6",
        "5",
    ]
    assert [name for name in names if name in order][: len(order)] == order


def test_the_focus_is_seen(gallery: Site, visit: Callable[..., Visit]) -> None:
    seen = visit(gallery)
    seen.go("/pipelines/payments-api")
    switch = seen.page.get_by_role("switch", name="Transition into beta")
    switch.focus()
    seen.page.keyboard.press("Shift+Tab")
    seen.page.keyboard.press("Tab")
    expect(switch).to_be_focused()
    expect(switch).to_have_css("outline-style", "solid")


def test_a_page_has_its_landmarks_and_one_heading(
    gallery: Site, visit: Callable[..., Visit]
) -> None:
    seen = visit(gallery)
    seen.go("/pipelines/payments-api")
    for landmark in (
        seen.page.get_by_role("banner"),
        seen.page.get_by_role("main"),
        seen.page.get_by_role("contentinfo"),
    ):
        expect(landmark).to_have_count(1)
    expect(seen.page.get_by_role("heading", level=1)).to_have_text("payments-api")
    expect(seen.page).to_have_title(re.compile("payments-api"))
