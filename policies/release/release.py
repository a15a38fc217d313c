"""One release with all that is known about it."""

from datetime import datetime

from policies.frozen import dataclass, field
from policies.release.artifact import Artifact
from policies.release.changes import Change, Compat
from policies.release.context import Context
from policies.release.evidence import Evidence
from policies.release.kinds import ReleaseKind
from policies.release.people import AppliedExemption, Approval, Override
from policies.release.runs import StageRun


@dataclass(frozen=True, slots=True)
class Release:
    """One artifact on its way, as ``<pipeline>:<number>``."""

    id: str
    pipeline: str
    kind: ReleaseKind
    created_at: datetime
    created_by: str
    artifact: Artifact
    base: str = ""
    """The release that runs where this one goes."""
    changes: tuple[Change, ...] = ()
    evidence: tuple[Evidence, ...] = ()
    stages: tuple[StageRun, ...] = ()
    approvals: tuple[Approval, ...] = ()
    overrides: tuple[Override, ...] = ()
    context: Context = field(default_factory=Context)
    incident: str = ""
    """The incident that an emergency release mends."""
    compat: Compat | None = None
    exemptions: tuple[AppliedExemption, ...] = ()

    def stage(self, name: str) -> StageRun | None:
        return next((run for run in self.stages if run.stage == name), None)
