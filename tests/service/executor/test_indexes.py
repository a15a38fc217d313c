"""What is asked while thousands of releases are stored: nothing that grows is read as a whole."""

import re
from typing import Any

import pytest
import sqlalchemy as sa
from sqlalchemy import event

from service.promotions.exceptions import Filter
from service.store.engines import Engines
from tests.service.executor.conftest import PIPELINE, Field

pytestmark = pytest.mark.both_databases

#: Tables that grow with every release.
GROWING = (
    "runs|releases|events|decisions|counts|evidence|blobs|stages|alarms|pipelines|lint_results"
    "|notices|exceptions"
)

#: The newest event of all, once at the start; what ``settle`` asks; PostgreSQL about itself.
LEFT_OUT = ("ORDER BY events.id DESC", "runs.op != ", "pg_catalog")


def scans(engines: Engines, asked: dict[str, Any]) -> dict[str, list[str]]:
    """The tables that each statement would read as a whole, of those that would read one."""
    found = {}
    with engines.read.connect() as connection:
        if not engines.sqlite:
            # Small tables are read as a whole wherever that is allowed.
            connection.execute(sa.text("SET enable_seqscan = off"))
        word = "EXPLAIN QUERY PLAN" if engines.sqlite else "EXPLAIN"
        whole = rf"SCAN ({GROWING})(?! USING)" if engines.sqlite else rf"Seq Scan on ({GROWING})"
        for statement, parameters in asked.items():
            plan = connection.exec_driver_sql(f"{word} {statement}", parameters).all()
            if tables := re.findall(whole, str(plan)):
                found[statement] = tables
    return found


def test_decisions_and_pages_find_what_they_need_by_an_index(field: Field) -> None:
    asked: dict[str, Any] = {}

    def seen(_c: object, _u: object, statement: str, parameters: Any, *_: object) -> None:
        if statement.startswith("SELECT") and not any(each in statement for each in LEFT_OUT):
            asked[statement] = parameters

    engines = {field.engines.write, field.engines.read}
    for engine in engines:
        event.listen(engine, "before_cursor_execute", seen)
    release = field.submit("a")
    field.passing(70)
    field.executor.sweep.once()
    field.executor.pipelines()
    field.executor.pipeline("shop")
    field.executor.release(release)
    field.executor.releases(None, 50)
    field.executor.releases("shop", 50)
    for engine in engines:
        event.remove(engine, "before_cursor_execute", seen)
    assert len(asked) > 50
    assert scans(field.engines, asked) == {}


def test_pages_of_long_lists_begin_where_they_begin(field: Field) -> None:
    asked: dict[str, Any] = {}

    def seen(_c: object, _u: object, statement: str, parameters: Any, *_: object) -> None:
        if re.search(r"FROM (notices|exceptions|blocklist)\b", statement):
            asked[statement] = parameters

    event.listen(field.engines.read, "before_cursor_execute", seen)
    field.executor.exceptions(Filter(), "service:ex-7", 2)
    field.executor.blocklist("service:bl-7", 2)
    field.executor.told(None, "2026-11-24T09:00:00+00:00 key", 2)
    event.remove(field.engines.read, "before_cursor_execute", seen)
    assert len(asked) == 3
    assert scans(field.engines, asked) == {}


def test_the_list_comes_in_pages_by_name(field: Field) -> None:
    for name in ("bakery", "tailor"):
        text = PIPELINE.replace("name: shop\n", f"name: {name}\n")
        field.executor.register_pipeline(text, f"{name}.yaml", ".", "tester")
    assert [each.name for each in field.executor.pipelines(limit=2)] == ["bakery", "shop"]
    assert [each.name for each in field.executor.pipelines("shop", 2)] == ["tailor"]


@pytest.mark.served
def test_a_stage_shows_its_last_release_however_many_there_were(field: Field) -> None:
    field.through("b")
    field.through("c")
    stages = {each.name: each for each in field.executor.pipeline("shop").stages}
    last = stages["cell-1"].last
    assert last
    assert (last.number, last.outcome) == (3, "succeeded")
    assert last.decision
    assert stages["cell-1"].last_good == "shop:3"
    (row,) = field.executor.pipelines()
    assert [name for name, _, _ in row.stages] == ["build", "beta", "one-box", "cell-1"]
    assert {number for _, _, number in row.stages} == {"3"}
