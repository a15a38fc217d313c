"""What takes its time: a worker that stands still for a minute, and workers at their own pace."""

import time
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest

from tests.recovery.storm import Traffic, far_side, is_there, nursery, pack

pytestmark = [pytest.mark.recovery, pytest.mark.postgres]

#: How long a worker stands still, in seconds.
_STILL_S = 60


def test_who_stood_still_cannot_undo_what_its_successor_did(
    postgres_url: Callable[[], str], tmp_path: Path
) -> None:
    url = postgres_url()
    with (
        closing(Traffic(url, tmp_path, 6)) as traffic,
        far_side(tmp_path),
        nursery(url, tmp_path) as made,
        pack(tmp_path, made) as workers,
    ):
        traffic.until_under_way(workers)
        end = time.monotonic() + 60
        while workers.name(0) not in traffic.busy():
            traffic.go_on(more=True)
            assert time.monotonic() < end
            time.sleep(0.02)
        stopped, name = workers.pids[0], workers.name(0)
        workers.stop_for(0, _STILL_S)
        traffic.until_all_ended(workers, 120)
        while workers.stopped:
            workers.tend()
            time.sleep(0.1)
        # It finds out with its next beat, and ends itself.
        while is_there(stopped):
            assert time.monotonic() < end + 240
            time.sleep(0.1)
        assert name in traffic.dead()
        traffic.judge()


def test_the_work_of_the_dead_is_taken_over_within_half_a_minute(
    postgres_url: Callable[[], str], tmp_path: Path, say: Callable[[str], None]
) -> None:
    """At the pace that workers have where nobody chose another one, three times."""
    url = postgres_url()
    with (
        closing(Traffic(url, tmp_path, 12)) as traffic,
        far_side(tmp_path),
        nursery(url, tmp_path, environment={"BAKEGATE_STORM_PACE": "default"}) as made,
        pack(tmp_path, made) as workers,
    ):
        traffic.until_under_way(workers)
        for slot in range(3):
            # Long enough that the others may judge.
            calm = time.monotonic() + 16
            while time.monotonic() < calm or workers.name(slot) not in traffic.busy():
                traffic.go_on(more=True)
                time.sleep(0.02)
            workers.kill(slot, traffic.busy())
            while workers.fell:
                traffic.go_on(more=True)
                workers.take_over(traffic.busy())
                time.sleep(0.1)
        traffic.until_all_ended(workers, 120)
        traffic.judge()
    seconds = ", ".join(f"{each:.1f}" for each in workers.taken)
    say(f"taken over from three killed workers after {seconds} s")
    assert workers.longest < 30
