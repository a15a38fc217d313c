"""iCalendar files by their addresses, over HTTP with conditional requests."""

from typing import Final

import httpx

from policies.source import MAX_BYTES
from service.promotions.ports import Fetched, Unfetched

#: Seconds to connect, and between two pieces of an answer.
_TIMEOUT: Final = 10.0


class HttpCalendars:
    """Asks with ``If-None-Match``, so that a server which knows of versions sends each one once."""

    def __init__(self, timeout: float = _TIMEOUT) -> None:
        self._timeout = timeout

    def fetch(self, address: str, etag: str) -> Fetched | None:
        headers = {"Accept": "text/calendar"} | ({"If-None-Match": etag} if etag else {})
        try:
            with httpx.stream(
                "GET", address, headers=headers, timeout=self._timeout, follow_redirects=True
            ) as answer:
                if answer.status_code == httpx.codes.NOT_MODIFIED:
                    return None
                if answer.status_code != httpx.codes.OK:
                    raise Unfetched(f"{address} answered {answer.status_code}")
                return Fetched(_text(answer, address), answer.headers.get("etag", ""))
        except (httpx.HTTPError, httpx.InvalidURL) as error:
            raise Unfetched(f"{address} cannot be reached: {error}") from error


def _text(answer: httpx.Response, address: str) -> str:
    """The body up to a limit: what is larger is no calendar that people keep."""
    body = b""
    for part in answer.iter_bytes():
        body += part
        if len(body) > MAX_BYTES:
            raise Unfetched(f"{address} sent more than {MAX_BYTES} bytes")
    try:
        return body.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise Unfetched(f"{address} sent no UTF-8, which iCalendar asks for") from error
