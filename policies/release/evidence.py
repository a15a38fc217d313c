"""What a suite of tests said about an artifact."""

from datetime import datetime

from policies.frozen import dataclass
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
    base_digest: str = ""
    """Of a rollback test: the artifact from which it went up and to which it came back."""
    parts: tuple[str, ...] = ()
    """Of a rollback test: which of ``mixed``, ``new`` and ``returned`` it went through."""
    traffic: bool | None = None
    """Whether requests were served while it ran."""
    coverage: float | None = None
    """Share of lines that the tests execute."""
    coverage_base: float | None = None
    """The same of the main branch."""
    coverage_changed: float | None = None
    """The same of the changed lines alone."""
    complexity: int | None = None
    """The highest complexity of one function."""
    findings: tuple[tuple[str, int], ...] | None = None
    """Of a security scan: findings that nobody accepted, counted by severity."""
    new_findings: tuple[tuple[str, int], ...] | None = None
    """Those of them that the base release does not have."""
