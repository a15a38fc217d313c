"""Endpoints that change something: what arrives at the service, and in whose name."""

from datetime import UTC, datetime
from typing import Any

import pytest

from policies.findings import Enforcement, Finding, Result, Severity, Span
from service.errors import Refused
from service.promotions.retention import Kind, Stored
from tests.twins.backend import MemoryBackend
from tests.twins.client import Client
from tests.twins.sights import COMMIT, DIGEST

GATE = {"pipeline": "payments-api", "release": "payments-api:1846", "stage": "wave-3"}
PIPELINE = """\
schema: bakegate/pipeline/v1
name: shop
organization: retail
source: {repository: ., branch: main, start: push}
build:
  steps:
    - {name: package, kind: build, run: ./package dist/app.tar.gz}
  artifact: dist/app.tar.gz
stages:
  - {name: beta, kind: test}
"""
FILE = {"text": PIPELINE, "path": "pipeline.yaml", "repository": "."}
ENTRY = {"id": "bl-1", "reason": "leaks cookies", "owner": "security"}


def test_a_gate_answers_with_its_message(client: Client, backend: MemoryBackend) -> None:
    body = client.post("/v1/gate", json=GATE).json()
    assert (body["type"], body["decision"], body["verdict"]) == (
        "bakegate.gate/v1",
        "d-58300",
        "allow",
    )
    assert backend.written[0][-1] == "ada"


def test_a_dry_run_may_ask_for_another_moment(client: Client) -> None:
    asked = GATE | {"dry_run": True, "at": "2026-12-01T08:00:00+01:00"}
    assert client.post("/v1/gate", json=asked).json()["at"] == "2026-12-01T07:00:00Z"


def test_a_commit_becomes_a_release(client: Client, backend: MemoryBackend) -> None:
    answer = client.post("/v1/releases", json={"pipeline": "mailer", "commit": COMMIT})
    assert (answer.status_code, answer.json()) == (201, {"id": "mailer:1"})
    assert answer.headers["location"] == "/v1/releases/mailer:1"
    assert client.get("/v1/releases/mailer:1").json()["created_by"] == "ada"
    assert backend.written == [("submit", "mailer", COMMIT, "ada", "normal", "", "")]


def test_data_points_are_counted(client: Client, backend: MemoryBackend) -> None:
    points = {"pipeline": "payments-api", "stage": "one-box", "target": "one-box"}
    counted = points | {"digest": DIGEST, "positive": 118, "negative": 2}
    answer = client.post("/v1/data-points", json=counted)
    assert (answer.status_code, answer.content) == (204, b"")
    assert backend.written == [("data", "payments-api", "one-box", "one-box", DIGEST, 118, 2, "")]
    shown = client.get("/v1/pipelines/payments-api/stages/one-box/data-points?minutes=5").json()
    told = {"target": "one-box", "digest": DIGEST, "operation": "", "positive": 118, "negative": 2}
    assert [{key: each[key] for key in told} for each in shown["counts"]] == [told]


def test_a_blocklist_entry_names_the_pipelines_that_were_asked(
    client: Client, backend: MemoryBackend
) -> None:
    entry = ENTRY | {"package": "pkg:pypi/urllib3", "versions": "vers:pypi/<2.0.7"}
    answer = client.post("/v1/blocklist", json=entry)
    assert answer.status_code == 201
    assert answer.json()["pipelines"] == ["mailer", "new-app", "payments-api", "price-engine"]
    kind, stored, actor = backend.written[0]
    assert (kind, stored["package"], stored["until"], actor) == (
        "blocklist",
        "pkg:pypi/urllib3",
        None,
        "ada",
    )


def test_an_entry_is_listed_and_removed(client: Client) -> None:
    client.post("/v1/blocklist", json=ENTRY | {"builder": "https://ci.example/old"})
    again = client.post("/v1/blocklist", json=ENTRY | {"builder": "https://ci.example/old"})
    assert again.status_code == 409
    removed = client.post("/v1/blocklist/bl-1/remove", json={"reason": "a new key is in place"})
    assert removed.json()["state"] == "removed"
    (entry,) = client.get("/v1/blocklist").json()["entries"]
    assert (entry["entry"]["builder"], entry["state"], entry["removed_by"], entry["removal"]) == (
        "https://ci.example/old",
        "removed",
        "ada",
        "a new key is in place",
    )
    assert client.post("/v1/blocklist/bl-1/confirm").status_code == 409
    assert client.post("/v1/blocklist/bl-9/remove", json={"reason": "x"}).status_code == 404


def test_an_organization_is_replaced(client: Client, backend: MemoryBackend) -> None:
    files = {"organization.yaml": "schema: bakegate/organization/v1\nname: retail\n"}
    assert client.put("/v1/organization", json={"files": files}).status_code == 204
    assert backend.written == [("organization", files, "ada")]


def test_a_pipeline_file_is_taken_over(client: Client, backend: MemoryBackend) -> None:
    answer = client.put("/v1/pipelines/shop", json=FILE)
    assert (answer.status_code, answer.json()) == (200, {"name": "shop"})
    assert backend.written == [("register", "shop", "pipeline.yaml", ".", "ada")]


def test_a_pipeline_file_of_another_name_is_a_conflict(client: Client) -> None:
    answer = client.put("/v1/pipelines/store", json=FILE)
    assert answer.status_code == 409
    assert answer.json()["detail"] == "pipeline.yaml is of shop, not of store"


