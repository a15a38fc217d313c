"""How many examples a law is tried with, where the number of the profile does not fit."""

from hypothesis import settings

#: ``make fuzz`` chooses the profile that tries thousands.
_LONG = settings().max_examples > 1_000


def examples(short: int, long: int = settings().max_examples) -> int:
    """``short`` of them in ``make test``, ``long`` of them in ``make fuzz``."""
    return long if _LONG else short
