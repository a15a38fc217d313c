"""Read models in every state that pages, API and terminal can show, written by hand."""

from dataclasses import replace
from datetime import timedelta
from typing import Final

from service.promotions.views import (
    ChangeView,
    EvidenceView,
    FindingView,
    PipelineSummary,
    PipelineView,
    ReleaseView,
)
from tests.twins.outlooks import OUTLOOKS
from tests.twins.sights import (
    COMMIT,
    DIGEST,
    NOW,
    PAYMENTS,
    ago,
    ahead,
    bake,
    condition,
    decision,
    ended,
    event,
    result,
    run,
    stage,
    target,
    waits,
)

FACTS: Final = [
    {
        "path": "stage.wave-2.deployed_at",
        "value": "2026-11-24T09:16:12Z",
        "provenance": "observed",
        "source": "executor",
        "observed_at": "2026-11-24T09:16:12Z",
    },
    {
        "path": "stage.wave-2.bake",
        "value": "2h",
        "provenance": "declared",
        "source": "pipeline.yaml:31",
        "observed_at": None,
    },
    {
        "path": "tier",
        "value": 1,
        "provenance": "overlay",
        "source": "bakegate.yaml:6",
        "observed_at": None,
    },
    {
        "path": "steps",
        "value": ["unit", "load"],
        "provenance": "inferred",
        "source": "names",
        "observed_at": None,
    },
]
FINE: Final = (
    result("unit-tests", "pass", "block", "allow", "1,204 unit tests ran, none failed"),
    result("canary-first", "pass", "block", "allow", "one-box had it first"),
    result("preprod-stage", "not_applicable", "off", "allow", "not asked of this kind"),
)
HELD: Final = decision(
    "d-58213",
    "wave-3",
    "hold",
    result(
        "bake-time",
        "fail",
        "block",
        "hold",
        "67 of 120 min since wave-2 was fully deployed at 09:16",
        until=ahead(minutes=53),
        cure="wait until 11:16 UTC",
        facts=FACTS,
    ),
    condition(
        "manual-transition",
        "hold",
        "the transition into wave-3 is manual; a person switches it back",
    ),
    result("rollback-on-alarm", "fail", "warn", "warn", "two alarms notify and do not roll back"),
    result("min-data-points", "unknown", "observe", "allow", "nobody says how many are usual"),
    result("no-soft-fail-tests", "waived", "warn", "allow", "exempt until 31 Jan 2027"),
    result("alarm-block", "overridden", "block", "allow", "overridden for incident 4417"),
    *FINE,
    at=ago(minutes=67),
    until=ahead(minutes=53),
)
WINDOW: Final = decision(
    "d-58201",
    "cell-1",
    "hold",
    result(
        "time-window",
        "fail",
        "block",
        "hold",
        "closed by nights of organization retail",
        until=ahead(hours=22, minutes=37),
        cure="wait until Wed 09:00 UTC",
    ),
    *FINE,
    at=ago(minutes=5),
    until=ahead(hours=22, minutes=37),
    release="payments-api:1848",
)
ALLOWED: Final = decision("d-58100", "one-box", "allow", *FINE, at=ago(minutes=30))
WARNED: Final = decision(
    "d-58102",
    "wave-2",
    "warn",
    result("rollback-on-alarm", "fail", "warn", "warn", "two alarms notify and do not roll back"),
    *FINE,
    at=ago(minutes=75),
)
BLOCKED: Final = decision(
    "d-77",
    "beta",
    "block",
    result(
        "artifact-blocklist",
        "fail",
        "block",
        "block",
        "contains acme-json 4.2.1: latency regression",
        cure="take acme-json 4.2.3 or newer",
    ),
    at=ago(minutes=3),
    release="price-engine:9",
)

