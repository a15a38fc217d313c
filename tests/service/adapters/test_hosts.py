"""Hosts as local processes: batches, failures, fencing, and kills of whoever deploys."""

import io
import json
import os
import pickle
import signal
import subprocess
import sys
import tarfile
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any, TypeVar
from urllib.request import urlopen

import pytest

from policies.facts import Fact
from policies.findings import Span
from policies.pipeline import Deploy, Hooks
from service.adapters.artifacts import ArtifactStore
from service.adapters.host_files import read_hosts, read_target, target_folder
from service.adapters.host_process import alive, start_time
from service.adapters.hosts import LocalDeployer
from service.promotions.ports import DeployOrder, DeployProgress, Fenced

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
            with urlopen(host.url, timeout=5) as answer:  # noqa: S310 - our own loopback server
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


def test_first_deployment_and_its_records(ground: Ground) -> None:
    digest = ground.built("one")
    found = ground.finish(ground.order("k1", digest, deploy(hosts=3, batch=2, min_healthy=2)))
    assert found == [DeployProgress("running", 2, 3, 0), DeployProgress("succeeded", 3, 3, 0)]
    assert ground.answers() == ["one"] * 3
    hosts = ground.deployer.hosts("shop", "prod", "eu-1")
    assert [(host.name, host.digest) for host in hosts] == [
        (f"eu-1-{number}", digest) for number in (1, 2, 3)
    ]
    first = json.loads((ground.folder / "hosts" / "starts.jsonl").read_text().splitlines()[0])
    assert first.pop("time").endswith("Z")
    assert first == {
        "pipeline": "shop",
        "stage": "prod",
        "target": "eu-1",
        "host": "eu-1-1",
        "key": "k1",
        "digest": digest,
        "pid": hosts[0].pid,
    }


def test_hosts_lead_sessions_of_their_own(ground: Ground) -> None:
    ground.finish(ground.order("k1", ground.built("one"), deploy()))
    (host,) = ground.deployer.hosts("shop", "prod", "eu-1")
    assert (os.getsid(host.pid), os.getpgid(host.pid)) == (host.pid, host.pid)


def test_a_rolling_batch_keeps_the_healthy_minimum(ground: Ground) -> None:
    how = deploy(hosts=4, batch=3, min_healthy=3)
    ground.finish(ground.order("k1", ground.built("one"), how))
    seen: list[int] = []
    over = threading.Event()

    def sample() -> None:
        while not over.wait(0.005):
            seen.append(len(ground.deployer.hosts("shop", "prod", "eu-1")))

    thread = threading.Thread(target=sample)
    thread.start()
    try:
        found = ground.finish(ground.order("k2", ground.built("two"), how))
    finally:
        over.set()
        thread.join()
    assert [each.replaced for each in found] == [1, 2, 3, 4]
    assert found[-1] == DeployProgress("succeeded", 4, 4, 3)
    assert set(seen) == {3, 4}
    assert ground.answers() == ["two"] * 4


def test_nothing_can_be_replaced(ground: Ground) -> None:
    how = deploy(hosts=1, min_healthy=1)
    ground.finish(ground.order("k1", ground.built("one"), how))
    message = (
        "1 hosts are in service and 1 must stay, so none can be replaced; "
        "lower min_healthy or raise hosts"
    )
    failed = DeployProgress("failed", 0, 1, 1, message)
    assert ground.finish(ground.order("k2", ground.built("two"), how)) == [failed]
    assert ground.answers() == ["one"]


def test_a_rollback_takes_a_third_and_leaves_the_good_version_alone(ground: Ground) -> None:
    how = deploy(hosts=6, min_healthy=1)
    good = ground.built("one")
    ground.finish(ground.order("k1", good, replace(how, batch=fact(6))))
    kept = ground.deployer.hosts("shop", "prod", "eu-1")[5]
    bad = ground.order("k2", ground.built("two"), how)
    assert [ground.deployer.advance(bad).replaced for _ in range(5)] == [1, 2, 3, 4, 5]
    back = replace(ground.order("k3", good, how), rollback=True)
    assert [each.replaced for each in ground.finish(back)] == [3, 5, 6]
    assert ground.deployer.hosts("shop", "prod", "eu-1")[5] == kept
    assert ground.answers() == ["one"] * 6


def test_fewer_hosts_than_before(ground: Ground) -> None:
    digest = ground.built("one")
    ground.finish(ground.order("k1", digest, deploy(hosts=2, batch=2)))
    ground.finish(ground.order("k2", digest, deploy(hosts=1)))
    assert ground.answers() == ["one"]
    assert [host.state for host in read_hosts(ground.target)] == ["in_service", "stopped"]


