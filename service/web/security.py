"""What every answer carries, and which requests a browser may not make in a reader's name.

Nobody signs in yet, so the service trusts whoever reaches the loopback address. A page of another
site can reach it too, through the reader's browser: its writes are told by ``Sec-Fetch-Site`` or
``Origin``, and a foreign name that resolves to this machine by ``Host``.
"""

from typing import Final
from urllib.parse import urlsplit

from starlette.datastructures import Headers, MutableHeaders
from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

_POLICY: Final = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; "
    "connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
)
HEADERS: Final = {
    "Content-Security-Policy": _POLICY,
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=()",
    "Referrer-Policy": "same-origin",
    "X-Content-Type-Options": "nosniff",
}
_HOSTS: Final = frozenset({"127.0.0.1", "localhost", "::1"})
_SAFE: Final = frozenset({"GET", "HEAD", "OPTIONS"})


class Guard:
    """Refuses foreign hosts and foreign writes, and adds the headers to everything else.

    Plain ASGI and not the framework's middleware class, which would buffer the live stream.
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return

        async def sent(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                for name, value in HEADERS.items():
                    headers[name] = value
                headers.setdefault("Cache-Control", "no-store")
            await send(message)

        why = refusal(scope["method"], Headers(scope=scope))
        if why:
            await PlainTextResponse(f"{why}\n", 403)(scope, receive, sent)
        else:
            await self._app(scope, receive, sent)


def refusal(method: str, headers: Headers) -> str:
    """Say why a request is not answered; empty when it is."""
    host = headers.get("host", "")
    if urlsplit(f"//{host}").hostname not in _HOSTS:
        return f"Bakegate answers on this machine only, not as {host!r}."
    if method in _SAFE:
        return ""
    site = headers.get("sec-fetch-site", "none")
    origin = headers.get("origin")
    foreign = origin is not None and urlsplit(origin).netloc != host
    if site not in {"none", "same-origin"} or foreign:
        return "This request was made by a page of another site."
    return ""
