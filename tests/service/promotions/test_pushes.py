"""Pushes of each forge: how it proves itself, and what it tells."""

import hashlib
import hmac
import json
from typing import Any

import pytest

from service.errors import Conflict, Unsigned
from service.promotions.pushes import Push, read_push

SECRET = "It's a Secret to Everybody"  # noqa: S105 - a word of this test
COMMIT = "9f" * 20


def body(**more: Any) -> bytes:
    return json.dumps({"ref": "refs/heads/main", "after": COMMIT} | more).encode()


def signed(text: bytes, prefix: str = "") -> str:
    return prefix + hmac.new(SECRET.encode(), text, hashlib.sha256).hexdigest()


def github(text: bytes) -> dict[str, str]:
    return {
        "x-hub-signature-256": signed(text, "sha256="),
        "x-github-event": "push",
        "x-github-delivery": "d-1",
    }


def gitea(text: bytes) -> dict[str, str]:
    return {"x-gitea-signature": signed(text), "x-gitea-event": "push", "x-gitea-delivery": "d-1"}


def gitlab(_: bytes) -> dict[str, str]:
    return {
        "x-gitlab-token": SECRET,
        "x-gitlab-event": "Push Hook",
        "x-gitlab-event-uuid": "changes",
        "idempotency-key": "d-1",
    }


@pytest.mark.parametrize(
    ("headers", "pusher"),
    [
        (github, {"pusher": {"name": "ada"}}),
        (gitea, {"pusher": {"login": "ada", "name": "Ada L."}}),
        (gitlab, {"user_username": "ada"}),
    ],
)
def test_a_push_of_each_forge(headers: Any, pusher: dict[str, Any]) -> None:
    text = body(**pusher)
    assert read_push(headers(text), text, SECRET) == Push("d-1", "main", COMMIT, "ada")


def test_the_signature_that_github_publishes() -> None:
    published = "sha256=757107ea0eb2509fc211221cce984b8a37570b6d7586c22c46f4379c8b043e17"
    headers = {"x-hub-signature-256": published, "x-github-event": "ping"}
    assert read_push(headers, b"Hello, World!", SECRET) == "ping starts no release"


def test_the_signature_that_standard_webhooks_publish() -> None:
    headers = {
        "webhook-id": "msg_p5jXN8AQM9LWM0D4loKWxJek",
        "webhook-timestamp": "1614265330",
        "webhook-signature": "v1,AAAA v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=",
        "x-gitlab-event": "Tag Push Hook",
    }
    secret = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"  # noqa: S105 - of the specification
    told = read_push(headers, b'{"test": 2432232314}', secret)
    assert told == "Tag Push Hook starts no release"
    with pytest.raises(Unsigned):
        read_push(headers, b'{"test": 2432232315}', secret)
    with pytest.raises(Conflict, match="begins as a signing token and is none"):
        read_push(headers, b"", "whsec_?")


@pytest.mark.parametrize("forge", [github, gitea])
def test_another_body_or_secret_is_refused(forge: Any) -> None:
    headers = forge(body())
    for text, secret in ((body(more=1), SECRET), (body(), "other")):
        with pytest.raises(Unsigned, match=r"does not fit the secret that is set$"):
            read_push(headers, text, secret)


def test_what_is_not_signed_is_refused() -> None:
    with pytest.raises(Unsigned, match=r"^the push is not signed: none of x-hub-signature-256, "):
        read_push({"x-github-event": "push"}, body(), SECRET)
    with pytest.raises(Unsigned):
        read_push(gitlab(b"") | {"x-gitlab-token": "ä"}, body(), SECRET)


def test_an_empty_secret_fits_nothing() -> None:
    headers = gitlab(body()) | {"x-gitlab-token": ""}
    with pytest.raises(Conflict, match=r"BAKEGATE_HOOK_SECRET"):
        read_push(headers, body(), "")


@pytest.mark.parametrize(
    ("text", "why"),
    [
        (body(ref="refs/tags/v1"), "refs/tags/v1 is no branch"),
        (body(after="0" * 40), "main was deleted"),
    ],
)
def test_what_starts_no_release(text: bytes, why: str) -> None:
    assert read_push(github(text), text, SECRET) == why


@pytest.mark.parametrize("text", [b"payload=%7B%7D", b"[]", b"{}", b"\xff"])
def test_a_body_that_says_nothing(text: bytes) -> None:
    with pytest.raises(Conflict, match="is no JSON with ref and after; send application/json"):
        read_push(github(text), text, SECRET)


def test_a_delivery_without_a_number() -> None:
    headers = {key: each for key, each in github(body()).items() if key != "x-github-delivery"}
    with pytest.raises(Conflict, match="no number of its delivery"):
        read_push(headers, body(), SECRET)
