"""Rulesets: files to what holds for one organization at one instant."""

from policies.ruleset.builtin import BUILTIN
from policies.ruleset.codec import from_json
from policies.ruleset.model import (
    Effective,
    ExceptionPolicy,
    Resolved,
    Ruleset,
    Upcoming,
    to_json,
)
from policies.ruleset.reading import builtin, read_ruleset
from policies.ruleset.resolve import breaches, resolve

__all__ = [
    "BUILTIN",
    "Effective",
    "ExceptionPolicy",
    "Resolved",
    "Ruleset",
    "Upcoming",
    "breaches",
    "builtin",
    "from_json",
    "read_ruleset",
    "resolve",
    "to_json",
]
