"""What a gate was asked and what it answered, as values, as a message and as stored inputs.

The digest covers the answer and everything that was seen. Inputs are stored as plain JSON, so that
the same engine gives the same bytes again and another engine can be compared result by result.
"""

from collections.abc import Mapping
from dataclasses import fields
from datetime import datetime
from json import dumps
from typing import Any, Final

from policies.canonical import canonical, canonical_object, digest_of
from policies.exceptions import NO_EXCEPTIONS, Exceptions, Exemption, OptOut
from policies.findings import Enforcement, Result, Verdict, highest
from policies.frozen import dataclass
from policies.plain import instant_text, parse_instant
from policies.record import release_from_json, release_to_json
from policies.release import Release
from policies.rule import BlocklistEntry, Used
from policies.ruleset import Resolved, from_json, to_json
from policies.version import ENGINE

TYPE: Final = "bakegate.gate/v1"


@dataclass(frozen=True, slots=True)
class Definition:
    """The pipeline's file as text, with its overlay and the calendars and files that it names.

    ``files`` are those that it brings in, by their paths from the repository's root, of which its
    own is ``home``. Without a ``home`` nothing is brought in, and what it would say is unknown.
    """

    text: str
    path: str
    overlay_text: str = ""
    overlay_path: str = ""
    calendars: tuple[tuple[str, str], ...] = ()
    home: str = ""
    files: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, slots=True)
class Condition:
    """What may hold beside the rules: manual-transition, approval, stage-busy, paused."""

    condition: str
    verdict: Verdict
    message: str
    until: datetime | None = None


@dataclass(frozen=True, slots=True)
class GateInputs:
    """Everything that a gate may see. ``blocklist`` is None where nobody could read it."""

    definition: Definition
    release: Release
    stage: str
    at: datetime
    resolved: Resolved
    blocklist: tuple[BlocklistEntry, ...] | None = ()
    exceptions: Exceptions = NO_EXCEPTIONS
    conditions: tuple[Condition, ...] = ()
    custom: Mapping[str, Any] | None = None
    """What custom rules answered, as it is stored; None where they have not been asked yet."""


@dataclass(frozen=True, slots=True)
class GateResult:
    """What one rule said. ``until`` is set where it holds and waiting cures it by then."""

    rule: str
    result: Result
    enforcement: Enforcement
    verdict: Verdict
    message: str
    would_pass: str = ""
    until: datetime | None = None
    facts: tuple[Used, ...] = ()


@dataclass(frozen=True, slots=True)
class Decision:
    """The answer for one release entering one stage; ``inputs`` is what it rests on."""

    at: datetime
    subject: Mapping[str, str]
    results: tuple[GateResult, ...]
    conditions: tuple[Condition, ...]
    ruleset: Mapping[str, str]
    tzdata: str
    inputs: Mapping[str, Any]
    resolved: Resolved
    """What the ruleset among the inputs was written from."""
    engine: str = ENGINE

    @property
    def verdict(self) -> Verdict:
        return highest(
            (
                *(each.verdict for each in self.results),
                *(each.verdict for each in self.conditions),
            )
        )

    @property
    def until(self) -> datetime | None:
        """When everything that holds has ended; None where some hold has no known end."""
        if self.verdict is not Verdict.HOLD:
            return None
        ends = [each.until for each in self.results if each.verdict is Verdict.HOLD]
        ends += [each.until for each in self.conditions if each.verdict is Verdict.HOLD]
        known = [end for end in ends if end]
        return max(known) if len(known) == len(ends) else None

    @property
    def digest(self) -> str:
        inputs = {name: canonical(said) for name, said in self._others.items()}
        inputs["ruleset"] = self.resolved.spelled
        body = {name: canonical(said) for name, said in _body(self).items()}
        return digest_of(canonical_object(body | {"inputs": canonical_object(inputs)}))

    @property
    def stored(self) -> str:
        """The inputs as text, with their keys in order."""
        texts = {name: dumps(said, sort_keys=True) for name, said in self._others.items()}
        texts["ruleset"] = self.resolved.text
        return f"{{{', '.join(f'{dumps(name)}: {texts[name]}' for name in sorted(texts))}}}"

    @property
    def _others(self) -> Mapping[str, Any]:
        """The inputs without the ruleset, which is most of them and the same for many."""
        return {name: said for name, said in self.inputs.items() if name != "ruleset"}


def to_message(decision: Decision, name: str) -> dict[str, Any]:
    """The answer as ``bakegate.gate/v1``; ``name`` is its id where it is stored."""
    body = _body(decision)
    head = {"type": body.pop("type"), "decision": name, "digest": decision.digest}
    return head | body


def _body(decision: Decision) -> dict[str, Any]:
    return {
        "type": TYPE,
        "verdict": decision.verdict.word,
        "at": instant_text(decision.at),
        "until": _time(decision.until),
        "subject": dict(decision.subject),
        "results": [_result_json(each) for each in decision.results],
        "conditions": [_condition_json(each) for each in decision.conditions],
        "ruleset": dict(decision.ruleset),
        "engine": decision.engine,
        "tzdata": decision.tzdata,
    }


