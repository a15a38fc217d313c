"""What every builder must do, as tests that a builder of somebody else can run too.

Derive a class from ``BuilderContract`` in a test file of yours, say how your builder is made and
what it builds, and let pytest collect it. Nothing of pytest is imported, so that Bakegate runs
without it.
"""

from abc import ABC, abstractmethod
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from hashlib import sha256
from typing import Literal

from service.adapters.contract import demand
from service.promotions.ports import Artifact, Builder, BuildOrder, BuildResult

#: ``passing`` leaves an artifact and evidence of its tests, a blocking test of ``failing`` fails,
#: and the commit of ``absent`` is not in the repository.
Version = Literal["passing", "failing", "absent"]


class BuilderContract(ABC):
    """Each test needs a place where nothing was built yet."""

    @abstractmethod
    def builder(self) -> Builder:
        """A builder as a new process would have it: what it keeps outlives the object."""

    @abstractmethod
    def order(self, version: Version) -> BuildOrder:
        """An order for any key, which the tests replace."""

    @abstractmethod
    def content(self, artifact: Artifact) -> bytes:
        """What the store of artifacts has under its digest."""

    def test_a_build_leaves_an_artifact_and_evidence(self) -> None:
        order = self._order("passing", "k1")
        built = self.builder().build(order)
        artifact = _artifact(built)
        found = f"sha256:{sha256(self.content(artifact)).hexdigest()}"
        demand(found == artifact.digest, f"{artifact.digest} leads to an artifact {found}")
        demand(built.evidence != (), "its tests left no evidence")
        for each in built.evidence:
            about = (each.result, each.stage, each.commit)
            wanted = ("pass", order.stage.name, order.commit)
            demand(about == wanted, f"the evidence is about {about}, not {wanted}")
            demand(each.ended_at.tzinfo is not None, f"nobody knows the zone of {each.ended_at}")

    def test_a_known_key_has_its_stored_result(self) -> None:
        first = self.builder().build(self._order("passing", "k1"))
        again = self.builder().build(self._order("passing", "k1"))
        demand(again == first, f"first it said {first}, then {again}")
        # What is promoted is never built twice, whatever the order says by then.
        other = self.builder().build(self._order("failing", "k1"))
        demand(other == first, f"it built again under a known key: {other}")

    def test_a_failure_is_a_result_and_stays_one(self) -> None:
        built = self.builder().build(self._order("failing", "k1"))
        demand(not built.ok and built.artifact is None, f"a failing test gave {built}")
        demand(built.message != "", "it does not say why it failed")
        results = [each.result for each in built.evidence]
        demand("fail" in results, f"its evidence says {results}")
        again = self.builder().build(self._order("failing", "k1"))
        demand(again == built, f"first it said {built}, then {again}")

    def test_a_commit_that_is_not_there_is_a_failure(self) -> None:
        built = self.builder().build(self._order("absent", "k1"))
        demand(not built.ok and built.artifact is None, f"an absent commit gave {built}")
        demand(built.message != "", "it does not say why it failed")

    def test_builds_are_apart(self) -> None:
        self.builder().build(self._order("failing", "k1"))
        _artifact(self.builder().build(self._order("passing", "k2")))

    def test_two_workers_with_one_key_get_one_result(self) -> None:
        orders = [self._order("passing", "k1")] * 2
        with ThreadPoolExecutor(len(orders)) as pool:
            first, second = pool.map(lambda order: self.builder().build(order), orders)
        demand(first == second, f"one got {first}, the other {second}")

    def _order(self, version: Version, key: str) -> BuildOrder:
        return replace(self.order(version), key=key)


def _artifact(built: BuildResult) -> Artifact:
    demand(built.ok and built.artifact is not None, f"nothing was built: {built.message}")
    assert built.artifact is not None  # noqa: S101 - demanded above
    return built.artifact
