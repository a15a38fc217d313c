"""What happened to a release in one stage."""

from datetime import datetime

from policies.frozen import dataclass


@dataclass(frozen=True, slots=True)
class MetricPoints:
    """Points of one metric of the new version; ``samples`` are points of its time series."""

    metric: str
    samples: int | None = None
    positive: int | None = None
    negative: int | None = None


@dataclass(frozen=True, slots=True)
class DataPoints:
    """Answers of the new version since the stage was fully deployed, by customers and probes.

    The baseline counts are those of the old version in the same time.
    """

    positive: int
    negative: int
    observed_at: datetime
    per_operation: tuple[tuple[str, int], ...] = ()
    metrics: tuple[MetricPoints, ...] = ()
    baseline_positive: int | None = None
    baseline_negative: int | None = None


@dataclass(frozen=True, slots=True)
class Hold:
    """A time in which the release waited for this stage; ``until`` is None while it lasts."""

    cause: str
    start: datetime
    until: datetime | None = None
    rule: str = ""


@dataclass(frozen=True, slots=True)
class AlarmSeen:
    """An alarm that fired while the release was in the stage."""

    name: str
    start: datetime
    until: datetime | None = None


@dataclass(frozen=True, slots=True)
class Impact:
    """How long and to what share of them customers were harmed."""

    start: datetime
    until: datetime | None = None
    exposure: float | None = None


@dataclass(frozen=True, slots=True)
class RetryCause:
    """A person's word that not the artifact was to blame: ``environment`` or a false alarm."""

    cause: str
    by: str
    at: datetime
    reason: str = ""


@dataclass(frozen=True, slots=True)
class StageRun:
    """What happened to this release in one stage. ``baked_s`` counts only seconds with data."""

    stage: str
    state: str
    targets: tuple[str, ...] = ()
    started_at: datetime | None = None
    deployed_at: datetime | None = None
    baked_s: float | None = None
    bake_observed_at: datetime | None = None
    ended_at: datetime | None = None
    outcome: str = ""
    exposure: float | None = None
    """Share of requests that the new version answers."""
    data_points: DataPoints | None = None
    rolled_back_at: datetime | None = None
    rolled_back_auto: bool = False
    rolled_back_to: str = ""
    rolled_back_done_at: datetime | None = None
    rolled_back_cause: str = ""
    retry: RetryCause | None = None
    eligible_at: datetime | None = None
    start_cause: str = ""
    """``auto`` or ``person``."""
    holds: tuple[Hold, ...] = ()
    verified_at: datetime | None = None
    bake_until: datetime | None = None
    exposure_hosts: float | None = None
    capacity_min: float | None = None
    """Least share of the wanted capacity that was in service while it was deployed."""
    config_version: str = ""
    alarms_seen: tuple[AlarmSeen, ...] | None = None
    reason_code: str = ""
    impact: Impact | None = None
