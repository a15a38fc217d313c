"""Facts that others report about a release, drawn around one instant, for the rules to read."""

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from hypothesis import strategies as st

from policies.release import (
    Change,
    ChangeClass,
    Compat,
    Component,
    Danger,
    EarlierRelease,
    Evidence,
    Incident,
    Objective,
    OnCall,
    Override,
    Release,
    ReleaseKind,
    RetryCause,
    Review,
    Running,
    Sbom,
    Signature,
    StageRun,
    SyntheticState,
    Vulnerability,
)

NOW: Final = datetime(2026, 11, 24, 10, 22, 48, tzinfo=UTC)
DIGEST: Final = "sha256:" + "7" * 64

PEOPLE: Final = st.sampled_from(["kim", "lee", "ari"])
AGO: Final = st.integers(0, 2_000_000).map(lambda seconds: NOW - timedelta(seconds=seconds))
RECENT: Final = st.integers(0, 600).map(lambda seconds: NOW - timedelta(seconds=seconds))
STAGES: Final = st.sampled_from(["one-box", "cell-1"])
DIGESTS: Final = st.sampled_from([DIGEST, "sha256:5b"])
COMMITS: Final = st.sampled_from(["a" * 40, "b" * 40])


def some(part: st.SearchStrategy[object], most: int = 3) -> st.SearchStrategy[tuple[object, ...]]:
    return st.lists(part, max_size=most).map(tuple)


changes = st.builds(
    Change,
    commit=COMMITS,
    author=PEOPLE,
    subject=st.just(""),
    authored_at=AGO,
    merged_at=st.none() | AGO,
    pushed_by=st.just("") | PEOPLE,
    pushed_at=st.none() | AGO,
    reviewers=st.none() | some(st.builds(Review, by=PEOPLE, at=st.none() | AGO, bot=st.booleans())),
    labels=st.none() | some(st.sampled_from(["security", "feature", "prepare", "activate"])),
    files_class=st.none() | some(st.sampled_from(["code", "schema", "protocol", "docs"])),
    bot=st.booleans(),
)
findings = st.builds(
    Vulnerability,
    id=st.just("CVE-1"),
    severity=st.sampled_from(Danger),
    purl=st.just("pkg:pypi/left@1"),
    fixed_in=st.sampled_from(["", "2"]),
    fixed_since=st.none() | AGO,
    first_seen=st.none() | AGO,
    accepted_until=st.none() | AGO,
    known_exploited=st.booleans(),
    in_base=st.none() | st.booleans(),
)
sboms = st.builds(
    Sbom,
    format=st.sampled_from(["spdx", "cyclonedx"]),
    components=st.integers(0, 2).map(lambda n: (Component("pkg:pypi/left@1"),) * n),
    digest=st.just("") | DIGESTS,
    complete=st.none() | st.booleans(),
)
overrides = st.builds(
    lambda rule, by, second, role, reason, hours: Override(
        "ov-1", rule, "cell-1", DIGEST, by, reason, NOW, NOW + timedelta(hours=hours), role, second
    ),
    rule=st.sampled_from(["*", "bake-time", "artifact-blocklist", "canary-first"]),
    by=PEOPLE,
    second=st.just("") | PEOPLE,
    role=st.sampled_from(["", "oncall", "team-lead", "visitor"]),
    reason=st.text("x", max_size=60),
    hours=st.integers(1, 12),
)
evidence = st.builds(
    Evidence,
    kind=st.sampled_from(["unit", "integration"]),
    stage=st.sampled_from(["build", "beta", "gamma", ""]),
    digest=st.just("") | DIGESTS,
    commit=COMMITS,
    result=st.sampled_from(["passed", "failed"]),
    ended_at=AGO,
    retries=st.integers(0, 4),
    attestation=st.none() | st.builds(Signature, ok=st.booleans()),
)
runs = st.builds(
    StageRun,
    stage=STAGES,
    state=st.just(""),
    started_at=st.none() | AGO,
    deployed_at=st.none() | AGO,
    ended_at=st.none() | AGO,
    outcome=st.sampled_from(["succeeded", "failed", "rolled_back", "superseded"]),
    rolled_back_at=st.none() | AGO,
    rolled_back_cause=st.sampled_from(["", "alarm", "manual", "drill"]),
    rolled_back_to=st.just("") | DIGESTS,
    retry=st.none()
    | st.builds(
        RetryCause,
        cause=st.sampled_from(["environment", "alarm_false_positive"]),
        by=PEOPLE,
        at=AGO,
    ),
    reason_code=st.sampled_from(["", "config", "weather"]),
)
compats = st.builds(
    Compat,
    change_class=st.sampled_from(ChangeClass),
    prepares_release=st.sampled_from(["", "shop:5"]),
)
earlier = st.builds(
    EarlierRelease,
    id=st.sampled_from(["shop:5", "shop:6"]),
    kind=st.sampled_from(ReleaseKind),
    digest=DIGESTS,
    commit=COMMITS,
    created_at=AGO,
    compat=st.none() | compats,
    evidence=some(evidence, 2),
    stages=some(runs, 2),
)
running = st.builds(
    Running,
    stage=STAGES,
    digest=DIGESTS,
    since=st.none() | AGO,
    actor=st.sampled_from(["", "pipeline", "kim"]),
    observed_at=RECENT,
)
on_call = st.builds(
    OnCall,
    primary=st.just("") | PEOPLE,
    secondary=st.just("") | PEOPLE,
    until=st.none() | st.integers(-60, 600).map(lambda minutes: NOW + timedelta(minutes=minutes)),
    observed_at=RECENT,
)
slo = st.builds(
    Objective,
    target=st.none() | st.just(0.999),
    remaining=st.none() | st.floats(0, 1),
    observed_at=RECENT,
)
incidents = st.builds(
    Incident, id=st.sampled_from(["INC-1", "INC-2"]), sev=st.integers(1, 4), observed_at=RECENT
)
synthetics = st.builds(
    SyntheticState,
    id=st.just("checkout"),
    stage=STAGES,
    interval=st.just(timedelta(minutes=1)),
    last_ok=st.none() | RECENT,
    observed_at=RECENT,
)

