"""A storm of SIGKILLs on workers that share PostgreSQL: everything ends as it would have, once."""

import os
import random
import time
from collections import Counter
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.recovery.storm import WORKERS, Pack, Traffic, far_side, nursery, pack

pytestmark = [pytest.mark.recovery, pytest.mark.postgres]


@dataclass(frozen=True, slots=True)
class Storm:
    kills: int
    pipelines: int
    between_s: float
    """Seconds between two kills, on the average; a busy machine needs longer for one."""
    limit_s: float
    stop_every: int
    """After so many kills a worker is stopped as well, for long enough to be declared dead."""
    seed: int = 7


SHORT = Storm(kills=12, pipelines=6, between_s=0.5, limit_s=180, stop_every=6)
LONG = Storm(kills=1000, pipelines=50, between_s=1.2, limit_s=4800, stop_every=25)
_STOPPED_S = 5


def rage(storm: Storm, workers: Pack, traffic: Traffic) -> None:
    """Kill by the seeded clock, each worker as likely, until enough are killed."""
    clock = random.Random(storm.seed)  # noqa: S311 - a storm that can be repeated
    end = time.monotonic() + storm.limit_s
    traffic.until_under_way(workers)
    due = time.monotonic()
    while workers.killed < storm.kills:
        assert time.monotonic() < end, traffic.unfinished()
        workers.tend()
        busy = traffic.busy()
        workers.take_over(busy)
        if time.monotonic() >= due:
            # Kills that are late are not made up for: a row of them would meet nobody at work.
            due = time.monotonic() + clock.expovariate(1 / storm.between_s)
            workers.kill(clock.randrange(WORKERS), busy)
            if workers.killed % storm.stop_every == 0:
                workers.stop_for(clock.randrange(WORKERS), _STOPPED_S)
        traffic.go_on(more=True)
        time.sleep(0.05)


def test_what_is_killed_at_random_ends_as_without_kills(
    tmp_path: Path, postgres_url: Callable[[], str], say: Callable[[str], None]
) -> None:
    storm = LONG if os.environ.get("BAKEGATE_RECOVERY") == "long" else SHORT
    url = postgres_url()
    began = time.monotonic()
    with (
        closing(Traffic(url, tmp_path, storm.pipelines)) as traffic,
        far_side(tmp_path, storm.seed),
        nursery(url, tmp_path) as made,
        pack(tmp_path, made) as workers,
    ):
        rage(storm, workers, traffic)
        traffic.until_all_ended(workers, 180)
        seen = traffic.judge()
    # How soon work is taken over depends here on how long a worker lives; see test_pace.
    say(told(workers, traffic, seen, time.monotonic() - began))


def told(workers: Pack, traffic: Traffic, seen: Counter[str], seconds: float) -> str:
    phases = ", ".join(f"{count} in {phase}" for phase, count in workers.phases.most_common())
    taken = sorted(workers.taken)
    over = f"{taken[len(taken) // 2]:.1f} s (median), {taken[-1]:.1f} s (longest)" if taken else "-"
    return (
        f"{workers.killed} kills in {seconds:.0f} s ({phases}; one may fall into several); "
        f"{len(traffic.commits)} releases; the far side did {dict(seen)}; taken over after {over}"
    )