BUILDS: Final = run(1851, "build", "building", entered_at=ago(minutes=4), started_at=ago(minutes=4))
TESTS: Final = run(1850, "beta", "testing", deployed_at=ago(minutes=9), message="tests run")
BAKES: Final = run(
    1848, "one-box", "baking", deployed_at=ago(minutes=22), bake=bake(), decision=ALLOWED
)
STILL: Final = run(
    1846,
    "wave-2",
    "baking",
    deployed_at=ago(minutes=67),
    bake=bake(observed=timedelta(minutes=41), still_since=ago(minutes=6), earliest_end=None),
    decision=WARNED,
)
ASKS: Final = waits(1846, "wave-3", HELD)
SHUT: Final = waits(1848, "cell-1", WINDOW)
MOVES: Final = run(1849, "gamma", "deploying", progress=(1, 3))

PIPELINE: Final = PipelineView(
    name=PAYMENTS,
    organization="retail/commerce/orders",
    team="orders",
    tier=1,
    version=61,
    now=NOW,
    stages=(
        stage("build", "build", active=BUILDS, last=ended(1850, "build", "succeeded")),
        stage("beta", "test", active=TESTS, last_good="payments-api:1849"),
        stage("gamma", "preprod", active=MOVES, targets=(target("gamma", 1848),)),
        stage("one-box", "prod", wave=1, exposure=0.01, active=BAKES, targets=(target("o", 1848),)),
        stage("cell-1", "prod", wave=1, waiting=SHUT, last=ended(1846, "cell-1", "succeeded")),
        stage("wave-2", "prod", wave=2, active=STILL, last_good="payments-api:1845"),
        stage(
            "wave-3",
            "prod",
            wave=3,
            exposure=0.67,
            transition="manual",
            transition_reason="first week in this region",
            waiting=ASKS,
            last=ended(1845, "wave-3", "succeeded"),
            targets=(target("cell-4", 1845), target("cell-5", 1845), target("cell-6", 1845)),
        ),
    ),
    in_flight=(BUILDS, TESTS, MOVES, BAKES, SHUT, STILL, ASKS),
    events=(
        event(61, "build.started", ago(minutes=4), release="payments-api:1851", stage="build"),
        event(60, "bake.stalled", ago(minutes=6), stage="wave-2"),
        event(
            59,
            "gate.decided",
            ago(minutes=7),
            stage="wave-3",
            data={"verdict": "hold", "decision": "d-58213", "reasons": ["67 of 120 min"]},
        ),
    ),
    findings=(
        FindingView("rollback-on-alarm", "fail", "warn", "two alarms notify only", 17),
        FindingView("min-data-points", "unknown", "observe", "", 0),
        FindingView("owner-declared", "waived", "warn", "exempt until 31 Jan 2027", 1),
        FindingView("unit-tests", "pass", "", "", 0),
        FindingView("preprod-stage", "not_applicable", "", "", 0),
    ),
    path="pipeline.yaml",
    forecasts=OUTLOOKS,
    automation=4,
    closed=((ahead(hours=6), ahead(hours=22, minutes=37)),),
    usual=(("build", timedelta(minutes=6)), ("beta", timedelta(minutes=22))),
)

RELEASE: Final = ReleaseView(
    id="payments-api:1846",
    pipeline=PAYMENTS,
    number=1846,
    kind="normal",
    commit=COMMIT,
    digest=DIGEST,
    created_at=ago(hours=25, minutes=31),
    created_by="ada",
    outcome=None,
    ended_at=None,
    changes=(
        ChangeView(COMMIT, "ada", "Retry payment capture once", ago(hours=25, minutes=31)),
        ChangeView("e15b9d80" * 5, "grace", "Log latency", ago(hours=90), "payments-api:1844"),
    ),
    evidence=(
        EvidenceView("unit", "unit", "build", "pass", 1204, 0, ago(hours=25, minutes=20)),
        EvidenceView(
            "coverage", "unit", "build", "pass", None, None, ago(hours=25), 1, coverage=0.8125
        ),
        EvidenceView("sast", "scan", "build", "pass", None, None, ago(hours=25), findings={}),
        EvidenceView("integration", "api", "beta", "fail", 318, 2, ago(hours=25)),
        EvidenceView("load", "load", "gamma", "unknown", None, None, ago(hours=24)),
    ),
    packages=214,
    runs=(
        ended(
            1846,
            "build",
            "succeeded",
            entered_at=ago(hours=25, minutes=31),
            started_at=ago(hours=25, minutes=30),
            deployed_at=None,
            ended_at=ago(hours=25, minutes=20),
        ),
        ended(
            1846,
            "one-box",
            "succeeded",
            entered_at=ago(hours=25, minutes=20),
            started_at=ago(hours=24),
            deployed_at=ago(hours=23),
            ended_at=ago(hours=22),
            decision=ALLOWED,
        ),
        STILL,
        ASKS,
    ),
    decisions=(ALLOWED, WARNED, HELD),
    events=(
        event(40, "release.created", ago(hours=25, minutes=31), actor="ada"),
        event(41, "build.started", ago(hours=25, minutes=30), stage="build"),
        event(42, "bake.started", ago(hours=23), stage="one-box"),
        event(43, "bake.ended", ago(hours=22), stage="one-box"),
        event(44, "bake.started", ago(minutes=67), stage="wave-2"),
        event(60, "bake.stalled", ago(minutes=6), stage="wave-2"),
    ),
    forecast=OUTLOOKS[-1],
)


