"""Data points as they are kept: counts, which machines and people may look at."""

from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True, slots=True)
class CountView:
    """Answers of one version on one target to one operation, from ``start`` on for a period.

    ``operation`` is empty where nobody said to what they were answers.
    """

    start: datetime
    target: str
    digest: str
    operation: str
    positive: int
    negative: int
