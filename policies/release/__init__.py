"""The release record: what is known about one release when a gate is asked.

The shape follows ``bakegate.release/v1``. Everything here was observed, so every part carries when
and by whom; a part that nobody reported is ``None``, which rules read as unknown, never as absent.
An empty tuple in its place says that somebody looked and found nothing.
"""

from policies.release.artifact import (
    Artifact,
    BuildProvenance,
    Component,
    Danger,
    Sbom,
    Signature,
    Vulnerability,
)
from policies.release.changes import Change, ChangeClass, Compat, Review
from policies.release.context import (
    AlarmState,
    Calendar,
    Context,
    Incident,
    InFlight,
    Objective,
    OnCall,
    Reported,
    RollbackTarget,
    Running,
    SyntheticState,
)
from policies.release.earlier import EarlierRelease
from policies.release.evidence import Evidence
from policies.release.kinds import ReleaseKind
from policies.release.people import AppliedExemption, Approval, Override
from policies.release.release import Release
from policies.release.runs import (
    AlarmSeen,
    DataPoints,
    Hold,
    Impact,
    MetricPoints,
    RetryCause,
    StageRun,
)

__all__ = [
    "AlarmSeen",
    "AlarmState",
    "AppliedExemption",
    "Approval",
    "Artifact",
    "BuildProvenance",
    "Calendar",
    "Change",
    "ChangeClass",
    "Compat",
    "Component",
    "Context",
    "Danger",
    "DataPoints",
    "EarlierRelease",
    "Evidence",
    "Hold",
    "Impact",
    "InFlight",
    "Incident",
    "MetricPoints",
    "Objective",
    "OnCall",
    "Override",
    "Release",
    "ReleaseKind",
    "Reported",
    "RetryCause",
    "Review",
    "RollbackTarget",
    "Running",
    "Sbom",
    "Signature",
    "StageRun",
    "SyntheticState",
    "Vulnerability",
]
