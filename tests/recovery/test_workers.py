"""Processes of ``bakegate worker`` that share one database, and one that is killed."""

import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from service.store.engines import open_engines
from service.store.every_table import METADATA

BAKEGATE = Path(sys.executable).parent / "bakegate"


@contextmanager
def working(folder: Path, url: str) -> Iterator[subprocess.Popen[str]]:
    with subprocess.Popen(
        [str(BAKEGATE), "worker", "--data", str(folder)],
        env=os.environ | {"BAKEGATE_DATABASE_URL": url},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        try:
            yield process
        finally:
            process.kill()


def _line(process: subprocess.Popen[str]) -> str:
    assert process.stdout
    return process.stdout.readline()


@pytest.mark.recovery
@pytest.mark.postgres
def test_several_workers_share_a_database_and_end_when_asked(
    tmp_path: Path, postgres_url: Callable[[], str]
) -> None:
    url = postgres_url()
    with working(tmp_path, url) as one, working(tmp_path, url) as two:
        names = {_line(each).split(";")[0] for each in (one, two)}
        assert len(names) == 2
        assert all(name.startswith("working as w-") for name in names)
        one.send_signal(signal.SIGTERM)
        assert one.wait(timeout=60) == 0
        engines = open_engines(url)
        with engines.reading() as session:
            beats = METADATA.tables["beats"]
            dead = [row.dead for row in session.connection().execute(beats.select())]
        engines.dispose()
        # Who ends steps down at once, so that nobody waits for its silence.
        assert sorted(dead) == [False, True]
        assert two.poll() is None


@pytest.mark.recovery
def test_on_sqlite_a_second_worker_is_refused(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path / 'bakegate.db'}"
    with working(tmp_path, url) as one:
        assert _line(one) == f"working as embedded; state in {tmp_path}\n"
        with working(tmp_path, url) as two:
            assert two.wait(timeout=60) == 2
            assert two.stderr
            assert "another process works on this database" in two.stderr.read()


@pytest.mark.parametrize("command", ["worker", "serve"])
def test_a_database_that_is_away_at_the_start_is_said(tmp_path: Path, command: str) -> None:
    url = f"postgresql+psycopg://nobody@/bakegate?host={tmp_path}"
    done = subprocess.run(
        [str(BAKEGATE), command, "--data", str(tmp_path / "data")],
        env=os.environ | {"BAKEGATE_DATABASE_URL": url},
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith(f"bakegate {command}: the database cannot be used now: ")
    assert str(tmp_path) in done.stderr
