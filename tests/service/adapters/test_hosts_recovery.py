"""Whoever deploys is killed or stopped in the middle of it: nothing is done twice or undone."""

import json
import pickle
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from service.adapters.host_fence import Fence
from service.promotions.ports import DeployOrder, DeployProgress
from tests.service.adapters.conftest import Ground, deploy

DRIVER = """\
import pickle, sys
from pathlib import Path
from service.adapters.artifacts import ArtifactStore
from service.adapters.hosts import LocalDeployer

folder, artifacts, order = sys.argv[1:]
deployer = LocalDeployer(Path(folder), ArtifactStore(Path(artifacts)))
loaded = pickle.loads(Path(order).read_bytes())
while deployer.advance(loaded).state == "running":
    pass
"""


def _seen(ground: Ground, wanted: Callable[[dict[str, Any]], bool]) -> bool:
    """Whether any record of a host says what is ``wanted``."""
    found = (ground.target / "hosts").glob("*.json")
    return any(wanted(json.loads(path.read_text())) for path in found)


POINTS: dict[str, Callable[[Ground], bool]] = {
    "stopping": lambda g: _seen(g, lambda host: host["state"] == "stopping"),
    "before the launch": lambda g: _seen(g, lambda h: (h["key"], h["pid"]) == ("k2", 0)),
    "claimed": lambda g: ("k2", "eu-1-1") in g.starts(),
    "process recorded": lambda g: _seen(g, lambda host: host["key"] == "k2" and host["pid"] > 0),
    "in service": lambda g: _seen(g, lambda h: (h["key"], h["state"]) == ("k2", "in_service")),
    "second host": lambda g: ("k2", "eu-1-2") in g.starts(),
}


@contextmanager
def driving(ground: Ground, order: DeployOrder) -> Iterator[subprocess.Popen[bytes]]:
    """A worker process that carries the order out."""
    pickled = ground.folder / "order"
    pickled.write_bytes(pickle.dumps(order))
    places = [str(ground.folder / name) for name in ("hosts", "artifacts", "order")]
    with subprocess.Popen(
        [sys.executable, "-c", DRIVER, *places], stderr=subprocess.PIPE
    ) as driver:
        yield driver


def _reach(driver: subprocess.Popen[bytes], ground: Ground, point: str) -> None:
    while driver.poll() is None and not POINTS[point](ground):
        time.sleep(0.002)


@pytest.mark.recovery
@pytest.mark.parametrize("point", POINTS)
def test_a_killed_deployer_starts_no_host_twice(ground: Ground, point: str) -> None:
    how = deploy(hosts=2, batch=2, stop="sleep 0.1", validate="sleep 0.1")
    ground.finish(ground.order("k1", ground.built("one"), how))
    order = ground.order("k2", ground.built("two"), how)
    with driving(ground, order) as driver:
        _reach(driver, ground, point)
        driver.kill()
    assert ground.finish(order)[-1] == DeployProgress("succeeded", 2, 2, 1)
    assert ground.starts() == [(key, f"eu-1-{n}") for key in ("k1", "k2") for n in (1, 2)]
    assert ground.answers() == ["two", "two"]


@pytest.mark.recovery
@pytest.mark.parametrize("point", POINTS)
def test_a_stopped_worker_neither_delays_nor_overwrites_its_successor(
    ground: Ground, point: str
) -> None:
    """The successor takes the release back while the worker is stopped in the middle of it."""
    # One host after the other: whoever is stopped at the first has the second still to do.
    how = deploy(hosts=2, batch=1, stop="sleep 0.1", validate="sleep 0.1")
    good = ground.built("one")
    ground.finish(ground.order("k1", good, how))
    with driving(ground, ground.order("k2", ground.built("two"), how, epoch=2)) as driver:
        _reach(driver, ground, point)
        driver.send_signal(signal.SIGSTOP)
        back = replace(ground.order("k3", good, how, epoch=3), rollback=True)
        began = time.monotonic()
        assert ground.finish(back)[-1].state == "succeeded"
        took = time.monotonic() - began
        after = ground.deployer.hosts("shop", "prod", "eu-1"), ground.starts()
        driver.send_signal(signal.SIGCONT)
        _, said = driver.communicate(timeout=120)
    assert b"Fenced: k2 has epoch 2; target eu-1 of stage prod has seen 3" in said
    assert (ground.deployer.hosts("shop", "prod", "eu-1"), ground.starts()) == after
    assert ground.answers() == ["one", "one"]
    # Well under the deadline of 20 s, which is how long a held lock might last.
    assert took < 15


@pytest.mark.recovery
def test_a_successor_goes_on_with_the_very_deployment_of_a_stopped_worker(ground: Ground) -> None:
    how = deploy(hosts=2, batch=1, validate="sleep 0.2")
    order = ground.order("k1", ground.built("one"), how)
    with driving(ground, order) as driver:
        while not _seen(ground, lambda host: host["pid"] > 0):
            time.sleep(0.002)
        driver.send_signal(signal.SIGSTOP)
        assert ground.finish(replace(order, epoch=2))[-1].state == "succeeded"
        driver.send_signal(signal.SIGCONT)
        _, said = driver.communicate(timeout=120)
    assert b"Fenced" in said
    assert ground.starts() == [("k1", "eu-1-1"), ("k1", "eu-1-2")]
    assert ground.answers() == ["one", "one"]


def test_a_lock_whose_holder_was_stopped_is_replaced(tmp_path: Path) -> None:
    fence = Fence(tmp_path, 1, "k1", "target eu-1")
    with fence.held():
        # A second holder in the same moment is what the stopped one looks like from outside.
        began = time.monotonic()
        with fence.held():
            took = time.monotonic() - began
    assert 1 < took < 20
    began = time.monotonic()
    with fence.held():
        assert time.monotonic() - began < 1
