"""Baseline files, ``bakegate/baseline/v1``: written from findings, and read."""

import json
from collections.abc import Iterable
from datetime import datetime

from policies.documents import Document, DocumentError, Issue, locate, read_document
from policies.exceptions import Baseline, Known
from policies.findings import Finding
from policies.plain import instant_text, parse_instant


def read_baseline(text: bytes | str, path: str) -> Baseline:
    """Read a baseline; raises DocumentError with everything that is wrong."""
    document = read_document(text, path, "baseline")
    made, until = (parse_instant(document.data[key]) for key in ("made", "until"))
    found = list(_repeated(document))
    if until <= made:
        told = "ends before it was made; `until` is exclusive"
        found.append(Issue(locate(document.source.root, ["until"]), told))
    if found:
        raise DocumentError(found)
    entries = {
        each["fingerprint"]: Known(
            fingerprint=each["fingerprint"],
            rule=each["rule"],
            pipeline=each["pipeline"],
            span=locate(document.source.root, ["findings", number, "fingerprint"]),
        )
        for number, each in enumerate(document.data["findings"])
    }
    return Baseline(made, until, entries, locate(document.source.root, ["until"]))


def baseline_text(findings: Iterable[Finding], made: datetime, until: datetime) -> str:
    """The file of these findings: one line each, so that one is taken out by deleting its line."""
    lines = [
        "# Written by bakegate baseline. These findings wait; delete the line of one to have it",
        "# count. All count again when the baseline ends.",
        "schema: bakegate/baseline/v1",
        f"made: {json.dumps(instant_text(made))}",
        f"until: {json.dumps(instant_text(until))}",
    ]
    entries = [_entry(each) for each in findings]
    return "\n".join([*lines, "findings:" if entries else "findings: []", *entries, ""])


def _entry(finding: Finding) -> str:
    words = {
        "fingerprint": finding.fingerprint,
        "rule": finding.rule,
        "pipeline": finding.pipeline,
        "message": finding.message,
    }
    # JSON is YAML, whatever a name or a message holds.
    return f"  - {json.dumps(words)}"


def _repeated(document: Document) -> Iterable[Issue]:
    first: dict[str, int] = {}
    for number, each in enumerate(document.data["findings"]):
        place = locate(document.source.root, ["findings", number, "fingerprint"])
        line = first.setdefault(each["fingerprint"], place.line)
        if line != place.line:
            told = f"this finding stands already on line {line}; keep one of them"
            yield Issue(place, told)
