"""Processes that promote one release and are killed by SIGKILL at a boundary that the test names.

A boundary is the instant before and after every commit that wrote something (of our own
transactions and of the durable engine's) and before and after every call of a port. The hosts are
real processes behind the real local deployer; builds and tests are lines in an append-only file.
Both outlive every kill and are the only memory of what was done: nothing is counted in our tables.

``python worker.py`` reads lines ``URL FOLDER KILL_AT`` and forks a process for each, so that the
imports are paid once. It answers with a line: the exit status, then what the process printed.
"""

import os
import signal
import sys
import threading
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from sqlalchemy import event

from policies.release import Evidence
from service.adapters.artifacts import ArtifactStore
from service.adapters.clock import SystemClock
from service.adapters.hosts import LocalDeployer
from service.executor.executor import Executor
from service.executor.lease import Pace
from service.promotions.ports import (
    Artifact,
    BuildOrder,
    BuildResult,
    Commit,
    DeployOrder,
    DeployProgress,
    Host,
    Ports,
    TestOrder,
    TestResult,
)
from service.store.engines import open_engines
from service.store.schema import upgrade

ORGANIZATION = {"organization.yaml": "schema: bakegate/organization/v1\nname: corner\n"}
PIPELINE = """\
schema: bakegate/pipeline/v1
name: shop
organization: corner
build:
  steps: [{name: unit, kind: unit, run: ./unit}]
  artifact: dist/app.tar.gz
deployers:
  hosts: {type: local, hosts: 2, batch: 1, min_healthy: 1}
stages:
  - {name: beta, kind: test, deploy: hosts, tests: [{name: api, kind: integration, run: ./api}]}
  - {name: cell, kind: prod, wave: 1, deploy: {use: hosts, hosts: 1}}
"""
#: The long form promotes through ten stages after the build: these two and eight more cells.
CELLS = ["cell"]
if os.environ.get("BAKEGATE_RECOVERY") == "long":
    CELLS += [f"cell-{number}" for number in range(2, 10)]
    PIPELINE += "".join(
        f"  - {{name: {name}, kind: prod, wave: {number + 2}, deploy: {{use: hosts, hosts: 1}}}}\n"
        for number, name in enumerate(CELLS[1:])
    )
COMMIT = "a" * 40
#: How long one process may take with a release before it counts as stuck, in seconds.
_LIMIT_S = 30.0 * (1 + len(CELLS))


class Boundaries:
    """Counts the places where a process may die, and dies at the one that was asked for."""

    def __init__(self, kill_at: int) -> None:
        self.kill_at = kill_at
        self.passed = 0
        self.armed = False

    def pass_by(self) -> None:
        if self.armed:
            self.passed += 1
            if self.passed == self.kill_at:
                os.kill(os.getpid(), signal.SIGKILL)

    def watch(self, engine: sa.Engine) -> None:
        """Pass a boundary before and after each commit that belongs to a step."""
        commit = engine.dialect.do_commit

        def committed(connection: Any) -> None:
            wrote = connection.info.pop("wrote", False)
            if wrote:
                self.pass_by()
            commit(connection)
            if wrote:
                self.pass_by()

        event.listen(engine, "after_cursor_execute", _mark)
        # SQLAlchemy's event of that name comes before a commit only.
        vars(engine.dialect)["do_commit"] = committed


def _mark(
    connection: sa.Connection, _: Any, statement: str, parameters: Any, *_others: Any
) -> None:
    """What comes by the clock is left out, as it is no step of a release: beats, idle chores."""
    idle = threading.current_thread().name == "dbos-background-jobs" or "beats" in statement
    # The sweep tries every ten seconds whether the database takes something.
    tried = "tried" in str(parameters)
    if statement.startswith(("INSERT", "UPDATE", "DELETE")) and not (idle or tried):
        connection.info["wrote"] = True


