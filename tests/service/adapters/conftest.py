"""A local deployer on a folder of its own, with artifacts and orders for one target."""

import io
import json
import sys
import tarfile
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import TypeVar
from urllib.request import urlopen

import pytest

from policies.facts import Fact
from policies.findings import Span
from policies.pipeline import Deploy, Hooks
from service.adapters.artifacts import ArtifactStore
from service.adapters.host_files import target_folder
from service.adapters.hosts import LocalDeployer
from service.promotions.ports import DeployOrder, DeployProgress

T = TypeVar("T")
SPAN = Span("pipeline.yaml", 1, 1, 1, 2)
SERVER = """\
import os
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

class Handler(BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200)
        self.end_headers()
        self.wfile.write(open("version", "rb").read())

    def log_message(self, *_):
        pass

ThreadingHTTPServer(("127.0.0.1", int(os.environ["BAKEGATE_PORT"])), Handler).serve_forever()
"""


def fact(value: T) -> Fact[T]:
    return Fact(value, SPAN)


def deploy(
    *,
    hosts: int = 1,
    batch: int = 1,
    min_healthy: int = 0,
    stop: str | None = None,
    start: str | None = None,
    validate: str | None = None,
) -> Deploy:
    return Deploy(
        span=SPAN,
        engine=fact("local"),
        hosts=fact(hosts),
        batch=fact(batch),
        min_healthy=fact(min_healthy),
        deadline=fact(timedelta(seconds=20)),
        rollback_on=fact(None),
        rollback_alarms=fact(None),
        checks=fact(None),
        hooks=Hooks(stop=fact(stop), start=fact(start), validate=fact(validate)),
    )


class Ground:
    """A deployer, its artifacts, and orders for one target."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.artifacts = ArtifactStore(folder / "artifacts")
        self.deployer = LocalDeployer(folder / "hosts", self.artifacts)
        self.target = target_folder(folder / "hosts", "shop", "prod", "eu-1")

    def built(self, version: str, **files: str) -> str:
        """Store an app that answers with ``version``; ``files`` adds to or replaces its files."""
        start = f"#!/bin/sh\nexec {sys.executable} -S -E server.py\n"
        path = self.folder / "app.tar.gz"
        with tarfile.open(path, "w:gz") as archive:
            content = {"version": version, "server.py": SERVER, "start": start, **files}
            for name, text in content.items():
                info = tarfile.TarInfo(name)
                info.size, info.mode = len(text.encode()), 0o755
                archive.addfile(info, io.BytesIO(text.encode()))
        return self.artifacts.put(path)

    def order(self, key: str, digest: str, how: Deploy, *, epoch: int = 1) -> DeployOrder:
        return DeployOrder(key, epoch, "r1", "shop", "prod", "eu-1", digest, how, rollback=False)

    def finish(self, order: DeployOrder) -> list[DeployProgress]:
        """Advance until it is over; every answer on the way."""
        found = [self.deployer.advance(order)]
        while found[-1].state == "running":
            found.append(self.deployer.advance(order))
        return found

    def answers(self) -> list[str]:
        found = []
        for host in self.deployer.hosts("shop", "prod", "eu-1"):
            with urlopen(host.url, timeout=60) as answer:  # noqa: S310 - our own loopback server
                found.append(answer.read().decode())
        return found

    def starts(self) -> list[tuple[str, str]]:
        lines = (self.folder / "hosts" / "starts.jsonl").read_text().splitlines()
        return [(line["key"], line["host"]) for line in map(json.loads, lines)]


@pytest.fixture
def ground(tmp_path: Path) -> Iterator[Ground]:
    ground = Ground(tmp_path)
    yield ground
    ground.deployer.end_all()