Draw = Callable[[st.SearchStrategy[object]], object]


#: Where each part stands: in the release, in its artifact or in its context.
PARTS: Final[dict[str, tuple[str, st.SearchStrategy[object]]]] = {
    "changes": ("release", some(changes)),
    "overrides": ("release", some(overrides, 2)),
    "evidence": ("release", some(evidence)),
    "compat": ("release", st.none() | compats),
    "findings": ("artifact", st.none() | some(findings)),
    "sbom": ("artifact", st.none() | sboms),
    "earlier": ("context", st.none() | some(earlier)),
    "running": ("context", some(running, 2)),
    "on_call": ("context", st.none() | on_call),
    "slo": ("context", st.none() | slo),
    "incidents": ("context", st.none() | some(incidents)),
    "synthetics": ("context", st.none() | some(synthetics, 2)),
}
#: What the laws draw for a rule beside what they draw for all.
READS: Final = {
    "alarm-block": ("incidents", "synthetics", "running"),
    "code-reviewed": ("changes",),
    "emergency-backfill": ("incidents", "earlier", "overrides"),
    "error-budget": ("changes", "slo"),
    "evidence-matches-artifact": ("evidence",),
    "failure-reason": ("earlier",),
    "oncall-reachable": ("on_call",),
    "override-justified": ("overrides", "changes"),
    "pipeline-only-changes": ("earlier", "running"),
    "rolled-back-revision": ("earlier", "running"),
    "sbom-present": ("sbom",),
    "small-batches": ("changes",),
    "two-phase-change": ("changes", "compat", "earlier"),
    "vuln-threshold": ("findings", "changes"),
    "window-headroom": ("earlier",),
}


def reported(draw: Draw, rule: str, release: Release) -> Release:
    """The release with the facts that the rule reads."""
    for name in READS.get(rule, ()):
        where, strategy = PARTS[name]
        value: dict[str, Any] = {name: draw(strategy)}
        match where:
            case "artifact":
                release = replace(release, artifact=replace(release.artifact, **value))
            case "context":
                release = replace(release, context=replace(release.context, **value))
            case _:
                release = replace(release, **value)
    return release
