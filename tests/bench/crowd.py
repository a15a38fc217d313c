"""A database in which thousands of releases bake: one is promoted for real, then copied.

The copies are rows as the executor wrote them, under other names; only the instants of their bakes
are others, so that they end when a benchmark wants them to.
"""

import json
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any, Final

import sqlalchemy as sa

from service.adapters.clock import SystemClock
from service.executor.executor import Executor
from service.store.engines import Engines, open_engines
from service.store.every_table import METADATA
from service.store.schema import upgrade
from service.store.tables import Instant
from tests.twins.ports import (
    MemoryBuilder,
    MemoryDeployer,
    MemoryTester,
    digest_of,
    memory_ports,
)
from tests.twins.shop import organization, pipeline

ORGANIZATION: Final = organization("""\
schema: bakegate/ruleset/v1
name: corner
extends: [recommended]
rules:
  unit-tests: block
  code-reviewed: warn
  provenance-level: warn
  pinned-ci-deps: warn
  bake-time: {enforcement: block, parameters: {onebox: 10m, first_wave: 10m, later_wave: 10m}}
  min-data-points: {enforcement: block, parameters: {min_positive: 10}}
  alarm-block: {enforcement: block, parameters: {clear_for: 1s}}
""")
PIPELINE: Final = pipeline(
    name=("name: shop\n", "name: NAME\n"),
    period=("period: 10s", "period: 5m"),
    hosts=("batch: 1, min_healthy: 2", "batch: 3, min_healthy: 0"),
    bakes=("bake: {time: 60s", "bake: {time: 10m"),
)
#: How long each bake takes, and the period of its data points, as the files above say.
BAKE: Final = timedelta(minutes=10)
PERIOD: Final = timedelta(minutes=5)
STAGE: Final = "one-box"
_FIRST: Final = "shop-00000"
_COMMIT: Final = "00000" * 8
_BATCH: Final = 500

Row = dict[str, Any]


def name_of(number: int) -> str:
    return f"shop-{number:05}"


def release_of(number: int) -> str:
    return f"{name_of(number)}:1"


def commit_of(number: int) -> str:
    return f"{number:05}" * 8


def make_crowd(url: str, count: int) -> None:
    """Let ``count`` releases bake in as many pipelines, until ``set_ends`` lets each one end.

    Each stage has an earlier digest that ended well, so that a rollback has somewhere to go.
    """
    engines = open_engines(url)
    upgrade(engines.write)
    _promote(engines)
    with engines.write.begin() as connection:
        stages = METADATA.tables["stages"]
        connection.execute(stages.update().values(good=digest_of("b" * 40)))
        first = _rows(connection)
        for start in range(1, count, _BATCH):
            for table, copies in _copies(first, range(start, min(start + _BATCH, count))):
                connection.execute(table.insert(), copies)
        _make_points(connection, count)
        if not engines.sqlite:
            for name in ("runs", "decisions"):
                greatest = f"(SELECT max(id) FROM {name})"  # noqa: S608 - a name of ours
                connection.exec_driver_sql(f"SELECT setval('{name}_id_seq', {greatest})")
    with engines.write.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        connection.exec_driver_sql("ANALYZE")
    engines.dispose()


def set_ends(url: str, numbers: range, first: datetime, step: timedelta) -> dict[str, datetime]:
    """Let the bakes of these releases end from ``first`` on, one each ``step``."""
    runs = METADATA.tables["runs"]
    ends = {release_of(each): first + step * place for place, each in enumerate(numbers)}
    moved = [{"of": name, "began": end - BAKE, "end": end} for name, end in ends.items()]
    mine = runs.update().where(runs.c.release == sa.bindparam("of"), runs.c.stage == STAGE)
    began = sa.bindparam("began", type_=Instant())
    engines = open_engines(url)
    with engines.write.begin() as connection:
        changed = mine.values(started_at=began, deployed_at=began, due=sa.bindparam("end"))
        connection.execute(changed, moved)
        # Answers are counted anew from the instant of the deployment.
        points = [_points(each) | {"start": ends[release_of(each)] - BAKE} for each in numbers]
        connection.execute(METADATA.tables["counts"].insert(), points)
    engines.dispose()
    return ends


