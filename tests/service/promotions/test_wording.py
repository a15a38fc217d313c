"""Sentences about pipelines, releases and events, word by word."""

from dataclasses import replace
from typing import Any

import pytest

from service.promotions.views import PipelineView, RunView
from service.promotions.wording import (
    Answer,
    Hold,
    Kind,
    answer,
    detail,
    event_sentence,
    holds,
    needs_person,
    number,
    release_answer,
    run_sentence,
    until,
)
from tests.twins.examples import (
    ASKS,
    BAKES,
    BLOCKED,
    BUILDS,
    HELD,
    MOVES,
    PIPELINE,
    RELEASE,
    SHUT,
    STILL,
    TESTS,
    fresh,
    quiet,
    troubled,
)
from tests.twins.sights import (
    NOW,
    ahead,
    condition,
    decision,
    ended,
    event,
    run,
    stage,
    waits,
)

BLOCKS = waits(9, "beta", BLOCKED, pipeline="price-engine")
ALONE = waits(3, "beta", None)


def with_stages(**runs: dict[str, RunView]) -> PipelineView:
    """A pipeline of these stages only, in this order."""
    stages = tuple(stage(name, "prod", **each) for name, each in runs.items())
    return replace(PIPELINE, stages=stages)


BACK = {"last": ended(8, "one-box", "rolled_back", "5 negative data points, 0 allowed")}
BAD = {"last": ended(7, "gamma", "failed", "unit tests failed")}


@pytest.mark.parametrize(
    ("view", "expected"),
    [
        (
            troubled(),
            Answer(
                Kind.ACT,
                "Release 9 may not enter beta.",
                "Contains acme-json 4.2.1: latency regression."
                " To pass: take acme-json 4.2.3 or newer.",
            ),
        ),
        (
            with_stages(gamma=BAD, beta={"waiting": ASKS}),
            Answer(Kind.ACT, "Release 7 failed in gamma.", "Unit tests failed."),
        ),
        (
            PIPELINE,
            Answer(
                Kind.ACT,
                "Release 1846 waits for a person before wave-3.",
                "The transition into wave-3 is manual; a person switches it back."
                " 67 of 120 min since wave-2 was fully deployed at 09:16."
                " To pass: wait until 11:16 UTC.",
            ),
        ),
        (
            with_stages(onebox=BACK, cell={"waiting": SHUT}),
            Answer(
                Kind.ROLLED_BACK,
                "Release 8 was rolled back in one-box.",
                "5 negative data points, 0 allowed.",
            ),
        ),
        (
            with_stages(onebox={"active": run(8, "one-box", "rolling_back", progress=(1, 2))}),
            Answer(
                Kind.ROLLED_BACK,
                "Release 8 is rolled back in one-box.",
                "1 of 2 hosts replaced.",
            ),
        ),
        (
            with_stages(onebox={"active": BAKES}, cell={"waiting": SHUT}),
            Answer(
                Kind.HELD,
                "Release 1848 waits before cell-1 until 2026-11-25 09:00.",
                "Closed by nights of organization retail. To pass: wait until Wed 09:00 UTC.",
            ),
        ),
        (
            with_stages(build={"active": BUILDS}, onebox={"active": BAKES}),
            Answer(
                Kind.MOVING,
                "Release 1848 bakes in one-box until 11:01.",
                "22 of 60 min, 1,904 of 3,000 data points, 0 negative.",
            ),
        ),
        (
            with_stages(beta={"waiting": ALONE}),
            Answer(Kind.MOVING, "Release 3 waits before beta.", ""),
        ),
        (quiet(), Answer(Kind.QUIET, "All quiet.", "Release 3 has passed every stage.")),
        (
            fresh(),
            Answer(Kind.QUIET, "No release yet.", "The next commit starts the first one."),
        ),
    ],
    ids=[
        "blocked",
        "failed",
        "a person must act",
        "rolled back",
        "rolling back",
        "held",
        "moving",
        "not asked yet",
        "all quiet",
        "never used",
    ],
)
def test_the_answer_is_the_first_that_is_true(view: PipelineView, expected: Answer) -> None:
    assert replace(answer(view), release="") == expected


