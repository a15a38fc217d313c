"""The texts of the built-in rulesets, a ladder: starter, recommended, strict."""

from importlib.resources import files
from typing import Final

BUILTIN: Final = ("starter", "recommended", "strict")


def builtin_text(name: str) -> str:
    """The file of a built-in ruleset; raises KeyError for a name that is none."""
    if name not in BUILTIN:
        raise KeyError(name)
    return (files("rulesets") / f"{name}.yaml").read_text(encoding="utf-8")
