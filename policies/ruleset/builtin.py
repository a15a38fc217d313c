"""The texts of the built-in rulesets, a ladder: starter, recommended, strict."""

from pathlib import Path
from typing import Final

import rulesets

BUILTIN: Final = ("starter", "recommended", "strict")


def builtin_text(name: str) -> str:
    """The file of a built-in ruleset; raises KeyError for a name that is none."""
    if name not in BUILTIN:
        raise KeyError(name)
    return Path(*rulesets.__path__, f"{name}.yaml").read_text(encoding="utf-8")
