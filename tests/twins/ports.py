"""Working in-memory twins of the executor's ports, with the effects they did written down."""

import threading
import time
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from pathlib import Path

import httpx

from policies.release import Component, Evidence, Sbom, Vulnerability
from policies.scripted import Request
from service.adapters.prober_contract import SILENT
from service.adapters.script_player import play
from service.promotions.notices import Letter
from service.promotions.ports import (
    DEPLOY_WITHIN,
    Answered,
    Artifact,
    BuildOrder,
    BuildResult,
    Clock,
    Commit,
    DeployOrder,
    DeployProgress,
    Fenced,
    Fetched,
    Host,
    NoArtifact,
    Notifier,
    Ports,
    TestOrder,
    TestResult,
    Unfetched,
    UnknownCommit,
    Unreadable,
)

START = datetime(2026, 11, 24, 9, 0, tzinfo=UTC)


class MovableClock:
    """A clock that stands until a test moves it."""

    def __init__(self, now: datetime = START) -> None:
        self._now = now

    def now(self) -> datetime:
        return self._now

    def within(self, session: object) -> datetime:
        return self._now

    def move(self, by: timedelta) -> None:
        self._now += by


@dataclass
class Valve:
    """Lets effects of one stage wait until a test lets them go on."""

    stage: str = ""
    free: threading.Event = field(default_factory=threading.Event)

    def close(self, stage: str) -> None:
        self.stage = stage
        self.free.clear()

    def open(self) -> None:
        self.free.set()

    def pass_through(self, stage: str) -> None:
        """Return at once, or when the valve is opened; a test that forgets fails after minutes."""
        if stage == self.stage and not self.free.wait(180):
            raise TimeoutError(stage)


@dataclass
class MemoryBuilder:
    """Builds by naming: the digest of a commit is made of its letters; some commits fail."""

    failing: set[str] = field(default_factory=set)
    absent: set[str] = field(default_factory=set)
    """Commits that are in no repository."""
    packages: dict[str, tuple[str, ...]] = field(default_factory=dict)
    covered: dict[str, float] = field(default_factory=dict)
    """The share of lines that the unit tests of a commit cover, where they measure it."""
    found: dict[str, tuple[Vulnerability, ...]] = field(default_factory=dict)
    """What a scanner finds in the artifact of a commit, where one looks."""
    artifacts: "MemoryArtifacts | None" = None
    """Where artifacts are put; without it a digest is only a name, made of the commit's letters."""
    done: dict[str, BuildResult] = field(default_factory=dict)
    built: list[str] = field(default_factory=list)
    valve: Valve = field(default_factory=Valve)

    def build(self, order: BuildOrder) -> BuildResult:
        self.valve.pass_through(order.stage.name)
        if order.key not in self.done:
            self.built.append(order.key)
            self.done[order.key] = self._build(order)
        return self.done[order.key]

    def _build(self, order: BuildOrder) -> BuildResult:
        if order.commit in self.absent:
            told = f"{order.repository} has no commit {order.commit}"
            return BuildResult(ok=False, message=told, artifact=None, evidence=(), log="")
        ok = order.commit not in self.failing
        evidence = Evidence(
            kind="unit",
            stage=order.stage.name,
            digest="",
            commit=order.commit,
            result="pass" if ok else "fail",
            ended_at=START,
            executed=12,
            failed=0 if ok else 1,
            name="unit",
        )
        if not ok:
            return BuildResult(
                ok=False, message="unit failed", artifact=None, evidence=(evidence,), log=""
            )
        purls = self.packages.get(order.commit, ("pkg:pypi/tiny-rates@1.2.0",))
        sbom = Sbom("cyclonedx", tuple(Component(each) for each in purls))
        found = self.found.get(order.commit)
        store = self.artifacts
        digest = store.keep(order.commit.encode()) if store else digest_of(order.commit)
        artifact = Artifact(digest, "", 1, sbom, found)
        kept = (evidence, *self._measured(order, evidence))
        return BuildResult(
            ok=True, message="12 unit tests", artifact=artifact, evidence=kept, log=""
        )

    def _measured(self, order: BuildOrder, unit: Evidence) -> Iterator[Evidence]:
        share = self.covered.get(order.commit)
        if share is not None:
            yield replace(unit, kind="coverage", executed=None, failed=None, coverage=share)
        if order.commit in self.found:
            tally = Counter(each.severity.value for each in self.found[order.commit])
            yield replace(unit, kind="sca", name="scan", findings=tuple(sorted(tally.items())))


def digest_of(commit: str) -> str:
    return f"sha256:{commit * 2}"[:71]


