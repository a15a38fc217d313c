"""Evidence in a record: what ran, on what, with which result."""

from typing import Any

from policies.plain import Group, compact, instant_text, present
from policies.record.artifact import signature_from, signature_json
from policies.record.values import part_text, time_text
from policies.release import Evidence


def evidence_json(evidence: Evidence) -> dict[str, Any]:
    told = compact(
        {
            "kind": evidence.kind,
            "suite": evidence.name,
            "stage": evidence.stage,
            "digest": evidence.digest,
            "commit": evidence.commit,
            "build_run": evidence.build_run,
            "result": evidence.result,
            "started_at": time_text(evidence.started_at),
            "ended_at": instant_text(evidence.ended_at),
            "executed": evidence.executed,
            "failed": evidence.failed,
            "retries": evidence.retries or None,
            "soft_failed": evidence.soft_failed or None,
            "target_rate": evidence.target_rate,
            "report_url": evidence.report_url,
            "source": evidence.source,
            "attestation": signature_json(evidence.attestation) if evidence.attestation else None,
            "base_digest": evidence.base_digest,
            "parts": list(evidence.parts),
            "traffic": evidence.traffic,
            "coverage": part_text(evidence.coverage),
            "coverage_base": part_text(evidence.coverage_base),
            "coverage_changed": part_text(evidence.coverage_changed),
            "complexity": evidence.complexity,
        }
    )
    # No findings at all are a result; only what was not looked for is left out.
    found, fresh = evidence.findings, evidence.new_findings
    counts = {
        "findings": None if found is None else dict(found),
        "new_findings": None if fresh is None else dict(fresh),
    }
    return told | present(counts)


def evidence_from(group: Group) -> Evidence:
    attestation = group.group("attestation")
    evidence = Evidence(
        kind=group.text("kind"),
        name=group.text("suite", ""),
        stage=group.text("stage", ""),
        digest=group.text("digest", ""),
        commit=group.text("commit", ""),
        build_run=group.text("build_run", ""),
        result=group.text("result"),
        started_at=group.maybe_instant("started_at"),
        ended_at=group.instant("ended_at"),
        executed=group.maybe_count("executed"),
        failed=group.maybe_count("failed"),
        retries=group.count("retries", 0),
        soft_failed=group.flag("soft_failed"),
        target_rate=group.maybe_number("target_rate"),
        report_url=group.text("report_url", ""),
        source=group.text("source", ""),
        attestation=signature_from(attestation) if attestation else None,
        base_digest=group.text("base_digest", ""),
        parts=group.texts("parts"),
        traffic=group.maybe_flag("traffic"),
        coverage=group.maybe_share("coverage"),
        coverage_base=group.maybe_share("coverage_base"),
        coverage_changed=group.maybe_share("coverage_changed"),
        complexity=group.maybe_count("complexity"),
        findings=_counts(group, "findings"),
        new_findings=_counts(group, "new_findings"),
    )
    group.close()
    return evidence


def _counts(group: Group, key: str) -> tuple[tuple[str, int], ...] | None:
    """Findings by severity; an empty object says that a scan found nothing."""
    return group.pairs(key, int, "a count") if key in group.data else None
