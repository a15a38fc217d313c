"""The prober and the customers ask real servers; what they count and what they leave out."""

import json
import logging
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import timedelta
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from queue import Queue

import pytest

from policies.scripted import Request
from service.adapters.host_files import HostRecord, target_folder, write_host
from service.adapters.prober import Prober, Watched
from service.promotions.ports import DeployOrder, DeployProgress, Host
from tests.twins.web import served

OLD, NEW = "sha256:" + "a" * 64, "sha256:" + "b" * 64
Told = tuple[str, str, str, str, int, int, str]


class App(BaseHTTPRequestHandler):
    """Answers /health with 200 and everything else with 500; keeps what is posted."""

    posted: Queue[dict[str, str | int]] = Queue()

    def do_GET(self) -> None:
        self._answer(200 if self.path == "/health" else 500)

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        self.posted.put(json.loads(body))
        self._answer(204)

    def _answer(self, status: int) -> None:
        self.send_response(status)
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
    App.posted = Queue()
    with served(App) as address:
        yield address


@pytest.fixture
def closed() -> Iterator[str]:
    """An address that refuses connections: bound, so that nobody else gets it, not listening."""
    with socket.socket() as held:
        held.bind(("127.0.0.1", 0))
        yield f"http://127.0.0.1:{held.getsockname()[1]}"


def watched(*requests: Request, every: float = 60) -> Watched:
    return Watched("shop", "prod", "eu-1", timedelta(seconds=every), requests)


@pytest.fixture
def probed() -> Iterator[Callable[[Records, Watched], Queue[Told]]]:
    """Starts a prober of one target; what it tells is in the queue."""
    running: list[Prober] = []

    def start(records: Records, what: Watched) -> Queue[Told]:
        told: Queue[Told] = Queue()
        prober = Prober(records, lambda: [what], lambda *said: told.put(said))
        running.append(prober)
        prober.start()
        return told

    yield start
    for prober in running:
        prober.stop()


Probed = Callable[[Records, Watched], "Queue[Told]"]


def test_each_host_gets_each_request(url: str, probed: Probed) -> None:
    records = Records([(Host("eu-1-1", url, NEW), Host("eu-1-2", url, NEW))])
    requests = (Request("GET", "/health", 200), Request("GET", "/", 500), Request("GET", "/", 200))
    told = probed(records, watched(*requests))
    assert sorted(told.get(timeout=10) for _ in range(2)) == [
        ("shop", "prod", "eu-1", NEW, 2, 0, "GET /health"),
        ("shop", "prod", "eu-1", NEW, 2, 2, "GET /"),
    ]


def test_health_is_asked_by_default_and_versions_are_told_apart(url: str, probed: Probed) -> None:
    hosts = (Host("eu-1-1", url, NEW), Host("eu-1-2", url, OLD), Host("eu-1-3", url, OLD))
    told = probed(Records([hosts]), watched())
    assert sorted(told.get(timeout=10) for _ in range(2)) == [
        ("shop", "prod", "eu-1", OLD, 2, 0, "GET /health"),
        ("shop", "prod", "eu-1", NEW, 1, 0, "GET /health"),
    ]


def test_who_does_not_answer_while_in_service_counts_negative(closed: str, probed: Probed) -> None:
    told = probed(Records([(Host("eu-1-1", closed, NEW),)]), watched())
    assert told.get(timeout=10) == ("shop", "prod", "eu-1", NEW, 0, 1, "GET /health")


def test_a_host_that_is_being_replaced_is_no_data_point(
    url: str, closed: str, probed: Probed
) -> None:
    staying, leaving = Host("eu-1-1", url, NEW), Host("eu-1-2", closed, OLD)
    told = probed(Records([(leaving, staying), (staying,)]), watched())
    assert told.get(timeout=10) == ("shop", "prod", "eu-1", NEW, 1, 0, "GET /health")
    assert told.empty()


def test_a_round_is_repeated_after_its_interval(url: str, probed: Probed) -> None:
    told = probed(Records([(Host("eu-1-1", url, NEW),)]), watched(every=0.1))
    assert [told.get(timeout=10) for _ in range(3)] == [
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
    prober = Prober(records, lambda: [watched(every=0.1)], tell)
    with caplog.at_level(logging.ERROR):
        prober.start()
        assert told.get(timeout=10) == ("shop", "prod", "eu-1", NEW, 1, 0, "GET /health")
        prober.stop()
    assert [record.message for record in caplog.records] == ["a round of probes failed"]


def _served(folder: Path, url: str) -> None:
    """Record one host in service at ``url``, as the deployer would."""
    path = target_folder(folder, "shop", "prod", "eu-1") / "hosts" / "1.json"
    record = HostRecord(
        pipeline="shop",
        stage="prod",
        target="eu-1",
        name="eu-1-1",
        pid=1,
        start_time=1,
        port=int(url.rsplit(":", 1)[1]),
        digest=NEW,
        key="k1",
        epoch=1,
        state="in_service",
    )
    write_host(path, record)


def test_customers_send_requests_and_push_their_counts(url: str, tmp_path: Path) -> None:
    _served(tmp_path, url)
    profile = tmp_path / "profile.json"
    content = {
        "url": url,
        "pipeline": "shop",
        "rate_per_s": 50,
        "targets": [{"stage": "prod", "target": "eu-1"}],
        "state_folder": str(tmp_path),
        "requests": [
            {"path": "/health", "weight": 3, "status": 200},
            {"path": "/", "weight": 1, "status": 200},
        ],
    }
    profile.write_text(json.dumps(content))
    command = [sys.executable, "-m", "service.adapters.load", str(profile), str(os.getpid())]
    with subprocess.Popen(command) as customers:
        try:
            said = App.posted.get(timeout=20)
        finally:
            customers.send_signal(signal.SIGTERM)
    assert customers.returncode == 0
    positive, negative = said.pop("positive"), said.pop("negative")
    assert said == {"pipeline": "shop", "stage": "prod", "target": "eu-1", "digest": NEW}
    assert isinstance(positive, int)
    assert isinstance(negative, int)
    assert positive > negative > 0