def test_hooks_run_in_the_app_with_their_environment(ground: Ground) -> None:
    command = "env | grep ^BAKEGATE | sort >> ../{}; cat version >> ../{}"
    how = deploy(
        stop=command.format("stopped", "stopped"), validate=command.format("checked", "checked")
    )
    first, second = ground.built("one"), ground.built("two")
    ground.finish(ground.order("k1", first, how))
    (old,) = ground.deployer.hosts("shop", "prod", "eu-1")
    ground.finish(ground.order("k2", second, how, epoch=7))
    home = ground.target / "hosts" / "1"
    expected = [
        f"BAKEGATE_ARTIFACT={ground.artifacts.path(second)}",
        f"BAKEGATE_DIGEST={second}",
        "BAKEGATE_EPOCH=7",
        "BAKEGATE_IDEMPOTENCY_KEY=k2",
        f"BAKEGATE_PORT={old.url.rsplit(':', 1)[1]}",
        "BAKEGATE_RELEASE=r1",
        "BAKEGATE_STAGE=prod",
        "BAKEGATE_TARGET=eu-1",
        f"BAKEGATE_URL={old.url}",
        "one",
    ]
    assert (home / "stopped").read_text().split() == expected
    assert (home / "checked").read_text().endswith("two")


def test_a_failing_validation_is_kept_under_its_key(ground: Ground) -> None:
    how = deploy(hosts=2, min_healthy=1)
    ground.finish(ground.order("k1", ground.built("one"), replace(how, batch=fact(2))))
    hooks = Hooks(fact(None), fact(None), fact("echo x >> ../tries; echo bad data; exit 4"))
    bad = replace(how, hooks=hooks, deadline=fact(timedelta(seconds=4)))
    order = ground.order("k2", ground.built("two"), bad)
    message = "hook validate of host eu-1-1 ended with 4: bad data"
    failed = DeployProgress("failed", 0, 2, 1, message)
    assert ground.finish(order) == [failed]
    tries = ground.target / "hosts" / "1" / "tries"
    tried = tries.read_text()
    assert len(tried.split()) > 1
    assert ground.deployer.advance(order) == failed
    assert tries.read_text() == tried
    assert [host.state for host in read_hosts(ground.target)] == ["stopped", "in_service"]
    assert ground.answers() == ["one"]
    record = read_target(ground.target)
    assert record is not None
    assert (record.state, record.message) == ("failed", message)


def test_a_validation_that_succeeds_in_the_end(ground: Ground) -> None:
    how = deploy(validate="echo x >> ../tries; test $(wc -l < ../tries) = 3")
    (done,) = ground.finish(ground.order("k1", ground.built("one"), how))
    assert done == DeployProgress("succeeded", 1, 1, 0)


def test_a_server_that_ends_at_once(ground: Ground) -> None:
    how = deploy(start="echo broken >&2; exit 4")
    (failed,) = ground.finish(ground.order("k1", ground.built("one"), how))
    assert failed.message == "host eu-1-1 ended before it listened: broken"


def test_a_failing_stop_hook_leaves_the_old_process(ground: Ground) -> None:
    how = deploy(stop="exit 5")
    ground.finish(ground.order("k1", ground.built("one"), how))
    (old,) = ground.deployer.hosts("shop", "prod", "eu-1")
    (failed,) = ground.finish(ground.order("k2", ground.built("two"), how))
    assert failed.message == "hook stop of host eu-1-1 ended with 5"
    (host,) = read_hosts(ground.target)
    assert (host.state, host.pid, alive(host.pid, host.start_time)) == ("stopping", old.pid, True)


def test_a_missing_artifact_costs_no_host(ground: Ground) -> None:
    ground.finish(ground.order("k1", ground.built("one"), deploy()))
    digest = "sha256:" + "0" * 64
    message = f"there is no artifact {digest} in {ground.folder / 'artifacts'}; build it again"
    failed = DeployProgress("failed", 0, 1, 1, message)
    assert ground.finish(ground.order("k2", digest, deploy())) == [failed]
    assert ground.answers() == ["one"]


def test_a_finished_key_does_nothing_again(ground: Ground) -> None:
    order = ground.order("k1", ground.built("one"), deploy(hosts=2, batch=2))
    done = ground.finish(order)
    before = ground.deployer.hosts("shop", "prod", "eu-1")
    assert [ground.deployer.advance(order)] == done
    assert ground.deployer.hosts("shop", "prod", "eu-1") == before
    assert ground.starts() == [("k1", "eu-1-1"), ("k1", "eu-1-2")]


