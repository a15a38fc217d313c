"""Where an entry stands in a list of files under review and of the service, to go on behind it.

Entries of files come first, by path and id, then those of the service in the order that it keeps.
A place does not move when others come or go, so that pages which are asked for one after the other
show everything that was there all the time, and nothing twice.
"""

from dataclasses import dataclass
from typing import Final

from service.errors import Conflict

#: What stands as the source of an entry that no file holds.
SERVICE: Final = "service"
_FILE: Final = "file"


@dataclass(frozen=True, slots=True)
class Place:
    """``path`` is empty behind the files; ``id`` is empty before the first of its kind."""

    path: str = ""
    id: str = ""
    in_files: bool = True

    def before(self, path: str, name: str) -> bool:
        """Whether an entry of a file stands behind this place."""
        return self.in_files and (path, name) > (self.path, self.id)

    @property
    def kept(self) -> str:
        """The id behind which entries of the service are asked for; empty for all of them."""
        return "" if self.in_files else self.id


def told(source: str, name: str) -> str:
    """The place of an entry as one word for addresses; ``source`` is ``service`` or path:line."""
    if source == SERVICE:
        return f"{SERVICE}:{name}"
    return f"{_FILE}:{len(name)}:{name}{source.rpartition(':')[0]}"


def place_of(text: str) -> Place:
    """The place that ``told`` wrote, the beginning for nothing; raises Conflict for other words."""
    if not text:
        return Place()
    kind, _, rest = text.partition(":")
    if kind == SERVICE and rest:
        return Place(id=rest, in_files=False)
    count, _, both = rest.partition(":")
    if kind == _FILE and count.isdecimal() and int(count) < len(both):
        return Place(both[int(count) :], both[: int(count)])
    raise Conflict(f"{text!r} is no place in this list; take what `next` of a page says")