def troubled() -> PipelineView:
    """A pipeline whose stages ended badly, each in another way, and one that was never used."""
    name = "price-engine"
    failed = ended(7, "build", "failed", "unit tests failed: 2 of 31", pipeline=name)
    errored = ended(6, "gamma", "errored", "the deploy engine did not answer", pipeline=name)
    back = ended(8, "one-box", "rolled_back", "5 negative data points, 0 allowed", pipeline=name)
    returns = run(8, "cell-1", "rolling_back", progress=(1, 2), pipeline=name)
    return replace(
        PIPELINE,
        name=name,
        version=12,
        stages=(
            stage("build", "build", last=failed),
            stage("beta", "test", waiting=waits(9, "beta", BLOCKED, pipeline=name)),
            stage("gamma", "preprod", last=errored, paused_reason="database moves"),
            stage("one-box", "prod", wave=1, exposure=0.01, last=back),
            stage("cell-1", "prod", wave=1, active=returns),
            stage("wave-2", "prod", wave=2, last=ended(5, "wave-2", "aborted", pipeline=name)),
            stage("wave-4", "prod", wave=4),
        ),
        in_flight=(returns,),
        events=(),
        findings=(),
        forecasts=(),
    )


def fresh() -> PipelineView:
    """A pipeline that no release has entered yet."""
    stages = tuple(
        stage(each.name, each.kind, wave=each.wave, exposure=each.exposure)
        for each in PIPELINE.stages
    )
    return replace(
        PIPELINE,
        name="new-app",
        version=0,
        stages=stages,
        in_flight=(),
        events=(),
        findings=(),
        forecasts=(),
        usual=(),
    )


def quiet() -> PipelineView:
    """A pipeline whose last release passed every stage."""
    stages = tuple(
        stage(each.name, each.kind, wave=each.wave, last=ended(3, each.name, "succeeded"))
        for each in PIPELINE.stages
    )
    return replace(PIPELINE, name="mailer", version=30, stages=stages, in_flight=(), forecasts=())


SUMMARIES: Final = (
    PipelineSummary(
        PAYMENTS,
        "retail/commerce/orders",
        "orders",
        1,
        "payments-api:1851",
        "building",
        "Release 1846 waits for a person before wave-3.",
        "act",
        ago(minutes=4),
        (("build", "building", "1851"), ("one-box", "baking", "1848"), ("wave-4", "idle", None)),
    ),
    PipelineSummary(
        "price-engine",
        "retail/pricing",
        "pricing",
        0,
        "price-engine:9",
        "rolled_back",
        "Release 8 was rolled back in one-box.",
        "rolled_back",
        ago(minutes=15),
        (("one-box", "rolled_back", "8"),),
    ),
    PipelineSummary(
        "mailer",
        "retail/commerce/orders",
        "orders",
        2,
        "mailer:3",
        "succeeded",
        "All quiet.",
        "quiet",
        ago(hours=30),
        (("wave-3", "succeeded", "3"),),
    ),
    PipelineSummary("new-app", "", "", None, None, "idle", "No release yet.", "quiet", None),
)
