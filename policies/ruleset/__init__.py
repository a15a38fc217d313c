"""Rulesets: files to what holds for one organization at one instant."""

from policies.ruleset.builtin import BUILTIN
from policies.ruleset.chain import NOT_READY, Asked, Chain, Ready, resolve, root_chain
from policies.ruleset.codec import from_json
from policies.ruleset.model import (
    DEFAULT,
    Effective,
    Origin,
    Resolved,
    Ruleset,
    Setting,
    Step,
    StepKey,
    Upcoming,
    to_json,
)
from policies.ruleset.reading import builtin, read_ruleset
from policies.ruleset.references import Fetch, Pinned, nothing_fetched

__all__ = [
    "BUILTIN",
    "DEFAULT",
    "NOT_READY",
    "Asked",
    "Chain",
    "Effective",
    "Fetch",
    "Origin",
    "Pinned",
    "Ready",
    "Resolved",
    "Ruleset",
    "Setting",
    "Step",
    "StepKey",
    "Upcoming",
    "builtin",
    "from_json",
    "nothing_fetched",
    "read_ruleset",
    "resolve",
    "root_chain",
    "to_json",
]
