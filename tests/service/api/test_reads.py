"""Endpoints that look: every read model in its public form."""

from datetime import UTC, datetime, timedelta
from urllib.parse import urlencode

import pytest

from policies.exceptions import Subject
from policies.rule import BlocklistEntry
from service.promotions.exceptions import Wanted
from service.promotions.views import NoticeView
from tests.twins.backend import MemoryBackend
from tests.twins.client import Client
from tests.twins.examples import HELD
from tests.twins.sights import COMMIT, DIGEST


def test_pipelines_are_listed(client: Client) -> None:
    body = client.get("/v1/pipelines").json()
    rows = body["pipelines"]
    assert [row["name"] for row in rows] == ["mailer", "new-app", "payments-api", "price-engine"]
    assert body["next"] is None
    assert rows[3] == {
        "name": "price-engine",
        "organization": "retail/pricing",
        "team": "pricing",
        "tier": 0,
        "newest_release": "price-engine:9",
        "newest_state": "rolled_back",
        "answer": "Release 8 was rolled back in one-box.",
        "attention": "rolled_back",
        "since": "2026-11-24T10:08:04Z",
    }


def test_pipelines_come_a_page_at_a_time(client: Client) -> None:
    first = client.get("/v1/pipelines?limit=3").json()
    assert [row["name"] for row in first["pipelines"]] == ["mailer", "new-app", "payments-api"]
    assert first["next"] == "payments-api"
    rest = client.get(f"/v1/pipelines?limit=3&after={first['next']}").json()
    assert [row["name"] for row in rest["pipelines"]] == ["price-engine"]
    assert rest["next"] is None
    assert client.get("/v1/pipelines?limit=501").status_code == 422


def test_a_pipeline_has_its_stages_in_order(client: Client) -> None:
    body = client.get("/v1/pipelines/payments-api").json()
    assert body["version"] == 61
    assert [stage["name"] for stage in body["stages"]] == [
        "build",
        "beta",
        "gamma",
        "one-box",
        "cell-1",
        "wave-2",
        "wave-3",
    ]


def test_a_bake_says_what_it_has_and_what_it_needs(client: Client) -> None:
    stages = client.get("/v1/pipelines/payments-api").json()["stages"]
    assert stages[3]["active"]["state"] == "baking"
    bake = stages[3]["active"]["bake"]
    assert (bake["needed"], bake["observed"]) == ("1h", "22m")
    assert (bake["positive"], bake["positive_needed"]) == (1904, 3000)
    assert bake["earliest_end"] == "2026-11-24T11:01:04Z"
    assert stages[5]["active"]["bake"]["still_since"] == "2026-11-24T10:17:04Z"


def test_what_is_expected_of_a_release_is_told(client: Client) -> None:
    ahead = client.get("/v1/releases/payments-api:1846").json()["forecast"]
    assert ahead == {
        "release": "payments-api:1846",
        "arrivals": [
            {
                "stage": "wave-3",
                "earliest": "2026-11-24T11:16:04Z",
                "entered": "2026-11-24T11:16:04Z",
                "reached": "2026-11-24T11:43:04Z",
            }
        ],
        "earliest": "2026-11-24T11:16:04Z",
        "all_customers": "2026-11-24T11:43:04Z",
        "people": [["wave-3", "2026-11-24T11:16:04Z"]],
        "unknown": "",
        "superseded_by": "",
        "superseded_at": None,
    }
    forecasts = client.get("/v1/pipelines/payments-api").json()["forecasts"]
    told = {each["release"]: each for each in forecasts}
    assert told["payments-api:1846"] == ahead
    assert told["payments-api:1850"]["superseded_by"] == "payments-api:1851"
    assert told["payments-api:1849"]["unknown"] == "no release has gone through gamma yet"


def test_a_pipeline_without_releases_is_whole(client: Client) -> None:
    body = client.get("/v1/pipelines/new-app").json()
    assert {stage["active"] for stage in body["stages"]} == {None}
    assert body["in_flight"] == []


def test_a_release_is_found_by_an_id_with_a_colon(client: Client) -> None:
    body = client.get("/v1/releases/payments-api:1846").json()
    assert (body["commit"], body["digest"], body["packages"]) == (COMMIT, DIGEST, 214)
    assert [change["rides_from"] for change in body["changes"]] == [None, "payments-api:1844"]
    assert [run["stage"] for run in body["runs"]] == ["build", "one-box", "wave-2", "wave-3"]
    assert [each["id"] for each in body["decisions"]] == ["d-58100", "d-58102", "d-58213"]


def test_a_decision_holds_the_whole_message(client: Client) -> None:
    body = client.get("/v1/decisions/d-58213").json()
    assert body == {
        "id": "d-58213",
        "verdict": "hold",
        "at": "2026-11-24T09:16:04Z",
        "checked_at": "2026-11-24T10:22:48Z",
        "until": "2026-11-24T11:16:04Z",
        "message": HELD.message,
    }


