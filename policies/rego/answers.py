"""What a rule answered, as problems of a file or as the outcome of a gate.

A finding is an object with ``path`` (into the document) and ``message``; ``fix``, ``result`` and,
at a gate, ``would_pass`` and ``until`` are optional. An answer of another form is an error.
"""

from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import Any, Final

from policies.facts import Provenance
from policies.findings import Problem, Result, Span
from policies.frozen import dataclass
from policies.plain import nearest, parse_instant
from policies.rego.document import DataPath, Document
from policies.rego.port import Answer
from policies.rule import AnyRule, Module, Outcome, Used

#: Most findings of one rule about one document; a rule that finds more has lost its way.
MAX_FINDINGS: Final = 1000
#: Most findings that the message of a gate repeats.
LISTED: Final = 5

_KEYS: Final = ("path", "message", "fix", "result", "would_pass", "until")
#: What the parts of a document come from that have no place in a file.
_SOURCES: Final = {"release": "record", "at": "clock", "window": "windows", "parameters": "ruleset"}
_RESULTS: Final = {"fail": Result.FAIL, "unknown": Result.UNKNOWN}


class RuleError(Exception):
    """A rule that has no answer, or one of a form that cannot be used."""


@dataclass(frozen=True, slots=True)
class _Found:
    """One finding with what the facts that it rests on make of it."""

    path: DataPath
    message: str
    result: Result
    fix: str = ""
    would_pass: str = ""
    until: datetime | None = None
    inferred: bool = False


def problems(rule: AnyRule, answer: Answer, document: Document) -> Iterator[Problem]:
    """The findings of a lint, each at the place that its path leads to; raises RuleError."""
    module = _module(rule)
    for found in _findings(module, answer, document):
        yield Problem(
            span=_span(document, found.path),
            where=document.named(found.path),
            message=found.message,
            fix=found.fix or module.fix,
            result=found.result,
            inferred=found.inferred,
        )


def outcome(rule: AnyRule, answer: Answer, document: Document) -> Outcome:
    """What the rule says of the release; an error is unknown, which the ruleset interprets."""
    module = _module(rule)
    try:
        found = _findings(module, answer, document)
    except RuleError as error:
        return Outcome(Result.UNKNOWN, f"the rule could not be evaluated: {error}")
    paths = [*(each.path for each in found), *_facts(module, document)]
    used = tuple(_used(document, path) for path in dict.fromkeys(paths))
    if not found:
        return Outcome(Result.PASS, "nothing found", used=used)
    failed = [each for each in found if each.result is Result.FAIL]
    told = failed or found
    ends = [each.until for each in told]
    waits = bool(failed) and all(ends)
    return Outcome(
        result=told[0].result,
        message=_joined([each.message for each in told]),
        would_pass=_joined([each.would_pass for each in told if each.would_pass])
        or module.fix.rstrip("."),
        until=max(end for end in ends if end) if waits else None,
        waits=waits,
        inferred=bool(failed) and all(each.inferred for each in failed),
        used=used,
    )


def _joined(texts: Sequence[str]) -> str:
    """Each text once; a decision that names a few lets people find the rest."""
    each = list(dict.fromkeys(texts))
    more = [f"and {len(each) - LISTED} more"] if len(each) > LISTED else []
    return "; ".join((*each[:LISTED], *more))


def _module(rule: AnyRule) -> Module:
    if rule.module is None:
        raise RuleError(f"{rule.id} is no custom rule")
    return rule.module


def _findings(module: Module, answer: Answer, document: Document) -> list[_Found]:
    """In the order of their paths, so that every engine gives the same; raises RuleError."""
    if answer.error:
        raise RuleError(answer.error)
    if not isinstance(answer.value, list):
        raise RuleError(f"it answers {_shown(answer.value)}, not a set or list of findings")
    if len(answer.value) > MAX_FINDINGS:
        raise RuleError(f"it has {len(answer.value)} findings, and at most {MAX_FINDINGS} are read")
    facts = _facts(module, document)
    found = [_weighed(_found(each), facts, document) for each in answer.value]
    told = [each.path for each in found]
    untold = [
        _untold(fact, document)
        for fact in facts
        if document.unknown(fact) and not any(_touch(fact, path) for path in told)
    ]
    return sorted((*found, *untold), key=_order)


