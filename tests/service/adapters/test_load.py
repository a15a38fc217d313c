"""Customers of the demonstration: they ask real servers and push what they counted."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from queue import Queue

import pytest

from service.adapters.host_files import HostRecord, target_folder, write_host
from tests.twins.web import served

NEW = "sha256:" + "b" * 64


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


@pytest.fixture
def url() -> Iterator[str]:
    App.posted = Queue()
    with served(App) as address:
        yield address


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
            said = App.posted.get(timeout=120)
        finally:
            customers.send_signal(signal.SIGTERM)
    assert customers.returncode == 0
    positive, negative = said.pop("positive"), said.pop("negative")
    assert said == {"pipeline": "shop", "stage": "prod", "target": "eu-1", "digest": NEW}
    assert isinstance(positive, int)
    assert isinstance(negative, int)
    assert positive > negative > 0
