"""The ports of the executor: every effect outside of the database goes through one of these.

Each order carries an idempotency key and, where something outside is changed, a fencing epoch. An
adapter that is handed a known key returns the stored result; one that is handed a lower epoch than
the highest it has seen for the same target raises ``Fenced``. A business failure is a result; an
exception means "technical, try again". Adapters have working in-memory twins in ``tests/twins``,
held to the same contract tests as the real ones.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, Final, Protocol

from policies.pipeline import Deploy, Pipeline, Stage, Step
from policies.rego.port import Rego
from policies.release import Evidence, Sbom, Vulnerability
from policies.scripted import Request
from service.promotions.notices import Letter
from service.promotions.retention import Storage

#: How long a deployment to one target may take where the pipeline names no deadline.
DEPLOY_WITHIN: Final = timedelta(minutes=10)


class Fenced(Exception):
    """A newer attempt owns the target; the caller must drop what it was doing."""


class Unreadable(Exception):
    """A repository cannot be asked now; the message says why."""


class UnknownCommit(Unreadable):
    """The repository was read, and a commit is not in it."""


@dataclass(frozen=True, slots=True)
class BuildOrder:
    """Check out ``commit`` of ``repository``, run the build steps, store the artifact by digest."""

    key: str
    release: str
    pipeline: Pipeline
    stage: Stage
    repository: str
    commit: str


@dataclass(frozen=True, slots=True)
class Artifact:
    """A stored build result; ``path`` is where the store keeps the bytes of ``digest``."""

    digest: str
    path: str
    size: int
    sbom: Sbom | None
    findings: tuple[Vulnerability, ...] | None = None
    """What scanners found in it; None where no step scanned it."""


@dataclass(frozen=True, slots=True)
class BuildResult:
    """``ok`` is false when a blocking step failed; ``message`` then says which and why."""

    ok: bool
    message: str
    artifact: Artifact | None
    evidence: tuple[Evidence, ...]
    log: str
    """The path of the whole output of the build."""


class NoArtifact(Exception):
    """An artifact is not there, or not what its digest says; the message says what to do."""


class Artifacts(Protocol):
    """Artifacts by their digests."""

    def put(self, path: Path) -> str:
        """Keep a copy of the file; gives its digest."""
        ...

    def path(self, digest: str) -> Path:
        """Where its bytes are, after looking whether they are what they should be.

        Raises NoArtifact.
        """
        ...


class Builder(Protocol):
    def build(self, order: BuildOrder) -> BuildResult: ...


@dataclass(frozen=True, slots=True)
class DeployOrder:
    """Bring ``digest`` to the hosts of one target of one stage.

    ``rollback`` asks for bigger batches and no lifecycle delay. ``deploy`` carries hosts, batch,
    minimum healthy hosts, deadline and hooks as the pipeline declares them.
    """

    key: str
    epoch: int
    release: str
    pipeline: str
    stage: str
    target: str
    digest: str
    deploy: Deploy
    rollback: bool
    environment: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class DeployProgress:
    """Where a deployment stands after one more batch.

    ``state`` is ``running`` (call again), ``succeeded`` or ``failed``. ``in_service`` is the lowest
    number of hosts that were in service so far, of ``hosts``. ``cause`` of a failed one is
    ``failure``, ``deadline`` where the time of the whole deployment ran out, or ``abort``.
    """

    state: str
    replaced: int
    hosts: int
    in_service: int
    message: str = ""
    cause: str = ""


@dataclass(frozen=True, slots=True)
class Host:
    """A running instance as the deployer's own records name it."""

    name: str
    url: str
    digest: str
    pid: int = 0


