"""Canonical JSON (RFC 8785) and its SHA-256, so that equal things have equal names."""

from hashlib import sha256
from typing import Any


def canonical(data: Any) -> bytes:
    """The one spelling of plain JSON data; integers above 2**53 are refused by the standard."""
    # Imported here because a lint that prints text needs no digest, and must start fast.
    from rfc8785 import dumps  # noqa: PLC0415 - see above

    return dumps(data)


def digest(data: Any) -> str:
    return "sha256:" + sha256(canonical(data)).hexdigest()
