"""Sentences for people, made from the read models: page, API and terminal say the same.

``answer`` picks the first that is true of: blocked or failed, a person must act, rolled back, held,
moving, all quiet. The functions are pure; the instant that they speak at stands in the view.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from typing import Any, Final

from policies.phrases import brief, clock, counted, progress, short
from service.promotions.overdue import overdue
from service.promotions.views import (
    DecisionView,
    EventView,
    PipelineView,
    ReleaseView,
    RunView,
)


class Kind(StrEnum):
    """What an answer asks of its reader; the order is the order of attention."""

    ACT = "act"
    ROLLED_BACK = "rolled_back"
    HELD = "held"
    MOVING = "moving"
    QUIET = "quiet"


@dataclass(frozen=True, slots=True)
class Answer:
    """One sentence that says what the page is for; ``detail`` says why and until when.

    ``release`` is the one in flight that it speaks of; empty where it speaks of none.
    """

    kind: Kind
    sentence: str
    detail: str
    release: str = ""


@dataclass(frozen=True, slots=True)
class Hold:
    """One thing that keeps a release out of a stage. ``source`` is a rule's or a condition's id."""

    source: str
    verdict: str
    message: str
    would_pass: str
    until: datetime | None


#: What a release does in a stage, as a verb.
_DOES: Final = {
    "waiting": "waits before",
    "building": "builds in",
    "deploying": "is deployed to",
    "testing": "is tested in",
    "baking": "bakes in",
    "rolling_back": "is rolled back in",
}
#: How it ended there.
_ENDED: Final = {
    "succeeded": "succeeded in",
    "failed": "failed in",
    "errored": "ended with an error in",
    "superseded": "was superseded before",
    "rolled_back": "was rolled back in",
    "aborted": "was aborted in",
}
#: How many reasons a line of the log tells.
_TOLD: Final = 3
#: Conditions that only an act of a person ends.
_PERSON: Final = frozenset({"manual-transition", "approval"})
#: One sentence for each kind of event; the words in braces come from ``_words``.
_EVENTS: Final = {
    "release.created": "{n} checked in{commit}",
    "build.started": "{n} build started",
    "build.ended": "{n} build {ended}{why}",
    "gate.decided": "gate {stage}: {verdict} for {n}{why}",
    "stage.entered": "{n} entered {stage}",
    "deploy.started": "{n} deployment to {place} started",
    "deploy.progressed": "{n} on {hosts} of {place}",
    "deploy.ended": "{n} deployment to {place} {ended}{why}",
    "test.ended": "{n} tests{suite} in {stage} {ended}{why}",
    "bake.started": "{n} bake started in {stage}",
    "bake.stalled": "{n} bake in {stage} stands still: no data",
    "bake.resumed": "{n} bake in {stage} goes on",
    "bake.ended": "{n} bake in {stage} ended{why}",
    "hold.exceeded": "{n} held at {stage} for longer than {limit}",
    "alarm.changed": "alarm {alarm} went from {was} to {now}",
    "approval.given": "{n} approved for {stage} by {actor}",
    "approval.voided": "approval of {n} for {stage} is void{why}",
    "override.given": "{n} override for {stage} by {actor}{why}",
    "transition.switched": "transition into {stage} switched to {to}{why}",
    "stage.paused": "{stage} paused by {actor}{why}",
    "stage.resumed": "{stage} resumed by {actor}",
    "rollback.started": "{n} rollback in {stage} started{why}",
    "rollback.ended": "{n} rollback in {stage} {ended}{why}",
    "stage.retried": "{n} tries {stage} again, by {actor}{why}",
    "stage.ended": "{n} {outcome} in {stage}{by}{why}",
    "release.superseded": "{n} superseded{by}",
    "release.ended": "{n} {outcome}{by}",
    "checklist.ticked": "{n} checklist of {stage} ticked by {actor}",
    "problem.reported": "{n} problem reported by {actor}{why}",
    "problem.cleared": "{n} problem cleared by {actor}{why}",
    "ruleset.activated": "ruleset activated by {actor}",
    "exemption.changed": "exemption changed by {actor}{why}",
    "blocklist.changed": "blocklist changed by {actor}{why}",
    "artifact.removed": "artifacts that nothing needs removed by {actor}",
}


def number(release: str) -> str:
    """Name a release as its pipeline's pages do: ``1846`` of ``payments-api:1846``."""
    return release.rpartition(":")[2]


def holds(decision: DecisionView | None) -> tuple[Hold, ...]:
    """What keeps the verdict of a decision from ``allow``, the strictest first."""
    if decision is None:
        return ()
    message = decision.message
    found = [
        Hold(
            source=str(each.get("rule") or each.get("condition", "")),
            verdict=str(each["verdict"]),
            message=str(each["message"]),
            would_pass=str(each.get("would_pass") or ""),
            until=_instant(each.get("until")),
        )
        for each in (*message.get("conditions", ()), *message.get("results", ()))
        if each["verdict"] in {"hold", "block"}
    ]
    return tuple(sorted(found, key=lambda hold: hold.verdict != "block"))


