"""The release record as a message: ``bakegate.release/v1`` to and from ``Release``.

Names are those of the catalogue's release record; times are RFC 3339 in UTC, a bake is a duration
in whole seconds, an exposure a share. What nobody reported is absent, never null or zero.
"""

from collections.abc import Mapping
from datetime import datetime
from typing import Any, Final

from policies.plain import (
    DataError,
    DataIssue,
    Group,
    compact,
    duration_text,
    instant_text,
    share_text,
)
from policies.release import (
    AlarmState,
    Approval,
    Artifact,
    Change,
    Component,
    Context,
    DataPoints,
    Evidence,
    Override,
    Release,
    ReleaseKind,
    Sbom,
    StageRun,
)

TYPE: Final = "bakegate.release/v1"


def release_to_json(release: Release) -> dict[str, Any]:
    return compact(
        {
            "type": TYPE,
            "release": compact(
                {
                    "id": release.id,
                    "pipeline": release.pipeline,
                    "kind": release.kind.value,
                    "created_at": instant_text(release.created_at),
                    "created_by": release.created_by,
                    "base": release.base,
                }
            ),
            "artifact": _artifact_json(release.artifact),
            "changes": [_change_json(each) for each in release.changes],
            "evidence": [_evidence_json(each) for each in release.evidence],
            "stage_runs": [_run_json(each) for each in release.stages],
            "approvals": [_approval_json(each) for each in release.approvals],
            "overrides": [_override_json(each) for each in release.overrides],
            "context": _context_json(release.context),
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
    release = Release(
        id=head.text("id"),
        pipeline=head.text("pipeline"),
        kind=head.word("kind", ReleaseKind, ReleaseKind.NORMAL),
        created_at=head.instant("created_at"),
        created_by=head.text("created_by", ""),
        base=head.text("base", ""),
        artifact=_artifact(top.required("artifact")),
        changes=tuple(_change(each) for each in top.groups("changes")),
        evidence=tuple(_evidence(each) for each in top.groups("evidence")),
        stages=tuple(_run(each) for each in top.groups("stage_runs")),
        approvals=tuple(_approval(each) for each in top.groups("approvals")),
        overrides=tuple(_override(each) for each in top.groups("overrides")),
        context=_context(top.group("context")),
    )
    head.close()
    top.close()
    top.done(path)
    return release


def _artifact_json(artifact: Artifact) -> dict[str, Any]:
    return compact(
        {
            "digest": artifact.digest,
            "commit": artifact.commit,
            "repository": artifact.repository,
            "built_at": _time(artifact.built_at),
            "builder": artifact.builder,
            "sbom": artifact.sbom
            and {
                "format": artifact.sbom.format,
                "components": [
                    {"purl": each.purl} | ({"transitive": True} if each.transitive else {})
                    for each in artifact.sbom.components
                ],
            },
        }
    )


def _artifact(group: Group) -> Artifact:
    sbom = group.group("sbom")
    artifact = Artifact(
        digest=group.text("digest"),
        commit=group.text("commit"),
        repository=group.text("repository", ""),
        built_at=group.maybe_instant("built_at"),
        builder=group.text("builder", ""),
        sbom=_sbom(sbom) if sbom else None,
    )
    group.close()
    return artifact


def _sbom(group: Group) -> Sbom:
    components = tuple(_component(each) for each in group.groups("components"))
    sbom = Sbom(group.text("format"), components)
    group.close()
    return sbom


def _component(group: Group) -> Component:
    component = Component(group.text("purl"), group.flag("transitive"))
    group.close()
    return component


def _change_json(change: Change) -> dict[str, Any]:
    return compact(
        {
            "commit": change.commit,
            "author": change.author,
            "subject": change.subject,
            "authored_at": instant_text(change.authored_at),
            "merged_at": _time(change.merged_at),
        }
    )


def _change(group: Group) -> Change:
    change = Change(
        commit=group.text("commit"),
        author=group.text("author", ""),
        subject=group.text("subject", ""),
        authored_at=group.instant("authored_at"),
        merged_at=group.maybe_instant("merged_at"),
    )
    group.close()
    return change


def _evidence_json(evidence: Evidence) -> dict[str, Any]:
    return compact(
        {
            "kind": evidence.kind,
            "suite": evidence.name,
            "stage": evidence.stage,
            "digest": evidence.digest,
            "commit": evidence.commit,
            "result": evidence.result,
            "ended_at": instant_text(evidence.ended_at),
            "executed": evidence.executed,
            "failed": evidence.failed,
            "retries": evidence.retries or None,
            "soft_failed": evidence.soft_failed or None,
        }
    )


def _evidence(group: Group) -> Evidence:
    evidence = Evidence(
        kind=group.text("kind"),
        name=group.text("suite", ""),
        stage=group.text("stage", ""),
        digest=group.text("digest", ""),
        commit=group.text("commit", ""),
        result=group.text("result"),
        ended_at=group.instant("ended_at"),
        executed=group.maybe_count("executed"),
        failed=group.maybe_count("failed"),
        retries=group.count("retries", 0),
        soft_failed=group.flag("soft_failed"),
    )
    group.close()
    return evidence


def _run_json(run: StageRun) -> dict[str, Any]:
    points = run.data_points
    return compact(
        {
            "stage": run.stage,
            "state": run.state,
            "targets": list(run.targets),
            "started_at": _time(run.started_at),
            "deployed_at": _time(run.deployed_at),
            "baked": None if run.baked_s is None else duration_text(run.baked_s),
            "bake_observed_at": _time(run.bake_observed_at),
            "ended_at": _time(run.ended_at),
            "outcome": run.outcome,
            "exposure": None if run.exposure is None else share_text(run.exposure),
            "data_points": _points_json(points) if points else None,
            "rolled_back": _rolled_back_json(run),
        }
    )


def _points_json(points: DataPoints) -> dict[str, Any]:
    return compact(
        {
            "positive": points.positive,
            "negative": points.negative,
            "observed_at": instant_text(points.observed_at),
            "per_operation": dict(points.per_operation),
        }
    )


def _rolled_back_json(run: StageRun) -> dict[str, Any] | None:
    if run.rolled_back_at is None:
        return None
    told = {
        "at": instant_text(run.rolled_back_at),
        "auto": run.rolled_back_auto,
        "to_digest": run.rolled_back_to,
    }
    return compact(told)


def _run(group: Group) -> StageRun:
    points = group.group("data_points")
    back = group.group("rolled_back")
    run = StageRun(
        stage=group.text("stage"),
        state=group.text("state", ""),
        targets=group.texts("targets"),
        started_at=group.maybe_instant("started_at"),
        deployed_at=group.maybe_instant("deployed_at"),
        baked_s=group.maybe_seconds("baked"),
        bake_observed_at=group.maybe_instant("bake_observed_at"),
        ended_at=group.maybe_instant("ended_at"),
        outcome=group.text("outcome", ""),
        exposure=group.maybe_share("exposure"),
        data_points=_points(points) if points else None,
        rolled_back_at=back.instant("at") if back else None,
        rolled_back_auto=back.flag("auto") if back else False,
        rolled_back_to=back.text("to_digest", "") if back else "",
    )
    if back:
        back.close()
    group.close()
    return run


def _points(group: Group) -> DataPoints:
    points = DataPoints(
        positive=group.count("positive"),
        negative=group.count("negative"),
        observed_at=group.instant("observed_at"),
        per_operation=group.pairs("per_operation", int, "a whole number"),
    )
    group.close()
    return points


def _approval_json(approval: Approval) -> dict[str, Any]:
    return {
        "stage": approval.stage,
        "digest": approval.digest,
        "by": approval.by,
        "at": instant_text(approval.at),
    }


def _approval(group: Group) -> Approval:
    approval = Approval(
        stage=group.text("stage"),
        digest=group.text("digest"),
        by=group.text("by"),
        at=group.instant("at"),
    )
    group.close()
    return approval


def _override_json(override: Override) -> dict[str, Any]:
    return {
        "id": override.id,
        "rule": override.rule,
        "stage": override.stage,
        "digest": override.digest,
        "by": override.by,
        "reason": override.reason,
        "at": instant_text(override.at),
        "until": instant_text(override.until),
    }


def _override(group: Group) -> Override:
    override = Override(
        id=group.text("id"),
        rule=group.text("rule"),
        stage=group.text("stage"),
        digest=group.text("digest"),
        by=group.text("by"),
        reason=group.text("reason"),
        at=group.instant("at"),
        until=group.instant("until"),
    )
    group.close()
    return override


def _context_json(context: Context) -> dict[str, Any]:
    told: dict[str, Any] = {}
    # An empty list says that somebody looked and found no alarm; no list says that nobody looked.
    if context.alarms is not None:
        told["alarms"] = [_alarm_json(each) for each in context.alarms]
    if context.running:
        told["running"] = dict(context.running)
    if context.rolled_back:
        told["rolled_back"] = list(context.rolled_back)
    if context.ancestors:
        told["ancestors"] = dict(context.ancestors)
    return told


def _context(group: Group | None) -> Context:
    if group is None:
        return Context()
    looked = group.data.get("alarms") is not None
    alarms = tuple(_alarm(each) for each in group.groups("alarms"))
    context = Context(
        alarms=alarms if looked else None,
        running=group.pairs("running", str, "a digest"),
        rolled_back=group.texts("rolled_back"),
        ancestors=group.pairs("ancestors", bool, "true or false"),
    )
    group.close()
    return context


def _alarm_json(alarm: AlarmState) -> dict[str, Any]:
    return compact(
        {
            "name": alarm.name,
            "scope": alarm.scope,
            "state": alarm.state,
            "since": instant_text(alarm.since),
            "observed_at": instant_text(alarm.observed_at),
            "severity": alarm.severity,
            "target": alarm.target,
            "had_data_at": _time(alarm.had_data_at),
        }
    )


def _alarm(group: Group) -> AlarmState:
    alarm = AlarmState(
        name=group.text("name"),
        scope=group.text("scope"),
        state=group.text("state"),
        since=group.instant("since"),
        observed_at=group.instant("observed_at"),
        severity=group.text("severity", "high"),
        target=group.text("target", ""),
        had_data_at=group.maybe_instant("had_data_at"),
    )
    group.close()
    return alarm


def _time(at: datetime | None) -> str | None:
    return None if at is None else instant_text(at)
