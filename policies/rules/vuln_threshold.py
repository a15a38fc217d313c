"""Do not ship known severe vulnerabilities.

## Why it matters
Most breaches use a weakness that was published, and mended, weeks before. The gate is the last
place at which a release that brings one in can be told apart from the releases that merely live
with it.

A finding of at least `severity` counts when a version without it has been out for more than
`grace`. It stops the release only when it is new, that is when the base release does not have it,
or when its acceptance has ended: an old finding must not stop the fix of another. With
`fixable_only` off, findings without a fix count too. Weaknesses that attackers are known to use
count at once, whatever their severity, unless `known_exploited` is `grace`.

## Not reported
Findings that the base release has too, and findings whose acceptance lasts. Releases with a change
that is labelled `security`, and rollbacks: they are the way out.

## Sources
Analysis of dependencies in the build: the AWS deployment pipeline reference architecture.
Thresholds by severity: the AWS DevOps guidance and the Vulnerabilities check of OpenSSF Scorecard.
Seven days: ours.
"""

from datetime import datetime, timedelta
from typing import Final

from policies.durations import format_duration
from policies.findings import Enforcement, Result, Severity
from policies.frozen import dataclass
from policies.observations import observed, together
from policies.phrases import counted
from policies.release import Danger, ReleaseKind, Vulnerability
from policies.rule import (
    Case,
    Family,
    GateFamily,
    Outcome,
    Params,
    Rule,
    Stricter,
    Unit,
    Used,
    param,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class VulnThreshold(Params):
    severity: str = param(
        "critical",
        "Least severity that counts.",
        unit=Unit.WORD,
        stricter=Stricter.NEITHER,
        allowed=tuple(Danger),
    )
    fixable_only: bool = param(
        True,
        "Whether only findings that a newer version mends count.",
        unit=Unit.FLAG,
        stricter=Stricter.LESS,
    )
    grace: timedelta = param(
        timedelta(days=7),
        "How long a version without the finding must have been out.",
        unit=Unit.DURATION,
        stricter=Stricter.LESS,
    )
    known_exploited: str = param(
        "block",
        "Whether findings that attackers are known to use count at once (block) or as others "
        "do (grace).",
        unit=Unit.WORD,
        stricter=Stricter.NEITHER,
        allowed=("block", "grace"),
    )


#: The label of a change that mends a weakness.
_SECURITY: Final = "security"
_RANKS: Final = {danger: rank for rank, danger in enumerate(Danger)}


def gate(case: Case, params: VulnThreshold) -> Outcome:
    if any(_SECURITY in (each.labels or ()) for each in case.release.changes):
        return Outcome(Result.NOT_APPLICABLE, "the release mends a weakness")
    findings = case.release.artifact.findings
    if findings is None:
        message = "no findings of a scanner were reported"
        return Outcome(Result.UNKNOWN, message, "report what a scan of the artifact found")
    counting = [each for each in findings if _counts(case, each, params)]
    if counting:
        return together([_judge(case, each, params) for each in counting])
    message = "no finding of the scan counts" if findings else "the scan found nothing"
    return Outcome(Result.PASS, message)


def _counts(case: Case, finding: Vulnerability, params: VulnThreshold) -> bool:
    """Whether it is severe enough to be looked at, and no acceptance of it lasts."""
    if finding.accepted_until and case.now < finding.accepted_until:
        return False
    if _at_once(finding, params):
        return True
    severe = _RANKS[finding.severity] >= _RANKS[Danger(params.severity)]
    return severe and (bool(finding.fixed_in) or not params.fixable_only)


def _at_once(finding: Vulnerability, params: VulnThreshold) -> bool:
    return finding.known_exploited and params.known_exploited == "block"


def _judge(case: Case, finding: Vulnerability, params: VulnThreshold) -> Outcome:
    used = (_used(finding),)
    name = f"{finding.id} ({finding.severity.value}) in {finding.purl}"
    new = True if case.release.kind is ReleaseKind.FIRST else _new(finding)
    if new is False and not finding.accepted_until:
        return Outcome(Result.PASS, f"the base release has {name} too", used=used)
    if new is None and not finding.accepted_until:
        message = f"whether the base release has {name} too was not reported"
        return Outcome(Result.UNKNOWN, message, "compare the findings with the base's", used=used)
    since = finding.fixed_since or finding.first_seen
    if not _at_once(finding, params):
        if since is None:
            message = f"since when {name} can be mended was not reported"
            return Outcome(Result.UNKNOWN, message, "report when it was first seen", used=used)
        if case.now - since <= params.grace:
            out, grace = counted(_days(case, since), "day"), format_duration(params.grace)
            told = f"{name} can be mended since {out}; it counts after {grace}"
            return Outcome(Result.PASS, told, used=used)
    why = "its acceptance has ended" if finding.accepted_until else "it is new in this release"
    fix = f", which {finding.fixed_in} mends" if finding.fixed_in else ""
    age = f" since {counted(_days(case, since), 'day')}" if finding.fixed_in and since else ""
    cure = f"upgrade to {finding.fixed_in}" if finding.fixed_in else "take the package out"
    cure += ", or record its acceptance with an end date"
    return Outcome(Result.FAIL, f"{name}{fix}{age}; {why}", cure, used=used)


def _new(finding: Vulnerability) -> bool | None:
    return None if finding.in_base is None else not finding.in_base


def _days(case: Case, since: datetime) -> int:
    return (case.now - since).days


def _used(finding: Vulnerability) -> Used:
    value = {
        "severity": finding.severity.value,
        "purl": finding.purl,
        "fixed_in": finding.fixed_in,
        "in_base": finding.in_base,
    }
    return observed(f"artifact.findings.{finding.id}", value, finding.first_seen, "scanner")


RULE = Rule(
    id="vuln-threshold",
    number=62,
    title="Do not ship known severe vulnerabilities",
    family=Family.INTEGRITY,
    severity=Severity.MEDIUM,
    now=Enforcement.WARN,
    target=Enforcement.BLOCK,
    params=VulnThreshold,
    docs=__doc__,
    gate=gate,
    gate_family=GateFamily.INTEGRITY,
)