class Outside:
    """Builder and tester over one append-only file, and the real deployer, between boundaries."""

    def __init__(self, folder: Path, boundaries: Boundaries) -> None:
        self.file = folder / "done"
        self.boundaries = boundaries
        self.artifacts = ArtifactStore(folder / "artifacts")
        self.deployer = LocalDeployer(folder / "hosts", self.artifacts)
        self.package = folder / "app.tar.gz"

    def once(self, effect: str) -> None:
        """Do an effect unless it was done; the process may die before it and after it."""
        self.boundaries.pass_by()
        if not self.file.exists() or effect not in self.file.read_text().splitlines():
            with self.file.open("a") as file:
                file.write(f"{effect}\n")
        self.boundaries.pass_by()

    def build(self, order: BuildOrder) -> BuildResult:
        self.once(order.key)
        artifact = Artifact(self.artifacts.put(self.package), "", 1, None)
        return BuildResult(ok=True, message="", artifact=artifact, evidence=(), log="")

    def advance(self, order: DeployOrder) -> DeployProgress:
        self.boundaries.pass_by()
        progress = self.deployer.advance(order)
        self.boundaries.pass_by()
        return progress

    def abort(self, order: DeployOrder) -> DeployProgress:
        return self.deployer.abort(order)

    def hosts(self, pipeline: str, stage: str, target: str) -> tuple[Host, ...]:
        return self.deployer.hosts(pipeline, stage, target)

    def run(self, order: TestOrder) -> TestResult:
        self.once(order.key)
        evidence = Evidence(
            kind="integration",
            stage=order.stage,
            digest=order.digest,
            commit=order.commit,
            result="pass",
            ended_at=datetime.now(UTC),
            name="api",
        )
        return TestResult(ok=True, message="", evidence=(evidence,))


class OneCommit:
    """A repository of one commit."""

    def head(self, repository: str, branch: str) -> str:
        raise NotImplementedError(f"nobody asks for {branch} of {repository}")

    def changes(self, repository: str, base: str | None, commit: str) -> tuple[Commit, ...]:  # noqa: ARG002 - the port's words
        return (Commit(commit, "engineer", "Change", datetime.now(UTC)),)

    def file(self, repository: str, commit: str, path: str) -> bytes:
        raise NotImplementedError(f"nobody reads {path} of {repository} at {commit}")

    def is_ancestor(self, repository: str, ancestor: str, commit: str) -> bool:
        raise NotImplementedError(f"nobody asks {repository} for {ancestor} and {commit}")


def opened(url: str, folder: Path, boundaries: Boundaries) -> Executor:
    """An executor that knows the pipeline and has taken up work."""
    engines = open_engines(url)
    upgrade(engines.write)
    outside = Outside(folder, boundaries)
    ports = Ports(outside, outside, outside, OneCommit(), SystemClock())
    pace = Pace(
        beat=timedelta(seconds=0.2),
        dead_after=timedelta(seconds=1.5),
        poll=timedelta(seconds=0.05),
    )
    executor = Executor(engines, ports, pace)
    executor.register_organization(ORGANIZATION, "tester")
    executor.register_pipeline(PIPELINE, "pipeline.yaml", ".", "tester")
    executor.start()
    return executor


def promote(url: str, folder: Path, kill_at: int) -> str:
    """Promote the release to its end; gives its outcome and how many boundaries were passed.

    With ``kill_at`` below zero nothing is promoted: the database is only made.
    """
    boundaries = Boundaries(kill_at)
    executor = opened(url, folder, boundaries)
    if kill_at < 0:
        executor.stop()
        return "made"
    for engine in {executor.ground.engines.write, executor.ground.engines.durable}:
        boundaries.watch(engine)
    boundaries.armed = True
    release = executor.release_of("shop", COMMIT) or executor.submit("shop", COMMIT, "tester")
    end = time.monotonic() + _LIMIT_S
    while (_unfinished(executor) or not executor.release(release).outcome) and (
        time.monotonic() < end
    ):
        time.sleep(0.02)
    boundaries.armed = False
    return f"{executor.release(release).outcome} {boundaries.passed}"


def _unfinished(executor: Executor) -> bool:
    """Whether the durable engine still has an effect to finish."""
    listed = executor.ground.durable.client.list_workflows(
        status=["ENQUEUED", "PENDING"], load_input=False, load_output=False
    )
    return bool(listed)


def fork(url: str, folder: str, kill_at: str) -> str:
    """Promote in a process of its own; gives its exit status and its answer."""
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        os.close(reading)
        try:
            os.write(writing, promote(url, Path(folder), int(kill_at)).encode())
        except BaseException as error:  # noqa: BLE001 - whatever ended it is what the test must see
            os.write(writing, repr(error).encode())
            os._exit(1)
        # Without a clean stop: the process is as good as killed, at its last boundary.
        os._exit(0)
    os.close(writing)
    with os.fdopen(reading, "rb") as pipe:
        answer = pipe.read().decode()
    status = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    return f"{status} {answer}".replace("\n", " ")


if __name__ == "__main__":
    for line in sys.stdin:
        print(fork(*line.split()), flush=True)
