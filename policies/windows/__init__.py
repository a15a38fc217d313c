"""Time windows: when a stage may start, from files to instants.

One meaning for pipelines, rulesets, freezes and pages. Local times become instants by the locked
zone data alone, so that a decision can be computed again; nothing here reads a clock or a file.
"""

from policies.windows.calendars import calendar_problem
from policies.windows.freezes import (
    THAW,
    FreezeState,
    freeze_state,
    long_freezes,
    only_freezes,
    without_freezes,
)
from policies.windows.model import (
    Effect,
    Freeze,
    Interval,
    Strength,
    WhenClosing,
    Window,
    WindowSet,
    WindowState,
)
from policies.windows.openings import NeverOpen, OpenTime
from policies.windows.parsing import is_address, parse_windows
from policies.windows.spelling import parse_moment
from policies.windows.state import (
    Change,
    for_release,
    next_change,
    open_intervals,
    responsible,
    state,
    without_soft,
)
from policies.windows.zones import tzdata_version, zone

__all__ = [
    "THAW",
    "Change",
    "Effect",
    "Freeze",
    "FreezeState",
    "Interval",
    "NeverOpen",
    "OpenTime",
    "Strength",
    "WhenClosing",
    "Window",
    "WindowSet",
    "WindowState",
    "calendar_problem",
    "for_release",
    "freeze_state",
    "is_address",
    "long_freezes",
    "next_change",
    "only_freezes",
    "open_intervals",
    "parse_moment",
    "parse_windows",
    "responsible",
    "state",
    "tzdata_version",
    "without_freezes",
    "without_soft",
    "zone",
]
