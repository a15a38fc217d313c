"""What an organization says about a pipeline, as the cases of rules write it."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any, Final

from policies.exception_files import read_exceptions
from policies.exceptions import policy_from_json
from policies.facts import Fact, Provenance
from policies.granted import Granted
from policies.history_files import history_of
from policies.neighbours import Writer
from policies.pipeline import Pipeline
from policies.plain import parse_instant
from policies.source import read
from policies.waivers import Waivers
from policies.windows import (
    Freeze,
    FreezeState,
    WindowSet,
    for_release,
    freeze_state,
    long_freezes,
    parse_windows,
)

EXCEPTIONS: Final = "exceptions.yaml"
#: The moment of a case that names none.
AT: Final = "2026-11-24T10:22:48Z"
_ZONE: Final = "Europe/Berlin"


def granted_of(case: Mapping[str, Any], pipeline: str) -> tuple[Granted, ...] | None:
    """What the resolver makes of an exceptions file; None where a case has none."""
    if "exceptions" not in case:
        return None
    text = "schema: bakegate/exceptions/v1\n" + case["exceptions"]
    found = read_exceptions(text, EXCEPTIONS, _ZONE)
    leaders = case.get("leaders")
    known = replace(
        found,
        approvers=None if leaders is None else frozenset(leaders),
        owners=frozenset(case.get("owners", ())),
    )
    policy = policy_from_json(case.get("limits", {}))
    waivers = Waivers(known, policy, parse_instant(case.get("at", AT)))
    return waivers.granted(pipeline, _ZONE)


def freezes_of(case: Mapping[str, Any]) -> tuple[Freeze, ...] | None:
    """The long freezes of the organization's windows; None where a case has none."""
    if "ruled" not in case:
        return None
    return long_freezes(_ruled(case), parse_instant(case.get("at", AT)), case.get("tier"))


def freeze_of(case: Mapping[str, Any], kind: str) -> FreezeState | None:
    if "ruled" not in case:
        return None
    sets = for_release(_ruled(case), kind, case.get("tier"))
    return freeze_state(sets, parse_instant(case.get("at", AT)))


def _ruled(case: Mapping[str, Any]) -> tuple[WindowSet, ...]:
    """The windows of the organization's ruleset; an address in them was never read."""
    (document,) = read(case["ruled"], "rules.yaml")
    windows = parse_windows(document.root, _ZONE, calendars=lambda _: None)
    return (WindowSet("organization retail", windows),)


def beside(case: Mapping[str, Any], pipeline: Pipeline) -> dict[str, Any]:
    """What stands beside the file: earlier runs, other pipelines, who owns its path."""
    found: dict[str, Any] = {}
    if "history" in case:
        said = {"observed_at": AT, **case["history"]}
        found["history"] = Fact(history_of(said), pipeline.span, Provenance.OBSERVED)
    if "neighbours" in case:
        writers = tuple(Writer(**each, span=pipeline.span) for each in case["neighbours"])
        found["writers"] = Fact(writers, pipeline.span, Provenance.INFERRED)
    if "owned" in case:
        found["owned_path"] = Fact(case["owned"], pipeline.span, Provenance.INFERRED)
    return found
