"""What every way of telling teams must do, as tests that somebody else's can run too.

Derive a class from ``NotifierContract`` in a test file of yours and let pytest collect it. Nothing
of pytest is imported, so that Bakegate runs without it.
"""

from abc import ABC, abstractmethod
from typing import Final

from service.adapters.contract import BrokenContract, demand
from service.promotions.notices import Letter
from service.promotions.ports import Notifier

LETTER: Final = Letter(
    key="retail:bake-time:2027-02-01:date:orders",
    team="orders",
    channel="orders",
    subject="bake-time blocks from 2027-02-01",
    text="Bigger than before.\n",
    message={"type": "bakegate.notice/v1", "rule": "bake-time"},
)


class NotifierContract(ABC):
    """Each test needs an other side to which nothing came yet."""

    @abstractmethod
    def notifier(self) -> Notifier:
        """One that tells the other side of this test."""

    @abstractmethod
    def came(self) -> list[tuple[str, str]]:
        """Key and subject of every letter that came to the other side, in order."""

    @abstractmethod
    def refuse_once(self) -> None:
        """Let the other side refuse the next letter."""

    def test_a_letter_comes_with_its_key(self) -> None:
        notifier = self.notifier()
        demand(notifier.via != "", "it has no name in via")
        notifier.send(LETTER)
        notifier.send(LETTER)
        # The receiver, not we, knows a repeated one by its key.
        twice = [(LETTER.key, LETTER.subject)] * 2
        demand(self.came() == twice, f"two letters were sent and these came: {self.came()}")

    def test_what_was_refused_is_told_and_can_be_sent_again(self) -> None:
        notifier = self.notifier()
        self.refuse_once()
        try:
            notifier.send(LETTER)
        except Exception as error:  # noqa: BLE001 - each notifier has errors of its own
            demand(str(error) != "", f"it says nothing about its {type(error).__name__}")
        else:
            raise BrokenContract("the other side refused a letter, and nobody was told")
        demand(self.came() == [], f"a refused letter came: {self.came()}")
        notifier.send(LETTER)
        demand(len(self.came()) == 1, f"one letter was sent and these came: {self.came()}")
