"""What a rule and the tree may know about exceptions: plain values, made by the resolver."""

from datetime import timedelta
from enum import StrEnum

from policies.findings import Span
from policies.frozen import dataclass


class Reach(StrEnum):
    """From where in the tree somebody must lead, to approve for a pipeline of a node."""

    NODE = "node"
    """The pipeline's own node, or any above."""
    PARENT = "parent"
    """A node above the pipeline's own."""
    ROOT = "root"


@dataclass(frozen=True, slots=True)
class Granted:
    """An exemption or opt-out as the rule about exemptions sees it at one instant.

    ``kind`` is ``exemption`` or ``opt-out``. ``lasts`` is its whole length, None for an opt-out;
    ``left`` is the time until its end or its review, negative when that has passed. ``last_day`` is
    the last day that counts, in the zone of the organization. ``led`` says whether the one who
    approved it leads a node that may, None where the organization names nobody, and ``owned``
    whether he owns a ruleset that applies. ``refused`` is the limit for which it does not count.
    """

    kind: str
    id: str
    rule: str
    reason: str
    approved_by: str
    lasts: timedelta | None
    left: timedelta
    last_day: str
    led: bool | None
    owned: bool = False
    refused: str = ""
    span: Span | None = None
