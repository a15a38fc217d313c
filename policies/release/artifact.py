"""What is promoted: the artifact, who built it from what, and what is inside."""

from datetime import datetime
from enum import StrEnum

from policies.frozen import dataclass


@dataclass(frozen=True, slots=True)
class Component:
    purl: str
    transitive: bool = False


@dataclass(frozen=True, slots=True)
class Sbom:
    """What is inside the artifact; ``format`` is ``cyclonedx`` or ``spdx``."""

    format: str
    components: tuple[Component, ...]
    ref: str = ""
    digest: str = ""
    """Of the artifact that the list describes; empty where the list does not say."""
    complete: bool | None = None
    """Whether packages that other packages ask for are listed too; None where nobody said."""


@dataclass(frozen=True, slots=True)
class Signature:
    """Whether a signature held when it was checked, and whose it is."""

    ok: bool
    identity: str = ""


@dataclass(frozen=True, slots=True)
class BuildProvenance:
    """Who built the artifact, from what and how; ``level`` is the build level of SLSA, 0 to 3."""

    level: int | None = None
    builder: str = ""
    source_uri: str = ""
    source_ref: str = ""
    build_type: str = ""
    params: tuple[tuple[str, str], ...] = ()
    signature: Signature | None = None


class Danger(StrEnum):
    """How severe a vulnerability is, in the words of scanners; the worst comes last."""

    LOW = "low"
    MEDIUM = "medium"
    HIGH = "high"
    CRITICAL = "critical"


@dataclass(frozen=True, slots=True)
class Vulnerability:
    """One finding of a scanner."""

    id: str
    severity: Danger
    purl: str
    fixed_in: str = ""
    fixed_since: datetime | None = None
    """When the version without it came out; where nobody said, ``first_seen`` stands for it."""
    first_seen: datetime | None = None
    accepted_until: datetime | None = None
    known_exploited: bool = False
    in_base: bool | None = None
    """Whether the base release has it too; None where nobody compared."""


@dataclass(frozen=True, slots=True)
class Artifact:
    """What is promoted; ``digest`` is ``sha256:`` and 64 hex digits, ``commit`` a full hash."""

    digest: str
    commit: str
    repository: str = ""
    built_at: datetime | None = None
    builder: str = ""
    sbom: Sbom | None = None
    ref: str = ""
    type: str = ""
    build_run: str = ""
    size: int | None = None
    """In bytes."""
    config_hash: str = ""
    provenance: BuildProvenance | None = None
    findings: tuple[Vulnerability, ...] | None = None
    """None where nobody scanned it."""
    equivalents: tuple[str, ...] = ()
    """Digests of the same build, such as those of other processors under one index."""
    on_main: bool | None = None
    """Whether the main branch holds its commit; None where nobody looked."""
