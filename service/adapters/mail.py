"""Messages to teams by mail, over SMTP with the standard library."""

import re
import smtplib
import ssl
from email.message import EmailMessage
from email.utils import format_datetime
from typing import Final
from urllib.parse import unquote, urlsplit

from service.promotions.notices import Letter
from service.promotions.ports import Clock

#: Seconds for one answer of the server.
_TIMEOUT: Final = 30
#: What a team or channel may add to an address: nothing that could name another receiver.
_UNSAFE: Final = re.compile(r"[^A-Za-z0-9._-]+")
_PORTS: Final = {"smtp": 25, "smtps": 465}


class MailError(Exception):
    """Mail that is not set up, or that the server did not take; the message says what to do."""


class Mail:
    """``url`` is ``smtp://`` or ``smtps://[user:password@]host[:port]``.

    ``to`` is an address with ``{team}`` or ``{channel}`` in it. Over ``smtp`` the connection is
    encrypted where the server offers it; a password is never sent without.
    """

    via: Final = "mail"

    def __init__(self, url: str, sender: str, to: str, clock: Clock) -> None:
        """Raises MailError for a setting that cannot be used."""
        self.server = urlsplit(url)
        if self.server.scheme not in _PORTS or not self.server.hostname:
            raise MailError("the SMTP server is smtp://host or smtps://host, with user and port")
        if not sender or not _fits(to):
            raise MailError("mail needs a sender, and an address with {team} or {channel} in it")
        self.sender = sender
        self.to = to
        self.clock = clock

    def send(self, letter: Letter) -> None:
        """Hand one message to the server; a repeated one has the same Message-ID."""
        mail = EmailMessage()
        mail["From"] = self.sender
        mail["To"] = self.to.format(team=_safe(letter.team), channel=_safe(letter.channel))
        mail["Subject"] = letter.subject
        mail["Date"] = format_datetime(self.clock.now())
        mail["Message-ID"] = f"<{_safe(letter.key)}@bakegate>"
        mail["Auto-Submitted"] = "auto-generated"
        mail.set_content(letter.text)
        try:
            with self._connected() as server:
                server.send_message(mail)
        except (smtplib.SMTPException, OSError) as error:
            raise MailError(f"{self.server.hostname} did not take the mail: {error}") from error

    def _connected(self) -> smtplib.SMTP:
        where = (self.server.hostname or "", self.server.port or _PORTS[self.server.scheme])
        context = ssl.create_default_context()
        if self.server.scheme == "smtps":
            server: smtplib.SMTP = smtplib.SMTP_SSL(*where, timeout=_TIMEOUT, context=context)
        else:
            server = smtplib.SMTP(*where, timeout=_TIMEOUT)
            server.ehlo()
            if server.has_extn("starttls"):
                server.starttls(context=context)
            elif self.server.password:
                server.close()
                raise MailError(f"{where[0]} offers no encryption, so no password is sent to it")
        if self.server.username:
            server.login(unquote(self.server.username), unquote(self.server.password or ""))
        return server


def _fits(to: str) -> bool:
    """Whether an address differs from team to team, and holds nothing else to fill in."""
    try:
        return to.format(team="a", channel="a") != to.format(team="b", channel="b")
    except (KeyError, ValueError, IndexError):
        return False


def _safe(word: str) -> str:
    return _UNSAFE.sub("-", word).strip("-.") or "nobody"
