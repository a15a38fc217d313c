"""YAML and JSON text as nodes with places; comments are kept for ignores; bombs are bounded."""

from policies.source.builder import MAX_DEPTH, MAX_NODES
from policies.source.nodes import (
    Comment,
    Entry,
    Mapping,
    Node,
    Scalar,
    Sequence,
    Source,
    SourceError,
    core_value,
)
from policies.source.reader import MAX_BYTES, read

__all__ = [
    "MAX_BYTES",
    "MAX_DEPTH",
    "MAX_NODES",
    "Comment",
    "Entry",
    "Mapping",
    "Node",
    "Scalar",
    "Sequence",
    "Source",
    "SourceError",
    "core_value",
    "read",
]
