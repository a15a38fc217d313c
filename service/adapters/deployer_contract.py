"""What every deployer must do, as tests that a deployer of somebody else can run too.

Derive a class from ``DeployerContract`` in a test file of yours, say how your deployer is made and
what it deploys, and let pytest collect it:

    class TestMine(DeployerContract):
        def deployer(self) -> Deployer: ...
        def order(self, version: Version) -> DeployOrder: ...

Nothing of pytest is imported, so that Bakegate runs without it.
"""

import time
from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from typing import Final, Literal

from policies.facts import Fact
from service.adapters.contract import BrokenContract, demand
from service.promotions.ports import Deployer, DeployOrder, DeployProgress, Fenced

#: ``one`` and ``two`` work; ``ill`` is an artifact whose deployment must fail, and that of
#: ``endless`` is never over by itself.
Version = Literal["one", "two", "ill", "endless"]
#: Calls after which a deployment of a few hosts has certainly ended.
_MANY: Final = 50


class DeployerContract(ABC):
    """Each test needs a place where nothing was deployed yet."""

    @abstractmethod
    def deployer(self) -> Deployer:
        """A deployer as a new process would have it: its records outlive the object."""

    @abstractmethod
    def order(self, version: Version) -> DeployOrder:
        """An order for any key, epoch and target, in which the tests replace these three."""

    def test_it_ends_and_says_how_far_it_is(self) -> None:
        answers = _finish(self.deployer(), self._order("one", "k1", 1))
        demand(answers[-1].state == "succeeded", f"it ended as {answers[-1]}")
        for each in answers:
            demand(0 <= each.replaced <= each.hosts, f"hosts do not add up in {each}")
            demand(0 <= each.in_service <= each.hosts, f"hosts do not add up in {each}")

    def test_its_hosts_run_what_was_deployed(self) -> None:
        order = self._order("one", "k1", 1)
        _finish(self.deployer(), order)
        found = self.deployer().hosts(order.pipeline, order.stage, order.target)
        demand(bool(found), "no host is known after a deployment")
        demand({each.digest for each in found} == {order.digest}, f"they run {found}")
        other = self.deployer().hosts(order.pipeline, order.stage, f"{order.target}-other")
        demand(other == (), f"a target without deployments has {other}")

    def test_a_known_key_has_its_stored_answer(self) -> None:
        last = _finish(self.deployer(), self._order("one", "k1", 1))[-1]
        # The far side is at another version by then, and must stay there.
        newer = self._order("two", "k2", 2)
        _finish(self.deployer(), newer)
        again = self.deployer().advance(self._order("one", "k1", 3))
        demand(again == last, f"first it said {last}, then {again}")
        found = self.deployer().hosts(newer.pipeline, newer.stage, newer.target)
        demand({each.digest for each in found} == {newer.digest}, f"it deployed again: {found}")

    def test_a_failure_is_an_answer_and_stays_one(self) -> None:
        last = _finish(self.deployer(), self._order("ill", "k1", 1))[-1]
        demand(last.state == "failed" and last.message != "", f"it ended as {last}")
        demand(last.cause in {"failure", "deadline"}, f"it gave the cause {last.cause!r}")
        again = self.deployer().advance(self._order("ill", "k1", 2))
        demand(again == last, f"first it said {last}, then {again}")

    def test_an_older_attempt_is_fenced(self) -> None:
        self.deployer().advance(self._order("one", "k1", 5))
        _fenced(self.deployer().advance, self._order("one", "k1", 4))
        _fenced(self.deployer().advance, self._order("two", "k2", 4))

    def test_a_finished_key_fences_too(self) -> None:
        _finish(self.deployer(), self._order("one", "k1", 1))
        self.deployer().advance(self._order("one", "k1", 3))
        _fenced(self.deployer().advance, self._order("two", "k2", 2))

    def test_an_attempt_goes_on_where_another_stopped(self) -> None:
        order = self._order("one", "k1", 1)
        self.deployer().advance(order)
        last = _finish(self.deployer(), replace(order, epoch=2))[-1]
        demand(last.state == "succeeded", f"it ended as {last}")

    def test_an_abort_ends_it_and_is_its_answer(self) -> None:
        first = self.deployer().advance(self._order("one", "k1", 1))
        ended = _abort(self.deployer(), self._order("one", "k1", 2))
        if first.state == "running":
            demand(ended.cause == "abort" and ended.message != "", f"it ended as {ended}")
        else:
            demand(ended == first, f"first it said {first}, then {ended}")
        again = self.deployer().advance(self._order("one", "k1", 3))
        demand(again == ended, f"it was aborted as {ended}, then it said {again}")
        demand(_abort(self.deployer(), self._order("one", "k1", 4)) == ended, "it ended twice")

    def test_what_was_aborted_before_it_began_never_begins(self) -> None:
        order = self._order("one", "k1", 1)
        _finish(self.deployer(), order)
        aborted = _abort(self.deployer(), self._order("two", "k2", 2))
        demand((aborted.state, aborted.cause) == ("failed", "abort"), f"it ended as {aborted}")
        late = self.deployer().advance(self._order("two", "k2", 3))
        demand(late == aborted, f"it was aborted as {aborted}, then it said {late}")
        found = self.deployer().hosts(order.pipeline, order.stage, order.target)
        demand({each.digest for each in found} == {order.digest}, f"they run {found}")

    def test_a_late_call_after_an_abort_is_fenced(self) -> None:
        self.deployer().advance(self._order("one", "k1", 1))
        _abort(self.deployer(), self._order("one", "k1", 3))
        _fenced(self.deployer().advance, self._order("one", "k1", 2))
        _fenced(self.deployer().advance, self._order("two", "k2", 2))

    def test_a_late_abort_is_fenced(self) -> None:
        self.deployer().advance(self._order("one", "k1", 5))
        _fenced(self.deployer().abort, self._order("one", "k1", 4))

    def test_the_way_back_after_an_abort(self) -> None:
        order = self._order("one", "k1", 1)
        _finish(self.deployer(), order)
        self.deployer().advance(self._order("two", "k2", 2))
        _abort(self.deployer(), self._order("two", "k2", 3))
        back = replace(order, key="k3", epoch=3, rollback=True)
        last = _finish(self.deployer(), back)[-1]
        demand(last.state == "succeeded", f"it ended as {last}")
        found = self.deployer().hosts(order.pipeline, order.stage, order.target)
        demand({each.digest for each in found} == {order.digest}, f"they run {found}")

    def test_the_deadline_ends_what_would_never_end(self) -> None:
        order = self._order("endless", "k1", 1)
        order = replace(order, deploy=replace(order.deploy, deadline=_soon(order)))
        first = self.deployer().advance(order)
        # Whoever goes on has no deadline of its own: the time is of the whole deployment.
        last = _finish(self.deployer(), replace(order, epoch=2), seconds=60)[-1]
        demand((last.state, last.cause) == ("failed", "deadline"), f"it ended as {last}")
        demand(first.state == "running" or first == last, f"first it said {first}, then {last}")
        again = self.deployer().advance(replace(order, epoch=3))
        demand(again == last, f"first it said {last}, then {again}")

    def test_targets_are_apart(self) -> None:
        _finish(self.deployer(), self._order("one", "k1", 5))
        order = self._order("one", "k2", 1)
        last = _finish(self.deployer(), replace(order, target=f"{order.target}-other"))[-1]
        demand(last.state == "succeeded", f"the other target ended as {last}")

    def test_the_way_back_restores_the_version_before(self) -> None:
        order = self._order("one", "k1", 1)
        _finish(self.deployer(), order)
        _finish(self.deployer(), self._order("two", "k2", 2))
        back = replace(order, key="k3", epoch=3, rollback=True)
        last = _finish(self.deployer(), back)[-1]
        demand(last.state == "succeeded", f"it ended as {last}")
        found = self.deployer().hosts(order.pipeline, order.stage, order.target)
        demand({each.digest for each in found} == {order.digest}, f"they run {found}")

    def _order(self, version: Version, key: str, epoch: int) -> DeployOrder:
        return replace(self.order(version), key=key, epoch=epoch)


def _finish(deployer: Deployer, order: DeployOrder, seconds: float = 0) -> list[DeployProgress]:
    """Advance until it is over, by calls or for as long as it takes; every answer on the way."""
    found: list[DeployProgress] = []
    until = time.monotonic() + seconds
    while not found or found[-1].state == "running":
        patient = len(found) < _MANY or time.monotonic() < until
        demand(patient, f"it still runs after {len(found)} calls: {found[-1:]}")
        found.append(deployer.advance(order))
    return found


def _abort(deployer: Deployer, order: DeployOrder) -> DeployProgress:
    """Abort until it is over."""
    for _ in range(_MANY):
        if (answer := deployer.abort(order)).state != "running":
            return answer
    raise BrokenContract(f"its abort did not arrive in {_MANY} calls")


def _soon(order: DeployOrder) -> Fact[timedelta | None]:
    return replace(order.deploy.deadline, value=timedelta(seconds=2))


def _fenced(call: Callable[[DeployOrder], DeployProgress], order: DeployOrder) -> None:
    try:
        answer = call(order)
    except Fenced:
        return
    raise BrokenContract(f"epoch {order.epoch} was not fenced and got {answer}")
