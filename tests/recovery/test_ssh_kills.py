"""Whoever deploys over SSH is killed in the middle of it: a successor does nothing twice."""

import os
import pickle
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import pytest

from service.adapters.ssh_deployer import SshDeployer
from service.promotions.ports import DeployOrder, DeployProgress
from tests.service.adapters.conftest import Ground
from tests.twins.fleet import Fleet
from tests.twins.sshd import HOSTS, Sshd, listening

DRIVER = """\
import pickle, sys
from pathlib import Path
from service.adapters.artifacts import ArtifactStore
from service.adapters.ssh_deployer import SshDeployer

folder, artifacts, order = sys.argv[1:]
deployer = SshDeployer(Path(folder), ArtifactStore(Path(artifacts)))
loaded = pickle.loads(Path(order).read_bytes())
while deployer.advance(loaded).state == "running":
    pass
"""


@pytest.fixture(scope="module")
def sshd(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sshd]:
    with listening(tmp_path_factory.mktemp("sshd")) as side:
        yield side


@pytest.fixture
def fleet(tmp_path: Path, sshd: Sshd) -> Fleet:
    return Fleet(Ground(tmp_path), sshd)


def _record(fleet: Fleet, name: str, host: str = HOSTS[0]) -> str:
    path = fleet.folder(host) / ".bakegate" / name
    return path.read_text() if path.exists() else ""


def _state(word: str, host: str = HOSTS[0]) -> Callable[[Fleet, DeployOrder], bool]:
    def reached(fleet: Fleet, order: DeployOrder) -> bool:
        said = _record(fleet, "host", host)
        return f"state {word}\n" in said and order.digest in said

    return reached


def _copied(fleet: Fleet, order: DeployOrder) -> bool:
    hex_digits = order.digest.removeprefix("sha256:")
    return (fleet.folder(HOSTS[1]) / "releases" / hex_digits).exists()


POINTS: dict[str, Callable[[Fleet, DeployOrder], bool]] = {
    "epoch taken": lambda fleet, _: "seen 2" in _record(fleet, "epoch"),
    "copied": _copied,
    "stopping": _state("stopping"),
    "starting": _state("starting"),
    "validating": lambda fleet, _: "validate two" in fleet.did(),
    "in service": _state("in_service"),
    "second host": _state("starting", HOSTS[1]),
    "all in service": _state("in_service", HOSTS[1]),
}
#: The others are tried by ``make recovery``.
SHORT = ("copied", "stopping", "validating", "second host")


@contextmanager
def driving(fleet: Fleet, order: DeployOrder) -> Iterator["subprocess.Popen[bytes]"]:
    """A worker process that carries the order out, with everything it starts in its group."""
    pickled = fleet.ground.folder / "order"
    pickled.write_bytes(pickle.dumps(order))
    places = [str(fleet.ground.folder / name) for name in ("reached", "artifacts", "order")]
    command = [sys.executable, "-c", DRIVER, *places]
    with subprocess.Popen(command, stderr=subprocess.PIPE) as driver:
        yield driver
        driver.kill()


def _reach(driver: "subprocess.Popen[bytes]", true: Callable[[], bool]) -> None:
    while driver.poll() is None and not true():
        time.sleep(0.005)


@pytest.mark.recovery
@pytest.mark.parametrize(
    "point", POINTS if os.environ.get("BAKEGATE_RECOVERY") == "long" else SHORT
)
def test_a_killed_worker_repeats_no_hook(fleet: Fleet, point: str) -> None:
    """The successor is on another machine: it has nothing but what the hosts tell it."""
    stop, start, validate = (
        f"sleep 0.2; {fleet.write(f'{name} $(cat version)')}"
        for name in ("stop", "start", "validate")
    )
    how = fleet.how(stop=stop, start=start, validate=validate)
    fleet.finish(fleet.order("k1", "one", replace(how, batch=replace(how.batch, value=2))))
    before = fleet.did()
    order = fleet.order("k2", "two", how, 2)
    with driving(fleet, order) as driver:
        _reach(driver, lambda: POINTS[point](fleet, order))
        driver.kill()
    fleet.deployer = SshDeployer(fleet.ground.folder / "elsewhere", fleet.ground.artifacts)
    last = fleet.finish(replace(order, epoch=3))
    assert last == DeployProgress("succeeded", 2, 2, 1)
    assert fleet.versions() == ["two", "two"]
    for host in HOSTS[:2]:
        assert fleet.did(host)[len(before) :] == ["stop one", "start two", "validate two"]


