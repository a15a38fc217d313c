"""Pushes and artifacts over HTTP."""

import hashlib
import hmac
import json
import tempfile
from pathlib import Path

import pytest

from service.api import sources
from service.app import create_app
from tests.twins.backend import MemoryBackend
from tests.twins.client import Client

SECRET = "of the hook"  # noqa: S105 - a word of this test
BODY = json.dumps({"ref": "refs/heads/main", "after": "9f" * 20, "pusher": {"name": "lee"}})
HEADERS = {
    "X-GitHub-Event": "push",
    "X-GitHub-Delivery": "d-1",
    "X-Hub-Signature-256": "sha256="
    + hmac.new(SECRET.encode(), BODY.encode(), hashlib.sha256).hexdigest(),
}
HOOK = "/v1/hooks/payments-api"


@pytest.fixture
def client() -> Client:
    return Client(create_app(MemoryBackend(), lambda: "ada", SECRET))


def test_a_signed_push_starts_a_release_once(client: Client) -> None:
    first, second = (client.post(HOOK, content=BODY, headers=HEADERS) for _ in range(2))
    assert (first.status_code, first.json()["ignored"]) == (200, "")
    assert second.json() == first.json()
    release = client.get(f"/v1/releases/{first.json()['release']}").json()
    assert (release["commit"], release["created_by"]) == ("9f" * 20, "lee")


def test_a_push_that_is_not_signed_is_unauthorized(client: Client) -> None:
    answer = client.post(HOOK, content=BODY + " ", headers=HEADERS)
    assert (answer.status_code, answer.json()["title"]) == (401, "Unauthorized")
    told = "x-hub-signature-256 does not fit the secret that is set"
    assert answer.json()["detail"] == told


def test_a_push_to_nobody_is_not_found(client: Client) -> None:
    assert client.post("/v1/hooks/nobody", content=BODY, headers=HEADERS).status_code == 404


def test_without_a_secret_no_push_is_taken() -> None:
    client = Client(create_app(MemoryBackend(), lambda: "ada"))
    answer = client.post(HOOK, content=BODY, headers=HEADERS)
    assert answer.status_code == 409
    assert "BAKEGATE_HOOK_SECRET" in answer.json()["detail"]


def test_a_message_without_end_is_cut(client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sources, "_MESSAGE", 100)
    answer = client.post(HOOK, content="x" * 101, headers=HEADERS)
    assert answer.json()["detail"] == "a message may have 100 bytes at most"


def test_an_artifact_on_its_way_has_no_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A service that is killed while gigabytes come in leaves none of them behind."""
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    backend = MemoryBackend()
    names: list[str] = []

    def keep(path: Path) -> str:
        names.extend(each.name for each in tmp_path.iterdir())
        return MemoryBackend.keep_artifact(backend, path)

    monkeypatch.setattr(backend, "keep_artifact", keep)
    content = b"built elsewhere" * 100_000
    digest = f"sha256:{hashlib.sha256(content).hexdigest()}"
    client = Client(create_app(backend, lambda: "ada"))
    assert client.put(f"/v1/artifacts/{digest}", content=content).json() == {"digest": digest}
    assert names == []


def test_an_artifact_is_kept_and_released(client: Client) -> None:
    content = b"built elsewhere"
    digest = f"sha256:{hashlib.sha256(content).hexdigest()}"
    assert client.put(f"/v1/artifacts/{digest}", content=content).json() == {"digest": digest}
    new = {"pipeline": "payments-api", "commit": "9f" * 20, "artifact": digest}
    name = client.post("/v1/releases", json=new).json()["id"]
    assert client.get(f"/v1/releases/{name}").json()["digest"] == digest


def test_bytes_of_another_digest_are_refused(client: Client) -> None:
    digest, other = "sha256:" + "0" * 64, f"sha256:{hashlib.sha256(b'x').hexdigest()}"
    answer = client.put(f"/v1/artifacts/{digest}", content=b"x")
    assert answer.status_code == 409
    told = f"the bytes that came are {other}, not {digest}; send them again"
    assert answer.json()["detail"] == told
    assert client.put("/v1/artifacts/latest", content=b"x").status_code == 422
    new = {"pipeline": "payments-api", "commit": "9f" * 20, "artifact": other}
    assert client.post("/v1/releases", json=new).status_code == 409
