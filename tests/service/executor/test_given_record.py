"""The gate of the service about releases of other executors, given by their whole record."""

import json
from pathlib import Path
from typing import Any, Final

import pytest

from service.app import create_app
from tests.service.executor.conftest import Field
from tests.twins.client import Client

RECORD: Final = Path(__file__).parents[2] / "golden" / "gate" / "shop-7.json"


def ask(field: Field, record: dict[str, Any], **more: Any) -> Any:
    asked = {"pipeline": "shop", "stage": "cell-1", "record": record} | more
    return Client(create_app(field.executor, lambda: "tester")).post("/v1/gate", json=asked)


def record() -> dict[str, Any]:
    found: dict[str, Any] = json.loads(RECORD.read_text(encoding="utf-8"))
    return found


def said(body: dict[str, Any]) -> dict[str, tuple[str, str]]:
    return {each["rule"]: (each["result"], each["message"]) for each in body["results"]}


def test_a_record_is_judged_like_a_release_of_ours(field: Field) -> None:
    at = "2026-11-24T10:22:48Z"
    answer = ask(field, record(), dry_run=True, at=at)
    found = said(answer.json())
    assert (answer.status_code, answer.json()["at"]) == (200, at)
    assert found["alarm-block"] == ("pass", "nothing alarms that concerns cell-1")
    assert found["bake-time"] == ("pass", "one-box baked 1h22m; 1m are needed")
    assert found["unit-tests"] == ("pass", "212 tests passed")
    assert found["rolled-back-revision"] == ("pass", "it was never rolled back")
    assert answer.json()["decision"] == ""


@pytest.mark.both_databases
def test_a_decision_about_a_record_is_kept_with_all_that_it_saw(field: Field) -> None:
    body = ask(field, record()).json()
    kept = field.executor.decision(body["decision"])
    assert kept.message == body
    assert body["subject"] == {
        "pipeline": "shop",
        "release": "shop:7",
        "stage": "cell-1",
        "kind": "normal",
        "artifact": record()["artifact"]["digest"],
    }


def test_every_error_of_a_record_is_told_with_its_place(field: Field) -> None:
    wrong = record()
    wrong["artifact"] |= {"findings": [{"id": "CVE-1", "severity": "dire", "purl": "pkg:a/b@1"}]}
    wrong["context"]["incidents"] = [{"id": "INC-1", "sev": "bad"}]
    answer = ask(field, wrong)
    assert answer.status_code == 409
    assert answer.json()["detail"].splitlines() == [
        "record: artifact.findings[0].severity: 'dire' is not one of low, medium, high, critical",
        "record: context.incidents[0].sev: 'bad' is not a whole number from 0 up",
    ]


def test_a_dry_run_may_assume_other_facts(field: Field) -> None:
    firing = record()["context"]["alarms"][0] | {"state": "alarm"}
    asked = {"dry_run": True, "at": "2026-11-24T10:22:48Z"}
    answer = ask(field, record(), **asked, assume={"context": {"alarms": [firing]}})
    assert said(answer.json())["alarm-block"][0] == "fail"
    of_ours = field.submit("a")
    client = Client(create_app(field.executor, lambda: "tester"))
    about = {"pipeline": "shop", "stage": "one-box", "release": of_ours, "dry_run": True}
    assumed = {"context": {"incidents": [{"id": "INC-1", "sev": 1}], "earlier_releases": None}}
    told = said(client.post("/v1/gate", json=about | {"assume": assumed}).json())
    assert told["alarm-block"] == ("fail", "INC-1 of severity 1 is open")
    assert told["rolled-back-revision"][0] == "unknown"


def test_what_is_assumed_must_be_facts_of_a_record(field: Field) -> None:
    answer = ask(field, record(), dry_run=True, assume={"context": {"incident": []}})
    assert (answer.status_code, answer.json()["detail"]) == (
        409,
        ("record, as assumed: context.incident: is not known here; did you mean 'incidents'?"),
    )