def answer(view: PipelineView) -> Answer:
    """Where the releases of a pipeline are, what holds them and when they go on."""
    for find in (_blocked, _broken, _asked, _taken_back, _held, _moving):
        if found := find(view):
            return found
    return _quiet(view)


def release_answer(view: ReleaseView, now: datetime) -> Answer:
    """What became of one release, or what it does now."""
    if view.outcome:
        return _fate(view)
    running = [run for run in view.runs if run.outcome is None]
    if not running:
        return Answer(Kind.MOVING, "Nothing has started yet.", "")
    furthest = running[-1]
    kind = _kind(furthest)
    sentence = f"{_capital(doing(furthest, now))}."
    return Answer(kind, sentence, _detail(furthest, now) + overdue(furthest, view.events))


def run_sentence(run: RunView, now: datetime) -> str:
    """What holds or moves one release in one stage, as a sentence with its end."""
    return f"Release {run.number} {doing(run, now)}."


def detail(run: RunView, now: datetime) -> str:
    """Why a run is where it is: its reasons, its progress or its message."""
    return _detail(run, now)


def event_sentence(event: EventView) -> str:
    """What happened, in one line; a kind that is not known here is named as it stands."""
    told = _EVENTS.get(event.kind)
    return _capital(told.format_map(_words(event)).strip()) if told else event.kind


def _words(event: EventView) -> dict[str, str]:
    data = event.data
    why = data.get("reasons") or [data.get("message") or data.get("reason") or ""]
    commit = short(str(data.get("commit") or ""))
    return {
        "n": number(event.release or ""),
        "stage": event.stage or "",
        "actor": event.actor,
        "place": str(data.get("target") or event.stage or ""),
        "hosts": f"{data.get('replaced', 0)} of {data.get('hosts', 0)} hosts",
        "why": f": {_reasons(why)}" if why[0] else "",
        "commit": f" at {commit}" if commit else "",
        "suite": f" {data['suite']}" if data.get("suite") else "",
        "ended": _ending(data),
        "outcome": str(data.get("outcome", "ended")).replace("_", " "),
        "by": f" by {number(str(data['by']))}" if data.get("by") else "",
        **{
            key: str(data.get(key, "")) for key in ("verdict", "alarm", "was", "now", "to", "limit")
        },
    }


def _reasons(why: list[Any]) -> str:
    """The first reasons in full; a gate may have dozens, and its decision tells them all."""
    more = f"; and {counted(len(why) - _TOLD, 'more reason')}" if len(why) > _TOLD else ""
    return "; ".join(brief(str(each)) for each in why[:_TOLD]) + more


def _ending(data: Mapping[str, Any]) -> str:
    """Succeeded or failed, with the numbers of a test suite where they are told."""
    ok = bool(data.get("ok", True)) and data.get("result", "pass") == "pass"
    word = "succeeded" if ok else "failed"
    if data.get("executed") is None:
        return word
    return f"{word}, {data['executed']} run, {data.get('failed') or 0} failed"


def _blocked(view: PipelineView) -> Answer | None:
    run = _first(each for each in _waiting(view) if _verdict(each) == "block")
    if run is None:
        return None
    sentence = f"Release {run.number} may not enter {run.stage}."
    return Answer(Kind.ACT, sentence, _detail(run, view.now), run.release)


def _broken(view: PipelineView) -> Answer | None:
    run = _first(_ended_last(view, "failed", "errored"))
    return Answer(Kind.ACT, _end_sentence(run), _message(run)) if run else None


def _asked(view: PipelineView) -> Answer | None:
    run = _first(each for each in _waiting(view) if needs_person(each))
    if run is None:
        return None
    sentence = f"Release {run.number} waits for a person before {run.stage}."
    return Answer(Kind.ACT, sentence, _detail(run, view.now), run.release)


def _taken_back(view: PipelineView) -> Answer | None:
    for stage in view.stages:
        if stage.active and stage.active.state == "rolling_back":
            run = stage.active
            return Answer(Kind.ROLLED_BACK, run_sentence(run, view.now), _detail(run, view.now))
    run_back = _first(_ended_last(view, "rolled_back"))
    if run_back is None:
        return None
    return Answer(Kind.ROLLED_BACK, _end_sentence(run_back), _message(run_back))


def _held(view: PipelineView) -> Answer | None:
    run = _first(each for each in _waiting(view) if _verdict(each) == "hold")
    if run is None:
        return None
    told = _detail(run, view.now) + overdue(run, view.events)
    return Answer(Kind.HELD, run_sentence(run, view.now), told, run.release)


def _moving(view: PipelineView) -> Answer | None:
    active = [stage.active for stage in view.stages if stage.active]
    run = active[-1] if active else _first(_waiting(view))
    if run is None:
        return None
    return Answer(Kind.MOVING, run_sentence(run, view.now), _detail(run, view.now), run.release)


