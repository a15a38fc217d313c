"""Exemptions and opt-outs over HTTP: what arrives, in whose name, and what is refused."""

from tests.twins.backend import MemoryBackend
from tests.twins.client import Client

ASKED = {
    "kind": "exemption",
    "pipeline": "payments-api",
    "rule": "bake-time",
    "reason": "the hosts arrive in January",
    "until": "2027-01-31T00:00:00+01:00",
}


def test_one_is_asked_for_and_shown(client: Client, backend: MemoryBackend) -> None:
    answer = client.post("/v1/exceptions", json=ASKED)
    assert (answer.status_code, answer.json()) == (201, {"id": "ex-1"})
    assert answer.headers["location"] == "/v1/exceptions/ex-1"
    found = client.get("/v1/exceptions/ex-1").json()
    assert (found["state"], found["requested_by"], found["until"], found["last_day"]) == (
        "requested",
        "ada",
        "2027-01-30T23:00:00Z",
        "2027-01-30",
    )
    assert backend.written[0][0] == "request"


def test_it_is_decided_once(client: Client) -> None:
    client.post("/v1/exceptions", json=ASKED)
    assert client.post("/v1/exceptions/ex-1/approve", json={}).status_code == 204
    again = client.post("/v1/exceptions/ex-1/deny", json={"reason": "late"})
    assert (again.status_code, again.json()["detail"]) == (
        409,
        "ex-1 is approved already; ask for another one",
    )
    nameless = client.post("/v1/exceptions/ex-1/revoke", json={"reason": " "})
    assert nameless.json()["detail"] == "say why you revoke it"
    assert client.post("/v1/exceptions/ex-1/revoke", json={"reason": "away"}).status_code == 204
    assert client.get("/v1/exceptions/ex-1").json()["decision"] == "away"


def test_they_are_listed_by_what_is_asked(client: Client) -> None:
    client.post("/v1/exceptions", json=ASKED)
    client.post("/v1/exceptions", json=ASKED | {"kind": "opt-out", "rule": "canary-first"})

    def ids(query: str) -> list[str]:
        return [each["id"] for each in client.get(f"/v1/exceptions?{query}").json()["exceptions"]]

    assert ids("") == ["ex-1", "oo-2"]
    assert ids("rule=canary-first") == ["oo-2"]
    assert ids("state=approved") == []
    assert ids("pipeline=mailer") == []


def test_bad_input_is_told_at_its_place(client: Client) -> None:
    answer = client.post("/v1/exceptions", json=ASKED | {"until": "soon", "forever": True})
    assert answer.status_code == 422
    assert {each["at"] for each in answer.json()["errors"]} == {"body.until", "body.forever"}
    assert client.post("/v1/exceptions/ex-1/forget", json={}).status_code == 422
    assert client.get("/v1/exceptions/ex-7").status_code == 404
