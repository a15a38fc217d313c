"""The blocklist in memory: entries that one person keeps, and nothing on its way."""

from collections.abc import Iterable
from dataclasses import replace

from policies.rule import BlocklistEntry
from service.errors import Conflict, NotFound
from service.promotions.blocklist import Change, EntryView, State
from service.promotions.exceptions import require_reason
from tests.twins.sights import NOW


class MemoryBlocklist:
    def __init__(self) -> None:
        self.entries: dict[str, EntryView] = {}

    def add(self, entry: BlocklistEntry, actor: str, asked: Iterable[str]) -> Change:
        named = replace(entry, id=entry.id or f"bl-{len(self.entries) + 1}")
        if named.id in self.entries:
            raise Conflict(f"{named.id} is an entry already; an id names one entry for ever")
        self.entries[named.id] = EntryView(named, State.ACTIVE, "service", actor, NOW)
        return Change(named.id, State.ACTIVE, tuple(asked), (), ())

    def confirm(self, name: str, actor: str, asked: Iterable[str]) -> Change:
        """Nothing ever waits here, so there is nothing to agree with."""
        del actor, asked
        raise Conflict(f"{name} is {self._one(name).state}; nothing waits for a second person")

    def remove(self, name: str, reason: str, actor: str, asked: Iterable[str]) -> Change:
        view = self._one(name)
        if view.state == State.REMOVED:
            raise Conflict(f"{name} is removed already")
        said = require_reason(reason, "remove")
        gone = replace(view, state=State.REMOVED, removed_by=actor, removed_at=NOW, removal=said)
        self.entries[name] = gone
        return Change(name, State.REMOVED, tuple(asked), (), ())

    def _one(self, name: str) -> EntryView:
        if name not in self.entries:
            raise NotFound("blocklist entry in the service", name)
        return self.entries[name]
