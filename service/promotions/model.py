"""The words of a promotion: states, outcomes, events and what a decision orders."""

from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from policies.findings import Verdict
from service.promotions.domains import ANYWHERE, Domains


class State(StrEnum):
    """What a release does in a stage until it ends there."""

    WAITING = "waiting"
    BUILDING = "building"
    DEPLOYING = "deploying"
    TESTING = "testing"
    BAKING = "baking"
    ROLLING_BACK = "rolling_back"


class Outcome(StrEnum):
    """How it ended. Failed is the business saying no; errored is technical."""

    SUCCEEDED = "succeeded"
    FAILED = "failed"
    ERRORED = "errored"
    SUPERSEDED = "superseded"
    ROLLED_BACK = "rolled_back"
    ABORTED = "aborted"


class Effect(StrEnum):
    """What is done outside of the database, by one short durable workflow each."""

    BUILD = "build"
    DEPLOY = "deploy"
    TEST = "test"
    ROLLBACK = "rollback"
    ABORT = "abort"


class Wait(StrEnum):
    """What a run waits for; each has its own way of setting ``due``."""

    EFFECT = "effect"
    GATE = "gate"
    BAKE = "bake"


@dataclass(frozen=True, slots=True)
class Plan:
    """What a stage asks of a release. ``good`` is the digest that a rollback restores.

    ``parallel`` is how many targets are changed at once; ``back_on`` holds the causes, among
    ``failure``, ``deadline`` and ``alarm``, that bring the last good artifact back; others halt.
    """

    builds: bool
    deploys: bool
    tests: bool
    bakes: bool
    targets: tuple[str, ...]
    good: str
    parallel: int = 1
    back_on: frozenset[str] = frozenset({"failure", "deadline", "alarm"})
    blocked: str = ""
    """Why the release may not go on once the batch that runs has ended; empty where it may."""
    domains: Domains = ANYWHERE
    """Which of the targets may change at the same time."""


@dataclass(frozen=True, slots=True)
class Moving:
    """How far one target is: ``state`` is running, succeeded or failed, the rest counts hosts.

    One that is being told to stop is ``stopping``. ``cause`` says of a failed one whether it was a
    ``failure``, the ``deadline`` or an ``abort``. ``in_service`` is the lowest number of hosts that
    served so far; None before the first batch.
    """

    target: str
    state: str = "running"
    replaced: int = 0
    hosts: int = 0
    message: str = ""
    cause: str = ""
    in_service: int | None = None


#: The targets that a deployment or a rollback has begun to change, in order.
Progress = tuple[Moving, ...]


@dataclass(frozen=True, slots=True)
class Entered:
    """The gate was asked; ``message`` says what holds."""

    verdict: Verdict
    message: str = ""


@dataclass(frozen=True, slots=True)
class Built:
    ok: bool
    message: str
    digest: str = ""


@dataclass(frozen=True, slots=True)
class Moved:
    """One batch of a deployment or rollback on each target that is being changed."""

    targets: Progress


@dataclass(frozen=True, slots=True)
class Stopped:
    """Targets were told to stop; ``message`` is why, and one that still runs is told again."""

    targets: Progress
    message: str


@dataclass(frozen=True, slots=True)
class Tested:
    ok: bool
    message: str


@dataclass(frozen=True, slots=True)
class Baked:
    """How a bake stands: over, or its clock stands still (and whether it did before)."""

    over: bool
    still: bool
    was_still: bool
    message: str


@dataclass(frozen=True, slots=True)
class Alarmed:
    """Customers are harmed: an alarm fired, or more answers were negative than allowed."""

    message: str


@dataclass(frozen=True, slots=True)
class Errored:
    """An effect could not be done for technical reasons, after all its retries."""

    message: str


@dataclass(frozen=True, slots=True)
class Withdrawn:
    """The release goes back here too: it was rolled back in another stage, or a person asks it.

    ``cause`` is ``release`` or ``person``.
    """

    message: str
    cause: str = "release"


@dataclass(frozen=True, slots=True)
class Blocked:
    """The blocklist names the release now: it must not go on here."""

    message: str


Event = Entered | Built | Moved | Stopped | Tested | Baked | Alarmed | Errored | Withdrawn | Blocked


@dataclass(frozen=True, slots=True)
class Log:
    """One line for the event log."""

    kind: str
    data: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Next:
    """What a decision orders. ``state`` is None when the run ends, with ``outcome``.

    ``deployed`` marks the instant from which the bake counts. ``spread`` asks that every other
    stage of scope that runs the release goes back too. ``manual`` turns the stage's transition
    manual and is the reason for it.
    """

    state: State | None
    effect: Effect | None = None
    outcome: Outcome | None = None
    message: str = ""
    wait: Wait | None = None
    progress: Progress | None = None
    log: tuple[Log, ...] = ()
    deployed: bool = False
    spread: bool = False
    manual: str = ""
