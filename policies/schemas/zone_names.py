"""The names of the locked zone data; what zone files a machine has does not count."""

from functools import cache
from importlib.resources import files


@cache
def zone_names() -> frozenset[str]:
    return frozenset(files("tzdata").joinpath("zones").read_text(encoding="ascii").split())
