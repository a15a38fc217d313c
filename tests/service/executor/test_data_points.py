"""Data points are counts of each period, version and operation, whoever tells them how often."""

import pytest
from sqlmodel import select

from service.executor import facts
from service.executor.watching import Places
from service.store.tables import CountRow
from tests.service.executor.conftest import ORGANIZATION, PIPELINE, Field
from tests.twins.ports import digest_of

SCRIPTS = """
    synthetics:
      - {name: buy, every: 10s, requests: [{post: /orders, operation: buy}, {get: /orders}]}
      - {name: look, every: 60s, requests: [{get: /}]}
"""


@pytest.mark.both_databases
def test_operations_are_counted_by_period_and_told_to_gates(field: Field) -> None:
    name = field.submit("a")
    digest = digest_of("a" * 40)
    for operation, positive, negative in (("buy", 2, 0), ("", 5, 0), ("buy", 1, 0), ("look", 0, 0)):
        place = ("shop", "one-box", "one-box", digest)
        field.executor.record_data_points(*place, positive, negative, operation)
    with field.engines.reading() as session:
        rows = session.exec(select(CountRow).order_by(CountRow.operation)).all()
    assert [(each.operation, each.positive) for each in rows] == [("", 5), ("buy", 3), ("look", 0)]
    with field.executor.ground.turn("shop", "tester") as turn:
        release = facts.record(turn, turn.release(name))
    points = next(run.data_points for run in release.stages if run.stage == "one-box")
    assert points is not None
    assert (points.positive, points.per_operation) == (8, (("buy", 3), ("look", 0)))


def test_a_bake_waits_for_each_operation_that_is_told(field: Field) -> None:
    few = "min_positive: 10, per_api_min: 3"
    rules = ORGANIZATION["rules.yaml"].replace("min_positive: 10", few)
    field.executor.register_organization(ORGANIZATION | {"rules.yaml": rules}, "tester")
    name = field.submit("a")
    place = ("shop", "one-box", "one-box", digest_of("a" * 40))
    field.executor.record_data_points(*place, 2, 0, "refund")
    field.passing(90)
    assert field.state(name, "one-box") == "baking"
    run = next(each for each in field.release(name).runs if each.stage == "one-box")
    assert run.message.endswith("; too few answers of refund")
    field.executor.record_data_points(*place, 1, 0, "refund")
    field.settle()
    assert field.state(name, "one-box") == "succeeded"


def test_each_script_has_a_time_of_its_own(field: Field) -> None:
    text = PIPELINE.replace("    exposure: 1%\n", f"    exposure: 1%{SCRIPTS}")
    field.executor.register_pipeline(text, "pipeline.yaml", ".", "tester")
    field.submit("a")
    found = [
        (each.stage, each.script, each.every and each.every.total_seconds(), len(each.requests))
        for each in Places(field.executor.ground).now()
    ]
    assert found == [
        ("beta", "", None, 0),
        ("one-box", "buy", 10, 2),
        ("one-box", "look", 60, 1),
    ]
