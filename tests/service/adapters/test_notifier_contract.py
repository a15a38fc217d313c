"""The contract of notifiers, kept by every one of ours and by the twin in memory."""

from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler
from socket import socket
from typing import Any

import pytest
from aiosmtpd.controller import Controller

from service.adapters.contract import BrokenContract
from service.adapters.mail import Mail
from service.adapters.notifier_contract import LETTER, NotifierContract
from service.adapters.webhook import Webhook
from service.promotions import ports
from service.promotions.notices import Letter
from tests.service.adapters.test_notifiers import Box
from tests.twins.ports import (
    MemoryNotifier,
    MovableClock,
)
from tests.twins.web import served


class TestMemoryNotifier(NotifierContract):
    @pytest.fixture(autouse=True)
    def _made(self) -> None:
        self.memory = MemoryNotifier()

    def notifier(self) -> ports.Notifier:
        return self.memory

    def came(self) -> list[tuple[str, str]]:
        return [(each.key, each.subject) for each in self.memory.letters]

    def refuse_once(self) -> None:
        self.memory.failing = 1


class Silent(MemoryNotifier):
    """A notifier that keeps its troubles to itself."""

    def send(self, letter: Letter) -> None:
        with suppress(OSError):
            super().send(letter)


def test_a_notifier_that_tells_nobody_of_a_refusal_breaks_the_contract() -> None:
    broken = TestMemoryNotifier()
    broken.memory = Silent()
    with pytest.raises(BrokenContract, match="nobody was told"):
        broken.test_what_was_refused_is_told_and_can_be_sent_again()


@dataclass
class Refusing(Box):
    """An SMTP server that refuses one receiver."""

    refuses: bool = False

    async def handle_RCPT(self, *given: Any) -> str:  # noqa: N802 - the name that the server calls
        refused, self.refuses = self.refuses, False
        return "550 not now" if refused else await super().handle_RCPT(*given)


class TestMailNotifier(NotifierContract):
    @pytest.fixture(autouse=True)
    def _made(self) -> Iterator[None]:
        self.box = Refusing()
        with socket() as free:
            free.bind(("127.0.0.1", 0))
            port = free.getsockname()[1]
        server = Controller(self.box, hostname="127.0.0.1", port=port)
        server.start()
        to = "{channel}@corner.example"
        self.mail = Mail(f"smtp://127.0.0.1:{port}", "us@corner.example", to, MovableClock())
        yield
        server.stop()

    def notifier(self) -> ports.Notifier:
        return self.mail

    def came(self) -> list[tuple[str, str]]:
        # Mail knows a repeated message by its own header, in which a key has fewer letters.
        keys = {"<retail-bake-time-2027-02-01-date-orders@bakegate>": LETTER.key}
        return [(keys[each["Message-ID"]], each["Subject"]) for each in self.box.mails]

    def refuse_once(self) -> None:
        self.box.refuses = True


class TestWebhookNotifier(NotifierContract):
    @pytest.fixture(autouse=True)
    def _made(self) -> Iterator[None]:
        self.letters: list[tuple[str, str]] = []
        self.refusing = 0
        case = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"])).decode()
                status = 503 if case.refusing else 200
                if status == 200:
                    subject = LETTER.subject if LETTER.subject in body else body
                    case.letters.append((self.headers["Idempotency-Key"], subject))
                case.refusing = 0
                self.send_response(status)
                self.end_headers()

            def log_message(self, *_: Any) -> None:
                """Say nothing."""

        with served(Handler) as url:
            self.webhook = Webhook(url, "")
            yield

    def notifier(self) -> ports.Notifier:
        return self.webhook

    def came(self) -> list[tuple[str, str]]:
        return self.letters

    def refuse_once(self) -> None:
        self.refusing = 1
