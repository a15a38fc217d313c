"""A web service that deploys, and how badly the network between us may behave."""

import hashlib
import hmac
import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Final

KEY: Final = "a key of the tests"
Said = tuple[int, Any]


@dataclass
class Far:
    """The other side, as its documentation asks: each key once, no lower epoch, signed or not."""

    started: list[str] = field(default_factory=list)
    asked: list[str] = field(default_factory=list)
    aborted: list[str] = field(default_factory=list)
    done: set[str] = field(default_factory=set)
    """Keys of deployments that succeeded."""
    highest: dict[str, int] = field(default_factory=dict)
    """By target."""
    rounds: int = 1
    """How often it answers that a deployment runs."""
    repeats: int = 1
    """How often the network hands over each order."""
    lost: int = 0
    """How many answers do not come back, though the order was taken."""
    instead: Callable[[dict[str, Any]], Said | None] = lambda _: None
    ill: str = ""
    """The digest that does not run."""
    endless: str = ""
    """The digest whose deployment is never over."""
    url: str = ""

    def take(self, headers: Any, body: bytes) -> Said:
        at, _, code = headers["Bakegate-Signature"].partition(",v1=")
        expected = hmac.new(KEY.encode(), f"{at[2:]}.".encode() + body, hashlib.sha256).hexdigest()
        if code != expected:
            return 401, "the signature is wrong"
        order = json.loads(body)
        assert headers["Idempotency-Key"] == order["key"]
        assert headers["Bakegate-Epoch"] == str(order["epoch"])
        if order["epoch"] < self.highest.get(order["target"], 0):
            return 409, "fenced"
        self.highest[order["target"]] = order["epoch"]
        self.asked.append(order["action"])
        return self.instead(order) or self._act(order)

    def _act(self, order: dict[str, Any]) -> Said:
        key = order["key"]
        if order["action"] == "abort":
            self.aborted.append(key)
        if key in self.aborted and key not in self.done:
            reached = int(key in self.started)
            said = {"state": "failed", "replaced": reached, "hosts": 2, "in_service": 1}
            return 200, said | {"message": "stopped"}
        if key not in self.started:
            self.started.append(key)
        if order["digest"] == self.ill:
            return 200, {"state": "failed", "hosts": 2, "message": "it does not answer"}
        if order["digest"] == self.endless:
            return 202, {"state": "running", "replaced": 0, "hosts": 2, "in_service": 2}
        if self.rounds:
            self.rounds -= 1
            return 202, {"state": "running", "replaced": 1, "hosts": 2, "in_service": 1}
        self.done.add(key)
        done = {"state": "succeeded", "replaced": 2, "hosts": 2, "in_service": 1}
        return 200, done | {"url": "http://shop.test"}


@contextmanager
def serving(side: Far) -> Iterator[None]:
    """Let ``side`` take orders at its ``url``, on a free port of this machine."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            status, said = [side.take(self.headers, body) for _ in range(side.repeats)][-1]
            if side.lost:
                side.lost -= 1
                return
            self.send_response(status)
            self.end_headers()
            self.wfile.write(said.encode() if isinstance(said, str) else json.dumps(said).encode())

        def log_message(self, *_: Any) -> None:
            """Nothing: the tests look at what the other side keeps."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    side.url = f"http://127.0.0.1:{server.server_port}/deployments"
    thread = threading.Thread(target=server.serve_forever, args=(0.02,))
    thread.start()
    try:
        yield
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
