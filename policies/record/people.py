"""Approvals, overrides and exemptions in a record."""

from typing import Any

from policies.plain import Group, compact, instant_text
from policies.record.values import time_text
from policies.release import AppliedExemption, Approval, Override


def approval_json(approval: Approval) -> dict[str, Any]:
    # An approval says so by being there; only the other word is written.
    decision = approval.decision if approval.decision != "approved" else ""
    told = {
        "stage": approval.stage,
        "digest": approval.digest,
        "by": approval.by,
        "at": instant_text(approval.at),
    }
    return told | compact(
        {"role": approval.role, "decision": decision, "reason": approval.reason},
    )


def approval_from(group: Group) -> Approval:
    approval = Approval(
        stage=group.text("stage"),
        digest=group.text("digest"),
        by=group.text("by"),
        at=group.instant("at"),
        role=group.text("role", ""),
        decision=group.text("decision", "approved"),
        reason=group.text("reason", ""),
    )
    if approval.decision not in ("approved", "rejected"):
        group.fail("decision", f"{approval.decision!r} is not one of approved, rejected")
    group.close()
    return approval


def override_json(override: Override) -> dict[str, Any]:
    told = {
        "id": override.id,
        "rule": override.rule,
        "stage": override.stage,
        "digest": override.digest,
        "by": override.by,
        "reason": override.reason,
        "at": instant_text(override.at),
        "until": instant_text(override.until),
    }
    return told | compact(
        {"role": override.role, "second": override.second, "incident": override.incident}
    )


def override_from(group: Group) -> Override:
    override = Override(
        id=group.text("id"),
        rule=group.text("rule"),
        stage=group.text("stage"),
        digest=group.text("digest"),
        by=group.text("by"),
        reason=group.text("reason"),
        at=group.instant("at"),
        until=group.instant("until"),
        role=group.text("role", ""),
        second=group.text("second", ""),
        incident=group.text("incident", ""),
    )
    group.close()
    return override


def exemption_json(exemption: AppliedExemption) -> dict[str, Any]:
    return compact(
        {
            "id": exemption.id,
            "rule": exemption.rule,
            "scope": exemption.scope,
            "reason": exemption.reason,
            "approved_by": exemption.approved_by,
            "created_at": instant_text(exemption.created_at),
            "until": time_text(exemption.until),
            "review_by": time_text(exemption.review_by),
        }
    )


def exemption_from(group: Group) -> AppliedExemption:
    exemption = AppliedExemption(
        id=group.text("id"),
        rule=group.text("rule"),
        scope=group.text("scope", ""),
        reason=group.text("reason", ""),
        approved_by=group.text("approved_by", ""),
        created_at=group.instant("created_at"),
        until=group.maybe_instant("until"),
        review_by=group.maybe_instant("review_by"),
    )
    group.close()
    return exemption
