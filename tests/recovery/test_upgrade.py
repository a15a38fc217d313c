"""New code while releases are on their way: workers of two versions share one database.

The later version is the checkout with one change, which the engine could not take in place: its
effects have a step more. So it has a name of its own and a queue of its own, and the later version
knows both, as a version of Bakegate that changes an effect has to.
"""

import shutil
import signal
import time
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest

from service.executor.durable import VERSION
from tests.recovery.storm import ROOT, Pack, Traffic, far_side, is_there, nursery, pack

pytestmark = [pytest.mark.recovery, pytest.mark.postgres]

#: What the later version changes in ``service/executor/durable.py``.
LATER = {
    '@DBOS.step(\n    name="deliver"': '''\
@DBOS.step(name="look")
def _look(op: str) -> str:
    return op


@DBOS.workflow(name="act-2", max_recovery_attempts=None)
def _act_2(op: str, run_id: int, kind: str) -> str:
    with _here():
        _look(op)
        result = _perform(op, run_id, kind)
        return "stale" if result is None else _report(op, run_id, kind, result)


@DBOS.step(
    name="deliver"''',
    "_QUEUES: Final = (QUEUE, BACK, ABORTS)": (
        '_QUEUES: Final = (QUEUE, BACK, ABORTS, "act-2", "back-2", "aborts-2")'
    ),
    '"queue_name": queue,\n                    "workflow_name": "act"': (
        '"queue_name": f"{queue}-2",\n                    "workflow_name": "act-2"'
    ),
}


def later_version(folder: Path) -> Path:
    """The checkout as its later version."""
    for name in ("service", "policies", "rulesets", "tests"):
        ignored = shutil.ignore_patterns("__pycache__", "golden", "bench", "browser")
        shutil.copytree(ROOT / name, folder / name, ignore=ignored)
    file = folder / "service/executor/durable.py"
    text = file.read_text()
    for old, new in LATER.items():
        assert text.count(old) == 1, f"{old!r} is not what this test changes any more"
        text = text.replace(old, new)
    file.write_text(text)
    return folder


def finished(traffic: Traffic, name: str) -> int:
    """How many effects of a version were finished; each was pinned to the same version."""
    listed = traffic.executor.ground.durable.client.list_workflows(
        name=name, load_input=False, load_output=False
    )
    assert {each.status for each in listed} <= {"SUCCESS"}
    assert {each.app_version for each in listed} <= {VERSION}
    return len(listed)


def working(workers: Pack, traffic: Traffic, seconds: float) -> None:
    """Let some time pass with releases on their way, until every worker works."""
    calm = time.monotonic() + seconds
    end = calm + 180
    while time.monotonic() < calm or not all(map(workers.name, range(workers.slots))):
        assert time.monotonic() < end
        traffic.go_on(more=True)
        time.sleep(0.05)


#: One is killed, and no other is to look dead, however crowded the machine is.
PACE = {"BAKEGATE_STORM_PACE": "default"}
#: How each worker of the earlier version ends.
ENDED_BY = (signal.SIGTERM, signal.SIGKILL, signal.SIGTERM)


def test_workers_of_two_versions_finish_what_either_began(
    tmp_path: Path, postgres_url: Callable[[], str]
) -> None:
    """One worker after the other is replaced by one of the later version."""
    url = postgres_url()
    folder = tmp_path / "state"
    folder.mkdir()
    later = later_version(tmp_path / "later")
    with (
        closing(Traffic(url, folder, 6)) as traffic,
        far_side(folder),
        nursery(url, folder, environment=PACE) as now,
        nursery(url, folder, root=later, environment=PACE) as then,
        pack(folder, now) as workers,
    ):
        working(workers, traffic, 3)
        workers.nursery = then
        for slot, ended_by in enumerate(ENDED_BY):
            old = workers.pids[slot]
            is_there(old, ended_by)
            while is_there(old):
                traffic.go_on(more=True)
                time.sleep(0.05)
            workers.begin(slot)
            working(workers, traffic, 1)
        working(workers, traffic, 3)
        traffic.until_all_ended(workers, 240)
        assert workers.born == 2 * workers.slots
        traffic.judge()
        assert finished(traffic, "act") > 0
        assert finished(traffic, "act-2") > 0