@dataclass
class MemoryDeployer:
    """Hosts as entries of a table; replaces ``batch`` of them at each call."""

    valve: Valve = field(default_factory=Valve)
    failing: set[str] = field(default_factory=set)
    endless: set[str] = field(default_factory=set)
    """Digests whose deployments are only ended by their deadline."""
    begun: dict[str, float] = field(default_factory=dict)
    placed: dict[tuple[str, str, str], list[str]] = field(default_factory=dict)
    highest: dict[tuple[str, str, str], int] = field(default_factory=dict)
    results: dict[str, DeployProgress] = field(default_factory=dict)
    changes: list[tuple[str, int]] = field(default_factory=list)
    """Key and host of every host that was replaced, in order."""
    lock: threading.Lock = field(default_factory=threading.Lock)

    def advance(self, order: DeployOrder) -> DeployProgress:
        place = (order.pipeline, order.stage, order.target)
        self.valve.pass_through(order.stage)
        with self.lock:
            if order.epoch < self.highest.get(place, 0):
                raise Fenced(order.key)
            self.highest[place] = order.epoch
            if order.key in self.results:
                return self.results[order.key]
            progress = self._batch(place, order)
            if progress.state != "running":
                self.results[order.key] = progress
            return progress

    def abort(self, order: DeployOrder) -> DeployProgress:
        place = (order.pipeline, order.stage, order.target)
        with self.lock:
            if order.epoch < self.highest.get(place, 0):
                raise Fenced(order.key)
            self.highest[place] = order.epoch
            if order.key not in self.results:
                count = order.deploy.hosts.or_else(None) or 1
                done = self.placed.get(place, []).count(order.digest)
                told = f"aborted when {done} of {count} hosts were replaced"
                failed = DeployProgress("failed", done, count, count, told, "abort")
                self.results[order.key] = failed
            return self.results[order.key]

    def _batch(self, place: tuple[str, str, str], order: DeployOrder) -> DeployProgress:
        count = order.deploy.hosts.or_else(None) or 1
        hosts = self.placed.setdefault(place, [""] * count)
        if order.digest in self.failing and not order.rollback:
            return DeployProgress("failed", 0, count, count, "validate said no", "failure")
        if order.digest in self.endless:
            return self._endless(order, count)
        old = [index for index, digest in enumerate(hosts) if digest != order.digest]
        for index in old[: order.deploy.batch.or_else(None) or 1]:
            hosts[index] = order.digest
            self.changes.append((order.key, index))
        done = hosts.count(order.digest)
        return DeployProgress("succeeded" if done == count else "running", done, count, count)

    def _endless(self, order: DeployOrder, count: int) -> DeployProgress:
        within = order.deploy.deadline.or_else(None) or DEPLOY_WITHIN
        if time.monotonic() < self.begun.setdefault(order.key, time.monotonic()) + (
            within.total_seconds()
        ):
            return DeployProgress("running", 0, count, count)
        return DeployProgress("failed", 0, count, count, "nothing happened", "deadline")

    def hosts(self, pipeline: str, stage: str, target: str) -> tuple[Host, ...]:
        placed = self.placed.get((pipeline, stage, target), [])
        return tuple(
            Host(str(index), f"memory://{index}", digest)
            for index, digest in enumerate(placed)
            if digest
        )


@dataclass
class MemoryTester:
    """Tests pass unless the digest is known to fail in the stage."""

    failing: set[tuple[str, str]] = field(default_factory=set)
    deployer: MemoryDeployer | None = None
    """Where it looks what runs on the target; without it, that is the right version."""
    done: dict[str, TestResult] = field(default_factory=dict)
    valve: Valve = field(default_factory=Valve)

    def run(self, order: TestOrder) -> TestResult:
        self.valve.pass_through(order.stage)
        if order.key not in self.done:
            self.done[order.key] = self._run(order)
        return self.done[order.key]

    def _run(self, order: TestOrder) -> TestResult:
        if self.deployer:
            hosts = self.deployer.hosts(order.pipeline, order.stage, order.target)
            if {host.digest for host in hosts} != {order.digest}:
                told = f"{order.target} runs something else"
                return TestResult(ok=False, message=told, evidence=())
        ok = (order.stage, order.digest) not in self.failing
        evidence = tuple(
            Evidence(
                kind=str(step.kind.value),
                stage=order.stage,
                digest=order.digest,
                commit=order.commit,
                result="pass" if ok else "fail",
                ended_at=START,
                executed=3,
                failed=0 if ok else 1,
                name=str(step.name.value),
            )
            for step in order.steps
        )
        return TestResult(ok, "3 tests" if ok else "1 of 3 failed", evidence)