def test_the_answer_names_the_release_in_flight_that_it_speaks_of() -> None:
    assert answer(PIPELINE).release == "payments-api:1846"
    assert answer(troubled()).release == "price-engine:9"
    assert answer(with_stages(onebox=BACK)).release == ""
    assert answer(quiet()).release == ""


def test_a_new_attempt_in_the_stage_is_told_instead_of_the_old_failure() -> None:
    view = with_stages(gamma={**BAD, "active": MOVES})
    assert answer(view).sentence == "Release 1849 is deployed to gamma."


@pytest.mark.parametrize(
    ("seen", "sentence", "why"),
    [
        (BUILDS, "Release 1851 builds in build.", ""),
        (TESTS, "Release 1850 is tested in beta.", "Tests run."),
        (MOVES, "Release 1849 is deployed to gamma.", "1 of 3 hosts replaced."),
        (STILL, "Release 1846 bakes in wave-2.", "The bake stands still since 10:17:04: no data."),
        (ended(5, "wave-2", "aborted"), "Release 5 was aborted in wave-2.", ""),
        (
            ended(6, "gamma", "errored", "no answer!"),
            "Release 6 ended with an error in gamma.",
            "No answer!",
        ),
        (
            ended(4, "beta", "superseded", "superseded by payments-api:5"),
            "Release 4 was superseded before beta.",
            "Superseded by payments-api:5.",
        ),
    ],
    ids=lambda value: value.stage if isinstance(value, RunView) else None,
)
def test_a_run_says_what_it_does_and_why(seen: RunView, sentence: str, why: str) -> None:
    assert (run_sentence(seen, NOW), detail(seen, NOW)) == (sentence, why)


def test_the_end_of_a_bake_or_of_a_hold_is_told_where_it_is_known() -> None:
    assert until(BAKES) == ahead(minutes=38)
    assert until(SHUT) == ahead(hours=22, minutes=37)
    assert until(STILL) is None
    assert until(MOVES) is None


def test_a_bake_that_has_ended_has_no_end_to_come() -> None:
    assert until(replace(BAKES, outcome="succeeded", ended_at=NOW)) is None


def test_an_end_that_has_passed_is_not_promised() -> None:
    assert run_sentence(BAKES, ahead(hours=1)) == "Release 1848 bakes in one-box."


def test_a_manual_transition_needs_a_person() -> None:
    assert [needs_person(each) for each in (ASKS, SHUT, BLOCKS, ALONE)] == [
        True,
        False,
        False,
        False,
    ]


def test_an_approval_needs_a_person() -> None:
    wanted = condition("approval", "hold", "0 of 1 approvals of this artifact were given")
    held = decision("d-9", "wave-3", "hold", wanted)
    assert needs_person(waits(1846, "wave-3", held))


def test_holds_are_what_keeps_the_gate_closed() -> None:
    assert holds(HELD) == (
        Hold(
            source="manual-transition",
            verdict="hold",
            message="the transition into wave-3 is manual; a person switches it back",
            would_pass="",
            until=None,
        ),
        Hold(
            source="bake-time",
            verdict="hold",
            message="67 of 120 min since wave-2 was fully deployed at 09:16",
            would_pass="wait until 11:16 UTC",  # noqa: S106 - no password
            until=ahead(minutes=53),
        ),
    )
    assert holds(None) == ()