@pytest.mark.recovery
def test_a_runner_that_comes_when_all_is_done_repeats_no_hook(fleet: Fleet) -> None:
    """As one that a killed worker's successor started while the first was about to end."""
    how = fleet.how(1, start=fleet.write("start"))
    order = fleet.order("k1", "one", how)
    fleet.finish(order)
    folder = fleet.folder()
    (agent,) = (folder / ".bakegate").glob("agent-*")
    owner = _record(fleet, "owner").removeprefix("name ").strip()
    key = _record(fleet, "deployment").split()[1]
    words = [
        "run",
        str(folder),
        owner,
        key,
        "1",
        order.digest,
        "0",
        "60",
        "0",
        "",
        "echo again",
        "",
    ]
    late = subprocess.run(["sh", str(agent), *words], capture_output=True, check=True)
    assert (late.stdout, late.stderr) == (b"", b"")
    assert "state in_service" in _record(fleet, "host")
    assert fleet.did() == ["start"]
    assert not (folder / ".bakegate" / "start.log").read_text()


@pytest.mark.recovery
def test_a_stopped_worker_does_not_overwrite_its_successor(fleet: Fleet) -> None:
    how = fleet.how(validate=f"{fleet.write('asked')}; sleep 1")
    good = fleet.order("k1", "one", fleet.how())
    fleet.finish(good)
    with driving(fleet, fleet.order("k2", "two", how, 2)) as driver:
        _reach(driver, lambda: fleet.did() != [])
        driver.send_signal(signal.SIGSTOP)
        fleet.deployer = SshDeployer(fleet.ground.folder / "elsewhere", fleet.ground.artifacts)
        back = replace(good, key="k3", epoch=3, rollback=True)
        assert fleet.finish(back).state == "succeeded"
        driver.send_signal(signal.SIGCONT)
        _, said = driver.communicate(timeout=120)
    assert b"Fenced: k2 has epoch 2; host 127.0.0." in said
    assert fleet.versions() == ["one", "one"]
    assert fleet.did(HOSTS[1]) == []


@pytest.mark.recovery
def test_a_host_that_lost_its_runner_goes_on_at_its_step(fleet: Fleet) -> None:
    """As after a restart of the host: what was stopped stays so, and the new version starts."""
    stop, start = (fleet.write(f"{name} $(cat version)") for name in ("stop", "start"))
    hang = f"{fleet.write('asked $$')}; test -e ../../again || sleep 600"
    how = fleet.how(1, stop=stop, start=start, validate=hang)
    fleet.finish(fleet.order("k1", "one", fleet.how(1)))
    order = fleet.order("k2", "two", how, 2)
    with driving(fleet, order) as driver:
        _reach(driver, lambda: len(fleet.did()) == 3)
        driver.kill()
    runner = _record(fleet, "runner").split()[1]
    hook = fleet.did()[2].split()[1]
    # The runner first, which would otherwise tell that its hook ended badly.
    subprocess.run(["kill", "-9", "--", runner, f"-{hook}"], check=True)
    (fleet.folder() / "again").touch()
    assert fleet.finish(replace(order, epoch=3)) == DeployProgress("succeeded", 1, 1, 0)
    words = [line.split()[0] for line in fleet.did()]
    assert words == ["stop", "start", "asked", "start", "asked"]
