"""Calendars over HTTP, from a real server on this machine that changes, fails and lies."""

import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from policies.source import MAX_BYTES
from service.adapters.calendars import HttpCalendars
from service.promotions.ports import Fetched, Unfetched

CALENDAR = """\
BEGIN:VCALENDAR
VERSION:2.0
PRODID:-//Bakegate//tests
BEGIN:VEVENT
UID:sale
DTSTAMP:20261101T000000Z
DTSTART:20261122T000000Z
DTEND:20261130T000000Z
END:VEVENT
END:VCALENDAR
"""


@dataclass
class Site:
    """What the server answers next, and what it was asked."""

    address: str = ""
    status: int = 200
    body: bytes = CALENDAR.encode()
    etag: str = '"one"'
    asked: list[str | None] = field(default_factory=list)


@pytest.fixture
def site() -> Iterator[Site]:
    told = Site()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            given = self.headers.get("If-None-Match")
            told.asked.append(given)
            fresh = told.status == 200 and given == told.etag
            self.send_response(304 if fresh else told.status)
            self.send_header("ETag", told.etag)
            self.send_header("Content-Length", "0" if fresh else str(len(told.body)))
            self.end_headers()
            if not fresh:
                self.wfile.write(told.body)

        def log_message(self, format: str, *args: object) -> None:
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    told.address = f"http://127.0.0.1:{server.server_address[1]}/sale.ics"
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield told
    server.shutdown()
    server.server_close()


def test_a_version_is_sent_once(site: Site) -> None:
    source = HttpCalendars()
    assert source.fetch(site.address, "") == Fetched(CALENDAR, '"one"')
    assert source.fetch(site.address, '"one"') is None
    assert site.asked == [None, '"one"']


@pytest.mark.parametrize(
    ("status", "body", "told"),
    [
        (500, b"broken", "answered 500"),
        (404, b"gone", "answered 404"),
        (200, b"\xff\xfe", "sent no UTF-8"),
        (200, b"x" * (MAX_BYTES + 1), f"sent more than {MAX_BYTES} bytes"),
    ],
    ids=["broken", "gone", "no-text", "too-large"],
)
def test_what_is_no_calendar_is_told(site: Site, status: int, body: bytes, told: str) -> None:
    site.status, site.body = status, body
    with pytest.raises(Unfetched, match=told):
        HttpCalendars().fetch(site.address, "")


def test_a_server_that_is_not_there_is_told() -> None:
    with pytest.raises(Unfetched, match="cannot be reached"):
        HttpCalendars(timeout=1).fetch("http://127.0.0.1:9/sale.ics", "")