@pytest.mark.parametrize(
    ("outcome", "expected"),
    [
        (None, Answer(Kind.ACT, "Waits for a person before wave-3.", "")),
        ("succeeded", Answer(Kind.QUIET, "Succeeded in every stage.", "")),
        ("superseded", Answer(Kind.QUIET, "Superseded by 1850.", "Its changes ride along.")),
        ("rolled_back", Answer(Kind.ROLLED_BACK, "Rolled back in one-box.", "Too many errors.")),
        ("failed", Answer(Kind.ACT, "Failed in one-box.", "Too many errors.")),
        ("errored", Answer(Kind.ACT, "Ended with an error in one-box.", "Too many errors.")),
        ("aborted", Answer(Kind.QUIET, "Aborted in one-box.", "Too many errors.")),
    ],
)
def test_a_release_says_its_fate(outcome: str | None, expected: Answer) -> None:
    runs = (ended(1846, "one-box", outcome, "too many errors"),) if outcome else RELEASE.runs
    by = "payments-api:1850" if outcome == "superseded" else None
    told = release_answer(replace(RELEASE, outcome=outcome, runs=runs, superseded_by=by), NOW)
    assert (told.kind, told.sentence) == (expected.kind, expected.sentence)
    assert outcome is None or told.detail == expected.detail


def test_a_release_without_a_run_has_not_started() -> None:
    told = release_answer(replace(RELEASE, runs=()), NOW)
    assert told == Answer(Kind.MOVING, "Nothing has started yet.", "")


@pytest.mark.parametrize(
    ("kind", "data", "sentence"),
    [
        ("release.created", {"commit": "9f31c02a" * 5}, "7 checked in at 9f31c02a9f31"),
        ("build.ended", {"ok": False, "message": "unit"}, "7 build failed: unit"),
        (
            "gate.decided",
            {"verdict": "hold", "reasons": ["a", "b"]},
            "Gate beta: hold for 7: a; b",
        ),
        ("gate.decided", {"verdict": "allow", "reasons": []}, "Gate beta: allow for 7"),
        (
            "deploy.progressed",
            {"target": "cell-1", "replaced": 1, "hosts": 3},
            "7 on 1 of 3 hosts of cell-1",
        ),
        ("deploy.ended", {"ok": True}, "7 deployment to beta succeeded"),
        (
            "test.ended",
            {"suite": "api", "result": "fail", "executed": 31, "failed": 2},
            "7 tests api in beta failed, 31 run, 2 failed",
        ),
        (
            "alarm.changed",
            {"alarm": "errors", "was": "ok", "now": "alarm"},
            "Alarm errors went from ok to alarm",
        ),
        (
            "transition.switched",
            {"to": "manual", "reason": "look first"},
            "Transition into beta switched to manual: look first",
        ),
        ("rollback.started", {"message": "5 negative"}, "7 rollback in beta started: 5 negative"),
        ("stage.ended", {"outcome": "rolled_back"}, "7 rolled back in beta"),
        ("release.superseded", {"by": "shop:8"}, "7 superseded by 8"),
        ("blocklist.changed", {"reason": "leaks"}, "Blocklist changed by ada: leaks"),
        (
            "build.ended",
            {"ok": False, "message": "step unit failed: it printed\n\nmore\nand the end"},
            "7 build failed: step unit failed: it printed ... and the end",
        ),
        ("artifact.removed", {}, "Artifacts that nothing needs removed by ada"),
        ("something.new", {}, "something.new"),
    ],
)
def test_an_event_is_one_line(kind: str, data: dict[str, Any], sentence: str) -> None:
    told = event(1, kind, NOW, release="shop:7", stage="beta", actor="ada", data=data)
    assert event_sentence(told) == sentence


def test_a_release_is_named_by_its_number() -> None:
    assert number("payments-api:1846") == "1846"


def test_a_line_of_the_log_tells_the_first_of_many_reasons() -> None:
    asked = event(1, "gate.decided", NOW, stage="cell-1", data={"verdict": "warn"})
    for reasons, told in (
        (["a", "b", "c"], "a; b; c"),
        (["a", "b", "c", "d"], "a; b; c; and 1 more reason"),
        (["a", "b", "c", "d", "e"], "a; b; c; and 2 more reasons"),
    ):
        line = event_sentence(replace(asked, data=asked.data | {"reasons": reasons}))
        assert line == f"Gate cell-1: warn for 1846: {told}"