def test_what_holds_for_a_node_is_told_with_who_set_it(client: Client) -> None:
    query = "node=retail/commerce/orders&rule=unit-tests&at=2027-01-01T00:00:00Z"
    body = client.get(f"/v1/organization/rules?{query}").json()
    assert (body["type"], body["at"]) == ("bakegate.ruleset/v1", "2027-01-01T00:00:00Z")
    assert [each["rule"] for each in body["rules"]] == ["unit-tests"]
    level = body["rules"][0]["values"][0]
    assert (level["name"], level["value"]) == ("enforcement", "block")
    assert level["set_by"].startswith("retail/commerce/orders (recommended:")


@pytest.mark.parametrize(
    "query", ["node=retail/nowhere", "node=retail/commerce/orders&rule=unit-test"]
)
def test_what_does_not_exist_holds_nothing(client: Client, query: str) -> None:
    assert client.get(f"/v1/organization/rules?{query}").status_code == 404


def test_announcements_say_who_was_told_when(client: Client, backend: MemoryBackend) -> None:
    at = datetime(2026, 11, 24, 9, tzinfo=UTC)
    backend.notices = [
        NoticeView("k", "bake-time", "date", "2026-12-08", "orders", "mail", ("shop",), at, at, ""),
        NoticeView("l", "unit-tests", "date", "2026-12-08", "orders", "mail", (), at, None, "gone"),
    ]
    told = client.get("/v1/reports/announcements?rule=bake-time").json()["announcements"]
    assert [(each["key"], each["sent_at"]) for each in told] == [("k", "2026-11-24T09:00:00Z")]
    assert len(client.get("/v1/reports/announcements").json()["announcements"]) == 2


@pytest.mark.parametrize(
    ("path", "name", "count"),
    [
        ("/v1/exceptions", "exceptions", 3),
        ("/v1/blocklist", "entries", 3),
        ("/v1/reports/announcements", "announcements", 3),
        ("/v1/reports/compliance", "rows", 5),
    ],
)
def test_lists_are_whole_or_a_page_at_a_time(
    client: Client, backend: MemoryBackend, path: str, name: str, count: int
) -> None:
    at = datetime(2026, 11, 24, 9, tzinfo=UTC)
    for number in range(3):
        until = at + timedelta(days=9)
        wanted = Wanted(Subject.EXEMPTION, "payments-api", f"rule-{number}", "soon", until)
        backend.request_exception(wanted, "kim")
        backend.add_blocklist(BlocklistEntry("", "slow", "sec", f"pkg:pypi/p{number}"), "kim")
        told = (f"k{number}", "bake-time", "date", "2026-12-08", "orders", "mail", (), at, at, "")
        backend.notices.append(NoticeView(*told))
    whole = client.get(path).json()
    assert (len(whole[name]), whole["next"]) == (count, None)
    joined, query = [], "?limit=2"
    while query:
        page = client.get(f"{path}{query}").json()
        joined += page[name]
        query = f"?{urlencode({'limit': 2, 'after': page['next']})}" if page["next"] else ""
    assert joined == whole[name]
    assert client.get(f"{path}?limit=0").status_code == 422


@pytest.mark.parametrize(
    ("node", "pipelines"),
    [
        ("", ["mailer", "payments-api"]),
        ("?node=retail/commerce", ["mailer", "payments-api"]),
        ("?node=retail/pricing", []),
    ],
)
def test_compliance_is_of_a_node_or_of_everything(
    client: Client, node: str, pipelines: list[str]
) -> None:
    rows = client.get(f"/v1/reports/compliance{node}").json()["rows"]
    assert sorted({name for row in rows for name in row["pipelines"]}) == pipelines


@pytest.mark.parametrize(
    ("path", "detail"),
    [
        ("/v1/pipelines/nope", "there is no pipeline 'nope'"),
        ("/v1/releases/payments-api:1", "there is no release 'payments-api:1'"),
        ("/v1/decisions/d-1", "there is no decision 'd-1'"),
    ],
)
def test_what_is_not_there_is_a_problem(client: Client, path: str, detail: str) -> None:
    answer = client.get(path)
    assert answer.status_code == 404
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.json() == {
        "type": "about:blank",
        "title": "Not Found",
        "status": 404,
        "detail": detail,
        "instance": path,
    }


def test_the_process_is_alive_even_when_it_cannot_work(
    client: Client, backend: MemoryBackend
) -> None:
    backend.trouble = "the sweep stands still since 10:20"
    assert client.get("/healthz").json() == {"status": "ok"}
    answer = client.get("/readyz")
    assert (answer.status_code, answer.json()) == (
        503,
        {"status": "not ready", "reason": "the sweep stands still since 10:20"},
    )


def test_the_service_is_ready_when_nothing_is_wrong(client: Client) -> None:
    answer = client.get("/readyz")
    assert (answer.status_code, answer.json()) == (200, {"status": "ok"})
