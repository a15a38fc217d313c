"""Steps of pipelines end with all that they started, however that tried to get away."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import pytest

from service.adapters.host_process import start_time
from service.adapters.keeper import sizes
from service.adapters.kept import ROOM, Ended, Limits, Room, run_kept

Shell = Callable[..., Ended]


@pytest.fixture
def shell(tmp_path: Path) -> Shell:
    def go(
        command: str,
        *,
        seconds: float = 120,
        output: int = 100_000,
        processes: int = 100,
        room: Room = ROOM,
    ) -> Ended:
        return run_kept(
            command,
            folder=tmp_path,
            environment={"GIVEN": "given"},
            inherit=["WANTED"],
            limits=Limits(timedelta(seconds=seconds), output, processes, room),
            output=tmp_path / "output",
        )

    return go


def left(folder: Path) -> list[int]:
    """Processes that still run of those that wrote their numbers into ``pids``."""
    text = (folder / "pids").read_text(encoding="utf-8")
    return [int(each) for each in text.split() if start_time(int(each))]


def gone(folder: Path) -> bool:
    """Whether all of them end within two minutes, where nobody waits for that."""
    end = time.monotonic() + 120
    while left(folder) and time.monotonic() < end:
        time.sleep(0.02)
    return not left(folder)


def test_code_and_output(shell: Shell, tmp_path: Path) -> None:
    ended = shell("echo one; echo two >&2; pwd; exit 3")
    assert ended == Ended(3, "", 0, f"one\ntwo\n{tmp_path}")


def test_only_named_variables_are_passed(shell: Shell, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SECRET", "hidden")
    monkeypatch.setenv("WANTED", "seen")
    ended = shell('echo "${SECRET-absent} ${WANTED-absent} ${GIVEN-absent} ${PATH:+path}"')
    assert ended.tail == "absent seen given path"


def test_a_gigabyte_of_output_is_cut_at_the_limit(shell: Shell, tmp_path: Path) -> None:
    ended = shell("head -c 1000000000 /dev/zero; echo never")
    assert (ended.reason, ended.resisting) == ("output", 0)
    assert (tmp_path / "output").stat().st_size == 100_000


def test_output_up_to_the_limit_is_no_reason(shell: Shell, tmp_path: Path) -> None:
    assert shell("head -c 100000 /dev/zero").reason == ""
    assert (tmp_path / "output").stat().st_size == 100_000


def test_time_counts_while_it_prints(shell: Shell) -> None:
    ended = shell("while :; do echo x; sleep 0.01; done", seconds=0.3)
    assert (ended.reason, ended.code) == ("time", -signal.SIGTERM)


def test_who_ignores_the_signal_is_killed(shell: Shell) -> None:
    ended = shell("trap '' TERM; while :; do sleep 0.1; done", seconds=0.2)
    assert (ended.reason, ended.code) == ("time", -signal.SIGKILL)


def test_sessions_of_their_own_are_no_way_out(shell: Shell, tmp_path: Path) -> None:
    far = "setsid sh -c 'setsid sh -c \"echo \\$\\$ >> pids; exec sleep 300\" & sleep 0.2' &"
    near = "sleep 300 & echo $! >> pids"
    assert shell(f"{far} {near}; sleep 0.1; until [ $(wc -l < pids) = 2 ]; do :; done").code == 0
    assert left(tmp_path) == []


@pytest.mark.parametrize("child", ["sleep 300 &", "setsid sleep 300 &"])
def test_what_forks_forever_is_ended(shell: Shell, tmp_path: Path, child: str) -> None:
    ended = shell(f"while :; do {child} echo $! >> pids; done")
    assert (ended.reason, ended.resisting) == ("processes", 0)
    assert left(tmp_path) == []


def test_what_hops_from_process_to_process_is_caught(shell: Shell, tmp_path: Path) -> None:
    hop = "echo '#!/bin/sh\n echo x >> hops; setsid ./hop &' > hop; chmod +x hop; ./hop"
    assert shell(f"{hop}; sleep 0.2").resisting == 0
    hops = (tmp_path / "hops").stat().st_size
    time.sleep(0.2)
    assert (tmp_path / "hops").stat().st_size == hops > 0


MIB = 2**20
#: Touches so many MiB and keeps them for so many seconds.
TAKES = f"{sys.executable} -c 'import time; x = b\"1\" * ({{}} * 2**20); time.sleep({{}})'"


def test_memory_of_one_process_is_bounded(shell: Shell) -> None:
    ended = shell(TAKES.format(150, 120), room=Room(memory=100 * MIB))
    assert (ended.reason, ended.code, ended.resisting) == ("memory", -signal.SIGKILL, 0)


def test_memory_of_all_processes_counts_together(shell: Shell) -> None:
    each = f"{TAKES.format(60, 120)} & "
    assert shell(f"{each * 3} wait", room=Room(memory=150 * MIB)).reason == "memory"


def test_what_processes_share_counts_once(shell: Shell) -> None:
    forks = "for i in range(3): os.fork() or (time.sleep(0.8), os._exit(0))"
    program = f"import os, time; x = b'1' * (60 * 2**20)\n{forks}\nos.wait()"
    ended = shell(f'{sys.executable} -c "{program}"', room=Room(memory=150 * MIB))
    assert (ended.reason, ended.code) == ("", 0)


def test_who_asks_for_too_much_at_once_is_told(shell: Shell) -> None:
    quick = f"{sys.executable} -c 'x = b\"1\" * (60 * 2**20); y = bytearray(2**30)'"
    ended = shell(quick, room=Room(memory=50 * MIB))
    assert ended.reason == "memory"


def test_disk_of_the_folder_is_bounded(shell: Shell) -> None:
    fill = (
        "mkdir -p a/b; for i in $(seq 60); do head -c 1000000 /dev/zero > a/b/$i; done; sleep 120"
    )
    assert shell(fill, room=Room(disk=50 * MIB)).reason == "disk"


@pytest.mark.parametrize("place", ["large", "../large"])
def test_no_file_grows_over_the_limit(shell: Shell, tmp_path: Path, place: str) -> None:
    ended = shell(f"head -c 60000000 /dev/zero > {place}", room=Room(disk=50 * MIB))
    assert ended.reason == "disk"
    assert (tmp_path / place).stat().st_size == 50 * MIB


def test_a_file_with_two_names_counts_once(tmp_path: Path) -> None:
    (tmp_path / "one").write_bytes(b"1" * 30_000)
    before = sum(sizes(str(tmp_path)))
    (tmp_path / "two").hardlink_to(tmp_path / "one")
    (tmp_path / "three").symlink_to(tmp_path)
    assert 30_000 <= before <= sum(sizes(str(tmp_path))) < before + 30_000


def test_who_kills_its_keeper_ends_too(shell: Shell, tmp_path: Path) -> None:
    ended = shell("echo $$ >> pids; kill -9 $PPID; sleep 300")
    assert (ended.reason, ended.code) == ("keeper", -signal.SIGKILL)
    assert gone(tmp_path)


def test_nothing_runs_on_when_the_worker_is_killed(tmp_path: Path) -> None:
    program = f"""
from datetime import timedelta
from pathlib import Path
from service.adapters.kept import Limits, run_kept
folder = Path({str(tmp_path)!r})
run_kept("setsid sleep 300 & echo $! $$ > pids; cp pids copy; mv copy ready; wait", folder=folder,
    environment={{}}, inherit=[], limits=Limits(timedelta(hours=1)), output=folder / "output")
"""
    worker = subprocess.Popen([sys.executable, "-c", program], env=os.environ | {"PYTHONPATH": "."})
    while not (tmp_path / "ready").exists():
        assert worker.poll() is None
        time.sleep(0.02)
    worker.kill()
    worker.wait()
    assert gone(tmp_path)
