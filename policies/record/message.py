"""The whole record: its head, and its parts from the files beside this one."""

from collections.abc import Mapping
from typing import Any, Final

from policies.plain import DataError, DataIssue, Group, compact, instant_text
from policies.record.artifact import artifact_from, artifact_json
from policies.record.changes import change_from, change_json, compat_from, compat_json
from policies.record.context import context_from, context_json
from policies.record.evidence import evidence_from, evidence_json
from policies.record.people import (
    approval_from,
    approval_json,
    exemption_from,
    exemption_json,
    override_from,
    override_json,
)
from policies.record.runs import run_from, run_json
from policies.release import Release, ReleaseKind

TYPE: Final = "bakegate.release/v1"


def release_to_json(release: Release) -> dict[str, Any]:
    return compact(
        {
            "type": TYPE,
            "release": _head_json(release),
            "artifact": artifact_json(release.artifact),
            "changes": [change_json(each) for each in release.changes],
            "compat": compat_json(release.compat) if release.compat else None,
            "evidence": [evidence_json(each) for each in release.evidence],
            "stage_runs": [run_json(each) for each in release.stages],
            "approvals": [approval_json(each) for each in release.approvals],
            "overrides": [override_json(each) for each in release.overrides],
            "exemptions": [exemption_json(each) for each in release.exemptions],
            "context": context_json(release.context),
        }
    )


def release_from_json(data: object, path: str) -> Release:
    """Read a record; raises DataError with all that is wrong, by data path within ``path``."""
    if not isinstance(data, Mapping):
        raise DataError(path, (DataIssue((), f"a record is an object of type {TYPE}"),))
    top = Group(data)
    if top.text("type", TYPE) != TYPE:
        top.fail("type", f"{data['type']!r} is not {TYPE}")
    head = top.required("release")
    compat = top.group("compat")
    release = Release(
        id=head.text("id"),
        pipeline=head.text("pipeline"),
        kind=head.word("kind", ReleaseKind, ReleaseKind.NORMAL),
        created_at=head.instant("created_at"),
        created_by=head.text("created_by", ""),
        base=head.text("base", ""),
        incident=head.text("incident", ""),
        artifact=artifact_from(top.required("artifact")),
        changes=tuple(change_from(each) for each in top.groups("changes")),
        compat=compat_from(compat) if compat else None,
        evidence=tuple(evidence_from(each) for each in top.groups("evidence")),
        stages=tuple(run_from(each) for each in top.groups("stage_runs")),
        approvals=tuple(approval_from(each) for each in top.groups("approvals")),
        overrides=tuple(override_from(each) for each in top.groups("overrides")),
        exemptions=tuple(exemption_from(each) for each in top.groups("exemptions")),
        context=context_from(top.group("context")),
    )
    head.close()
    top.close()
    top.done(path)
    return release


def _head_json(release: Release) -> dict[str, Any]:
    return compact(
        {
            "id": release.id,
            "pipeline": release.pipeline,
            "kind": release.kind.value,
            "created_at": instant_text(release.created_at),
            "created_by": release.created_by,
            "base": release.base,
            "incident": release.incident,
        }
    )
