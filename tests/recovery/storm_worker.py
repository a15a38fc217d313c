"""Workers of the storm: real executors whose outside is the far side's process.

``python storm_worker.py URL FOLDER`` forks a worker for each line ``NUMBER SLOT OF`` that it reads,
and answers with its process id, so that imports are paid once. A worker keeps in a file, which
outlives its kill, how many of its threads are in which phase of an effect: claim, call or report.
"""

import json
import mmap
import os
import signal
import socket
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from pathlib import Path
from typing import Any, Final

from sqlmodel import col, select

from policies.release import Evidence
from service.adapters.clock import SystemClock
from service.executor.claiming import Claim
from service.executor.executor import Executor
from service.executor.lease import Pace
from service.promotions.model import Effect
from service.promotions.notices import Letter
from service.promotions.ports import (
    Artifact,
    BuildOrder,
    BuildResult,
    DeployOrder,
    DeployProgress,
    Fenced,
    Host,
    Ports,
    TestOrder,
    TestResult,
)
from service.store.engines import open_engines
from service.store.tables import RunRow
from tests.recovery.far_side import FAILS_TESTS, digest_of
from tests.recovery.worker import OneCommit

PHASES: Final = ("claim", "call", "report")
#: Workers of the storm live for seconds, so they find out sooner who is dead.
PACE: Final = (
    Pace()
    if os.environ.get("BAKEGATE_STORM_PACE") == "default"
    else Pace(beat=timedelta(seconds=0.25), dead_after=timedelta(seconds=2))
)
#: How often a target that bakes is asked, in seconds.
_ASKED_EVERY_S: Final = 0.7


class Phases:
    """How many threads are in which phase; the page is the kernel's, so a kill leaves it as is."""

    def __init__(self, path: Path) -> None:
        path.write_bytes(bytes(len(PHASES)))
        with path.open("r+b") as file:
            self._page = mmap.mmap(file.fileno(), len(PHASES))
        self._lock = threading.Lock()

    @contextmanager
    def within(self, phase: str) -> Iterator[None]:
        at = PHASES.index(phase)
        with self._lock:
            self._page[at] += 1
        try:
            yield
        finally:
            with self._lock:
                self._page[at] -= 1


class Outside:
    """Every port of the executor, over the far side's socket."""

    via = "side"

    def __init__(self, folder: Path, phases: Phases) -> None:
        self._address = str(folder / "side")
        self._phases = phases

    def ask(self, **asked: Any) -> dict[str, Any]:
        with socket.socket(socket.AF_UNIX) as line:
            line.settimeout(120)
            line.connect(self._address)
            line.sendall(json.dumps(asked).encode() + b"\n")
            answer: dict[str, Any] = json.loads(line.makefile().readline())
            return answer

    def build(self, order: BuildOrder) -> BuildResult:
        with self._phases.within("call"):
            self.ask(do="build", key=order.key)
        digest = digest_of(order.release.partition(":")[0], order.commit)
        artifact = Artifact(digest, "", 1, None)
        return BuildResult(ok=True, message="", artifact=artifact, evidence=(), log="")

    def advance(self, order: DeployOrder) -> DeployProgress:
        count, left = self._change("deploy", order)
        return DeployProgress("running" if left else "succeeded", count - left, count, count)

    def abort(self, order: DeployOrder) -> DeployProgress:
        count, left = self._change("abort", order)
        if left:
            return DeployProgress("failed", count - left, count, count, "aborted", "abort")
        return DeployProgress("succeeded", count, count, count)

    def _change(self, act: str, order: DeployOrder) -> tuple[int, int]:
        """How many hosts the target has, and how many of them have another digest."""
        count = order.deploy.hosts.or_else(None) or 1
        asked = {"key": order.key, "epoch": order.epoch, "digest": order.digest, "hosts": count}
        place = f"{order.pipeline}/{order.stage}/{order.target}"
        with self._phases.within("call"):
            answer = self.ask(do=act, place=place, **asked)
        if "fenced" in answer:
            raise Fenced(order.key)
        return count, answer["left"]

    def hosts(self, pipeline: str, stage: str, target: str) -> tuple[Host, ...]:
        raise NotImplementedError(f"nobody asks for the hosts of {pipeline}/{stage}/{target}")

    def run(self, order: TestOrder) -> TestResult:
        with self._phases.within("call"):
            self.ask(do="test", key=order.key)
        ok = order.commit[0] != FAILS_TESTS
        evidence = Evidence(
            kind="integration",
            stage=order.stage,
            digest=order.digest,
            commit=order.commit,
            result="pass" if ok else "fail",
            ended_at=datetime.now(UTC),
            name="api",
        )
        return TestResult(ok=ok, message="" if ok else "api failed", evidence=(evidence,))

    def send(self, letter: Letter) -> None:
        with self._phases.within("call"):
            self.ask(do="tell", key=letter.key)


