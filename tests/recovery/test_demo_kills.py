"""The demonstration under SIGKILL: real hosts, real restarts, and nothing is deployed twice.

The demonstration's process is killed when its event log has grown to the next number on a list, and
started again in the same folder. What was done is counted from what the hosts' side wrote.
"""

import json
import os
import signal
import sqlite3
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path
from urllib.request import urlopen

import pytest

pytestmark = pytest.mark.recovery

#: Lengths of the event log at which the process is killed; the first release writes about 45.
_SHORT = (1, 13, 24, 41)
_LONG = tuple(range(1, 46))
#: The longest that the demonstration may take with all its restarts, in seconds.
_LIMIT_S = {"short": 480, "long": 600}


def test_killed_at_boundaries_the_releases_end_as_without_kills(tmp_path: Path) -> None:
    form = os.environ.get("BAKEGATE_RECOVERY", "short")
    folder = tmp_path / "demo"
    lengths = list(_LONG if form == "long" else _SHORT)
    end = time.monotonic() + _LIMIT_S[form]
    killed = 0
    while lengths:
        process = _start(folder)
        length = lengths.pop(0)
        if not _wait_for_events(process, folder, length, end):
            break
        process.send_signal(signal.SIGKILL)
        process.wait()
        killed += 1
    process = _start(folder)
    code = process.wait(timeout=max(end - time.monotonic(), 1))
    assert code == 0, (folder / "output.log").read_text(encoding="utf-8")[-3000:]
    # At the most it ended before the last of them.
    assert killed >= len(_SHORT) - 1
    starts = [
        json.loads(line)
        for line in (folder / "service/hosts/starts.jsonl").read_text().splitlines()
    ]
    twice = {
        place: count
        for place, count in Counter(
            (each["key"], each["target"], each["host"]) for each in starts
        ).items()
        if count > 1
    }
    assert twice == {}
    assert _living(starts) == []
    _started_again_it_answers(folder, end)


def _started_again_it_answers(folder: Path, end: float) -> None:
    """What had ended with its hosts is kept open again: every target is as it was."""
    process = _start(folder, "--keep")
    said = folder / "output.log"
    while "The pages stay open" not in said.read_text(encoding="utf-8"):
        assert process.poll() is None, said.read_text(encoding="utf-8")[-3000:]
        assert time.monotonic() < end
        time.sleep(0.05)
    hosts = [
        json.loads(path.read_text(encoding="utf-8"))
        for path in (folder / "service/hosts").glob("*/*/*/hosts/*.json")
    ]
    for host in hosts:
        with urlopen(f"http://127.0.0.1:{host['port']}/health", timeout=60) as answer:
            assert (host["state"], answer.status) == ("in_service", 200)
    # Three of beta, gamma and each cell, and the one-box.
    assert len(hosts) == 3 * 5 + 1
    process.send_signal(signal.SIGTERM)
    assert process.wait(timeout=max(end - time.monotonic(), 1)) == 0
    assert "runs again with:\nbakegate demo --keep --folder" in said.read_text(encoding="utf-8")
    lines = (folder / "service/hosts/starts.jsonl").read_text().splitlines()
    assert _living([json.loads(line) for line in lines]) == []


def _start(folder: Path, *more: str) -> subprocess.Popen[bytes]:
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / "output.log").open("ab") as output:
        return subprocess.Popen(
            [str(Path(sys.executable).parent / "bakegate"), "demo", "--folder", str(folder), *more],
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )


def _wait_for_events(
    process: subprocess.Popen[bytes], folder: Path, length: int, end: float
) -> bool:
    """Whether the log grew to ``length`` while the process still ran."""
    while process.poll() is None and time.monotonic() < end:
        if _events(folder) >= length:
            return True
        time.sleep(0.01)
    return False


def _events(folder: Path) -> int:
    database = folder / "service" / "bakegate.db"
    if not database.exists():
        return 0
    try:
        with sqlite3.connect(f"file:{database}?mode=ro", uri=True, timeout=1) as connection:
            return int(connection.execute("select count(*) from events").fetchone()[0])
    except sqlite3.OperationalError:
        # The tables are not there yet, or the file is just being made.
        return 0


def _living(starts: list[dict[str, int]]) -> list[int]:
    """Processes of the demonstration that still run after it has ended."""
    return [
        each["pid"]
        for each in starts
        if Path(f"/proc/{each['pid']}/cmdline").exists()
        and b"price_service" in Path(f"/proc/{each['pid']}/cmdline").read_bytes()
    ]