class Deployer(Protocol):
    def advance(self, order: DeployOrder) -> DeployProgress:
        """Do the next batch of ``order.key`` and say where it stands; repeat until not ``running``.

        Raises Fenced when ``order.epoch`` is lower than one already seen for the target.
        """
        ...

    def abort(self, order: DeployOrder) -> DeployProgress:
        """End ``order.key`` where it stands, and say how far it came; the target stays as it is.

        What has ended keeps its answer. Otherwise it is ``failed`` with the cause ``abort`` from
        then on, or ``running`` while the target cannot be told: repeat until it is something else.
        Raises Fenced as ``advance`` does.
        """
        ...

    def hosts(self, pipeline: str, stage: str, target: str) -> tuple[Host, ...]:
        """The hosts in service now, from the deployer's records, never from ours."""
        ...


@dataclass(frozen=True, slots=True)
class TestOrder:
    """Run the tests of a stage against one running target."""

    key: str
    release: str
    pipeline: str
    stage: str
    target: str
    digest: str
    commit: str
    steps: tuple[Step, ...]
    environment: tuple[str, ...] = ()
    repository: str = ""


@dataclass(frozen=True, slots=True)
class TestResult:
    ok: bool
    message: str
    evidence: tuple[Evidence, ...]


class Tester(Protocol):
    def run(self, order: TestOrder) -> TestResult: ...


@dataclass(frozen=True, slots=True)
class Answered:
    """What came of one request; ``problem`` is empty where the answer is as it should be."""

    operation: str
    problem: str


class Prober(Protocol):
    def ask(self, url: str, requests: Sequence[Request]) -> tuple[Answered, ...]:
        """Play the requests in order against the host at ``url`` and say what came of each.

        One that uses what an earlier answer did not give is left out. Whatever a host does is an
        answer with a problem, within seconds, and never an exception.
        """
        ...


@dataclass(frozen=True, slots=True)
class Commit:
    commit: str
    author: str
    subject: str
    at: datetime
    email: str = ""


class Repository(Protocol):
    """A git repository of a pipeline."""

    def head(self, repository: str, branch: str) -> str: ...

    def changes(self, repository: str, base: str | None, commit: str) -> tuple[Commit, ...]: ...

    def file(self, repository: str, commit: str, path: str) -> bytes: ...

    def is_ancestor(self, repository: str, ancestor: str, commit: str) -> bool: ...


class Clock(Protocol):
    """The one clock."""

    def now(self) -> datetime:
        """The instant on this machine, for what is done outside of the database."""
        ...

    def within(self, session: Any) -> datetime:
        """The instant of a transaction: read once in it and bound as a parameter."""
        ...


class Notifier(Protocol):
    """One way of telling a team something."""

    @property
    def via(self) -> str:
        """Its name in records: ``mail``, ``webhook``."""
        ...

    def send(self, letter: Letter) -> None:
        """Deliver one message or raise; a repeated one carries the same key."""
        ...


class Unfetched(Exception):
    """A calendar cannot be had now; the message says why."""


@dataclass(frozen=True, slots=True)
class Fetched:
    """A calendar; ``etag`` names this version of it, empty where the server names none."""

    text: str
    etag: str


class Calendars(Protocol):
    """iCalendar files elsewhere."""

    def fetch(self, address: str, etag: str) -> Fetched | None:
        """The calendar, None where the version with ``etag`` is still the newest.

        Raises Unfetched.
        """
        ...


@dataclass(frozen=True, slots=True)
class Ports:
    """What the executor is handed; ``service.app`` alone knows which implementations these are."""

    builder: Builder
    deployer: Deployer
    tester: Tester
    repository: Repository
    clock: Clock
    rego: Rego | None = None
    """Evaluates custom rules; without it, their results are unknown."""
    notifiers: tuple[Notifier, ...] = ()
    """Ways of telling teams what is on its way; without one nobody is told."""
    artifacts: Artifacts | None = None
    """Keeps artifacts that others built; without it, none can be pushed."""
    calendars: Calendars | None = None
    """Reads calendars by their addresses; without it, their windows are unknown."""
    storage: Storage | None = None
    """What is kept beside the database; without it, nothing is removed."""
    prober: Prober | None = None
    """Asks what runs; without it, data points only come from elsewhere."""
