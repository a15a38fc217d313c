"""The whole configuration of a GitLab pipeline: its file, over the files that it includes.

Local files are followed; projects, remote files, components and most templates are unknown parts.
The including file wins over what it includes, mappings are merged deeply, lists are replaced.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Final

from policies.facts import UNKNOWN, Fact
from policies.fields import texts
from policies.findings import Span
from policies.formats.follower import Follower, NotFollowed
from policies.formats.gitlab_templates import jobs_of
from policies.references import Pin, Reference, ReferenceKind, pin_of
from policies.source import Entry, Mapping, Node, Scalar, Sequence

#: Keys of an include that lead out of the repository.
_AWAY: Final = ("project", "remote", "component")


@dataclass(slots=True)
class Configuration:
    """What all files say together, and what could not be seen of them."""

    entries: dict[str, Entry] = field(default_factory=dict)
    gaps: list[Fact[bool]] = field(default_factory=list)
    references: list[Reference] = field(default_factory=list)

    def get(self, key: str) -> Node | None:
        entry = self.entries.get(key)
        return entry.value if entry else None

    def add(self, entries: dict[str, Entry]) -> None:
        """Lay a file over what is there."""
        for name, entry in entries.items():
            below = self.entries.get(name)
            self.entries[name] = over(below, entry) if below else entry

    def gap(self, span: Span, note: str) -> None:
        self.gaps.append(Fact(UNKNOWN, span, note=note))


def over(below: Entry, above: Entry) -> Entry:
    """One entry over another of the same key: mappings are merged, all else is replaced."""
    if isinstance(below.value, Mapping) and isinstance(above.value, Mapping):
        return Entry(above.key, merged(below.value, above.value))
    return above


def merged(below: Mapping, above: Mapping) -> Mapping:
    entries = dict(below.entries)
    for name, entry in above.entries.items():
        known = entries.get(name)
        entries[name] = over(known, entry) if known else entry
    return Mapping(above.span, entries, above.duplicates, above.tag)


def configuration(root: Mapping, follower: Follower, chain: tuple[str, ...]) -> Configuration:
    """What a file and its includes say; ``chain`` are the files that lead to it, its own last."""
    found = Configuration()
    _lay(root, follower, chain, found)
    return found


def _lay(root: Mapping, follower: Follower, chain: tuple[str, ...], found: Configuration) -> None:
    """The includes of a file in order, then the file itself."""
    for item in _items(root.get("include")):
        _include(item, follower, chain, found)
    found.add({name: entry for name, entry in root.entries.items() if name != "include"})


def _items(node: Node | None) -> Iterator[Node]:
    match node:
        case Sequence(items=items):
            yield from items
        case Scalar() | Mapping():
            yield node


def _include(item: Node, follower: Follower, chain: tuple[str, ...], found: Configuration) -> None:
    match item:
        case Scalar(text=text) if text.startswith(("http://", "https://")):
            _away("remote", item, None, found)
        case Scalar():
            _local(item, follower, chain, found)
        case Mapping():
            local, template = item.get("local"), item.get("template")
            away = next((key for key in _AWAY if key in item.entries), None)
            for path in texts_of(local):
                _local(path, follower, chain, found)
            for name in texts_of(template):
                _template(name, found)
            if away and isinstance(named := item.get(away), Scalar):
                _away(away, named, item, found)


def texts_of(node: Node | None) -> Iterator[Scalar]:
    """The texts of a list, or one text without its list, with their places."""
    for item in _items(node):
        if isinstance(item, Scalar) and item.text:
            yield item


def _local(path: Scalar, follower: Follower, chain: tuple[str, ...], found: Configuration) -> None:
    if "$" in path.text:
        found.gap(path.span, f"the include {path.text} depends on variables")
        return
    try:
        if "*" in path.text:
            parts = follower.matching(path.text, path.span, chain)
        else:
            parts = (follower.follow(path.text, path.span, chain),)
    except NotFollowed as error:
        found.gap(path.span, error.note)
        return
    for part in parts:
        if isinstance(part.source.root, Mapping):
            _lay(part.source.root, follower, part.chain, found)


def _template(name: Scalar, found: Configuration) -> None:
    """A template that comes with GitLab: the jobs of known ones, else an unknown part."""
    jobs = jobs_of(name)
    if jobs:
        found.add(jobs)
    else:
        found.gap(name.span, f"GitLab's template {name.text} is not read")


def _away(key: str, named: Scalar, item: Mapping | None, found: Configuration) -> None:
    found.gap(named.span, f"the included {key} {named.text} is not in this repository")
    found.references.append(_reference(key, named, item))


def _reference(key: str, named: Scalar, item: Mapping | None) -> Reference:
    repository, _, version = named.text.partition("@")
    if key == "project":
        version = next(iter(texts(item.get("ref") if item else None)), "")
    pin = pin_of(version)
    if key == "remote":
        # A remote file has no version; only the check of its content names one.
        pinned = item is not None and "integrity" in item.entries
        pin = Pin.DIGEST if pinned else Pin.MUTABLE
    return Reference(named.text, ReferenceKind.INCLUDE, pin, named.span, repository)
