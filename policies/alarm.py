"""An alarm as a pipeline declares it."""

from datetime import timedelta

from policies.findings import Span
from policies.frozen import dataclass


@dataclass(frozen=True, slots=True)
class Alarm:
    """An alarm over data points: more negatives than ``negative_ratio`` of all, or ``negatives``.

    It fires when ``periods`` of the last ``of`` periods were over a limit; a period with fewer
    than ``minimum`` data points says nothing, which ``missing`` interprets (``unknown``, ``ok``,
    ``alarm``). One with the scope ``target``, ``zone`` or ``region`` judges each of them by itself.
    A ``reported`` alarm is judged by another system, which says whether it fires.
    """

    name: str
    span: Span
    negative_ratio: float | None
    minimum: int
    periods: int
    of: int
    period: timedelta
    missing: str
    scope: str
    signals: tuple[str, ...] = ()
    """Which signs of harm it watches (``fault_rate``, ``latency_p99`` and so on)."""
    negatives: int | None = None
    reported: bool = False
