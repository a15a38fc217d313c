"""Classes of time in pictures: what is meant to take time, what people and machines cost."""

from dataclasses import dataclass
from typing import Final

from service.promotions.waits import Cause

#: The class of each cause of a wait.
CLASSES: Final = {
    Cause.FREEZE: "hold",
    Cause.RULE: "hold",
    Cause.ALARM: "hold",
    Cause.WINDOW: "window",
    Cause.APPROVAL: "people",
    Cause.MANUAL: "people",
    Cause.MUTEX: "machine",
    Cause.RUNNER: "machine",
    Cause.UNKNOWN: "unknown",
}


@dataclass(frozen=True, slots=True)
class Bar:
    """One stretch of a picture, in percent of its width.

    ``kind`` is a class of time: work, bake, rework, or of waits hold, window, people, machine or
    unknown. ``ahead`` tells what is expected from what was.
    """

    kind: str
    x: float
    width: float
    ahead: bool = False
