"""Messages to teams as JSON to one address, for whatever passes them on."""

from typing import Final

import httpx

from service.promotions.notices import Letter

#: Seconds for one answer.
_TIMEOUT: Final = 10


class WebhookError(Exception):
    """An address that did not take a message; it says what it answered."""


class Webhook:
    """Posts ``bakegate.notice/v1`` with a key by which a receiver knows a repeated one."""

    via: Final = "webhook"

    def __init__(self, url: str, token: str) -> None:
        self.url = url
        self.token = token

    def send(self, letter: Letter) -> None:
        headers = {"Idempotency-Key": letter.key}
        if self.token:
            headers["Authorization"] = f"Bearer {self.token}"
        body = {**letter.message, "subject": letter.subject, "text": letter.text}
        try:
            answer = httpx.post(self.url, json=body, headers=headers, timeout=_TIMEOUT)
            answer.raise_for_status()
        except (httpx.HTTPError, httpx.InvalidURL) as error:
            raise WebhookError(f"the webhook did not take the message: {error}") from error
