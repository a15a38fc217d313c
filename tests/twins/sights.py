"""Builds read models for tests: each call names only what matters to it."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from service.promotions.views import (
    BakeView,
    DecisionView,
    EventView,
    RunView,
    StageView,
    TargetView,
)

NOW: Final = datetime(2026, 11, 24, 10, 23, 4, tzinfo=UTC)
PAYMENTS: Final = "payments-api"
DIGEST: Final = "sha256:" + "4c" * 32
COMMIT: Final = "9f31c02a" * 5


def ago(**parts: float) -> datetime:
    return NOW - timedelta(**parts)


def ahead(**parts: float) -> datetime:
    return NOW + timedelta(**parts)


def _text(at: datetime | None) -> str | None:
    return f"{at.astimezone(UTC):%Y-%m-%dT%H:%M:%SZ}" if at else None


def result(
    rule: str, word: str, enforcement: str, verdict: str, message: str, **more: Any
) -> dict[str, Any]:
    facts = more.pop("facts", [])
    until = _text(more.pop("until", None))
    return {
        "rule": rule,
        "result": word,
        "enforcement": enforcement,
        "verdict": verdict,
        "message": message,
        "would_pass": more.pop("cure", ""),
        "until": until,
        "facts": facts,
    }


def condition(name: str, verdict: str, message: str, until: datetime | None = None) -> Any:
    return {"condition": name, "verdict": verdict, "message": message, "until": _text(until)}


def decision(
    name: str,
    stage: str,
    verdict: str,
    *parts: dict[str, Any],
    at: datetime = NOW,
    until: datetime | None = None,
    release: str = "payments-api:1846",
) -> DecisionView:
    message = {
        "type": "bakegate.gate/v1",
        "decision": name,
        "digest": "sha256:" + "7b" * 32,
        "verdict": verdict,
        "at": _text(at),
        "until": _text(until),
        "subject": {
            "pipeline": release.partition(":")[0],
            "release": release,
            "stage": stage,
            "kind": "normal",
            "artifact": DIGEST,
        },
        "results": [each for each in parts if "rule" in each],
        "conditions": [each for each in parts if "condition" in each],
        "ruleset": {"organization": "retail/commerce/orders", "digest": "sha256:" + "1f" * 32},
        "engine": "0.1.0",
        "tzdata": "2026c",
    }
    return DecisionView(name, verdict, at, ago(seconds=16), until, message)


def bake(**changes: Any) -> BakeView:
    usual = BakeView(
        needed=timedelta(minutes=60),
        observed=timedelta(minutes=22),
        positive=1904,
        positive_needed=3000,
        negative=0,
        negative_allowed=0,
        alarms=(("errors", "ok"),),
        earliest_end=ahead(minutes=38),
        still_since=None,
    )
    return replace(usual, **changes)


def run(number: int, stage: str, state: str, **changes: Any) -> RunView:
    pipeline = changes.pop("pipeline", PAYMENTS)
    usual = RunView(
        release=f"{pipeline}:{number}",
        number=number,
        stage=stage,
        state=state,
        outcome=None,
        entered_at=ago(minutes=40),
        started_at=ago(minutes=38),
        deployed_at=None,
        ended_at=None,
        message="",
        progress=None,
        bake=None,
        decision=None,
    )
    return replace(usual, **changes)


def ended(number: int, stage: str, outcome: str, message: str = "", **changes: Any) -> RunView:
    last = {"succeeded": "testing", "rolled_back": "rolling_back"}.get(outcome, "deploying")
    times = {"deployed_at": ago(minutes=30), "ended_at": ago(minutes=15)}
    return run(number, stage, last, outcome=outcome, message=message, **{**times, **changes})


def waits(number: int, stage: str, held: DecisionView | None, **changes: Any) -> RunView:
    return run(number, stage, "waiting", started_at=None, decision=held, **changes)


def stage(name: str, kind: str, **changes: Any) -> StageView:
    usual = StageView(
        name=name,
        kind=kind,
        wave=None,
        exposure=None,
        deploys=kind != "build",
        transition="automatic",
        transition_reason="",
        paused_reason="",
        active=None,
        waiting=None,
        last=None,
        last_good=None,
        targets=(),
    )
    return replace(usual, **changes)


def target(name: str, number: int, hosts: int = 3) -> TargetView:
    return TargetView(name, DIGEST, f"{PAYMENTS}:{number}", hosts, hosts)


def event(sequence: int, kind: str, at: datetime, **changes: Any) -> EventView:
    data = changes.pop("data", {})
    return EventView(
        id=1000 + sequence,
        pipeline=changes.pop("pipeline", PAYMENTS),
        sequence=sequence,
        at=at,
        release=changes.pop("release", "payments-api:1846"),
        stage=changes.pop("stage", None),
        kind=kind,
        actor=changes.pop("actor", "bakegate"),
        data=data,
    )
