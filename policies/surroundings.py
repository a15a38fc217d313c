"""What an organization says about a pipeline, which the pipeline's own file cannot know."""

from typing import TYPE_CHECKING, Final

from policies.frozen import dataclass
from policies.granted import Granted

if TYPE_CHECKING:
    from policies.windows import Freeze


@dataclass(frozen=True, slots=True)
class Surroundings:
    """None each where it was not resolved: a rule reads that as unknown.

    ``windows`` says whether a ruleset has time windows, ``granted`` holds the exemptions and
    opt-outs of the pipeline, ``freezes`` those of the next 400 days.
    """

    windows: bool | None = None
    granted: tuple[Granted, ...] | None = None
    freezes: "tuple[Freeze, ...] | None" = None


UNRESOLVED: Final = Surroundings()
