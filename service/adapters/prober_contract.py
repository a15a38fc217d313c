"""What every prober must do, as tests that a prober of somebody else can run too.

Derive a class from ``ProberContract`` in a test file of yours, say how your prober is made and
where it finds the host of these tests, and let pytest collect it. ``Answering`` is that host for a
server of ``http.server``. Nothing of pytest is imported, so that Bakegate runs without it.
"""

import time
from abc import ABC, abstractmethod
from http.server import BaseHTTPRequestHandler
from typing import Final

from policies.scripted import Request
from service.adapters.contract import demand
from service.promotions.ports import Answered, Prober

#: What the host answers, by method and path: status and body. Everything else is a 404.
ANSWERS: Final = {
    ("GET", "/health"): (200, "all is well"),
    ("GET", "/broken"): (500, ""),
    ("POST", "/orders"): (201, '{"id": "7", "paid": false}'),
    ("GET", "/orders/7"): (200, '{"id": "7", "paid": true}'),
}
#: A path that the host takes and never answers.
SILENT: Final = "/silent"
#: How long a prober may take to give up, in seconds.
_PATIENCE_S: Final = 15.0
_HEALTH: Final = Request("GET", "/health", 200)


class Answering(BaseHTTPRequestHandler):
    """The host of these tests."""

    def do_GET(self) -> None:
        self._answer()

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers.get("Content-Length", "0")))
        self._answer()

    def _answer(self) -> None:
        if self.path == SILENT:
            # Until who asked has hung up.
            self.rfile.read(1)
            return
        status, text = ANSWERS.get((self.command, self.path), (404, ""))
        self.send_response(status)
        self.send_header("Content-Length", str(len(text)))
        self.end_headers()
        self.wfile.write(text.encode())

    def log_message(self, format: str, *_: object) -> None:
        """Say nothing."""


class ProberContract(ABC):
    @abstractmethod
    def prober(self) -> Prober: ...

    @abstractmethod
    def host(self) -> str:
        """Where a host answers as ``ANSWERS`` says."""

    @abstractmethod
    def nobody(self) -> str:
        """Where nobody answers."""

    def test_each_request_has_its_answer_in_order(self) -> None:
        broken = Request("GET", "/broken", 200, operation="break")
        found = self.prober().ask(self.host(), (_HEALTH, broken, _HEALTH))
        said = [(each.operation, each.problem == "") for each in found]
        wanted = [("GET /health", True), ("break", False), ("GET /health", True)]
        demand(said == wanted, f"it said {said}, not {wanted}")

    def test_an_answer_must_say_what_is_expected(self) -> None:
        unpaid = Request("POST", "/orders", 201, body="{}", expected=(("/paid", "true"),))
        silent = Request("GET", "/health", 200, contains="nothing is well")
        found = self.prober().ask(self.host(), (unpaid, silent))
        good = [each.operation for each in found if not each.problem]
        demand(len(found) == 2 and not good, f"wrong answers are fine for it: {found}")  # noqa: PLR2004 - as many as were asked

    def test_one_answer_gives_values_to_the_next_request(self) -> None:
        make = Request("POST", "/orders", 201, body="{}", capture=(("order", "/id"),))
        look = Request("GET", "/orders/${order}", 200, expected=(("/paid", "true"),))
        found = self.prober().ask(self.host(), (make, look))
        demand(found == (Answered(make.name, ""), Answered(look.name, "")), f"it said {found}")

    def test_what_lacks_a_value_is_left_out(self) -> None:
        make = Request("GET", "/broken", 200, capture=(("order", "/id"),))
        look = Request("GET", "/orders/${order}", 200)
        found = [each.operation for each in self.prober().ask(self.host(), (make, look))]
        demand(found == [make.name], f"it asked {found}")

    def test_nobody_there_is_a_problem_and_no_exception(self) -> None:
        found = self.prober().ask(self.nobody(), (_HEALTH,))
        demand(len(found) == 1 and found[0].problem != "", f"nobody was there, and it said {found}")

    def test_a_host_that_says_nothing_is_given_up(self) -> None:
        began = time.monotonic()
        found = self.prober().ask(self.host(), (Request("GET", SILENT, 200),))
        took = time.monotonic() - began
        demand(took < _PATIENCE_S, f"it waited {took:.0f} s for an answer")
        demand(len(found) == 1 and found[0].problem != "", f"nothing was said, and it said {found}")
