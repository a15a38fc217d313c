"""A release on its way to hosts over SSH: pipeline file, executor and a real server together."""

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from shutil import copy

import pytest

from service.adapters.deployers import Deployers
from service.adapters.ssh_deployer import SshDeployer
from service.executor.executor import Executor
from service.promotions.commands import Abort
from service.promotions.ports import Artifact, BuildOrder, BuildResult
from service.store.engines import open_engines
from tests.service.adapters.conftest import Ground
from tests.service.executor.conftest import ORGANIZATION, PACE, PATIENCE_S
from tests.twins.ports import (
    MemoryBuilder,
    MemoryDeployer,
    MemoryTester,
    MovableClock,
    memory_ports,
)
from tests.twins.sshd import HOSTS, Sshd, listening

PIPELINE = """\
schema: bakegate/pipeline/v1
name: shop
organization: corner
source: {{repository: ., branch: main, start: push}}
build:
  steps: [{{name: unit, kind: unit, run: ./unit}}]
  artifact: app.tar.gz
deployers:
  fleet:
    type: ssh
    min_healthy: 1
    deadline: 10m
    hooks: {{start: touch ../../started, validate: test "$(cat version)" != b || sleep 600}}
    ssh: {{folder: ~/shop, known_hosts: {known}, identity: {identity}, port: {port}}}
stages:
  - name: beta
    kind: test
    deploy: fleet
    targets: [{{name: eu-1, ssh: {{hosts: [{hosts}]}}}}]
"""


class Packages(MemoryBuilder):
    """Builds a real package of each commit, whose version is the commit's letter."""

    def __init__(self, ground: Ground) -> None:
        super().__init__()
        self.ground = ground

    def build(self, order: BuildOrder) -> BuildResult:
        artifact = Artifact(self.ground.built(order.commit[0]), "", 1, None)
        return BuildResult(ok=True, message="", artifact=artifact, evidence=(), log="")


@dataclass
class Site:
    """An executor at work, and what its hosts run."""

    executor: Executor
    sshd: Sshd

    def submit(self, letter: str) -> str:
        return self.executor.submit("shop", letter * 40, "tester")

    def ended(self, release: str) -> str:
        _until(lambda: bool(self.executor.release(release).outcome))
        return self.executor.release(release).outcome or ""

    def versions(self) -> list[str]:
        paths = [self.sshd.home(host) / "shop" / "current" / "version" for host in HOSTS[:2]]
        return [path.read_text() if path.exists() else "" for path in paths]


@pytest.fixture
def site(tmp_path: Path, sqlite_template: Path) -> Iterator[Site]:
    ground = Ground(tmp_path)
    engines = open_engines(f"sqlite:///{copy(sqlite_template, tmp_path / 'bakegate.db')}")
    reached = SshDeployer(tmp_path / "reached", ground.artifacts)
    deployers = Deployers({"ssh": reached}, tmp_path / "installed", ground.artifacts)
    twins = memory_ports(MovableClock(), Packages(ground), MemoryDeployer(), MemoryTester())
    executor = Executor(engines, replace(twins, deployer=deployers), PACE)
    executor.register_organization(ORGANIZATION, "tester")
    with listening(tmp_path / "sshd") as sshd:
        text = PIPELINE.format(
            known=sshd.known_hosts,
            identity=sshd.identity,
            port=sshd.port,
            hosts=", ".join(HOSTS[:2]),
        )
        executor.register_pipeline(text, "pipeline.yaml", ".", "tester")
        executor.ground.durable.launch(executor)
        yield Site(executor, sshd)
        executor.ground.durable.stop(10)
    engines.dispose()


def test_a_hook_that_hangs_is_aborted_and_the_way_back_is_free(site: Site) -> None:
    """Long before the deadline of ten minutes."""
    assert site.ended(site.submit("a")) == "succeeded"
    assert site.versions() == ["a", "a"]
    bad = site.submit("b")
    _until(lambda: site.versions() == ["b", "a"])
    site.executor.carry_out(Abort(bad, "it hangs"), "lee")
    assert site.ended(bad) == "rolled_back"
    assert site.versions() == ["a", "a"]
    assert site.ended(site.submit("c")) == "succeeded"
    assert site.versions() == ["c", "c"]


def test_where_nothing_was_before_an_abort_says_what_it_left(site: Site) -> None:
    bad = site.submit("b")
    _until(lambda: site.versions() == ["b", ""])
    site.executor.carry_out(Abort(bad, "it hangs"), "lee")
    assert site.ended(bad) == "aborted"
    run = next(run for run in site.executor.release(bad).runs if run.stage == "beta")
    assert run.message == (
        "aborted by lee: it hangs; what was deployed stays, as no earlier artifact ended well in "
        "this stage; eu-1: aborted when 0 of 2 hosts were replaced"
    )
    assert site.versions() == ["b", ""]


def _until(true: Callable[[], bool]) -> None:
    patience = time.monotonic() + PATIENCE_S
    while not true():
        assert time.monotonic() < patience
        time.sleep(0.05)
