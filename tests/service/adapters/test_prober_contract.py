"""The contract of probers, kept by the one that asks over HTTP and by the twin in memory."""

import socket
from collections.abc import Iterator, Sequence
from dataclasses import replace

import pytest

from policies.scripted import Request
from service.adapters.contract import BrokenContract
from service.adapters.prober import HttpProber
from service.adapters.prober_contract import ANSWERS, Answering, ProberContract
from service.promotions.ports import Answered, Prober
from tests.twins.ports import MemoryProber
from tests.twins.web import served


class TestHttp(ProberContract):
    @pytest.fixture(autouse=True)
    def _host(self) -> Iterator[None]:
        # Bound and not listening: nobody else gets the address, and it refuses.
        with served(Answering) as self.url, socket.socket() as held:
            held.bind(("127.0.0.1", 0))
            self.closed = f"http://127.0.0.1:{held.getsockname()[1]}"
            yield

    def prober(self) -> Prober:
        return HttpProber(timeout=3)

    def host(self) -> str:
        return self.url

    def nobody(self) -> str:
        return self.closed


class TestMemory(ProberContract):
    def prober(self) -> Prober:
        return MemoryProber(self.host(), ANSWERS)

    def host(self) -> str:
        return "http://shop.test"

    def nobody(self) -> str:
        return "http://elsewhere.test"


class Credulous(MemoryProber):
    """A prober that believes every answer of a host."""

    def ask(self, url: str, requests: Sequence[Request]) -> tuple[Answered, ...]:
        return tuple(replace(each, problem="") for each in super().ask(url, requests))


def test_a_prober_that_does_not_look_breaks_the_contract(monkeypatch: pytest.MonkeyPatch) -> None:
    broken = TestMemory()
    monkeypatch.setattr(broken, "prober", lambda: Credulous(broken.host(), ANSWERS))
    with pytest.raises(BrokenContract, match="wrong answers are fine for it"):
        broken.test_an_answer_must_say_what_is_expected()
    with pytest.raises(BrokenContract, match="nobody was there"):
        broken.test_nobody_there_is_a_problem_and_no_exception()
