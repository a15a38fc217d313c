"""What a suite of tests said about an artifact."""

from dataclasses import dataclass
from datetime import datetime

from policies.release.artifact import Signature


@dataclass(frozen=True, slots=True)
class Evidence:
    """One suite that ran on this artifact (or, for build kinds, on its commit)."""

    kind: str
    stage: str
    digest: str
    commit: str
    result: str
    ended_at: datetime
    executed: int | None = None
    failed: int | None = None
    retries: int = 0
    soft_failed: bool = False
    name: str = ""
    build_run: str = ""
    started_at: datetime | None = None
    target_rate: float | None = None
    """Requests a second that a load test asked for."""
    report_url: str = ""
    attestation: Signature | None = None
    source: str = ""
    """Who reports it; ``bakegate`` where our own executor ran the suite."""
