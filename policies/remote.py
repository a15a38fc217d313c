"""Where a deployer of Bakegate's own finds the other side, and how that side knows it."""

from datetime import timedelta

from policies.facts import UNSAID, Fact
from policies.frozen import dataclass


@dataclass(frozen=True, slots=True)
class Ssh:
    """How the hosts of one target are reached, and which folder of theirs is for its releases.

    ``known_hosts`` and ``identity`` are files of the machine on which Bakegate works; without an
    identity it is the user's own. ``folder`` may begin with ``~/``, the home of ``user``.
    """

    target: str
    hosts: Fact[tuple[str, ...] | None]
    folder: Fact[str | None]
    known_hosts: Fact[str | None]
    identity: Fact[str | None]
    user: Fact[str | None]
    port: Fact[int | None]
    connect_timeout: Fact[timedelta | None]


@dataclass(frozen=True, slots=True)
class Remote:
    """What deployers need that change something elsewhere.

    A web service takes signed orders at ``url``; ``secret`` names the variable that holds the key
    to sign with, never the key itself: a pipeline file is read by everybody. ``ssh`` has one entry
    for each target of the stage. ``options`` are for deployers of other packages, as written.
    """

    url: Fact[str | None] = UNSAID
    secret: Fact[str | None] = UNSAID
    ssh: tuple[Ssh, ...] = ()
    options: tuple[tuple[str, str], ...] = ()
