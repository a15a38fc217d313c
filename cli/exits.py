"""Exit codes; their meaning never changes with a flag. The highest of 3, 2 and 1 wins."""

from enum import IntEnum


class Exit(IntEnum):
    CLEAN = 0
    """Evaluated, and nothing at ``block``."""
    FINDINGS = 1
    """At least one finding at ``block``, or a gate that answers block."""
    NOTHING_EVALUATED = 2
    """Usage, ruleset, organization, or no file: nothing was evaluated."""
    INTERNAL = 3
    """A rule or Bakegate itself crashed; the rest was evaluated."""
    HOLD = 4
    """A gate answers hold."""