class MemoryProber:
    """Plays scripts against a table of answers by method and path; only its network is none."""

    def __init__(self, url: str, answers: Mapping[tuple[str, str], tuple[int, str]]) -> None:
        self._url = url
        self._answers = answers

    def ask(self, url: str, requests: Sequence[Request]) -> tuple[Answered, ...]:
        with httpx.Client(transport=httpx.MockTransport(self._answer)) as client:
            return tuple(play(client, url, requests, 1.0))

    def _answer(self, asked: httpx.Request) -> httpx.Response:
        if not str(asked.url).startswith(self._url):
            raise httpx.ConnectError("nobody listens there")
        if asked.url.path == SILENT:
            raise httpx.ReadTimeout("no answer came")
        status, text = self._answers.get((asked.method, asked.url.path), (404, ""))
        return httpx.Response(status, text=text)


@dataclass
class MemoryRepository:
    """A branch ``main`` of the commits in ``history``, oldest first, with ``files`` by commit.

    Without a history every hash is a commit of one change, in the order of the hashes.
    """

    history: tuple[Commit, ...] = ()
    files: dict[tuple[str, str], bytes] = field(default_factory=dict)

    def head(self, repository: str, branch: str) -> str:
        if branch != "main":
            raise UnknownCommit(f"{repository} has no branch {branch!r}")
        return self.history[-1].commit if self.history else "f" * 40

    def changes(self, repository: str, base: str | None, commit: str) -> tuple[Commit, ...]:
        if self.history:
            last = self._place(repository, commit)
            first = last if base is None else self._place(repository, base) + 1
            return tuple(reversed(self.history[first : last + 1]))
        if base is not None and commit < base:
            return ()
        return (Commit(commit, "engineer", f"Change {commit[:7]}", START),)

    def file(self, repository: str, commit: str, path: str) -> bytes:
        if not self.history:
            return b""
        self._place(repository, commit)
        if (commit, path) not in self.files:
            raise Unreadable(f"no file {path} in {commit} of {repository}")
        return self.files[commit, path]

    def is_ancestor(self, repository: str, ancestor: str, commit: str) -> bool:
        if not self.history:
            return ancestor == commit
        return self._place(repository, ancestor) <= self._place(repository, commit)

    def _place(self, repository: str, commit: str) -> int:
        for number, each in enumerate(self.history):
            if each.commit == commit:
                return number
        raise UnknownCommit(f"{repository} has no commit {commit}")


@dataclass
class MemoryCalendars:
    """Calendars as entries of a table, each with a version that its text names."""

    kept: dict[str, str] = field(default_factory=dict)

    def fetch(self, address: str, etag: str) -> Fetched | None:
        if address not in self.kept:
            raise Unfetched(f"{address} answered 404")
        text = self.kept[address]
        version = f'"{sha256(text.encode()).hexdigest()}"'
        return None if etag == version else Fetched(text, version)


@dataclass
class MemoryArtifacts:
    """Artifacts as entries of a table; a file in ``folder`` appears when its path is asked for.

    Without a folder a path is only a name.
    """

    folder: Path | None = None
    kept: dict[str, bytes] = field(default_factory=dict)

    def put(self, path: Path) -> str:
        return self.keep(path.read_bytes())

    def keep(self, content: bytes) -> str:
        digest = f"sha256:{sha256(content).hexdigest()}"
        self.kept[digest] = content
        return digest

    def path(self, digest: str) -> Path:
        if digest not in self.kept:
            raise NoArtifact(f"there is no artifact {digest}; push it first")
        if self.folder is None:
            return Path("memory") / digest
        self.folder.mkdir(exist_ok=True)
        path = self.folder / digest
        path.write_bytes(self.kept[digest])
        return path


@dataclass
class MemoryNotifier:
    """Tells nobody, and keeps what it would have told; the first ``failing`` attempts fail."""

    via: str = "memory"
    failing: int = 0
    letters: list[Letter] = field(default_factory=list)

    def send(self, letter: Letter) -> None:
        if self.failing:
            self.failing -= 1
            raise OSError("nobody answers")
        self.letters.append(letter)


def memory_ports(
    clock: Clock,
    builder: MemoryBuilder,
    deployer: MemoryDeployer,
    tester: MemoryTester,
    *notifiers: Notifier,
) -> Ports:
    repository = MemoryRepository()
    kept = MemoryArtifacts()
    return Ports(builder, deployer, tester, repository, clock, notifiers=notifiers, artifacts=kept)
