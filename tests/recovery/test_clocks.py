"""Clocks that are set forward and back by an hour while releases are on their way.

libfaketime gives the workers a wall clock that a file sets; what measures how long something takes
goes on as it does on a machine whose clock is set. On SQLite that is the clock of everything, on
PostgreSQL only that of the workers.
"""

import os
import time
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest
from sqlmodel import select

from service.store.tables import RunRow
from tests.recovery.storm import Traffic, far_side, nursery, pack

pytestmark = pytest.mark.recovery

LONG = os.environ.get("BAKEGATE_RECOVERY") == "long"
#: How often the clock is set, and how long it then stays, in seconds.
_SET, _STAYS_S = (10, 4.0) if LONG else (2, 2.0)


#: The short form sets the clock that is also the database's.
_DATABASES = (
    ["sqlite", pytest.param("postgresql", marks=pytest.mark.postgres)] if LONG else ["sqlite"]
)


@pytest.fixture(params=_DATABASES)
def url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path / 'bakegate.db'}"
    create: Callable[[], str] = request.getfixturevalue("postgres_url")
    return create()


def library() -> Path:
    found = sorted(Path("/usr/lib").glob("*/faketime/libfaketimeMT.so.1"))
    if not found:
        pytest.fail("libfaketime is missing: install the package libfaketime")
    return found[0]


def until_some_bake(traffic: Traffic) -> None:
    end = time.monotonic() + 120
    baking = select(RunRow.id).where(RunRow.state == "baking", RunRow.outcome == "")
    found = None
    while found is None:
        assert time.monotonic() < end, traffic.unfinished()
        time.sleep(0.05)
        with traffic.engines.reading() as session:
            found = session.exec(baking).first()


def test_releases_end_though_clocks_are_set(url: str, tmp_path: Path) -> None:
    clock = tmp_path / "clock"
    clock.write_text("+0\n")
    faked = {
        "LD_PRELOAD": str(library()),
        "FAKETIME_TIMESTAMP_FILE": str(clock),
        "FAKETIME_NO_CACHE": "1",
        "FAKETIME_DONT_FAKE_MONOTONIC": "1",
        # Nobody is killed, so nobody is to look dead either, however crowded the machine is.
        "BAKEGATE_STORM_PACE": "default",
    }
    with (
        closing(Traffic(url, tmp_path, 4)) as traffic,
        far_side(tmp_path),
        nursery(url, tmp_path, environment=faked) as made,
    ):
        traffic.go_on(more=True)
        count = 1 if traffic.engines.sqlite else 3
        with pack(tmp_path, made, count) as workers:
            until_some_bake(traffic)
            for number in range(_SET):
                clock.write_text("+3600\n" if number % 2 == 0 else "-3600\n")
                time.sleep(_STAYS_S)
            clock.write_text("+0\n")
            traffic.until_all_ended(workers, 180)
            assert workers.born == count
            traffic.judge()
