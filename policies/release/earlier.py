"""Earlier releases of the same pipeline, as far as rules ask about them."""

from datetime import datetime

from policies.frozen import dataclass
from policies.release.changes import Compat
from policies.release.evidence import Evidence
from policies.release.kinds import ReleaseKind
from policies.release.people import Override
from policies.release.runs import StageRun


@dataclass(frozen=True, slots=True)
class EarlierRelease:
    """A release before this one, with what was recorded about it until now."""

    id: str
    kind: ReleaseKind
    digest: str
    commit: str
    created_at: datetime
    incident: str = ""
    compat: Compat | None = None
    evidence: tuple[Evidence, ...] = ()
    stages: tuple[StageRun, ...] = ()
    overrides: tuple[Override, ...] = ()

    def stage(self, name: str) -> StageRun | None:
        return next((run for run in self.stages if run.stage == name), None)
