"""A release that is killed at any boundary ends as it would have, and nothing is done twice."""

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
WORKER = Path(__file__).with_name("worker.py")
#: Everything that one release does outside, once each, in this order.
EFFECTS = [
    "shop:1:build",
    "shop:1/beta/beta:deploy 0",
    "shop:1/beta/beta:deploy 1",
    "shop:1/beta/beta:test",
    "shop:1/cell/cell:deploy 0",
]
#: Boundaries for the short form: commits of decisions, claims and reports, and calls between them.
SHORT = (5, 11, 18, 25)
LONG = range(1, 1000)


def boundaries() -> range | tuple[int, ...]:
    return LONG if os.environ.get("BAKEGATE_RECOVERY") == "long" else SHORT


def work(url: str, file: Path, kill_at: int) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, str(WORKER), url, str(file), str(kill_at)]
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    return subprocess.run(
        command, env=environment, capture_output=True, text=True, timeout=120, check=False
    )


def kill_and_finish(fresh: Callable[[], str], folder: Path) -> int:
    """Kill one release after the other, each at a later boundary; gives how many were killed."""
    killed = 0
    for kill_at in boundaries():
        url, file = fresh(), folder / f"{kill_at}.log"
        first = work(url, file, kill_at)
        if first.returncode == 0:
            break
        assert first.returncode == -9, first.stderr
        second = work(url, file, 0)
        assert second.returncode == 0, second.stderr
        assert second.stdout.split()[0] == "succeeded"
        assert file.read_text().splitlines() == EFFECTS, f"killed at boundary {kill_at}"
        killed += 1
    return killed


@pytest.mark.recovery
def test_a_killed_process_on_sqlite_goes_on_where_it_was(tmp_path: Path) -> None:
    numbers = iter(range(1000))
    killed = kill_and_finish(lambda: f"sqlite:///{tmp_path / f'{next(numbers)}.db'}", tmp_path)
    assert killed >= len(SHORT)


@pytest.mark.recovery
@pytest.mark.postgres
def test_a_successor_on_postgresql_takes_over(
    tmp_path: Path, postgres_url: Callable[[], str]
) -> None:
    assert kill_and_finish(postgres_url, tmp_path) >= len(SHORT)
