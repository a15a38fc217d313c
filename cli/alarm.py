"""``bakegate alarm``: what other systems say of their alarms, told to a running service."""

from enum import StrEnum
from typing import Annotated, Any

import typer

from cli.asking import Shape, Url, said, show
from cli.client import get, post
from cli.formats import Format

app = typer.Typer(
    rich_markup_mode=None,
    no_args_is_help=True,
    add_completion=False,
    help="Report alarms that another system judges, and list them.",
    epilog="Example: bakegate alarm list",
)


class State(StrEnum):
    OK = "ok"
    ALARM = "alarm"
    ENDED = "ended"


class Scope(StrEnum):
    SERVICE = "service"
    TARGET = "target"
    ZONE = "zone"
    REGION = "region"
    ORG = "org"


class Severity(StrEnum):
    HIGH = "high"
    LOW = "low"


@app.command(
    epilog="Examples:\n\n"
    'bakegate alarm report latency --state alarm --pipeline payments-api --message "p99 of 2.1 s"'
    "\n\nbakegate alarm report power --state alarm --scope region --place eu"
)
def report(
    name: Annotated[str, typer.Argument(help="As the pipeline file names it, or any other name.")],
    state: Annotated[State, typer.Option(help="ended takes the alarm back.")],
    scope: Annotated[Scope, typer.Option(help="Whom it concerns.")] = Scope.SERVICE,
    pipeline: Annotated[str, typer.Option(help="Of a service or a target.")] = "",
    place: Annotated[str, typer.Option(help="The target, the region, or region/zone.")] = "",
    org: Annotated[str, typer.Option(metavar="NODE", help="Only this node and below.")] = "",
    severity: Annotated[Severity, typer.Option(help="Low ones hold nothing.")] = Severity.HIGH,
    message: Annotated[str, typer.Option(help="What is seen.")] = "",
    url: Url = None,
    format: Shape = Format.TEXT,
) -> None:
    """Report an alarm: bakes that watch it go back, and gates that it concerns hold, at once.

    Say it again within five minutes, or nobody knows.
    """
    body = {
        "name": name,
        "state": state.value,
        "scope": scope.value,
        "pipeline": pipeline,
        "place": place,
        "organization": org,
        "severity": severity.value,
        "message": message,
    }
    with said("alarm"):
        heard = post(url, "/v1/alarms", body)
        decided = f"; decided: {', '.join(heard['decided'])}" if heard["decided"] else ""
        show(
            heard, format, f"{name}: {heard['was'] or 'new'} -> {heard['now'] or 'ended'}{decided}"
        )


@app.command("list", epilog="Example: bakegate alarm list --format json")
def list_(url: Url = None, format: Shape = Format.TEXT) -> None:
    """List every alarm that was reported, those that fire first."""
    with said("alarm"):
        found = get(url, "/v1/alarms")
        show(found, format, "\n".join(_line(each) for each in found["alarms"]) or "none")


def _line(found: dict[str, Any]) -> str:
    where = "/".join(filter(None, (found["organization"], found["pipeline"], found["place"])))
    state = "unknown" if found["stale"] else found["state"]
    told = f"{found['name']}  {state}  {found['scope']} {where}".rstrip()
    return f"{told}  by {found['by']} at {found['reported_at']}  {found['message']}".rstrip()
