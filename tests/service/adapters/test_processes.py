"""Shell commands with limits on time and output, and a small environment."""

import time
from collections.abc import Mapping, Sequence
from datetime import timedelta
from pathlib import Path
from typing import Protocol

import pytest

from service.adapters.host_process import start_time
from service.adapters.processes import Finished, run


class Runner(Protocol):
    def __call__(
        self,
        command: str,
        *,
        environment: Mapping[str, str] = ...,
        inherit: Sequence[str] = ...,
        timeout: timedelta = ...,
        limit: int = ...,
    ) -> Finished: ...


@pytest.fixture
def shell(tmp_path: Path) -> Runner:
    def go(
        command: str,
        *,
        environment: Mapping[str, str] | None = None,
        inherit: Sequence[str] = (),
        timeout: timedelta = timedelta(seconds=20),
        limit: int = 10_000_000,
    ) -> Finished:
        return run(
            command,
            folder=tmp_path,
            environment=environment or {},
            inherit=inherit,
            timeout=timeout,
            output=tmp_path / "output",
            limit=limit,
        )

    return go


def gone(pid: int) -> bool:
    """Whether the process ends within five seconds: a killed process needs a moment."""
    for _ in range(500):
        if start_time(pid) == 0:
            return True
        time.sleep(0.01)
    return False


def test_code_and_output(shell: Runner, tmp_path: Path) -> None:
    finished = shell("echo one; echo two >&2; pwd; exit 3")
    assert finished == Finished(3, timed_out=False, cut=False, tail=f"one\ntwo\n{tmp_path}")
    assert not finished.ok


def test_the_first_failing_line_ends_it(shell: Runner) -> None:
    assert shell("false\necho never") == Finished(1, timed_out=False, cut=False, tail="")


def test_only_named_variables_are_passed(shell: Runner, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BAKEGATE_SECRET", "hidden")
    monkeypatch.setenv("WANTED", "seen")
    command = 'echo "${BAKEGATE_SECRET-absent} ${WANTED-absent} ${GIVEN-absent} ${PATH:+path}"'
    finished = shell(command, environment={"GIVEN": "given"}, inherit=["WANTED", "UNSET"])
    assert finished == Finished(0, timed_out=False, cut=False, tail="absent seen given path")


def test_a_time_out_ends_the_whole_group(shell: Runner, tmp_path: Path) -> None:
    finished = shell(
        "sleep 300 & echo $! > child; echo waiting; wait", timeout=timedelta(seconds=0.3)
    )
    assert (finished.timed_out, finished.cut, finished.tail) == (True, False, "waiting")
    assert not finished.ok
    assert gone(int((tmp_path / "child").read_text()))


def test_who_ignores_the_signal_is_killed(shell: Runner) -> None:
    command = "trap '' TERM; while :; do sleep 0.1; done"
    finished = shell(command, timeout=timedelta(seconds=0.2))
    assert (finished.code, finished.timed_out) == (-9, True)


def test_too_much_output(shell: Runner, tmp_path: Path) -> None:
    finished = shell("yes", limit=50_000)
    assert (finished.timed_out, finished.cut, finished.ok) == (False, True, False)
    assert (tmp_path / "output").stat().st_size == 50_000


def test_too_much_output_of_a_command_that_ends_by_itself(shell: Runner) -> None:
    finished = shell("head -c 2000 /dev/zero", limit=1000)
    assert (finished.code, finished.cut, finished.ok) == (0, True, False)


def test_what_is_left_in_the_background_ends_too(shell: Runner, tmp_path: Path) -> None:
    assert shell("sleep 300 & echo $! > child").ok
    assert gone(int((tmp_path / "child").read_text()))
