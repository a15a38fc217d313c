"""Keys that are written twice, where the tool that owns the file refuses them."""

from collections.abc import Iterator

from policies.formats.model import Unreadable
from policies.source import Mapping, Node, Scalar, Sequence, Source


def written_twice(source: Source, refuser: str) -> Iterator[Unreadable]:
    """Every such key of a document at its first place; the last one is what was read."""
    if source.doubled:
        yield from _below(source.root, refuser)


def _below(node: Node, refuser: str) -> Iterator[Unreadable]:
    match node:
        case Mapping(entries=entries, duplicates=duplicates):
            for key in duplicates:
                message = f"key '{key.text}' is written twice, which {refuser} refuses; keep one"
                yield Unreadable(key.span, message)
            for entry in entries.values():
                yield from _below(entry.value, refuser)
        case Sequence(items=items):
            for item in items:
                yield from _below(item, refuser)
        case Scalar():
            return
