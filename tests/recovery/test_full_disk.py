"""A disk that is really full: a small file system, where the machine lets one be mounted."""

import subprocess
import time
from collections import deque
from collections.abc import Iterator
from itertools import repeat
from pathlib import Path

import pytest

from tests.recovery.test_sqlite_in_trouble import FULL, Disk, state

pytestmark = pytest.mark.recovery


@pytest.fixture
def mounted(tmp_path: Path) -> Iterator[Path]:
    folder = tmp_path / "small"
    folder.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=6m", "bakegate", str(folder)]
    made = subprocess.run(mount, capture_output=True, text=True, check=False)
    if made.returncode:
        pytest.skip(f"this machine lets nothing be mounted: {made.stderr}")
    try:
        yield folder
    finally:
        subprocess.run(["umount", "--lazy", str(folder)], check=True)


def test_a_full_file_system_is_said_and_left_behind(mounted: Path) -> None:
    disk = Disk(mounted / "bakegate.db")
    disk.executor.start()
    try:
        _fills_up(disk, mounted / "filler")
    finally:
        disk.executor.stop()
        disk.engines.dispose()


def _fills_up(disk: Disk, filler: Path) -> None:
    disk.until(lambda: not disk.executor.ready())
    disk.tester.valve.close("beta")
    release = disk.submit("a")
    disk.until(lambda: state(disk, release, "beta") == "testing")
    with filler.open("wb", buffering=0) as file, pytest.raises(OSError, match="No space left"):
        deque(map(file.write, repeat(bytes(4096))), maxlen=0)
    disk.tester.valve.open()
    disk.until(lambda: disk.executor.ready() == FULL)
    time.sleep(3)
    assert state(disk, release, "beta") == "testing"
    filler.unlink()
    disk.until(lambda: state(disk, release, "one-box") == "baking")
    disk.until(lambda: not disk.executor.ready())
    assert disk.builder.built == [f"{release}:build"]
