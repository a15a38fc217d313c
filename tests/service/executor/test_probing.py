"""Every place is asked on its time by a real prober; what is counted and what is left out."""

import logging
import socket
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import timedelta
from http.server import BaseHTTPRequestHandler
from queue import Queue

import pytest

from policies.scripted import Request
from service.adapters.prober import HttpProber
from service.executor.probing import Probing
from service.executor.watching import Place
from service.promotions.ports import DeployOrder, DeployProgress, Host
from tests.service.executor.conftest import PATIENCE_S
from tests.twins.web import served

OLD, NEW = "sha256:" + "a" * 64, "sha256:" + "b" * 64
Told = tuple[str, str, str, str, int, int, str]


class App(BaseHTTPRequestHandler):
    """Answers /health with 200 and everything else with 500."""

    def do_GET(self) -> None:
        self.send_response(200 if self.path == "/health" else 500)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, format: str, *args: object) -> None:
        """Nothing: the tests look at counts."""


@dataclass
class Records:
    """A deployer that only has records; each question takes the next answer, the last one stays."""

    answers: list[tuple[Host, ...]] = field(default_factory=list)

    def advance(self, order: DeployOrder) -> DeployProgress:
        raise NotImplementedError(order.key)

    def abort(self, order: DeployOrder) -> DeployProgress:
        raise NotImplementedError(order.key)

    def hosts(self, pipeline: str, stage: str, target: str) -> tuple[Host, ...]:
        assert (pipeline, stage, target) == ("shop", "prod", "eu-1")
        return self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]


@pytest.fixture
def url() -> Iterator[str]:
    with served(App) as address:
        yield address


@pytest.fixture
def closed() -> Iterator[str]:
    """An address that refuses connections: bound, so that nobody else gets it, not listening."""
    with socket.socket() as held:
        held.bind(("127.0.0.1", 0))
        yield f"http://127.0.0.1:{held.getsockname()[1]}"


def watched(*requests: Request, every: float = 60) -> Place:
    return Place("shop", "prod", "eu-1", timedelta(seconds=every), requests)


@pytest.fixture
def probed() -> Iterator[Callable[[Records, Place], Queue[Told]]]:
    """Starts a prober of one target; what it tells is in the queue."""
    running: list[Probing] = []

    def start(records: Records, what: Place) -> Queue[Told]:
        told: Queue[Told] = Queue()
        probing = Probing(records, HttpProber(), lambda: [what], lambda *said: told.put(said))
        running.append(probing)
        probing.start()
        return told

    yield start
    for probing in running:
        probing.stop()


Probed = Callable[[Records, Place], "Queue[Told]"]


def test_each_host_gets_each_request(url: str, probed: Probed) -> None:
    records = Records([(Host("eu-1-1", url, NEW), Host("eu-1-2", url, NEW))])
    requests = (Request("GET", "/health", 200), Request("GET", "/", 500), Request("GET", "/", 200))
    told = probed(records, watched(*requests))
    assert sorted(told.get(timeout=PATIENCE_S) for _ in range(2)) == [
        ("shop", "prod", "eu-1", NEW, 2, 0, "GET /health"),
        ("shop", "prod", "eu-1", NEW, 2, 2, "GET /"),
    ]


def test_health_is_asked_by_default_and_versions_are_told_apart(url: str, probed: Probed) -> None:
    hosts = (Host("eu-1-1", url, NEW), Host("eu-1-2", url, OLD), Host("eu-1-3", url, OLD))
    told = probed(Records([hosts]), watched())
    assert sorted(told.get(timeout=PATIENCE_S) for _ in range(2)) == [
        ("shop", "prod", "eu-1", OLD, 2, 0, "GET /health"),
        ("shop", "prod", "eu-1", NEW, 1, 0, "GET /health"),
    ]


def test_who_does_not_answer_while_in_service_counts_negative(closed: str, probed: Probed) -> None:
    told = probed(Records([(Host("eu-1-1", closed, NEW),)]), watched())
    assert told.get(timeout=PATIENCE_S) == ("shop", "prod", "eu-1", NEW, 0, 1, "GET /health")


def test_a_host_that_is_being_replaced_is_no_data_point(
    url: str, closed: str, probed: Probed
) -> None:
    staying, leaving = Host("eu-1-1", url, NEW), Host("eu-1-2", closed, OLD)
    told = probed(Records([(leaving, staying), (staying,)]), watched())
    assert told.get(timeout=PATIENCE_S) == ("shop", "prod", "eu-1", NEW, 1, 0, "GET /health")
    assert told.empty()


def test_a_round_is_repeated_after_its_interval(url: str, probed: Probed) -> None:
    told = probed(Records([(Host("eu-1-1", url, NEW),)]), watched(every=0.1))
    assert [told.get(timeout=PATIENCE_S) for _ in range(3)] == [
        ("shop", "prod", "eu-1", NEW, 1, 0, "GET /health")
    ] * 3


def test_a_failing_round_does_not_end_the_thread(
    url: str, caplog: pytest.LogCaptureFixture
) -> None:
    told: Queue[Told] = Queue()
    failures = iter([True])

    def tell(*said: str | int) -> None:
        if next(failures, False):
            raise RuntimeError("the database is away")
        told.put(said)  # type: ignore[arg-type]  # the seven of Told, which *said cannot say

    records = Records([(Host("eu-1-1", url, NEW),)])
    probing = Probing(records, HttpProber(), lambda: [watched(every=0.1)], tell)
    with caplog.at_level(logging.ERROR):
        probing.start()
        assert told.get(timeout=PATIENCE_S) == ("shop", "prod", "eu-1", NEW, 1, 0, "GET /health")
        probing.stop()
    assert [record.message for record in caplog.records] == ["a round of probes failed"]
