"""Earlier releases in a record, in the form of the record itself."""

from typing import Any

from policies.plain import Group, compact, instant_text
from policies.record.changes import compat_from, compat_json
from policies.record.evidence import evidence_from, evidence_json
from policies.record.people import override_from, override_json
from policies.record.runs import run_from, run_json
from policies.release import EarlierRelease, ReleaseKind


def earlier_json(earlier: EarlierRelease) -> dict[str, Any]:
    return compact(
        {
            "id": earlier.id,
            "kind": earlier.kind.value,
            "digest": earlier.digest,
            "commit": earlier.commit,
            "created_at": instant_text(earlier.created_at),
            "incident": earlier.incident,
            "compat": compat_json(earlier.compat) if earlier.compat else None,
            "evidence": [evidence_json(each) for each in earlier.evidence],
            "stage_runs": [run_json(each) for each in earlier.stages],
            "overrides": [override_json(each) for each in earlier.overrides],
        }
    )


def earlier_from(group: Group) -> EarlierRelease:
    compat = group.group("compat")
    earlier = EarlierRelease(
        id=group.text("id"),
        kind=group.word("kind", ReleaseKind, ReleaseKind.NORMAL),
        digest=group.text("digest"),
        commit=group.text("commit", ""),
        created_at=group.instant("created_at"),
        incident=group.text("incident", ""),
        compat=compat_from(compat) if compat else None,
        evidence=tuple(evidence_from(each) for each in group.groups("evidence")),
        stages=tuple(run_from(each) for each in group.groups("stage_runs")),
        overrides=tuple(override_from(each) for each in group.groups("overrides")),
    )
    group.close()
    return earlier
