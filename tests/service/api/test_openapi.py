"""The description of the API: every endpoint, every error, an example for every body."""

from typing import Any

import pytest

from tests.twins.client import Client

ENDPOINTS = {
    "/healthz": {"get"},
    "/readyz": {"get"},
    "/v1/artifacts/{digest}": {"put"},
    "/v1/blocklist": {"get", "post"},
    "/v1/blocklist/{name}/confirm": {"post"},
    "/v1/blocklist/{name}/remove": {"post"},
    "/v1/data-points": {"post"},
    "/v1/decisions/{name}": {"get"},
    "/v1/exceptions": {"get", "post"},
    "/v1/exceptions/{name}": {"get"},
    "/v1/exceptions/{name}/{verb}": {"post"},
    "/v1/alarms": {"get", "post"},
    "/v1/gate": {"post"},
    "/v1/hooks/{pipeline}": {"post"},
    "/v1/organization": {"put"},
    "/v1/organization/rules": {"get"},
    "/v1/pipelines": {"get"},
    "/v1/pipelines/{name}": {"get", "put"},
    "/v1/pipelines/{name}/stages/{stage}/data-points": {"get"},
    "/v1/pipelines/{name}/stages/{stage}/transition": {"post"},
    "/v1/pauses": {"post"},
    "/v1/pauses/{name}/end": {"post"},
    "/v1/problems/{name}/clear": {"post"},
    "/v1/releases": {"get", "post"},
    "/v1/releases/{name}": {"get"},
    "/v1/reports/announcements": {"get"},
    "/v1/releases/{name}/abort": {"post"},
    "/v1/releases/{name}/approvals": {"post"},
    "/v1/releases/{name}/checklist": {"post"},
    "/v1/releases/{name}/overrides": {"post"},
    "/v1/releases/{name}/problems": {"post"},
    "/v1/releases/{name}/retry": {"post"},
    "/v1/releases/{name}/rollback": {"post"},
    "/v1/releases/{name}/skip": {"post"},
    "/v1/reports/compliance": {"get"},
    "/v1/store/prune": {"post"},
}


@pytest.fixture
def described(client: Client) -> dict[str, Any]:
    body: dict[str, Any] = client.get("/v1/openapi.json").json()
    return body


def test_the_description_has_every_endpoint_and_no_page(described: dict[str, Any]) -> None:
    assert {path: set(each) for path, each in described["paths"].items()} == ENDPOINTS


def test_every_body_has_an_example(described: dict[str, Any]) -> None:
    schemas = described["components"]["schemas"]
    without = []
    for path, methods in described["paths"].items():
        for operation in methods.values():
            if "requestBody" in operation:
                content = operation["requestBody"]["content"]["application/json"]["schema"]
                name = content["$ref"].rpartition("/")[2]
                if not _exemplified(schemas[name]):
                    without.append(path)
    assert without == []


def _exemplified(schema: dict[str, Any]) -> bool:
    fields = [schema["properties"][name] for name in schema.get("required", ())]
    return "examples" in schema or all(
        "examples" in each or "enum" in each or "$ref" in each for each in fields
    )


def test_errors_are_described_as_problems(described: dict[str, Any]) -> None:
    for methods in described["paths"].values():
        for operation in methods.values():
            assert list(operation["responses"]["4XX"]["content"]) == ["application/problem+json"]
