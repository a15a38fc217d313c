"""The artifact in a record: provenance, packages, findings."""

from typing import Any

from policies.plain import Group, compact, present
from policies.record.values import time_text
from policies.release import (
    Artifact,
    BuildProvenance,
    Component,
    Danger,
    Sbom,
    Signature,
    Vulnerability,
)


def artifact_json(artifact: Artifact) -> dict[str, Any]:
    found = artifact.findings
    told = compact(
        {
            "digest": artifact.digest,
            "commit": artifact.commit,
            "ref": artifact.ref,
            "type": artifact.type,
            "repository": artifact.repository,
            "build_run": artifact.build_run,
            "built_at": time_text(artifact.built_at),
            "builder": artifact.builder,
            "size": artifact.size,
            "config_hash": artifact.config_hash,
            "equivalents": list(artifact.equivalents),
            "sbom": artifact.sbom and _sbom_json(artifact.sbom),
        }
    )
    return told | present(
        {
            "on_main": artifact.on_main,
            "provenance": artifact.provenance and _provenance_json(artifact.provenance),
            "findings": None if found is None else [finding_json(each) for each in found],
        }
    )


def artifact_from(group: Group) -> Artifact:
    sbom, provenance = group.group("sbom"), group.group("provenance")
    findings = group.maybe_groups("findings")
    artifact = Artifact(
        digest=group.text("digest"),
        commit=group.text("commit"),
        ref=group.text("ref", ""),
        type=group.text("type", ""),
        repository=group.text("repository", ""),
        build_run=group.text("build_run", ""),
        built_at=group.maybe_instant("built_at"),
        builder=group.text("builder", ""),
        size=group.maybe_count("size"),
        config_hash=group.text("config_hash", ""),
        sbom=_sbom(sbom) if sbom else None,
        provenance=_provenance(provenance) if provenance else None,
        equivalents=group.texts("equivalents"),
        on_main=group.maybe_flag("on_main"),
        findings=None if findings is None else tuple(finding_from(each) for each in findings),
    )
    group.close()
    return artifact


def signature_json(signature: Signature) -> dict[str, Any]:
    return compact({"ok": signature.ok, "identity": signature.identity})


def signature_from(group: Group) -> Signature:
    ok = group.maybe_flag("ok")
    if "ok" not in group.data:
        group.fail("ok", "is missing; true or false is expected")
    signature = Signature(bool(ok), group.text("identity", ""))
    group.close()
    return signature


def _sbom_json(sbom: Sbom) -> dict[str, Any]:
    components = [
        {"purl": each.purl} | ({"transitive": True} if each.transitive else {})
        for each in sbom.components
    ]
    head = {
        "format": sbom.format,
        "ref": sbom.ref,
        "digest": sbom.digest,
        "complete": sbom.complete,
    }
    return compact(head) | {"components": components}


def _sbom(group: Group) -> Sbom:
    sbom = Sbom(
        format=group.text("format"),
        components=tuple(_component(each) for each in group.groups("components")),
        ref=group.text("ref", ""),
        digest=group.text("digest", ""),
        complete=group.maybe_flag("complete"),
    )
    group.close()
    return sbom


def _component(group: Group) -> Component:
    component = Component(group.text("purl"), group.flag("transitive"))
    group.close()
    return component


def _provenance_json(made: BuildProvenance) -> dict[str, Any]:
    return compact(
        {
            "level": made.level,
            "builder": made.builder,
            "source_uri": made.source_uri,
            "source_ref": made.source_ref,
            "build_type": made.build_type,
            "params": dict(made.params),
            "signature": signature_json(made.signature) if made.signature else None,
        }
    )


def _provenance(group: Group) -> BuildProvenance:
    signature = group.group("signature")
    made = BuildProvenance(
        level=group.maybe_count("level"),
        builder=group.text("builder", ""),
        source_uri=group.text("source_uri", ""),
        source_ref=group.text("source_ref", ""),
        build_type=group.text("build_type", ""),
        params=group.pairs("params", str, "a string"),
        signature=signature_from(signature) if signature else None,
    )
    group.close()
    return made


def finding_json(finding: Vulnerability) -> dict[str, Any]:
    return compact(
        {
            "id": finding.id,
            "severity": finding.severity.value,
            "purl": finding.purl,
            "fixed_in": finding.fixed_in,
            "fixed_since": time_text(finding.fixed_since),
            "first_seen": time_text(finding.first_seen),
            "accepted_until": time_text(finding.accepted_until),
            "known_exploited": finding.known_exploited or None,
            "in_base": finding.in_base,
        }
    )


def finding_from(group: Group) -> Vulnerability:
    if "severity" not in group.data:
        group.fail("severity", f"is missing; one of {', '.join(Danger)} is expected")
    finding = Vulnerability(
        id=group.text("id"),
        severity=group.word("severity", Danger, Danger.LOW),
        purl=group.text("purl"),
        fixed_in=group.text("fixed_in", ""),
        fixed_since=group.maybe_instant("fixed_since"),
        first_seen=group.maybe_instant("first_seen"),
        accepted_until=group.maybe_instant("accepted_until"),
        known_exploited=group.flag("known_exploited"),
        in_base=group.maybe_flag("in_base"),
    )
    group.close()
    return finding