class Line(OneCommit):
    """A repository in which no commit contains another one."""

    def is_ancestor(self, repository: str, ancestor: str, commit: str) -> bool:  # noqa: ARG002 - the port's words
        return ancestor == commit


class Worker(Executor):
    """An executor that says in which phase of an effect its threads are."""

    def __init__(self, url: str, folder: Path, phases: Phases) -> None:
        self.phases = phases
        self.outside = Outside(folder, phases)
        outside = self.outside
        ports = Ports(outside, outside, outside, Line(), SystemClock(), notifiers=(outside,))
        super().__init__(open_engines(url), ports, PACE)

    def _claim(self, op: str, run_id: int, kind: Effect) -> Claim | None:
        with self.phases.within("claim"):
            return super()._claim(op, run_id, kind)

    def report(self, op: str, run_id: int, kind: Effect, result: dict[str, Any]) -> str:
        with self.phases.within("report"):
            return super().report(op, run_id, kind, result)


def watch(worker: Worker, slot: int, of: int) -> None:
    """Count the answers of what bakes, each worker for its share; a kill loses what it just got."""
    with worker.ground.engines.reading() as session:
        asked = select(RunRow.pipeline).where(
            RunRow.stage == "one-box",
            RunRow.outcome == "",
            col(RunRow.state).in_(["deploying", "baking"]),
        )
        found = [each for each in session.exec(asked) if _share(each) % of == slot]
    for pipeline in found:
        place = f"{pipeline}/one-box/one-box"
        for digest, counts in worker.outside.ask(do="answers", place=place).items():
            worker.record_data_points(pipeline, "one-box", "one-box", digest, *counts)


def _share(pipeline: str) -> int:
    return sha256(pipeline.encode()).digest()[0]


def work(url: str, folder: Path, number: int, slot: int, of: int) -> None:
    worker = Worker(url, folder, Phases(folder / f"phases-{number}"))
    asked = threading.Event()
    signal.signal(signal.SIGTERM, lambda *_: asked.set())
    worker.start()
    (folder / f"name-{number}").write_text(worker.lease.name)
    while not asked.wait(_ASKED_EVERY_S):
        try:
            watch(worker, slot, of)
        except Exception as error:  # noqa: BLE001 - as the prober: one bad round, and on it goes
            print(error, file=sys.stderr)
    worker.stop()
    # As at the end of a program; a fork may not run what its parent has left to run.
    os._exit(0)


def serve(url: str, folder: Path) -> None:
    # The kernel reaps; the one who started and kills them looks whether they are there.
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)
    for line in sys.stdin:
        number, slot, of = map(int, line.split())
        child = os.fork()
        if child == 0:
            signal.signal(signal.SIGCHLD, signal.SIG_DFL)
            try:
                work(url, folder, number, slot, of)
            finally:
                os._exit(1)
        print(child, flush=True)


if __name__ == "__main__":
    if "FAKETIME_TIMESTAMP_FILE" in os.environ:
        # libfaketime sleeps on the wall clock where it shall leave the other one alone, and fails.
        vars(time)["sleep"] = threading.Event().wait
    serve(sys.argv[1], Path(sys.argv[2]))
