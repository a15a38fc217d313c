"""``bakegate lint`` in several processes says what one says, whatever happens to the processes."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from typer.testing import Result

from cli.shares import Lost, dealt, in_shares

Bakegate = Callable[..., Result]
Write = Callable[[str, str], Path]

WORKFLOW = """\
name: {name}
on: {start}
jobs:
  production:
    runs-on: ubuntu-latest
    environment: production
    steps:
      - run: kubectl apply -f shop.yaml  {comment}
{call}"""
CALL = "  called: {uses: ./.github/workflows/called.yml}\n"
CALLED = "on: workflow_call\njobs: {unit: {steps: [{run: pytest || true}]}}\n"
OVERLAY = """\
schema: bakegate/overlay/v1
pipelines:
  .github/workflows/deploy-1.yml: {tier: 1, owner: {team: shop}}
"""
AT = ("--at", "2026-11-25T10:00Z")


@pytest.fixture
def repository(write: Write) -> None:
    """Files that need each other: names given twice, one that several call, an overlay."""
    write(".git/HEAD", "ref: refs/heads/main\n")
    for number in range(12):
        text = WORKFLOW.format(
            name=f"deploy {number // 2}",
            start="push",
            comment="# bakegate: ignore[no-such-rule] whatever" if number % 5 == 0 else "",
            call=CALL if number % 3 == 0 else "",
        )
        write(f".github/workflows/deploy-{number}.yml", text)
    write(".github/workflows/called.yml", CALLED)
    write(".github/workflows/broken.yml", "jobs:\n  - {")
    write(".github/CODEOWNERS", ".github/workflows/deploy-2.yml @shop\n")
    write("bakegate.yaml", OVERLAY)


@pytest.mark.usefixtures("repository")
@pytest.mark.parametrize("form", ["text", "json"])
def test_several_processes_say_what_one_says(bakegate: Bakegate, form: str) -> None:
    words = ("lint", ".github", *AT, "--ruleset", "strict", "--each", "--format", form)
    alone = bakegate(*words, "--jobs", "1")
    assert alone.exit_code == 1
    for told in ("pipeline-name", "single-release-path", "readable", "ignore-valid"):
        assert told in alone.output
    for jobs in ("2", "3", "40"):
        shared = bakegate(*words, "--jobs", jobs)
        assert (shared.output, shared.exit_code) == (alone.output, alone.exit_code)


@pytest.mark.usefixtures("repository")
def test_what_cannot_be_used_is_told_as_by_one_process(bakegate: Bakegate, write: Write) -> None:
    write(".github/workflows/sub/bakegate.yaml", "schema: bakegate/overlay/v1\npipelins: {}\n")
    write(".github/workflows/sub/last.yml", CALLED)
    alone, shared = (bakegate("lint", ".github", *AT, "--jobs", jobs) for jobs in ("1", "3"))
    assert "unknown key 'pipelins'" in alone.output
    assert (shared.output, shared.exit_code) == (alone.output, alone.exit_code) == (alone.output, 2)


def test_answers_come_in_the_order_of_the_shares() -> None:
    def work(share: int, gather: Callable[[Any], list[Any]]) -> tuple[int, list[Any]]:
        return os.getpid(), gather(share * 10)

    with in_shares([1, 2, 3], work) as found:
        answers = found
    assert [said for _, said in answers] == [[10, 20, 30]] * 3
    assert len({process for process, _ in answers}) == 3
    assert answers[0][0] == os.getpid()


def none_stays(folder: Path) -> bool:
    """Whether the processes that left their numbers in a folder have ended and were waited for."""
    numbers = [int(each.name) for each in folder.iterdir()]
    assert len(numbers) == 2
    return not any(Path("/proc", str(number)).exists() for number in numbers)


@pytest.mark.parametrize("when", ["before", "after"])
def test_a_process_that_is_killed_is_lost_and_no_other_stays(when: str, tmp_path: Path) -> None:
    def work(share: int, gather: Callable[[Any], list[Any]]) -> int:
        if share:
            (tmp_path / str(os.getpid())).touch()
        if share == 2 and when == "before":
            os.kill(os.getpid(), signal.SIGKILL)
        gather(share)
        if share == 2:
            os.kill(os.getpid(), signal.SIGKILL)
        return share

    with pytest.raises(Lost), in_shares([0, 1, 2], work):
        pass
    assert none_stays(tmp_path)


def test_an_error_of_the_first_share_ends_the_others(tmp_path: Path) -> None:
    def work(share: int, _: Callable[[Any], list[Any]]) -> int:
        if share:
            (tmp_path / str(os.getpid())).touch()
            signal.pause()
        while len(list(tmp_path.iterdir())) < 2:
            time.sleep(0.01)
        raise KeyError("first")

    with pytest.raises(KeyError, match="first"), in_shares([0, 1, 2], work):
        pass
    assert none_stays(tmp_path)


@pytest.fixture
def ignored_children() -> Iterator[None]:
    before = signal.signal(signal.SIGCHLD, signal.SIG_IGN)
    yield
    signal.signal(signal.SIGCHLD, before)


@pytest.mark.usefixtures("ignored_children")
def test_a_caller_that_ignores_its_children_changes_nothing() -> None:
    with in_shares([1, 2], lambda share, _: share) as answers:
        assert answers == [1, 2]
    assert signal.getsignal(signal.SIGCHLD) is signal.SIG_IGN


@pytest.mark.usefixtures("repository")
def test_an_interrupt_ends_all_processes(tmp_path: Path) -> None:
    """The signal reaches the whole group; no process stays and none tells a traceback."""
    os.mkfifo(tmp_path / "pipe.yml")
    # In the background of a shell the signal is ignored; here it is what a terminal makes of it.
    heard = "import signal; signal.signal(signal.SIGINT, signal.default_int_handler)"
    command = [sys.executable, "-c", f"{heard}; from cli.main import run; run()", "lint"]
    files = [
        "--jobs",
        "3",
        ".github",
        "pipe.yml",
    ]  # Reading the pipe waits for somebody who writes to it.
    with subprocess.Popen(
        [*command, *files],
        cwd=tmp_path,
        env=os.environ | {"PYTHONPATH": str(Path(__file__).parents[2])},
        stderr=subprocess.PIPE,
        start_new_session=True,
        text=True,
    ) as running:
        with (tmp_path / "pipe.yml").open("w"):  # Opens when one of the processes reads.
            os.killpg(running.pid, signal.SIGINT)
        _, told = running.communicate(timeout=60)
    assert "Traceback" not in told
    assert running.returncode != 0
    with pytest.raises(ProcessLookupError):
        os.killpg(running.pid, 0)


def test_shares_have_about_one_weight_and_keep_the_order() -> None:
    shares = dealt([5, 1, 1, 9, 4, 2, 3, 1], 3)
    assert sorted(each for share in shares for each in share) == list(range(8))
    assert all(share == sorted(share) for share in shares)
    assert [sum([5, 1, 1, 9, 4, 2, 3, 1][each] for each in share) for share in shares] == [9, 9, 8]
