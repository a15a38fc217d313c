"""The names of the locked zone data; what zone files a machine has does not count."""

from functools import cache
from pathlib import Path

import tzdata  # type: ignore[import-untyped] # It is data and ships no types.


@cache
def zone_names() -> frozenset[str]:
    return frozenset(Path(tzdata.__file__).with_name("zones").read_text("ascii").split())
