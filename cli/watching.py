"""Following a release of a running service: one line for each event, as soon as it is known."""

import json
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any, Final

import typer

from cli.client import get
from cli.formats import Format
from cli.problems import Away, Unusable
from cli.release_text import reason
from policies.durations import format_duration
from service.promotions.views import EventView
from service.promotions.wording import event_sentence

#: How often the service is asked, in seconds.
_EVERY_S: Final = 1.0
#: How long a service that answered before may be away: restarted, replaced, or without its
#: database.
_PATIENCE: Final = timedelta(minutes=5)


def follow(url: str | None, release: str, shape: Format) -> str:
    """Print what happens until the release has ended; gives its outcome.

    A service that goes away meanwhile is waited for; raises Unusable where it stays away.
    """
    told, waits = 0, ""
    while True:
        found = _asked(url, release, known=bool(told))
        for event in found["events"]:
            if event["id"] > told:
                told = event["id"]
                text = _sentence(event, found["pipeline"])
                typer.echo(json.dumps(event) if shape is Format.JSON else text)
        standing = _standing(found["runs"])
        if standing != waits and shape is Format.TEXT:
            waits = standing
            for line in _reasons(found["runs"]):
                typer.echo(line)
        if found["outcome"]:
            ended = {"release": release, "outcome": found["outcome"]}
            text = f"{release} {found['outcome'].replace('_', ' ')}"
            typer.echo(json.dumps(ended) if shape is Format.JSON else text)
            return str(found["outcome"])
        time.sleep(_EVERY_S)


def _asked(url: str | None, release: str, *, known: bool) -> Any:
    """The release as it is now; one that is ``known`` has a service that will be there again."""
    since, away = time.monotonic(), False
    while True:
        try:
            found = get(url, f"/v1/releases/{release}")
        except Away as error:
            if not known:
                raise
            if time.monotonic() - since >= _PATIENCE.total_seconds():
                told = f"{error}; it did not answer for {format_duration(_PATIENCE)}"
                raise Unusable(told) from error
            if not away:
                _tell(f"the service is away ({error.why}); asking it again and again")
            away = True
            time.sleep(_EVERY_S)
        else:
            if away:
                _tell("the service is there again")
            return found


def _tell(text: str) -> None:
    typer.echo(f"{datetime.now(UTC):%H:%M:%S} {text}", err=True)


def _sentence(event: dict[str, Any], pipeline: str) -> str:
    at = datetime.fromisoformat(event["at"])
    view = EventView(pipeline=pipeline, **(event | {"at": at}))
    return f"{at:%H:%M:%S} {event_sentence(view)}"


def _standing(runs: list[dict[str, Any]]) -> str:
    """What a wait is about, without what only grows while it lasts."""
    return repr([_wait(run) for run in _waiting(runs)])


def _wait(run: dict[str, Any]) -> tuple[Any, ...]:
    if run["state"] == "waiting":
        decision = run["decision"] or {}
        return run["stage"], decision.get("id"), decision.get("until")
    return run["stage"], (run["bake"] or {}).get("still_since"), run["message"].startswith("halted")


def _reasons(runs: list[dict[str, Any]]) -> Iterator[str]:
    now = datetime.now(UTC)
    for run in _waiting(runs):
        verb = "waits before" if run["state"] == "waiting" else "bakes in"
        yield f"{now:%H:%M:%S} {run['number']} {verb} {run['stage']}: {reason(run)}"


def _waiting(runs: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return [run for run in runs if not run["outcome"] and run["state"] in {"waiting", "baking"}]
