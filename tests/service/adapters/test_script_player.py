"""Scripted requests against a real server: what is sent, what must come back, what is captured."""

import json
import time
from collections.abc import Iterator
from datetime import timedelta
from http.server import BaseHTTPRequestHandler
from typing import Any, ClassVar

import httpx
import pytest

from policies.scripted import Request
from service.adapters import script_player
from service.adapters.script_player import play
from service.promotions.ports import Answered
from tests.twins.web import served


class Shop(BaseHTTPRequestHandler):
    """Takes orders and gives them back; some of its paths behave badly."""

    orders: ClassVar[dict[str, Any]] = {}
    seen: ClassVar[list[tuple[str, str, str | None]]] = []

    def do_GET(self) -> None:
        self.seen.append(("GET", self.path, self.headers["X-Customer"]))
        match self.path:
            case "/slow":
                time.sleep(0.2)
                self._answer(200, b"{}")
            case "/text":
                self._answer(200, b"plain words")
            case "/endless":
                self._answer(200, b"x" * 5_000)
            case "/drip":
                self._drip()
            case "/list":
                self._answer(200, json.dumps({"a/b": [{"ok": True, "count": 1}]}).encode())
            case path if path.removeprefix("/orders/") in self.orders:
                self._answer(200, json.dumps(self.orders[path.removeprefix("/orders/")]).encode())
            case _:
                self._answer(404, b"no such thing")

    def do_POST(self) -> None:
        order = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        self.orders["o 1/a"] = self.orders["o%201%2Fa"] = order
        self._answer(201, json.dumps({"id": "o 1/a", "number": 7}).encode())

    def _drip(self) -> None:
        self.send_response(200)
        self.end_headers()
        try:
            for _ in range(50):
                self.wfile.write(b".")
                self.wfile.flush()
                time.sleep(0.05)
        except OSError:
            return

    def _answer(self, status: int, body: bytes) -> None:
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:
        """Nothing: the tests look at answers."""


@pytest.fixture(scope="module")
def url() -> Iterator[str]:
    with served(Shop) as address:
        yield address


def played(url: str, *requests: Request, seconds: float = 5) -> list[Answered]:
    with httpx.Client(trust_env=False) as client:
        return list(play(client, url, requests, seconds))


def problem(url: str, request: Request, *, seconds: float = 5) -> str:
    return played(url, request, seconds=seconds)[0].problem


BUY = Request(
    "POST",
    "/orders",
    201,
    operation="buy",
    body='{"item": "book", "count": 2}',
    expected=(("/number", "7"),),
    capture=(("order", "/id"), ("number", "/number")),
)


def test_an_answer_goes_into_the_next_request(url: str) -> None:
    read = Request(
        "GET",
        "/orders/${order}",
        200,
        headers=(("X-Customer", "probe-${number}"),),
        expected=(("/count", "2"), ("", '{"item": "book", "count": 2}')),
    )
    again = Request("POST", "/orders", 201, body='{"of": "${number}", "text": "no ${number}"}')
    answers = played(url, BUY, read, again)
    assert answers == [
        Answered("buy", ""),
        Answered("GET /orders/${order}", ""),
        Answered("POST /orders", ""),
    ]
    assert ("GET", "/orders/o%201%2Fa", "probe-7") in Shop.seen
    assert Shop.orders["o 1/a"] == {"of": 7, "text": "no 7"}


def test_what_needs_an_answer_that_did_not_come_is_left_out(url: str) -> None:
    nothing = Request("GET", "/absent", 200, capture=(("order", "/id"),))
    read = Request("GET", "/orders/${order}", 200)
    text = Request("GET", "/text", 200, contains="plain")
    assert [each.operation for each in played(url, nothing, read, text)] == [
        "GET /absent",
        "GET /text",
    ]


@pytest.mark.parametrize(
    ("request_", "told"),
    [
        (Request("GET", "/absent", 200), "answered 404, 200 is expected: no such thing"),
        (Request("GET", "/text", 200, contains="other"), "does not say 'other': plain words"),
        (Request("GET", "/text", 200, expected=(("/a", "1"),)), "is no JSON: plain words"),
        (
            Request("GET", "/list", 200, expected=(("/a~1b/0/count", "true"),)),
            "says 1 at /a~1b/0/count, true is expected",
        ),
        (
            Request("GET", "/list", 200, expected=(("/a~1b/9", "1"),)),
            'has nothing at /a~1b/9: {"a/b": [{"ok": true, "count": 1}]}',
        ),
        (
            Request("GET", "/list", 200, capture=(("x", "/a~1b/x"),)),
            'has nothing at /a~1b/x: {"a/b": [{"ok": true, "count": 1}]}',
        ),
    ],
)
def test_what_is_wrong_is_told(url: str, request_: Request, told: str) -> None:
    assert problem(url, request_) == told


def test_an_answer_that_takes_too_long(url: str) -> None:
    told = problem(url, Request("GET", "/slow", 200, within=timedelta(milliseconds=50)))
    assert told.endswith(" ms, 50 ms are allowed")
    assert problem(url, Request("GET", "/slow", 200, within=timedelta(seconds=5))) == ""


def test_an_answer_without_end_is_cut(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    told = problem(url, Request("GET", "/drip", 200), seconds=0.2)
    assert told == "did not end its answer within 0.2 s"
    monkeypatch.setattr(script_player, "_LARGEST", 1_000)
    assert problem(url, Request("GET", "/endless", 200)) == "answered more than 1000 bytes"


def test_nobody_there() -> None:
    assert "refused" in problem("http://127.0.0.1:1", Request("GET", "/", 200))
