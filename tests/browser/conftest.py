"""A real server and a real browser for the tests that look at pages."""

import fcntl
import os
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from importlib import resources
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
import uvicorn
from playwright.sync_api import Browser, ConsoleMessage, Page, Request, expect, sync_playwright

from policies.exceptions import Subject
from policies.rule import BlocklistEntry
from service.app import create_app
from service.promotions.exceptions import Verb, Wanted
from tests.browser.store import Store, copied, kept

CHROMIUM = "/usr/bin/chromium"
ARGUMENTS = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)
DESKTOP = 1440
PHONE = 390
HEIGHT = 900


# Nothing is timed here: a busy machine may take long for what it does in the end.
expect.set_options(timeout=60_000)


@dataclass(frozen=True, slots=True)
class Site:
    """A server that runs, and the service behind it."""

    url: str
    store: Store
    stop: Callable[[], None]


@dataclass
class Visit:
    """A page that is open, with everything that it asked for and everything that went wrong."""

    page: Page
    home: str
    asked: list[str] = field(default_factory=list)
    complaints: list[str] = field(default_factory=list)

    def watch(self) -> "Visit":
        self.page.on("request", self._asked)
        self.page.on("console", self._said)
        self.page.on("pageerror", lambda error: self.complaints.append(str(error)))
        return self

    def go(self, path: str) -> int:
        """Open a path; gives the status of the answer."""
        answer = self.page.goto(self.home + path)
        assert answer is not None
        return answer.status

    @property
    def foreign(self) -> list[str]:
        """Requests to any other origin; an address that holds its data asks nobody."""
        home = urlsplit(self.home).netloc
        return [url for url in self.asked if urlsplit(url).netloc not in {home, ""}]

    def resize(self, width: int) -> None:
        self.page.set_viewport_size({"width": width, "height": HEIGHT})

    @property
    def too_wide(self) -> int:
        """Pixels by which the page is wider than its window."""
        width: int = self.page.evaluate(
            "document.scrollingElement.scrollWidth - document.scrollingElement.clientWidth"
        )
        return width

    def violations(self) -> list[str]:
        """What axe finds by WCAG 2.0 to 2.2, A and AA, and by best practice."""
        if self.page.evaluate("!window.axe"):
            self.page.evaluate(_axe())
        tags = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22a", "wcag22aa", "best-practice"]
        options = {"runOnly": {"type": "tag", "values": tags}, "resultTypes": ["violations"]}
        found: dict[str, Any] = self.page.evaluate("options => axe.run(options)", options)
        return [
            f"{each['id']} ({each['impact']}): {node['target']} {node['failureSummary']}"
            for each in found["violations"]
            for node in each["nodes"]
        ]

    def tabbed(self, times: int) -> list[str]:
        """Names of what the tab key reaches, in order."""
        names = []
        for _ in range(times):
            self.page.keyboard.press("Tab")
            name = self.page.evaluate(
                "(document.activeElement.getAttribute('aria-label')"
                " ?? document.activeElement.textContent).trim()"
            )
            names.append(name)
        return names

    def _asked(self, request: Request) -> None:
        self.asked.append(request.url)

    def _said(self, message: ConsoleMessage) -> None:
        # The status of the page itself is what some tests ask for.
        if message.type in {"error", "warning"} and "Failed to load resource" not in message.text:
            self.complaints.append(message.text)


def _axe() -> str:
    return resources.files("axe_playwright_python").joinpath("axe.min.js").read_text("utf-8")


@contextmanager
def served(store: Store) -> Iterator[Site]:
    """Serve the application on a free port of the loopback address."""
    config = uvicorn.Config(
        create_app(store.executor, lambda: "ada"),
        port=0,
        log_level="error",
        # Streams never end by themselves.
        timeout_graceful_shutdown=1,
    )
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    while not server.started:
        thread.join(0.01)
        assert thread.is_alive()

    def stop() -> None:
        server.should_exit = True
        thread.join()

    port = server.servers[0].sockets[0].getsockname()[1]
    yield Site(f"http://127.0.0.1:{port}", store, stop)
    stop()


@pytest.fixture(scope="module")
def chromium() -> Iterator[Browser]:
    """Run a browser for one file only: its event loop would be in the way of other tests' loops."""
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=list(ARGUMENTS))
        yield browser
        browser.close()


@pytest.fixture(scope="session")
def filled(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Store]:
    """Releases in many states, made once by the executor for all processes of a run."""
    folder = tmp_path_factory.getbasetemp()
    if "PYTEST_XDIST_WORKER" in os.environ:
        folder = folder.parent
    with (folder / "filled.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        store = kept(folder / "filled.db")
    yield store
    store.engines.dispose()


@pytest.fixture(scope="session")
def gallery(filled: Store, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """A site that nobody changes; somebody has asked for exceptions and blocked something."""
    store = copied(filled, tmp_path_factory.mktemp("gallery") / "bakegate.db")
    backend, until = store.executor, store.clock.now() + timedelta(days=30)
    for rule in ("bake-time", "canary-first"):
        wanted = Wanted(Subject.EXEMPTION, "payments-api", rule, "the hosts arrive then", until)
        backend.request_exception(wanted, "kim")
    backend.decide_exception("ex-1", Verb.APPROVE, "", "ada")
    package = "pkg:pypi/a-package-with-a-name-that-is-long-enough-to-break-a-narrow-page"
    entry = BlocklistEntry("", "leaks cookies", "security", package, "vers:pypi/>=2.0.0|<2.0.7")
    backend.add_blocklist(entry, "kim")
    with served(store) as site:
        yield site
    store.engines.dispose()


@pytest.fixture
def site(filled: Store, tmp_path: Path) -> Iterator[Site]:
    """A site of one test, which may change what it shows."""
    store = copied(filled, tmp_path / "bakegate.db")
    with served(store) as made:
        yield made
    store.engines.dispose()


@pytest.fixture
def visit(chromium: Browser) -> Iterator[Callable[..., Visit]]:
    """Open a window at a site; ``theme`` is the reader's choice, ``scheme`` the system's."""
    opened = []

    def open_window(
        at: Site,
        *,
        width: int = DESKTOP,
        theme: str = "",
        scheme: str = "light",
        script: bool = True,
    ) -> Visit:
        context = chromium.new_context(
            viewport={"width": width, "height": HEIGHT},
            color_scheme="dark" if scheme == "dark" else "light",
            java_script_enabled=script,
        )
        opened.append(context)
        if theme:
            context.add_cookies([{"name": "theme", "value": theme, "url": at.url}])
        return Visit(context.new_page(), at.url).watch()

    yield open_window
    for context in opened:
        context.close()
