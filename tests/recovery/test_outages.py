"""Workers whose database is stopped and started again."""

import os
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

import psycopg
import pytest

from tests.conftest import Account, PostgresServer, _account, _initdb, _run, _start
from tests.recovery.storm import Traffic, far_side, is_there, nursery, pack

pytestmark = [pytest.mark.recovery, pytest.mark.postgres]

LONG = os.environ.get("BAKEGATE_RECOVERY") == "long"
#: How long the database is away, in seconds.
_AWAY_S = 60 if LONG else 5
#: After so many seconds everybody could have judged the others; see also test_lease.
_JUDGED_S = 16 if LONG else 0


@dataclass
class OwnServer:
    """A PostgreSQL server that a test may stop."""

    folder: Path
    account: Account
    process: subprocess.Popen[bytes]

    def stop(self) -> None:
        """As a restart of it does: open sessions are ended."""
        self.process.send_signal(signal.SIGINT)
        self.process.wait(timeout=60)

    def start(self) -> None:
        self.process = _start(self.folder, self.account, {})


@pytest.fixture
def own_server() -> Iterator[OwnServer]:
    folder = Path(tempfile.mkdtemp(prefix="bakegate-pg-", dir="/tmp"))
    account = _account()
    if account.uid is not None and account.gid is not None:
        os.chown(folder, account.uid, account.gid)
    try:
        _run(account, folder, *_initdb(folder, account))
        server = OwnServer(folder, account, _start(folder, account, {}))
        try:
            yield server
        finally:
            server.stop()
    finally:
        shutil.rmtree(folder)


def test_a_database_that_is_away_is_waited_for(own_server: OwnServer, tmp_path: Path) -> None:
    """No worker dies, none is declared dead, and nothing is lost or done twice."""
    known = PostgresServer(own_server.folder, own_server.account, own_server.process.pid)
    with psycopg.connect(known.connection("postgres"), autocommit=True) as admin:
        admin.execute("CREATE DATABASE storm")
    url = known.url("storm")
    with (
        closing(Traffic(url, tmp_path, 6)) as traffic,
        far_side(tmp_path),
        nursery(url, tmp_path, environment={"BAKEGATE_STORM_PACE": "default"}) as made,
        pack(tmp_path, made) as workers,
    ):
        traffic.until_under_way(workers)
        own_server.stop()
        time.sleep(_AWAY_S)
        own_server.start()
        traffic.until_all_ended(workers, 240)
        time.sleep(_JUDGED_S)
        assert traffic.dead() == set()
        assert workers.born == len(workers.pids)
        assert all(map(is_there, workers.pids))
        traffic.judge()
