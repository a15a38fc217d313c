"""What every answer carries, and who is not answered."""

import pytest

from tests.twins.backend import MemoryBackend
from tests.twins.client import Client

POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; "
    "connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
)
SWITCH = "/pipelines/payments-api/stages/beta/transition"


@pytest.mark.parametrize(
    ("path", "status"),
    [("/", 200), ("/rules", 200), ("/pipelines/nope", 404), ("/v1/pipelines", 200)],
)
def test_every_answer_has_the_strict_policy(client: Client, path: str, status: int) -> None:
    answer = client.get(path)
    assert answer.status_code == status
    assert answer.headers["content-security-policy"] == POLICY
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert answer.headers["referrer-policy"] == "same-origin"
    assert answer.headers["cache-control"] == "no-store"


def test_another_host_is_not_answered(client: Client) -> None:
    answer = client.get("/", headers={"host": "attacker.example:8440"})
    assert (answer.status_code, answer.text) == (
        403,
        "Bakegate answers on this machine only, not as 'attacker.example:8440'.\n",
    )


@pytest.mark.parametrize("host", ["127.0.0.1:8440", "localhost", "[::1]:8440"])
def test_every_name_of_this_machine_is_answered(client: Client, host: str) -> None:
    assert client.get("/healthz", headers={"host": host}).status_code == 200


@pytest.mark.parametrize(
    "headers",
    [
        {"sec-fetch-site": "cross-site"},
        {"sec-fetch-site": "same-site"},
        {"origin": "http://attacker.example"},
        {"origin": "http://127.0.0.1:9999"},
        {"origin": "null"},
    ],
)
def test_a_page_of_another_site_cannot_write(
    client: Client, backend: MemoryBackend, headers: dict[str, str]
) -> None:
    answer = client.post(SWITCH, data={"mode": "manual"}, headers=headers)
    assert (answer.status_code, backend.written) == (403, [])


def test_a_page_of_ours_can_write(client: Client, backend: MemoryBackend) -> None:
    headers = {"sec-fetch-site": "same-origin", "origin": "http://127.0.0.1:8440"}
    answer = client.post(SWITCH, data={"mode": "manual"}, headers=headers)
    assert (answer.status_code, answer.headers["location"]) == (
        303,
        "/pipelines/payments-api#stage-beta",
    )
    assert backend.written == [("transition", "payments-api", "beta", "manual", "", "ada")]
