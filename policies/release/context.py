"""What was seen around a release at the instant of the decision.

Each fact may say when it was observed and by what; one that does not was observed when the whole
context was captured, by what captured it.
"""

from datetime import datetime, timedelta
from typing import Generic, TypeVar

from policies.frozen import dataclass
from policies.release.earlier import EarlierRelease

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class AlarmState:
    """An alarm as last reported. ``state`` is ``ok``, ``alarm`` or ``unknown``."""

    name: str
    scope: str
    state: str
    since: datetime
    observed_at: datetime
    severity: str = "high"
    target: str = ""
    had_data_at: datetime | None = None
    source: str = ""
    noisy_until: datetime | None = None
    """Until when it is known to fire without a cause."""


@dataclass(frozen=True, slots=True)
class Running:
    """What one stage runs now, and who put it there since when."""

    stage: str
    digest: str
    config_version: str = ""
    commit: str = ""
    since: datetime | None = None
    actor: str = ""
    observed_at: datetime | None = None
    source: str = ""


@dataclass(frozen=True, slots=True)
class InFlight:
    """Another release that is in a stage now."""

    release: str
    stage: str
    targets: tuple[str, ...] = ()
    observed_at: datetime | None = None
    source: str = ""


@dataclass(frozen=True, slots=True)
class Incident:
    """An open incident; ``sev`` counts from 1, the worst."""

    id: str
    sev: int
    services: tuple[str, ...] = ()
    since: datetime | None = None
    observed_at: datetime | None = None
    source: str = ""


@dataclass(frozen=True, slots=True)
class SyntheticState:
    """A synthetic check as last seen; ``last_ok`` is None where it never succeeded."""

    id: str
    stage: str
    interval: timedelta
    last_ok: datetime | None = None
    observed_at: datetime | None = None
    source: str = ""


@dataclass(frozen=True, slots=True)
class OnCall:
    """Who answers now. No ``primary`` is a gap; ``until`` ends the shift, or the gap."""

    primary: str = ""
    secondary: str = ""
    until: datetime | None = None
    rotation: str = ""
    """A platform's rotation that answers for this service."""
    observed_at: datetime | None = None
    source: str = ""


@dataclass(frozen=True, slots=True)
class Calendar:
    """A freeze of some calendar; ``level`` is ``soft`` or ``hard``."""

    id: str
    level: str
    start: datetime
    until: datetime
    observed_at: datetime | None = None
    source: str = ""


@dataclass(frozen=True, slots=True)
class Objective:
    """The service's objective and what is left of its error budget, as a share of the budget.

    No ``target`` says that the service has no objective.
    """

    target: float | None = None
    window: timedelta | None = None
    remaining: float | None = None
    excluded: float | None = None
    """Share of the budget that load tests and outages of dependencies used, where tagged."""
    recovers_at: datetime | None = None
    """When the budget is expected to be positive again."""
    observed_at: datetime | None = None
    source: str = ""


@dataclass(frozen=True, slots=True)
class RollbackTarget:
    """What a stage would go back to, and whether it can still be had; None: nobody looked."""

    stage: str
    digest: str
    found: bool | None = None
    """Whether the trusted repository gives this digest."""
    config_found: bool | None = None
    """Whether the configuration that belongs to it can be had."""
    retained: int | None = None
    """How many earlier versions are kept."""
    observed_at: datetime | None = None
    source: str = ""


@dataclass(frozen=True, slots=True)
class Reported(Generic[T]):
    """A single value with when it was observed and by what."""

    value: T
    observed_at: datetime | None = None
    source: str = ""


@dataclass(frozen=True, slots=True)
class Context:
    """None in place of a list says that nobody looked; an empty one, that nothing was found."""

    alarms: tuple[AlarmState, ...] | None = None
    running: tuple[Running, ...] = ()
    rolled_back: tuple[str, ...] = ()
    """Digests that were rolled back in this pipeline."""
    ancestors: tuple[tuple[str, bool], ...] = ()
    """Whether a commit is an ancestor of the artifact's, for each commit that somebody asked
    about."""
    descendants: tuple[tuple[str, bool], ...] = ()
    """Whether a commit came after the artifact's and contains it, for each commit asked about."""
    captured_at: datetime | None = None
    source: str = ""
    in_flight: tuple[InFlight, ...] | None = None
    incidents: tuple[Incident, ...] | None = None
    synthetics: tuple[SyntheticState, ...] | None = None
    on_call: OnCall | None = None
    calendars: tuple[Calendar, ...] | None = None
    slo: Objective | None = None
    peak_rate: Reported[float] | None = None
    """Requests a second at the peak of 28 days."""
    traffic_share: Reported[tuple[tuple[str, float], ...]] | None = None
    """Share of the traffic that each target carries."""
    preprod_callers: Reported[tuple[str, ...]] | None = None
    """Who called the pre-production stage in the last seven days."""
    config_differences: Reported[tuple[str, ...]] | None = None
    """Keys whose values differ between pre-production and the first production stage."""
    rollback_targets: tuple[RollbackTarget, ...] | None = None
    definition_differences: Reported[tuple[str, ...]] | None = None
    """In what the live pipeline differs from its file at the last merged commit."""
    blocklist_version: Reported[str] | None = None
    earlier: tuple[EarlierRelease, ...] | None = None
    """Earlier releases of this pipeline, newest first."""

    def runs(self, stage: str) -> Running | None:
        """What the stage runs; None where nobody reported it."""
        return next((each for each in self.running if each.stage == stage), None)
