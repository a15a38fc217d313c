"""Holds that last: telling the owner once, and what pages say of it. Pure; nothing is sent here."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from policies.durations import format_duration
from policies.phrases import clock
from policies.plain import instant_text
from service.promotions.notices import Letter
from service.promotions.views import EventView, RunView

#: The kind of the event, and what the message is about.
EVENT: Final = "hold.exceeded"
MOMENT: Final = "hold"


@dataclass(frozen=True, slots=True)
class Held:
    """A release that waits before a stage or bakes in it, and has done so since ``since``.

    ``limit`` is how long nobody needs to know; ``until`` is when the hold may end by itself.
    """

    pipeline: str
    release: str
    stage: str
    state: str
    attempt: int
    since: datetime
    limit: timedelta
    reason: str
    until: datetime | None


def hold_letter(held: Held, owner: tuple[str, str], now: datetime) -> Letter:
    """The one message about a hold; ``owner`` is team and channel."""
    team, channel = owner
    key = f"{MOMENT}:{held.release}/{held.stage}:{held.state}:{held.attempt}"
    message = {
        "type": "bakegate.notice/v1",
        "id": key,
        "moment": MOMENT,
        "date": f"{now:%Y-%m-%d}",
        "at": instant_text(now),
        "since": instant_text(held.since),
        "until": instant_text(held.until) if held.until else None,
        "pipeline": held.pipeline,
        "release": held.release,
        "stage": held.stage,
        "state": held.state,
        "reason": held.reason,
        "team": team,
        "channel": channel,
    }
    subject = f"{held.release} {_does(held)} for longer than {format_duration(held.limit)}"
    return Letter(key, team, channel, subject, "\n".join(_text(held)) + "\n", message)


def overdue(run: RunView, events: Iterable[EventView]) -> str:
    """A sentence about a run that is held for longer than is right; empty where it is not."""
    since = {"waiting": run.entered_at, "baking": run.deployed_at}.get(run.state)
    for each in events:
        mine = (each.kind, each.release, each.stage) == (EVENT, run.release, run.stage)
        if mine and since and each.data["since"] == instant_text(since):
            told = clock(since, each.at)
            return f" This lasts for longer than {each.data['limit']}, since {told}."
    return ""


def _does(held: Held) -> str:
    verb = "waits before" if held.state == "waiting" else "bakes in"
    return f"{verb} {held.stage}"


def _text(held: Held) -> Iterable[str]:
    yield f"{held.release} {_does(held)} since {held.since:%Y-%m-%d %H:%M} UTC:"
    yield f"  {held.reason}"
    yield ""
    if held.until:
        yield f"It is looked at again at {held.until:%Y-%m-%d %H:%M} UTC."
    yield "No hold ends only because time passes; nobody else is told."
    yield ""
    yield f"What it waits for:  bakegate release show {held.release}"
    yield f"If nobody needs it: bakegate release abort {held.release} --reason WHY"
