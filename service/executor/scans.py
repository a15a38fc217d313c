"""What reports told of artifacts, kept with each release and compared with its base.

The base is the release before that reached every stage: the state of the main branch that
customers had.
"""

import json
from collections.abc import Iterable
from dataclasses import replace
from datetime import datetime

from sqlmodel import col, select

from policies.plain import Group
from policies.record.artifact import finding_from, finding_json
from policies.release import Vulnerability
from service.executor.turn import Turn, found
from service.store.snapshot import Snapshot
from service.store.tables import EvidenceRow, ReleaseRow

Found = tuple[Vulnerability, ...]
#: A finding is known again by its identifier and the package that has it.
Name = tuple[str, str]


def findings_text(found: Iterable[Vulnerability]) -> str:
    return json.dumps([finding_json(each) for each in found], sort_keys=True)


def findings_of(known: Snapshot, release: ReleaseRow) -> Found | None:
    """What was found in the artifact of a release; None where nobody scanned it."""
    if release.findings is None:
        return None
    return _read(found(known.text(release.findings), "findings", release.findings))


def keep_findings(turn: Turn, release: ReleaseRow, text: str) -> None:
    """Keep what a build told, with since when each is known and whether the base has it too.

    Where the base was not scanned nobody can compare, and rules are told so.
    """
    seen, base = _first_seen(turn, release), _in_base(turn, release)
    told = [
        replace(
            each,
            first_seen=seen.get(_name(each), turn.now),
            in_base=None if base is None else _name(each) in base,
        )
        for each in _read(text)
    ]
    release.findings = turn.keep(findings_text(told))


def base_coverage(turn: Turn, release: ReleaseRow) -> dict[str, float]:
    """Which share of the lines of the base each suite covered, by its name."""
    base = _base(turn, release)
    if base is None:
        return {}
    asked = select(EvidenceRow).where(EvidenceRow.release == base.id).order_by(col(EvidenceRow.id))
    rows = turn.session.exec(asked)
    return {each.name: each.coverage for each in rows if each.coverage is not None}


def _read(text: str) -> Found:
    return tuple(finding_from(Group(each)) for each in json.loads(text))


def _name(found: Vulnerability) -> Name:
    return found.id, found.purl


def _first_seen(turn: Turn, release: ReleaseRow) -> dict[Name, datetime]:
    """Since when each finding is known to the newest release before that was scanned."""
    asked = (
        select(ReleaseRow)
        .where(
            ReleaseRow.pipeline == release.pipeline,
            ReleaseRow.number < release.number,
            col(ReleaseRow.findings).is_not(None),
        )
        .order_by(col(ReleaseRow.number).desc())
        .limit(1)
    )
    last = turn.session.exec(asked).first()
    known = findings_of(turn.known, last) if last else None
    return {_name(each): each.first_seen for each in known or () if each.first_seen}


def _in_base(turn: Turn, release: ReleaseRow) -> set[Name] | None:
    base = _base(turn, release)
    known = findings_of(turn.known, base) if base else None
    return None if known is None else {_name(each) for each in known}


def _base(turn: Turn, release: ReleaseRow) -> ReleaseRow | None:
    """The last release of the commit that the changes are counted from."""
    asked = (
        select(ReleaseRow)
        .where(
            ReleaseRow.pipeline == release.pipeline,
            ReleaseRow.number < release.number,
            ReleaseRow.commit == release.base,
            ReleaseRow.outcome == "succeeded",
        )
        .order_by(col(ReleaseRow.number).desc())
        .limit(1)
    )
    return turn.session.exec(asked).first()