def _order(found: _Found) -> tuple[list[str], str]:
    """By place, items of a list by their number."""
    return [f"{part:>6}" for part in found.path], found.message


def _found(data: Any) -> _Found:
    if not isinstance(data, dict):
        raise RuleError(f"a finding is an object, and one is {_shown(data)}")
    for key in data:
        if key not in _KEYS:
            raise RuleError(f"a finding has no {key!r}{nearest(key, _KEYS)}")
    path, message = data.get("path"), data.get("message")
    if not (isinstance(path, list) and path and all(isinstance(p, str | int) for p in path)):
        raise RuleError(f"the path of a finding is a list of names and indices, not {_shown(path)}")
    if not (isinstance(message, str) and message.strip()):
        raise RuleError(f"the message of a finding is a text, not {_shown(message)}")
    result = data.get("result", "fail")
    if result not in _RESULTS:
        raise RuleError(f"the result of a finding is fail or unknown, not {_shown(result)}")
    return _Found(
        path=tuple(path),
        message=" ".join(message.split()),
        result=_RESULTS[result],
        fix=_text(data, "fix"),
        would_pass=_text(data, "would_pass"),
        until=_until(data),
    )


def _text(data: dict[str, Any], key: str) -> str:
    text = data.get(key, "")
    if not isinstance(text, str):
        raise RuleError(f"{key} of a finding is a text, not {_shown(text)}")
    return text


def _until(data: dict[str, Any]) -> datetime | None:
    if "until" not in data:
        return None
    try:
        return parse_instant(data["until"])
    except (ValueError, TypeError) as error:
        told = f"until of a finding is a time such as 2026-11-24T10:22:48Z: {error}"
        raise RuleError(told) from error


def _weighed(found: _Found, facts: Sequence[DataPath], document: Document) -> _Found:
    """A finding never fails what is unknown, and never blocks by what is only inferred."""
    rests_on = [found.path, *(fact for fact in facts if _touch(fact, found.path))]
    places = [document.place(path) for path in rests_on]
    why = next((told for path in rests_on if (told := document.unknown(path))), "")
    return _Found(
        path=found.path,
        message=f"{found.message} ({why})" if why else found.message,
        result=Result.UNKNOWN if why else found.result,
        fix=found.fix,
        would_pass=found.would_pass,
        until=found.until,
        inferred=any(place.inferred for place in places if place),
    )


def _untold(fact: DataPath, document: Document) -> _Found:
    told = f"{document.named(fact)} cannot be told ({document.unknown(fact)})"
    return _Found(fact, told, Result.UNKNOWN)


def _facts(module: Module, document: Document) -> list[DataPath]:
    """The facts that the module declares, as paths of this document."""
    return [path for pattern in module.facts for path in document.instances(pattern)]


def _touch(fact: DataPath, path: DataPath) -> bool:
    """Whether one lies inside of the other."""
    shorter = min(len(fact), len(path))
    return fact[:shorter] == path[:shorter]


def _span(document: Document, path: DataPath) -> Span:
    place = document.place(path) or document.places["pipeline",]
    return place.span


def _used(document: Document, path: DataPath) -> Used:
    """A fact as it is stored with the decision; of an object, only that it was looked at."""
    value, place = document.value(path), document.place(path)
    dotted = ".".join(str(part) for part in path)
    if path[0] == "release" or place is None:
        source, provenance = _SOURCES.get(str(path[0]), "document"), Provenance.OBSERVED
    else:
        source, provenance = f"{place.span.path}:{place.span.line}", place.provenance
    return Used(dotted, None if isinstance(value, dict | list) else value, provenance, source)


def _shown(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= 60 else f"{text[:57]}..."  # noqa: PLR2004 - what fits on a line
