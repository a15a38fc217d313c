"""Stop every release that contains a known bad package or commit.

## Why it matters
When a package or a commit turns out to be bad, it is already inside builds on their way. Taking it
out of a package store stops the next build, not these: only the gate sees what each artifact
contains.

At every stage entry the packages of the artifact (from its SBOM, packages of packages included),
the commits in it, its digest and its builder are compared with the blocklist. A bad commit counts
until the commit that mends it is in the artifact too. Without an SBOM an entry about a package is
unknown, not passed. Where a blocked artifact runs already, the stages are listed; with `action:
halt-and-propose-rollback` going back there is proposed too.

## Not reported
Entries whose `until` has passed, and entries about other repositories. In front of stages that are
not production, and for a rollback, a match can at most warn: there nothing worse reaches
customers.

## Sources
A list of bad versions that stops every pipeline: the practice that Amazon's builders describe, and
the AWS DevOps guidance.
"""

from collections.abc import Sequence

from policies.blocklist import Match, matches
from policies.findings import Enforcement, Result, Severity
from policies.frozen import dataclass, replace
from policies.observations import declared, observed, together
from policies.phrases import listed
from policies.pipeline import StageKind
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
class ArtifactBlocklist(Params):
    action: str = param(
        "halt-and-propose-rollback",
        "What a match asks for: that the release halts, or that stages that run it go back too.",
        unit=Unit.WORD,
        stricter=Stricter.NEITHER,
        allowed=("halt", "halt-and-propose-rollback"),
    )


def gate(case: Case, params: ArtifactBlocklist) -> Outcome:
    if case.blocklist is None:
        return Outcome(Result.UNKNOWN, "the blocklist is not known", "report the blocklist")
    found = matches(case.blocklist, case.release, case.pipeline.name, case.now)
    if not found:
        message = f"nothing in it is among {len(case.blocklist)} blocked entries"
        return Outcome(Result.PASS, message, used=_used(case, found))
    parts = [_contained(match) if match.contained else _open(case, match) for match in found]
    kind = case.stage.kind.value
    # A stage of unknown kind is guarded like production.
    harmless = isinstance(kind, StageKind) and kind is not StageKind.PROD
    outcome = replace(together(parts), warns_only=harmless, used=_used(case, found))
    return _where(case, outcome, params) if outcome.result is Result.FAIL else outcome


def _where(case: Case, outcome: Outcome, params: ArtifactBlocklist) -> Outcome:
    """The same failure with the stages in which the blocked artifact runs already."""
    digest = case.release.artifact.digest
    stages = [each.stage for each in case.release.context.running if each.digest == digest]
    if not stages:
        return outcome
    cure = outcome.would_pass
    if params.action == "halt-and-propose-rollback":
        cure += f"; roll {listed(stages)} back to an older release"
    return replace(
        outcome, message=f"{outcome.message}; it runs in {listed(stages)}", would_pass=cure
    )


def _contained(match: Match) -> Outcome:
    entry = match.entry
    versions = f" ({entry.versions})" if entry.versions else ""
    is_built = "was built by" if entry.builder else "contains"
    message = f"{is_built} {match.message}, blocked by {entry.id}{versions}: {entry.reason}"
    if entry.package:
        cure = f"take a version of {entry.package} that {entry.id} does not name, and rebuild"
    elif entry.fixed_by:
        cure = f"release a build that contains {entry.fixed_by[:12]}"
    elif entry.builder:
        cure = "build it again on another builder"
    else:
        cure = f"release another build, or ask {entry.owner or 'its owner'} about {entry.id}"
    return Outcome(Result.FAIL, message, cure)


def _open(case: Case, match: Match) -> Outcome:
    entry = match.entry
    message = f"{entry.id} cannot be checked: {match.message}"
    cure = "report which commits are in the artifact"
    if entry.builder:
        cure = "report who built the artifact"
    if entry.package:
        missing = case.release.artifact.sbom is None
        cure = "make the build write an SBOM" if missing else "give the package a version"
    return Outcome(Result.UNKNOWN, message, cure)


def _used(case: Case, found: Sequence[Match]) -> tuple[Used, ...]:
    artifact = case.release.artifact
    sbom = artifact.sbom and f"{artifact.sbom.format}, {len(artifact.sbom.components)} components"
    entries = listed(sorted(entry.id for entry in case.blocklist or ())) if case.blocklist else ""
    hits = tuple(
        observed(f"artifact.contains.{match.entry.id}", match.message, artifact.built_at, "SBOM")
        for match in found
        if match.contained and match.entry.package
    )
    return (
        observed("artifact.digest", artifact.digest, artifact.built_at),
        observed("artifact.sbom", sbom, artifact.built_at),
        declared("blocklist", entries, "blocklist"),
        *hits,
    )


RULE = Rule(
    id="artifact-blocklist",
    number=40,
    title="Stop every release that contains a known bad package or commit",
    family=Family.CONTROL,
    severity=Severity.HIGH,
    now=Enforcement.BLOCK,
    target=Enforcement.BLOCK,
    params=ArtifactBlocklist,
    docs=__doc__,
    gate=gate,
    gate_family=GateFamily.BLOCKLIST,
    stages=frozenset({"test", "preprod", "prod"}),
)
