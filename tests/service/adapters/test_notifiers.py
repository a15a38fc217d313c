"""Mail to a real SMTP server and JSON to a real web server, both on this machine."""

import json
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from email import message_from_bytes
from email.message import EmailMessage
from email.policy import default
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from socket import socket
from typing import Any

import pytest
from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP, Envelope, Session

from service.adapters.mail import Mail, MailError
from service.adapters.webhook import Webhook, WebhookError
from service.promotions.notices import Letter
from tests.twins.ports import MovableClock

LETTER = Letter(
    key="retail:bake-time:2027-02-01:date:orders",
    team="orders",
    channel="#orders room",
    subject="bake-time blocks from 2027-02-01",
    text="Größer als vorher.\n",
    message={"type": "bakegate.notice/v1", "rule": "bake-time"},
)


@dataclass
class Box:
    """What an SMTP server took; it refuses a receiver who is nobody."""

    mails: list[EmailMessage] = field(default_factory=list)
    receivers: list[str] = field(default_factory=list)

    async def handle_RCPT(  # noqa: N802 - the name and signature that the server calls
        self, _: SMTP, __: Session, envelope: Envelope, address: str, ___: list[str]
    ) -> str:
        if address.startswith("nobody@"):
            return "550 there is nobody of this name"
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, _: SMTP, __: Session, envelope: Envelope) -> str:  # noqa: N802 - likewise
        self.receivers += envelope.rcpt_tos
        content = envelope.content
        assert isinstance(content, bytes)
        self.mails.append(message_from_bytes(content, policy=default))
        return "250 OK"


@pytest.fixture
def box() -> Box:
    return Box()


@pytest.fixture
def smtp(box: Box) -> Iterator[str]:
    # The controller connects to itself to see that it is up, and must know the port for that.
    with socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    controller = Controller(box, hostname="127.0.0.1", port=port)
    controller.start()
    yield f"smtp://127.0.0.1:{port}"
    controller.stop()


def mail(url: str, to: str = "{channel}@lists.example") -> Mail:
    return Mail(url, "bakegate@shop.example", to, MovableClock())


def test_mail_reaches_the_list_of_the_team(smtp: str, box: Box) -> None:
    mail(smtp).send(LETTER)
    assert box.receivers == ["orders-room@lists.example"]
    sent = box.mails[0]
    assert sent["Subject"] == LETTER.subject
    assert sent["From"] == "bakegate@shop.example"
    assert sent["Message-ID"] == "<retail-bake-time-2027-02-01-date-orders@bakegate>"
    assert sent["Date"] == "Tue, 24 Nov 2026 09:00:00 +0000"
    assert sent["Auto-Submitted"] == "auto-generated"
    assert sent.get_content().splitlines() == LETTER.text.splitlines()


def test_a_receiver_that_the_server_refuses_is_an_error(smtp: str, box: Box) -> None:
    with pytest.raises(MailError, match="there is nobody of this name"):
        mail(smtp, "nobody@{channel}.example").send(LETTER)
    assert box.mails == []


def test_a_password_is_never_sent_in_the_clear(smtp: str, box: Box) -> None:
    with pytest.raises(MailError, match="offers no encryption, so no password is sent"):
        mail(smtp.replace("//", "//kim:secret@")).send(LETTER)
    assert box.mails == []


def test_a_server_that_is_not_there_is_an_error() -> None:
    with pytest.raises(MailError, match="did not take the mail"):
        mail("smtp://127.0.0.1:1").send(LETTER)


@pytest.mark.parametrize(
    ("url", "sender", "to"),
    [
        ("http://127.0.0.1", "a@b.example", "{team}@c.example"),
        ("smtp://", "a@b.example", "{team}@c.example"),
        ("smtp://127.0.0.1", "", "{team}@c.example"),
        ("smtp://127.0.0.1", "a@b.example", "all@c.example"),
        ("smtp://127.0.0.1", "a@b.example", "{owner}@c.example"),
    ],
)
def test_settings_that_cannot_be_used_are_refused(url: str, sender: str, to: str) -> None:
    with pytest.raises(MailError):
        Mail(url, sender, to, MovableClock())


@dataclass
class Site:
    """A web server that answers with ``status`` and keeps what it was sent."""

    url: str = ""
    status: int = 204
    got: list[tuple[dict[str, str], dict[str, Any]]] = field(default_factory=list)


@pytest.fixture
def site() -> Iterator[Site]:
    kept = Site()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            kept.got.append((dict(self.headers), json.loads(body)))
            self.send_response(kept.status)
            self.end_headers()

        def log_message(self, *_: object) -> None:
            """Say nothing into the output of the tests."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        kept.url = f"http://127.0.0.1:{server.server_address[1]}/notices"
        yield kept
        server.shutdown()
        thread.join()


def test_a_webhook_gets_the_message_with_its_key(site: Site) -> None:
    Webhook(site.url, "secret").send(LETTER)
    headers, body = site.got[0]
    assert headers["Idempotency-Key"] == LETTER.key
    assert headers["Authorization"] == "Bearer secret"
    assert body == {
        "type": "bakegate.notice/v1",
        "rule": "bake-time",
        "subject": LETTER.subject,
        "text": LETTER.text,
    }


def test_a_webhook_that_refuses_is_an_error(site: Site) -> None:
    site.status = 503
    with pytest.raises(WebhookError, match="503"):
        Webhook(site.url, "").send(LETTER)
    with pytest.raises(WebhookError, match="did not take the message"):
        Webhook("http://127.0.0.1:1/", "").send(LETTER)