def _result_json(result: GateResult) -> dict[str, Any]:
    return {
        "rule": result.rule,
        "result": result.result.value,
        "enforcement": result.enforcement.word,
        "verdict": result.verdict.word,
        "until": _time(result.until),
        "message": result.message,
        "would_pass": result.would_pass,
        "facts": [_fact_json(each) for each in result.facts],
    }


def _fact_json(used: Used) -> dict[str, Any]:
    value = instant_text(used.value) if isinstance(used.value, datetime) else used.value
    return {
        "path": used.path,
        "value": value,
        "provenance": used.provenance.value,
        "source": used.source,
        "observed_at": _time(used.observed_at),
    }


def _condition_json(condition: Condition) -> dict[str, Any]:
    return {
        "condition": condition.condition,
        "verdict": condition.verdict.word,
        "message": condition.message,
        "until": _time(condition.until),
    }


def inputs_json(inputs: GateInputs) -> dict[str, Any]:
    """Everything that a gate saw, as plain JSON data."""
    return {
        "definition": _definition_json(inputs.definition),
        "record": release_to_json(inputs.release),
        "stage": inputs.stage,
        "at": instant_text(inputs.at),
        "ruleset": to_json(inputs.resolved),
        "blocklist": None
        if inputs.blocklist is None
        else [_plain(each) for each in inputs.blocklist],
        "exemptions": [_plain(each) for each in inputs.exceptions.exemptions],
        "opt_outs": [_plain(each) for each in inputs.exceptions.opt_outs],
        "approvers": _names(inputs.exceptions.approvers),
        "owners": sorted(inputs.exceptions.owners),
        "conditions": [_condition_json(each) for each in inputs.conditions],
        # Left out where nobody was asked, so that such a decision has the digest that it had.
        **({} if inputs.custom is None else {"custom": inputs.custom}),
    }


def _definition_json(definition: Definition) -> dict[str, Any]:
    told: dict[str, Any] = {
        "text": definition.text,
        "path": definition.path,
        "overlay_text": definition.overlay_text,
        "overlay_path": definition.overlay_path,
        "calendars": [list(pair) for pair in definition.calendars],
    }
    if definition.home:
        # Left out where nothing is brought in, so that such a decision has the digest that it had.
        told |= {"home": definition.home, "files": [list(pair) for pair in definition.files]}
    return told


def _definition(data: Mapping[str, Any]) -> Definition:
    pairs = {key: tuple((a, b) for a, b in data.get(key, ())) for key in ("calendars", "files")}
    return Definition(**(dict(data) | pairs))


def inputs_from_json(data: Mapping[str, Any]) -> GateInputs:
    """The inverse of ``inputs_json``."""
    listed = data["blocklist"]
    return GateInputs(
        definition=_definition(data["definition"]),
        release=release_from_json(data["record"], "record"),
        stage=data["stage"],
        at=parse_instant(data["at"]),
        resolved=from_json(data["ruleset"]),
        blocklist=None
        if listed is None
        else tuple(BlocklistEntry(**_timed(each)) for each in listed),
        exceptions=Exceptions(
            tuple(Exemption(**_timed(each)) for each in data["exemptions"]),
            tuple(OptOut(**_timed(each)) for each in data["opt_outs"]),
            approvers=None if data["approvers"] is None else frozenset(data["approvers"]),
            owners=frozenset(data["owners"]),
        ),
        conditions=tuple(_condition(each) for each in data["conditions"]),
        custom=data.get("custom"),
    )


@dataclass(frozen=True, slots=True)
class Difference:
    """One rule or condition about which two engines differ; an empty side was not there."""

    name: str
    field: str
    before: Any
    after: Any


def difference(before: Mapping[str, Any], after: Mapping[str, Any]) -> tuple[Difference, ...]:
    """What two messages about the same inputs say differently, result by result."""
    found: list[Difference] = []
    for kind, key in (("results", "rule"), ("conditions", "condition")):
        old = {each[key]: each for each in before[kind]}
        new = {each[key]: each for each in after[kind]}
        for name in sorted({*old, *new}):
            left, right = old.get(name, {}), new.get(name, {})
            found.extend(
                Difference(name, each, left.get(each), right.get(each))
                for each in sorted({*left, *right})
                if left.get(each) != right.get(each)
            )
    return tuple(found)


#: Fields of stored exceptions that hold times.
_TIMES: Final = ("start", "until", "review_by")


def _names(approvers: frozenset[str] | None) -> list[str] | None:
    return None if approvers is None else sorted(approvers)


def _plain(entry: BlocklistEntry | Exemption | OptOut) -> dict[str, Any]:
    """A flat record of words and times."""
    named = ((each.name, getattr(entry, each.name)) for each in fields(entry))
    return {
        name: instant_text(said) if isinstance(said, datetime) else said for name, said in named
    }


def _timed(data: Mapping[str, Any]) -> dict[str, Any]:
    return {
        name: parse_instant(said) if said and name in _TIMES else said
        for name, said in data.items()
    }


def _condition(data: Mapping[str, Any]) -> Condition:
    until = data["until"] and parse_instant(data["until"])
    return Condition(data["condition"], Verdict.of(data["verdict"]), data["message"], until)


def _time(at: datetime | None) -> str | None:
    return None if at is None else instant_text(at)
