"""What every tester must do, as tests that a tester of somebody else can run too.

Derive a class from ``TesterContract`` in a test file of yours, say how your tester is made and what
it tests, and let pytest collect it. Nothing of pytest is imported, so that Bakegate runs without
it.
"""

from abc import ABC, abstractmethod
from dataclasses import replace
from typing import Literal

from service.adapters.contract import demand
from service.promotions.ports import Tester, TestOrder

#: The tests of ``passing`` pass and those of ``failing`` fail against what runs on the target; the
#: digest of ``elsewhere`` does not run there, and its tests would pass.
Version = Literal["passing", "failing", "elsewhere"]


class TesterContract(ABC):
    """Each test needs a target in service whose tests did not run yet."""

    #: A name that begins with Test is no test where this file is imported.
    __test__ = False

    def __init_subclass__(cls) -> None:
        cls.__test__ = True

    @abstractmethod
    def runner(self) -> Tester:
        """A tester as a new process would have it: what it keeps outlives the object.

        (Not ``tester``: pytest takes every name that begins with test for a test.)
        """

    @abstractmethod
    def order(self, version: Version) -> TestOrder:
        """An order with one step or more, for any key, which the tests replace."""

    def test_every_step_gives_evidence_about_the_digest(self) -> None:
        order = self._order("passing", "k1")
        result = self.runner().run(order)
        demand(result.ok, f"passing tests failed: {result.message}")
        ran = [(each.kind, each.result, each.stage, each.digest) for each in result.evidence]
        asked = [(str(step.kind.value), "pass", order.stage, order.digest) for step in order.steps]
        demand(ran == asked, f"the evidence says {ran}, not {asked}")
        for each in result.evidence:
            demand(each.ended_at.tzinfo is not None, f"nobody knows the zone of {each.ended_at}")

    def test_a_known_key_has_its_stored_result(self) -> None:
        first = self.runner().run(self._order("passing", "k1"))
        again = self.runner().run(self._order("passing", "k1"))
        demand(again == first, f"first it said {first}, then {again}")
        other = self.runner().run(self._order("failing", "k1"))
        demand(other == first, f"it tested again under a known key: {other}")

    def test_a_failure_is_a_result_and_stays_one(self) -> None:
        result = self.runner().run(self._order("failing", "k1"))
        demand(not result.ok and result.message != "", f"failing tests gave {result}")
        results = [each.result for each in result.evidence]
        demand("fail" in results, f"its evidence says {results}")
        again = self.runner().run(self._order("failing", "k1"))
        demand(again == result, f"first it said {result}, then {again}")

    def test_what_does_not_run_there_does_not_pass(self) -> None:
        result = self.runner().run(self._order("elsewhere", "k1"))
        demand(not result.ok and result.message != "", f"another version was tested: {result}")
        passed = [each for each in result.evidence if each.result == "pass"]
        demand(not passed, f"there is evidence about what never ran: {passed}")

    def test_orders_are_apart(self) -> None:
        self.runner().run(self._order("failing", "k1"))
        result = self.runner().run(self._order("passing", "k2"))
        demand(result.ok, f"passing tests failed: {result.message}")

    def _order(self, version: Version, key: str) -> TestOrder:
        return replace(self.order(version), key=key)
