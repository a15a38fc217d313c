"""The contract of builders, kept by the one that builds here and by the twin in memory."""

from dataclasses import replace
from pathlib import Path

import pytest

from service.adapters.artifacts import ArtifactStore
from service.adapters.builder import LocalBuilder
from service.adapters.builder_contract import BuilderContract, Version
from service.adapters.contract import BrokenContract
from service.adapters.git import GitRepository
from service.promotions.ports import Artifact, Builder, BuildOrder, BuildResult
from tests.service.adapters.test_builder import order_of, source
from tests.twins.ports import MemoryArtifacts, MemoryBuilder, MovableClock

__all__ = ["source"]


class TestLocal(BuilderContract):
    @pytest.fixture(autouse=True)
    def _made(self, source: Path, tmp_path: Path) -> None:
        self.source, self.folder = source, tmp_path
        self.store = ArtifactStore(tmp_path / "artifacts")

    def builder(self) -> Builder:
        return LocalBuilder(self.folder / "builds", self.store, GitRepository(), MovableClock())

    def order(self, version: Version) -> BuildOrder:
        report = "failing" if version == "failing" else "passing"
        step = f"{{name: unit, kind: unit, run: cp {report}.xml r.xml, reports: {{junit: r.xml}}}}"
        order = order_of(self.source, step)
        return replace(order, commit="f" * 40) if version == "absent" else order

    def content(self, artifact: Artifact) -> bytes:
        return self.store.path(artifact.digest).read_bytes()


class TestMemory(BuilderContract):
    @pytest.fixture(autouse=True)
    def _made(self, source: Path) -> None:
        self.source, self.store = source, MemoryArtifacts()
        self.twin = MemoryBuilder(failing={"b" * 40}, absent={"f" * 40}, artifacts=self.store)

    def builder(self) -> Builder:
        # What it keeps is its own memory, so that the same one stands for a new process.
        return self.twin

    def order(self, version: Version) -> BuildOrder:
        order = order_of(self.source, "{name: unit, kind: unit, run: ./unit}")
        commit = {"passing": "a", "failing": "b", "absent": "f"}[version] * 40
        return replace(order, commit=commit)

    def content(self, artifact: Artifact) -> bytes:
        return self.store.kept[artifact.digest]


class Forgetful(MemoryBuilder):
    """A builder that keeps no results."""

    def build(self, order: BuildOrder) -> BuildResult:
        self.done.clear()
        return super().build(order)


def test_a_builder_that_forgets_breaks_the_contract(source: Path) -> None:
    broken = TestMemory()
    broken.source = source
    broken.twin = Forgetful(failing={"b" * 40})
    with pytest.raises(BrokenContract, match="built again under a known key"):
        broken.test_a_known_key_has_its_stored_result()
