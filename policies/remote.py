"""Where a deployer of Bakegate's own finds the other side, and how that side knows it."""

from dataclasses import dataclass

from policies.facts import Fact


@dataclass(frozen=True, slots=True)
class Remote:
    """``url`` takes signed orders; ``secret`` names the variable that holds the key to sign with.

    Never the key itself: a pipeline file is read by everybody.
    """

    url: Fact[str | None]
    secret: Fact[str | None]
