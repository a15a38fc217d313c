"""One shape of errors and one complete table from an error of the domain to its status."""

import pytest

from policies.documents import Issue
from policies.findings import Span
from service.api.errors import STATUSES, problem_of
from service.errors import Conflict, DomainError, Invalid, NotFound, Refused
from tests.twins.client import Client

PLACE = Span("pipeline.yaml", 3, 7, 3, 12)


def everything(kind: type[DomainError]) -> set[type[DomainError]]:
    return {kind, *(found for each in kind.__subclasses__() for found in everything(each))}


def test_every_error_of_the_domain_has_a_status() -> None:
    ours = {each for each in everything(DomainError) if each.__module__ == "service.errors"}
    assert set(STATUSES) == ours


@pytest.mark.parametrize(
    ("error", "status", "detail"),
    [
        (NotFound("stage", "wave-9"), 404, "there is no stage 'wave-9'"),
        (Conflict("the stage is busy"), 409, "the stage is busy"),
        (Invalid((Issue(PLACE, "unknown key"),)), 422, "pipeline.yaml:3: unknown key"),
        (Refused("shop", ()), 422, "pipeline 'shop' is refused: 0 findings block it"),
        (DomainError("no"), 400, "no"),
    ],
)
def test_an_error_is_described(error: DomainError, status: int, detail: str) -> None:
    problem = problem_of(error, "/v1/x")
    assert (problem.status, problem.detail, problem.instance) == (status, detail, "/v1/x")


def test_a_file_that_cannot_be_read_has_its_errors_located() -> None:
    problem = problem_of(Invalid((Issue(PLACE, "unknown key"),)), "/v1/x")
    assert problem.errors == [
        {"path": "pipeline.yaml", "line": 3, "column": 7, "message": "unknown key"}
    ]


def test_a_method_that_does_not_exist_is_a_problem(client: Client) -> None:
    answer = client.put("/v1/gate", json={})
    assert (answer.status_code, answer.headers["content-type"]) == (405, "application/problem+json")


def test_an_address_that_does_not_exist_is_a_problem(client: Client) -> None:
    answer = client.get("/v1/nowhere")
    assert (answer.status_code, answer.headers["content-type"]) == (404, "application/problem+json")
