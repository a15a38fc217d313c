"""What guards a stage from within its own tool: exclusion, rights, and metric checks."""

from enum import StrEnum

from policies.findings import Span
from policies.frozen import dataclass


class Queue(StrEnum):
    """What happens to a release that finds its target taken."""

    FIFO = "fifo"
    """All wait, in order."""
    LATEST = "latest"
    """One waits; a newer one replaces it."""
    CANCEL = "cancel"
    """The running deployment is ended."""
    PARALLEL = "parallel"
    """Nothing waits."""


@dataclass(frozen=True, slots=True)
class Mutex:
    """One deployment at a time for ``key``."""

    key: str
    queue: Queue
    span: Span


@dataclass(frozen=True, slots=True)
class Permissions:
    """What the token of a job may do: ``writes`` names the scopes, ``*`` stands for all."""

    writes: frozenset[str]
    span: Span


@dataclass(frozen=True, slots=True)
class Analysis:
    """A metric check that may stop a rollout. A negative ``failure_limit`` means without limit.

    ``baseline`` is ``concurrent``, ``historical`` or empty where it compares with nothing;
    ``inconclusive`` is ``hold`` or ``pass``. None says that the file does not tell.
    """

    name: str
    span: Span
    metrics: tuple[str, ...] = ()
    metrics_known: bool = True
    """False where the metrics stand in another file."""
    dry_run: tuple[str, ...] = ()
    """Metrics whose verdict is ignored; ``*`` stands for all."""
    failure_limit: int | None = None
    inconclusive: str | None = None
    baseline: str | None = None
    skipped: bool = False
    background: bool = False
    """True where it runs for the whole rollout, not in one step of it."""