def test_a_refused_pipeline_has_the_findings_of_lint(
    client: Client, backend: MemoryBackend
) -> None:
    place = Span("pipeline.yaml", 5, 3, 5, 20)
    finding = Finding(
        rule="unit-tests",
        pipeline="shop",
        result=Result.FAIL,
        enforcement=Enforcement.BLOCK,
        severity=Severity.HIGH,
        message="no step runs unit tests",
        span=place,
        identity=("unit-tests", "shop", "name", 0),
        docs="https://wiki.example/unit-tests",
    )
    backend.refusal = Refused("shop", (finding,))
    answer = client.put("/v1/pipelines/shop", json=FILE)
    assert answer.status_code == 422
    body = answer.json()
    assert body["detail"] == "pipeline 'shop' is refused: 1 findings block it"
    assert [
        (each["rule"], each["result"], each["enforcement"], each["line"], each["end_column"])
        for each in body["findings"]
    ] == [("unit-tests", "fail", "block", 5, 20)]


def test_a_transition_is_switched_with_a_reason(client: Client, backend: MemoryBackend) -> None:
    path = "/v1/pipelines/payments-api/stages/wave-3/transition"
    told = {"mode": "automatic", "reason": "the last 20 refused none"}
    assert client.post(path, json=told).status_code == 204
    assert backend.written == [
        ("transition", "payments-api", "wave-3", "automatic", "the last 20 refused none", "ada")
    ]
    assert backend.pipeline("payments-api").version == 62


def test_automatic_without_a_reason_is_a_conflict(client: Client, backend: MemoryBackend) -> None:
    path = "/v1/pipelines/payments-api/stages/wave-3/transition"
    answer = client.post(path, json={"mode": "automatic", "reason": " "})
    assert (answer.status_code, backend.written) == (409, [])
    assert answer.json()["detail"] == "say why the transition may be automatic again"


def test_pruning_says_what_goes_and_is_done_in_the_name_of_who_asked(
    client: Client, backend: MemoryBackend
) -> None:
    log = Stored(Kind.LOG, "/data/builds/one.log", 2048, datetime(2026, 7, 1, tzinfo=UTC))
    backend.stored = [log]
    removed = {
        "kind": "log",
        "place": "/data/builds/one.log",
        "digest": None,
        "bytes": 2048,
        "written_at": "2026-07-01T00:00:00Z",
    }
    for dry in (True, False):
        answer = client.post("/v1/store/prune", json={"dry_run": dry})
        assert answer.json() == {"type": "bakegate.prune/v1", "dry_run": dry, "removed": [removed]}
        assert backend.written == ([] if dry else [("prune", "ada")])
    assert client.post("/v1/store/prune", json={}).json()["removed"] == []


@pytest.mark.parametrize(
    ("asked", "body", "at"),
    [
        ("POST /v1/gate", GATE | {"stages": "beta"}, "body.stages"),
        ("POST /v1/gate", {"pipeline": "a", "stage": "b"}, "body"),
        ("POST /v1/gate", GATE | {"record": {}}, "body"),
        ("POST /v1/gate", GATE | {"at": "2026-12-01T08:00:00Z"}, "body"),
        ("POST /v1/gate", GATE | {"dry_run": True, "at": "2026-12-01T08:00:00"}, "body.at"),
        ("POST /v1/gate", GATE | {"assume": {}}, "body"),
        ("POST /v1/releases", {"pipeline": "a", "commit": "HEAD"}, "body.commit"),
        ("POST /v1/blocklist", ENTRY, "body"),
        ("POST /v1/blocklist", ENTRY | {"package": "p", "digest": DIGEST}, "body"),
        ("POST /v1/blocklist/bl-1/remove", {}, "body.reason"),
        ("PUT /v1/organization", {"files": {}}, "body.files"),
        ("PUT /v1/pipelines/a", FILE | {"text": ""}, "body.text"),
        ("POST /v1/pipelines/a/stages/b/transition", {"mode": "off", "reason": ""}, "body.mode"),
    ],
)
def test_a_body_that_is_not_as_described_is_located(
    client: Client, backend: MemoryBackend, asked: str, body: Any, at: str
) -> None:
    answer = client.request(*asked.split(), json=body)
    assert answer.status_code == 422
    assert answer.headers["content-type"] == "application/problem+json"
    assert [each["at"] for each in answer.json()["errors"]] == [at]
    assert backend.written == []


def test_what_to_write_instead_is_told_in_words(client: Client) -> None:
    told = client.post("/v1/releases", json={"pipeline": "a", "commit": "HEAD"}).json()["detail"]
    assert told == "commit: write the whole hash of a commit, 40 or 64 hex digits, not 'HEAD'"
    given = {"stage": "beta", "rule": "unit-tests", "reason": "", "hours": 1, "digest": "abc"}
    answer = client.post("/v1/releases/payments-api:1846/overrides", json=given)
    assert answer.json()["detail"] == (
        "reason: it is empty; write something; digest: write a digest, sha256: and 64 hex digits, "
        "or nothing, not 'abc'"
    )


def test_the_key_that_was_meant_is_named(client: Client) -> None:
    told = client.post("/v1/store/prune", json={"dryrun": True}).json()["detail"]
    assert told == "dryrun: there is no such key; did you mean 'dry_run'?"
    mode = {"mod": "manual", "mode": "manual", "reason": ""}
    path = "/v1/pipelines/payments-api/stages/wave-3/transition"
    told = client.post(path, json=mode).json()["detail"]
    assert told == "mod: there is no such key; did you mean 'mode'?"


def test_a_body_that_is_no_json_is_a_problem(client: Client) -> None:
    answer = client.post("/v1/gate", content=b"{", headers={"content-type": "application/json"})
    assert (answer.status_code, answer.json()["status"]) == (422, 422)
