"""The blocklist as people see it: entries, who keeps them, and what a change of it decided."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from policies.rule import BlocklistEntry
from service.errors import Conflict
from service.promotions.places import told


class State(StrEnum):
    """What holds of an entry: ``proposed`` and ``leaving`` wait for a second person."""

    PROPOSED = "proposed"
    ACTIVE = "active"
    LEAVING = "leaving"
    """Still in force, until a second person confirms that it goes."""
    REMOVED = "removed"
    ENDED = "ended"


#: States in which an entry blocks.
IN_FORCE = frozenset({State.ACTIVE, State.LEAVING})


@dataclass(frozen=True, slots=True)
class EntryView:
    """One entry; ``source`` is ``service`` or the place in a file under review."""

    entry: BlocklistEntry
    state: str
    source: str
    added_by: str = ""
    added_at: datetime | None = None
    confirmed_by: str = ""
    removed_by: str = ""
    removed_at: datetime | None = None
    removal: str = ""

    @property
    def place(self) -> str:
        """Where it stands in the list of all."""
        return told(self.source, self.entry.id)

    @property
    def over(self) -> bool:
        return self.state in {State.REMOVED, State.ENDED}


@dataclass(frozen=True, slots=True)
class Decided:
    """What became of one release in one stage: blocked, halted, halting or going on, and why."""

    pipeline: str
    release: str
    stage: str
    was: str
    now: str
    message: str


@dataclass(frozen=True, slots=True)
class Runs:
    """One target that runs what an entry names; it is listed, because nothing stops it there."""

    pipeline: str
    stage: str
    target: str
    release: str
    digest: str


@dataclass(frozen=True, slots=True)
class Change:
    """A change of the list with everything that the same transaction decided."""

    id: str
    state: str
    pipelines: tuple[str, ...]
    """Whose gates were asked again."""
    decided: tuple[Decided, ...]
    running: tuple[Runs, ...]


def state_at(state: str, until: datetime | None, now: datetime) -> State:
    """An entry ends by itself; nothing has to run for it."""
    ended = until is not None and now >= until
    return State.ENDED if ended and State(state) in IN_FORCE else State(state)


def require_second(name: str, first: str, actor: str) -> None:
    """Raise Conflict where the one who asked for a change would confirm it too."""
    if first == actor:
        raise Conflict(f"{actor} asked for this change of {name}; a second person confirms it")
