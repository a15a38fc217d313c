"""Which targets of a stage may change at the same time: fault domains keep faults apart."""

from collections.abc import Collection
from dataclasses import dataclass
from typing import Final

from policies.pipeline import Target
from policies.rules.fault_domain_isolation import FaultDomainIsolation, crowded


@dataclass(frozen=True, slots=True)
class Domains:
    """Where the targets of a stage of one wave stand; without ``limits`` any may change together.

    The limits are those of ``fault-domain-isolation``, so what lint warns of is what waits here.
    """

    targets: tuple[Target, ...] = ()
    wave: int = 1
    limits: FaultDomainIsolation | None = None

    def together(self, names: Collection[str]) -> bool:
        """Whether the targets of these names may change at once; one alone always may."""
        if self.limits is None or len(names) < 2:  # noqa: PLR2004 - two make a crowd
            return True
        found = [each for each in self.targets if each.name in names]
        return not any(crowded(found, len(found), self.wave, self.limits))


#: Whatever the stage's limit allows.
ANYWHERE: Final = Domains()
