"""Who made a change: git knows people by name and address, the service by their subject."""

from collections.abc import Mapping
from typing import Any


def wrote(change: Mapping[str, Any], person: str) -> bool:
    """Whether a person wrote a change: by name, by address, or by what stands before the ``@``.

    Case says nothing. Nobody approves the own change by being written differently, and two people
    who share a name are kept apart from nothing but their own changes.
    """
    address = str(change.get("email", ""))
    names = {str(change["author"]), address, address.partition("@")[0]} - {""}
    return person.casefold() in {each.casefold() for each in names}
