"""What people ask of releases and pipelines over HTTP: which command arrives, in whose name."""

from datetime import UTC, datetime

import pytest

from service.promotions.commands import (
    Abort,
    Approve,
    ClearProblem,
    Command,
    Override,
    Pause,
    ReportProblem,
    Resume,
    Retry,
    RollBack,
    Tick,
    Word,
)
from tests.twins.backend import MemoryBackend
from tests.twins.client import Client

NAME = "payments-api:1846"
ASKED: list[tuple[str, dict[str, object], int, Command]] = [
    (
        f"/v1/releases/{NAME}/approvals",
        {"stage": "wave-3", "decision": "rejected", "reason": "too slow"},
        201,
        Approve(NAME, "wave-3", Word.REJECTED, "too slow"),
    ),
    (
        f"/v1/releases/{NAME}/checklist",
        {"stage": "wave-3", "item": "tell support"},
        204,
        Tick(NAME, "wave-3", "tell support"),
    ),
    (
        f"/v1/releases/{NAME}/overrides",
        {
            "stage": "wave-3",
            "rule": "bake-time",
            "reason": "it is urgent",
            "hours": 4,
            "incident": "INC-3",
        },
        201,
        Override(NAME, "wave-3", "bake-time", "it is urgent", 4, incident="INC-3"),
    ),
    (
        "/v1/pauses",
        {"pipeline": "payments-api", "reason": "moving", "until": "2026-11-30T00:00:00+01:00"},
        201,
        Pause("moving", "payments-api", until=datetime(2026, 11, 29, 23, tzinfo=UTC)),
    ),
    ("/v1/pauses/pa-3/end", {}, 204, Resume("pa-3")),
    (
        f"/v1/releases/{NAME}/rollback",
        {"reason": "wrong totals", "stage": "cell-1"},
        204,
        RollBack(NAME, "wrong totals", "cell-1"),
    ),
    (f"/v1/releases/{NAME}/abort", {"reason": "by mistake"}, 204, Abort(NAME, "by mistake")),
    (
        f"/v1/releases/{NAME}/retry",
        {"stage": "beta", "reason": "the network was away"},
        204,
        Retry(NAME, "beta", "the network was away"),
    ),
    (
        f"/v1/releases/{NAME}/problems",
        {"text": "charged twice"},
        201,
        ReportProblem(NAME, "charged twice"),
    ),
    ("/v1/problems/pr-2/clear", {"reason": "a test"}, 204, ClearProblem("pr-2", "a test")),
]


@pytest.mark.parametrize("asked", ASKED, ids=lambda asked: asked[0])
def test_each_endpoint_is_one_command(
    client: Client, backend: MemoryBackend, asked: tuple[str, dict[str, object], int, Command]
) -> None:
    path, body, status, command = asked
    answer = client.post(path, json=body)
    assert answer.status_code == status, answer.text
    assert backend.written == [(command, "ada")]


def test_what_does_not_exist_is_a_problem(client: Client) -> None:
    answer = client.post("/v1/releases/payments-api:9/approvals", json={"stage": "wave-3"})
    assert (answer.status_code, answer.json()["detail"]) == (
        404,
        "there is no release 'payments-api:9'",
    )


def test_releases_are_listed(client: Client) -> None:
    found = client.get("/v1/releases", params={"pipeline": "payments-api"}).json()["releases"]
    assert [(each["id"], each["stages"][0]) for each in found] == [(NAME, ["build", "succeeded"])]
    assert client.get("/v1/releases", params={"limit": 0}).status_code == 422
