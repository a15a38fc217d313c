"""How many statements a decision takes: budgets, so that none creeps in unnoticed."""

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import event
from sqlmodel import col, select

from service.executor.claiming import claim
from service.promotions.model import Effect
from service.store.engines import Engines
from service.store.tables import RunRow
from tests.service.executor.conftest import PIPELINE, Field

pytestmark = pytest.mark.both_databases

MORE = ("bakery", "cellar", "dairy")


@contextmanager
def asked(engines: Engines) -> Iterator[list[str]]:
    """Every statement that this thread asks; the durable engine looks for work in others."""
    found: list[str] = []
    me = threading.get_ident()

    def seen(_c: object, _u: object, statement: str, *_: Any) -> None:
        if threading.get_ident() == me:
            found.append(statement)

    all_engines = {engines.write, engines.read}
    for engine in all_engines:
        event.listen(engine, "before_cursor_execute", seen)
    yield found
    for engine in all_engines:
        event.remove(engine, "before_cursor_execute", seen)


def baking(field: Field) -> int:
    with field.engines.reading() as session:
        wanted = select(RunRow).where(col(RunRow.state) == "baking", RunRow.outcome == "")
        return len(session.exec(wanted).all())


def test_ended_bakes_are_decided_together_with_few_statements(field: Field) -> None:
    for name in MORE:
        text = PIPELINE.replace("name: shop\n", f"name: {name}\n")
        field.executor.register_pipeline(text, f"{name}.yaml", ".", "tester")
        field.executor.submit(name, "a" * 40, "tester")
    field.submit("a")
    field.passing(55)
    assert baking(field) == 4
    field.clock.move(timedelta(seconds=6))
    with asked(field.engines) as statements:
        field.executor.sweep.once()
    assert baking(field) == 0
    # Reading each table once takes 25 and the writing about 12; the rest is of each release alone.
    assert len(statements) <= 60


def test_an_effect_is_claimed_and_reported_with_few_statements(field: Field) -> None:
    field.deployer.valve.close("beta")
    field.executor.submit("shop", "a" * 40, "tester")
    field.until("shop:1", "beta", "deploying")
    with field.engines.reading() as session:
        run = session.exec(select(RunRow).where(RunRow.op != "")).one()
    with asked(field.engines) as statements:
        assert field.executor.perform("shop:1/beta:deploy:0", run.id or 0, Effect.DEPLOY) is None
    assert len(statements) <= 3
    claimed = [claim(field.executor.ground, run.op, run.id or 0, Effect.DEPLOY) for _ in range(2)]
    first, second = (each.epoch if each else 0 for each in claimed)
    assert first < second
    with asked(field.engines) as statements:
        assert claim(field.executor.ground, run.op, run.id or 0, Effect.DEPLOY)
    # SQLite's begin, the epoch, and all that the attempt needs to know.
    assert len(statements) <= 3
    moved = {"target": "beta", "state": "running", "replaced": 1, "hosts": 3}
    with asked(field.engines) as statements:
        told = field.executor.report(run.op, run.id or 0, Effect.DEPLOY, {"moved": [moved]})
    assert told == "deploying"
    # The lock, the run and two of the durable engine; the event, the pipeline and the run.
    assert len(statements) <= 10
    field.deployer.valve.open()
    field.settle()


def test_while_nothing_waits_the_durable_engine_does_not_look_for_it(field: Field) -> None:
    """What it asks to find work costs most of what an idle worker does."""
    looks: list[str] = []

    def seen(_c: object, _u: object, statement: str, *_: Any) -> None:
        looks.extend([statement] if "RECURSIVE" in statement else [])

    event.listen(field.engines.durable, "before_cursor_execute", seen)
    # Six times as long as it waits between two looks here.
    time.sleep(0.3)
    assert looks == []
    field.submit("a")
    assert looks
