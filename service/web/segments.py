"""Stretches of time as bars of a picture."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Bar:
    """One stretch, in percent of the picture's width.

    ``kind`` is a class of time: work, bake, rework, or of waits hold, window, people, machine or
    unknown. ``ahead`` tells what is expected from what was.
    """

    kind: str
    x: float
    width: float
    ahead: bool = False
