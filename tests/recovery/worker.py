"""A process that promotes one release and is killed by SIGKILL at a boundary that the test names.

Its ports write what they did to an append-only file, which survives every kill and is the only
memory of the outside world: what happened is counted there, never in our own tables.
"""

import os
import signal
import sys
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

from sqlalchemy import event
from sqlmodel import Session

from policies.release import Evidence
from service.adapters.clock import SystemClock
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
COMMIT = "a" * 40
DIGEST = f"sha256:{'a' * 64}"


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


class Outside:
    """Builder, deployer and tester over one append-only file of what was done."""

    def __init__(self, file: Path, boundaries: Boundaries) -> None:
        self.file = file
        self.boundaries = boundaries

    def done(self) -> list[str]:
        return self.file.read_text().splitlines() if self.file.exists() else []

    def once(self, effect: str) -> None:
        """Do an effect unless it was done; the process may die before it and after it."""
        self.boundaries.pass_by()
        if effect not in self.done():
            with self.file.open("a") as file:
                file.write(f"{effect}\n")
        self.boundaries.pass_by()

    def build(self, order: BuildOrder) -> BuildResult:
        self.once(order.key)
        artifact = Artifact(DIGEST, "", 1, None)
        return BuildResult(ok=True, message="", artifact=artifact, evidence=(), log="")

    def advance(self, order: DeployOrder) -> DeployProgress:
        """One host a call, so that a deployment has several steps to die between."""
        count = order.deploy.hosts.or_else(None) or 1
        before = sum(line.startswith(f"{order.key} ") for line in self.done())
        if before < count:
            self.once(f"{order.key} {before}")
        done = min(before + 1, count)
        return DeployProgress("succeeded" if done == count else "running", done, count, count)

    def hosts(self, pipeline: str, stage: str, target: str) -> tuple[Host, ...]:
        raise NotImplementedError(f"nobody asks for hosts of {pipeline}/{stage}/{target}")

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


def main(url: str, file: str, kill_at: str) -> None:
    """Promote the release to its end; prints its outcome and how many boundaries were passed."""
    boundaries = Boundaries(int(kill_at))
    for moment in ("before_commit", "after_commit"):
        event.listen(Session, moment, lambda _: boundaries.pass_by())
    engines = open_engines(url)
    upgrade(engines.write)
    outside = Outside(Path(file), boundaries)
    ports = Ports(outside, outside, outside, OneCommit(), SystemClock())
    pace = Pace(beat=timedelta(seconds=0.2), dead_after=timedelta(seconds=1.5))
    executor = Executor(engines, ports, pace)
    executor.register_organization(ORGANIZATION, "tester")
    executor.register_pipeline(PIPELINE, "pipeline.yaml", ".", "tester")
    executor.start()
    boundaries.armed = True
    release = executor.release_of("shop", COMMIT) or executor.submit("shop", COMMIT, "tester")
    end = time.monotonic() + 60
    while executor.release(release).outcome is None and time.monotonic() < end:
        time.sleep(0.05)
    boundaries.armed = False
    print(executor.release(release).outcome, boundaries.passed)
    executor.stop()


if __name__ == "__main__":
    main(*sys.argv[1:])
