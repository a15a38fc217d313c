"""Pushes as code forges tell them: signed, so that nobody else can start a release.

GitHub, Gitea and Forgejo sign the body with the secret (HMAC-SHA256, hexadecimal). GitLab signs
number, time and body with a signing token by the Standard Webhooks specification, or sends a secret
token along, in older versions.
"""

import binascii
import hashlib
import hmac
import json
from base64 import b64decode, b64encode
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from service.errors import Conflict, Unsigned

_BRANCH: Final = "refs/heads/"
#: The words for a push in the header that names the event.
_PUSHES: Final = frozenset({"push", "Push Hook"})
#: Where each forge writes the number of a delivery, which stays when it is repeated.
_DELIVERIES: Final = (
    "x-gitea-delivery",
    "x-github-delivery",
    "webhook-id",
    "idempotency-key",
    "x-gitlab-event-uuid",
)
_EVENTS: Final = ("x-gitea-event", "x-github-event", "x-gitlab-event")
_STANDARD: Final = "whsec_"


@dataclass(frozen=True, slots=True)
class Push:
    """``commit`` is what ``branch`` leads to since then; ``by`` is who pushed."""

    delivery: str
    branch: str
    commit: str
    by: str


@dataclass(frozen=True, slots=True)
class Taken:
    """The release that a push started, now or before; else why it starts none."""

    release: str = ""
    ignored: str = ""


def read_push(headers: Mapping[str, str], body: bytes, secret: str) -> Push | str:
    """The push that a forge tells, else why there is nothing to do.

    Names of ``headers`` are in lower case. Raises Unsigned where no signature or token fits the
    secret, and Conflict for a body that says nothing.
    """
    _check(headers, body, secret)
    event = next((headers[name] for name in _EVENTS if name in headers), "")
    if event not in _PUSHES:
        return f"{event or 'an event without a name'} starts no release"
    delivery = next((headers[name] for name in _DELIVERIES if headers.get(name)), "")
    if not delivery:
        raise Conflict("the push has no number of its delivery")
    try:
        told = json.loads(body)
        ref, after = str(told["ref"]), str(told["after"])
    except (ValueError, KeyError, TypeError) as error:
        raise Conflict("the push is no JSON with ref and after; send application/json") from error
    if not ref.startswith(_BRANCH):
        return f"{ref} is no branch"
    if not after.strip("0"):
        return f"{ref.removeprefix(_BRANCH)} was deleted"
    return Push(delivery, ref.removeprefix(_BRANCH), after, _pusher(told))


def _pusher(told: Mapping[str, Any]) -> str:
    """The account that pushed, as each forge writes it."""
    pusher = told.get("pusher") if isinstance(told.get("pusher"), dict) else {}
    names = (told.get("user_username"), *((pusher or {}).get(key) for key in ("login", "name")))
    return next((str(each) for each in names if each), "push")


def _check(headers: Mapping[str, str], body: bytes, secret: str) -> None:
    if not secret:
        raise Conflict("pushes are not taken: no secret is set (BAKEGATE_HOOK_SECRET)")
    for header, fits in _PROOFS:
        if header in headers:
            if not fits(headers, headers[header], body, secret):
                raise Unsigned(f"{header} does not fit the secret that is set")
            return
    raise Unsigned(f"the push is not signed: none of {', '.join(name for name, _ in _PROOFS)}")


def _hexadecimal(_: Mapping[str, str], told: str, body: bytes, secret: str) -> bool:
    wanted = hmac.new(secret.encode(), body, hashlib.sha256).hexdigest()
    return _same(told.removeprefix("sha256="), wanted)


def _standard(headers: Mapping[str, str], told: str, body: bytes, secret: str) -> bool:
    """Several signatures may stand there, while the secret is being replaced."""
    key = secret.encode()
    if secret.startswith(_STANDARD):
        try:
            key = b64decode(secret.removeprefix(_STANDARD), validate=True)
        except binascii.Error as error:
            raise Conflict("BAKEGATE_HOOK_SECRET begins as a signing token and is none") from error
    number, at = headers.get("webhook-id", ""), headers.get("webhook-timestamp", "")
    text = f"{number}.{at}.".encode() + body
    wanted = b64encode(hmac.digest(key, text, "sha256")).decode()
    return any(_same(each, f"v1,{wanted}") for each in told.split())


def _token(_: Mapping[str, str], told: str, body: bytes, secret: str) -> bool:  # noqa: ARG001 - it signs nothing
    return _same(told, secret)


def _same(given: str, wanted: str) -> bool:
    return hmac.compare_digest(given.encode(), wanted.encode())


_Proof = Callable[[Mapping[str, str], str, bytes, str], bool]
#: By which header each forge proves itself; the first that is there counts.
_PROOFS: Final[tuple[tuple[str, _Proof], ...]] = (
    ("x-hub-signature-256", _hexadecimal),
    ("x-gitea-signature", _hexadecimal),
    ("webhook-signature", _standard),
    ("x-gitlab-token", _token),
)