def test_a_lower_epoch_is_fenced(ground: Ground) -> None:
    digest = ground.built("one")
    order = ground.order("k1", digest, deploy(), epoch=5)
    done = ground.finish(order)
    with pytest.raises(Fenced) as error:
        ground.deployer.advance(ground.order("k0", digest, deploy(), epoch=4))
    assert str(error.value) == "k0 has epoch 4; target eu-1 of stage prod has seen 5"
    # A known key with a higher epoch is answered from the record, and fences all the same.
    assert [ground.deployer.advance(replace(order, epoch=6))] == done
    with pytest.raises(Fenced):
        ground.deployer.advance(order)


def test_two_callers_at_once(ground: Ground) -> None:
    order = ground.order("k1", ground.built("one"), deploy(hosts=3))
    threads = [threading.Thread(target=ground.finish, args=[order]) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert ground.starts() == [("k1", f"eu-1-{number}") for number in (1, 2, 3)]


def test_a_dead_host_stays_in_the_record_and_is_replaced_first(ground: Ground) -> None:
    how = deploy(hosts=2, batch=1, min_healthy=1)
    digest = ground.built("one")
    ground.finish(ground.order("k1", digest, replace(how, batch=fact(2))))
    hosts = ground.deployer.hosts("shop", "prod", "eu-1")
    os.kill(hosts[1].pid, signal.SIGKILL)
    while start_time(hosts[1].pid):
        time.sleep(0.002)
    assert ground.deployer.hosts("shop", "prod", "eu-1") == hosts
    first = ground.deployer.advance(ground.order("k2", digest, how))
    assert first == DeployProgress("running", 1, 2, 1)
    assert ground.starts()[-1] == ("k2", "eu-1-2")


def test_end_all_ends_only_what_the_records_name(ground: Ground) -> None:
    ground.finish(ground.order("k1", ground.built("one"), deploy(hosts=2, batch=2)))
    ours, lost = ground.deployer.hosts("shop", "prod", "eu-1")
    with subprocess.Popen(["sleep", "60"], start_new_session=True) as bystander:
        # A record whose number now belongs to somebody else: the start time does not agree.
        path = ground.target / "hosts" / "2.json"
        claim = next((ground.target / "hosts" / "2").glob("*.claim"))
        record = json.loads(path.read_text())
        path.write_text(json.dumps(record | {"pid": bystander.pid}))
        claim.write_text(f"{bystander.pid} {record['start_time']}\n")
        ground.deployer.end_all()
        assert bystander.poll() is None
        bystander.kill()
    assert start_time(ours.pid) == 0
    assert alive(lost.pid, record["start_time"])
    os.killpg(lost.pid, signal.SIGKILL)
    assert [host.state for host in read_hosts(ground.target)] == ["stopped", "stopped"]
    assert ground.deployer.hosts("shop", "prod", "eu-1") == ()


def _seen(ground: Ground, wanted: Callable[[dict[str, Any]], bool]) -> bool:
    """Whether any record of a host says what is ``wanted``."""
    found = (ground.target / "hosts").glob("*.json")
    return any(wanted(json.loads(path.read_text())) for path in found)


POINTS: dict[str, Callable[[Ground], bool]] = {
    "stopping": lambda g: _seen(g, lambda host: host["state"] == "stopping"),
    "before the launch": lambda g: _seen(g, lambda h: h["key"] == "k2" and h["starts"] == 1),
    "claimed": lambda g: ("k2", "eu-1-1") in g.starts(),
    "process recorded": lambda g: _seen(g, lambda host: host["key"] == "k2" and host["pid"] > 0),
    "in service": lambda g: _seen(g, lambda h: (h["key"], h["state"]) == ("k2", "in_service")),
    "second host": lambda g: ("k2", "eu-1-2") in g.starts(),
}


@pytest.mark.recovery
@pytest.mark.parametrize("point", POINTS)
def test_a_killed_deployer_starts_no_host_twice(ground: Ground, point: str) -> None:
    how = deploy(hosts=2, batch=2, stop="sleep 0.1", validate="sleep 0.1")
    ground.finish(ground.order("k1", ground.built("one"), how))
    order = ground.order("k2", ground.built("two"), how)
    pickled = ground.folder / "order"
    pickled.write_bytes(pickle.dumps(order))
    places = [str(ground.folder / name) for name in ("hosts", "artifacts", "order")]
    with subprocess.Popen([sys.executable, "-c", DRIVER, *places]) as driver:
        while driver.poll() is None and not POINTS[point](ground):
            time.sleep(0.002)
        driver.kill()
    assert ground.finish(order)[-1] == DeployProgress("succeeded", 2, 2, 1)
    assert ground.starts() == [(key, f"eu-1-{n}") for key in ("k1", "k2") for n in (1, 2)]
    assert ground.answers() == ["two", "two"]