def _promote(engines: Engines) -> None:
    """Bring the first release to its bake."""
    ports = memory_ports(SystemClock(), MemoryBuilder(), MemoryDeployer(), MemoryTester())
    executor = Executor(engines, ports)
    executor.register_organization(ORGANIZATION, "bench")
    executor.register_pipeline(PIPELINE.replace("NAME", _FIRST), "pipeline.yaml", ".", "bench")
    executor.start()
    release = executor.submit(_FIRST, _COMMIT, "bench")
    end = time.monotonic() + 60
    while not any(run.state == "baking" for run in executor.release(release).runs):
        if time.monotonic() > end:
            raise TimeoutError(f"the release bakes nowhere: {executor.release(release).runs}")
        time.sleep(0.1)
    executor.record_data_points(_FIRST, STAGE, STAGE, digest_of(_COMMIT), 100, 0)
    executor.stop()


def _make_points(connection: sa.Connection, count: int) -> None:
    """Data points of every period from an hour ago until a few hours from now, for every release.

    So each bake's clock runs whenever ``set_ends`` lets it begin.
    """
    runs, counts, alarms = (METADATA.tables[each] for each in ("runs", "counts", "alarms"))
    now = datetime.now(UTC)
    day = now + timedelta(days=1)
    connection.execute(
        runs.update().where(runs.c.stage == STAGE).values(deployed_at=day - BAKE, due=day)
    )
    connection.execute(alarms.update().values(level="ok", since=now - 2 * BAKE))
    connection.execute(counts.delete())
    starts = tuple(_starts(now - 2 * BAKE, now + timedelta(hours=2)))
    for number in range(count):
        connection.execute(counts.insert(), [_points(number) | {"start": at} for at in starts])


def _points(number: int) -> Row:
    place = {"pipeline": name_of(number), "stage": STAGE, "target": STAGE}
    return place | {"digest": digest_of(commit_of(number)), "positive": 100, "negative": 0}


def _starts(since: datetime, until: datetime) -> Iterator[datetime]:
    """The beginnings of the periods between two instants."""
    period = PERIOD.total_seconds()
    start = since.timestamp() // period * period
    while start < until.timestamp():
        yield datetime.fromtimestamp(start, UTC)
        start += period


def _rows(connection: sa.Connection) -> dict[sa.Table, list[Row]]:
    """Everything that is of the first pipeline, by table, referred tables first."""
    found = {}
    for table in METADATA.sorted_tables:
        where = _of(table)
        if where is not None:
            found[table] = [
                dict(row._mapping) for row in connection.execute(table.select().where(where))
            ]
    return found


def _of(table: sa.Table) -> sa.ColumnElement[bool] | None:
    columns = table.columns
    if table.name == "blobs":
        return columns.text.contains(f"name: {_FIRST}\n") & columns.text.startswith("schema:")
    if table.name == "pipelines":
        return columns.name == _FIRST
    if "pipeline" in columns:
        return columns.pipeline == _FIRST
    return columns.release == f"{_FIRST}:1" if "release" in columns else None


def _copies(
    first: dict[sa.Table, list[Row]], numbers: range
) -> Iterator[tuple[sa.Table, list[Row]]]:
    for table, rows in first.items():
        copies = [_copy(table, row, number) for number in numbers for row in rows]
        if copies:
            yield table, copies


def _copy(table: sa.Table, row: Row, number: int) -> Row:
    """The row under another name; numbers that other rows refer to are moved by a step."""
    name = name_of(number)
    made = {key: _renamed(value, name) for key, value in row.items()}
    if table.name == "blobs":
        made["digest"] = _moved_digest(row["digest"], number)
    if "definition" in made:
        made["definition"] = _moved_digest(row["definition"], number)
    if table.name in {"runs", "decisions"}:
        made["id"] = _moved(row["id"], number)
    elif isinstance(made.get("id"), int):
        del made["id"]
    if table.name == "stages" and row["active"] is not None:
        made["active"] = _moved(row["active"], number)
    if row.get("decision", "").startswith("d-"):
        made["decision"] = f"d-{_moved(int(row['decision'].removeprefix('d-')), number)}"
    return made


def _renamed(value: Any, name: str) -> Any:
    if isinstance(value, dict | list):
        return json.loads(_renamed(json.dumps(value), name))
    if not isinstance(value, str):
        return value
    commit = commit_of(int(name[-5:]))
    for old, new in ((digest_of(_COMMIT), digest_of(commit)), (_COMMIT, commit), (_FIRST, name)):
        value = value.replace(old, new)
    return value


def _moved(number: int, by: int) -> int:
    return number + 1000 * by


def _moved_digest(digest: str, number: int) -> str:
    return f"{digest[:-5]}{number:05}"
