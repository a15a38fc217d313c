"""Following a release of a running service: one line for each event, as soon as it is known."""

import time
from datetime import datetime
from typing import Any, Final

import typer

from cli.client import get
from service.promotions.views import EventView
from service.promotions.wording import event_sentence

#: How often the service is asked, in seconds.
_EVERY_S: Final = 1.0


def follow(url: str | None, release: str) -> str:
    """Print what happens until the release has ended; gives its outcome."""
    told = 0
    while True:
        found = get(url, f"/v1/releases/{release}")
        for event in found["events"]:
            if event["id"] > told:
                told = event["id"]
                typer.echo(_sentence(event, found["pipeline"]))
        if found["outcome"]:
            typer.echo(f"{release} {found['outcome'].replace('_', ' ')}")
            return str(found["outcome"])
        time.sleep(_EVERY_S)


def _sentence(event: dict[str, Any], pipeline: str) -> str:
    at = datetime.fromisoformat(event["at"])
    view = EventView(pipeline=pipeline, **(event | {"at": at}))
    return f"{at:%H:%M:%S} {event_sentence(view)}"
