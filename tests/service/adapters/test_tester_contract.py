"""The contract of testers, kept by the one that runs commands and by the twin in memory."""

from dataclasses import replace
from pathlib import Path

import pytest

from service.adapters.contract import BrokenContract
from service.adapters.git import GitRepository
from service.adapters.tester import CommandTester
from service.adapters.tester_contract import TesterContract, Version
from service.promotions import ports
from tests.service.adapters.test_tester import DIGEST, order_of, source
from tests.twins.ports import MemoryDeployer, MemoryTester, MovableClock

__all__ = ["source"]

BAD = f"sha256:{'b' * 64}"
OTHER = f"sha256:{'c' * 64}"


class TestCommand(TesterContract):
    @pytest.fixture(autouse=True)
    def _made(self, source: Path, tmp_path: Path) -> None:
        self.source, self.folder = source, tmp_path

    def runner(self) -> ports.Tester:
        hosts = MemoryDeployer(placed={("shop", "beta", "beta"): [DIGEST]})
        return CommandTester(self.folder / "tests", hosts, GitRepository(), MovableClock())

    def order(self, version: Version) -> ports.TestOrder:
        run = "'false'" if version == "failing" else "'true'"
        order = order_of(self.source, f"{{name: api, kind: integration, run: {run}}}")
        return replace(order, digest=OTHER) if version == "elsewhere" else order


class TestMemory(TesterContract):
    @pytest.fixture(autouse=True)
    def _made(self, source: Path) -> None:
        hosts = {("shop", "beta", "good"): [DIGEST], ("shop", "beta", "bad"): [BAD]}
        self.source = source
        self.twin = MemoryTester(failing={("beta", BAD)}, deployer=MemoryDeployer(placed=hosts))

    def runner(self) -> ports.Tester:
        # What it keeps is its own memory, so that the same one stands for a new process.
        return self.twin

    def order(self, version: Version) -> ports.TestOrder:
        order = order_of(self.source, "{name: api, kind: integration, run: 'true'}")
        digest = {"passing": DIGEST, "failing": BAD, "elsewhere": OTHER}[version]
        target = "bad" if version == "failing" else "good"
        return replace(order, digest=digest, target=target)


def test_a_tester_that_does_not_look_what_runs_breaks_the_contract(source: Path) -> None:
    broken = TestMemory()
    broken.source, broken.twin = source, MemoryTester()
    with pytest.raises(BrokenContract, match="another version was tested"):
        broken.test_what_does_not_run_there_does_not_pass()
