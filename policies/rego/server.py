"""An OPA server that somebody runs: address, token, certificates, a pool of connections."""

import ssl
from typing import Final

import httpx

from policies.rego.opa import Opa
from policies.rego.port import RegoError
from policies.rego.settings import Policies, RegoSettings

#: Connections that are kept open; a gate needs one at a time.
_KEPT: Final = 8
_MOST: Final = 32


def server(settings: RegoSettings) -> Opa:
    """A client of the server; nothing is asked yet. Raises RegoError for unusable settings."""
    if not settings.url.startswith(("http://", "https://")):
        raise RegoError(f"{settings.url!r} is no address of an OPA; write http://127.0.0.1:8181")
    headers = {"Authorization": f"Bearer {settings.token}"} if settings.token else {}
    http = httpx.Client(
        base_url=settings.url,
        headers=headers,
        verify=_context(settings),
        timeout=settings.timeout,
        limits=httpx.Limits(max_keepalive_connections=_KEPT, max_connections=_MOST),
        # Facts of a release go to the OPA that was named, not through a proxy of the environment.
        trust_env=False,
    )
    return Opa(http, settings.url, settings.timeout, uploads=settings.policies is Policies.UPLOAD)


def _context(settings: RegoSettings) -> ssl.SSLContext:
    try:
        context = ssl.create_default_context(cafile=settings.ca or None)
        if settings.certificate:
            context.load_cert_chain(settings.certificate, settings.key or None)
    except (OSError, ssl.SSLError) as error:
        files = ", ".join(filter(None, (settings.ca, settings.certificate, settings.key)))
        raise RegoError(f"the certificates of OPA cannot be used ({files}: {error})") from error
    return context