def _quiet(view: PipelineView) -> Answer:
    last = view.stages[-1].last if view.stages else None
    if last is None:
        return Answer(Kind.QUIET, "No release yet.", "The next commit starts the first one.")
    return Answer(Kind.QUIET, "All quiet.", f"Release {last.number} has passed every stage.")


def _fate(view: ReleaseView) -> Answer:
    ended = [run for run in view.runs if run.outcome == view.outcome]
    why = next((_message(run) for run in reversed(ended) if run.message), "")
    where = f" {ended[-1].stage}" if ended else ""
    match view.outcome:
        case "succeeded":
            return Answer(Kind.QUIET, "Succeeded in every stage.", "")
        case "superseded":
            by = f" by {number(view.superseded_by)}" if view.superseded_by else ""
            return Answer(Kind.QUIET, f"Superseded{by}.", "Its changes ride along.")
        case "rolled_back":
            return Answer(Kind.ROLLED_BACK, f"Rolled back{_in(where)}.", why)
        case "failed" | "errored":
            word = "Failed" if view.outcome == "failed" else "Ended with an error"
            return Answer(Kind.ACT, f"{word}{_in(where)}.", why)
        case _:
            return Answer(Kind.QUIET, f"Aborted{_in(where)}.", why)


def _kind(run: RunView) -> Kind:
    if run.state == "rolling_back":
        return Kind.ROLLED_BACK
    if run.state != "waiting":
        return Kind.MOVING
    if _verdict(run) == "block" or needs_person(run):
        return Kind.ACT
    return Kind.HELD if _verdict(run) == "hold" else Kind.MOVING


def doing(run: RunView, now: datetime) -> str:
    """What a release does in a stage, without its subject: ``bakes in one-box until 11:01``."""
    if run.outcome:
        return f"{_ENDED[run.outcome]} {run.stage}"
    if run.state == "waiting" and _verdict(run) == "block":
        return f"may not enter {run.stage}"
    if run.state == "waiting" and needs_person(run):
        return f"waits for a person before {run.stage}"
    end = until(run)
    rest = f" until {clock(end, now)}" if end and end > now else ""
    return f"{_DOES[run.state]} {run.stage}{rest}"


def until(run: RunView) -> datetime | None:
    """The earliest end of a bake or of a hold, where it can be told; nothing once it has ended."""
    if run.outcome:
        return None
    if run.state == "baking" and run.bake:
        return run.bake.earliest_end
    if run.state == "waiting" and run.decision:
        return run.decision.until
    return None


def needs_person(run: RunView) -> bool:
    """Whether nothing but an act of a person lets this run go on."""
    return any(hold.source in _PERSON for hold in holds(run.decision))


def _detail(run: RunView, now: datetime) -> str:
    if run.state == "waiting":
        told = [_hold_sentence(hold) for hold in holds(run.decision)]
        return " ".join(told[:2])
    if run.state == "baking" and run.bake:
        bake = run.bake
        if bake.still_since:
            return f"The bake stands still since {clock(bake.still_since, now)}: no data."
        points = f"{bake.positive:,} of {bake.positive_needed:,} data points"
        return f"{progress(bake.observed, bake.needed)}, {points}, {bake.negative:,} negative."
    if run.progress:
        return f"{run.progress[0]} of {run.progress[1]} hosts replaced."
    return _message(run)


def _hold_sentence(hold: Hold) -> str:
    cure = f" To pass: {hold.would_pass}." if hold.would_pass else ""
    return f"{_stop(_capital(hold.message))}{cure}"


def _end_sentence(run: RunView) -> str:
    return f"Release {run.number} {_ENDED[run.outcome or 'errored']} {run.stage}."


def _ended_last(view: PipelineView, *outcomes: str) -> Iterable[RunView]:
    """The newest run of each stage where nothing acts now, if it ended in one of these ways."""
    return (
        stage.last
        for stage in view.stages
        if stage.last and stage.active is None and stage.last.outcome in outcomes
    )


def _waiting(view: PipelineView) -> Iterable[RunView]:
    """Runs before gates, the furthest first: it is nearest to customers."""
    return (stage.waiting for stage in reversed(view.stages) if stage.waiting)


def _verdict(run: RunView) -> str:
    return run.decision.verdict if run.decision else ""


def _first(runs: Iterable[RunView]) -> RunView | None:
    return next(iter(runs), None)


def _message(run: RunView) -> str:
    return _stop(_capital(brief(run.message))) if run.message else ""


def _in(where: str) -> str:
    return f" in{where}" if where else ""


def _capital(text: str) -> str:
    return text[:1].upper() + text[1:]


def _stop(text: str) -> str:
    return text if text.endswith((".", "!", "?")) else f"{text}."


def _instant(text: str | None) -> datetime | None:
    return datetime.fromisoformat(text).astimezone(UTC) if text else None
