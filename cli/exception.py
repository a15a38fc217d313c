"""``bakegate exception``: exemptions and opt-outs of a running service."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from enum import StrEnum
from typing import Annotated, Any

import typer

from cli.client import URL_HELP, get, post
from cli.exits import Exit
from cli.formats import Format
from cli.instants import day_or_instant
from cli.paging import every
from cli.problems import Unusable

app = typer.Typer(
    rich_markup_mode=None,
    no_args_is_help=True,
    add_completion=False,
    help="Ask for exemptions and opt-outs, decide about them, take them back.",
    epilog="Example: bakegate exception list --pipeline payments-api",
)


class Kind(StrEnum):
    EXEMPTION = "exemption"
    OPT_OUT = "opt-out"


class State(StrEnum):
    REQUESTED = "requested"
    APPROVED = "approved"
    DENIED = "denied"
    REVOKED = "revoked"
    ENDED = "ended"


Id = Annotated[str, typer.Argument(metavar="ID", help="Such as ex-12 or oo-3.")]
Url = Annotated[str | None, typer.Option(metavar="URL", help=URL_HELP)]
Shape = Annotated[Format, typer.Option(help="How to answer.")]
Reason = Annotated[str, typer.Option("--reason", help="Why.")]


@app.command(
    epilog="Example: bakegate exception request payments-api bake-time "
    '--until 2027-01-31 --reason "the new hosts arrive in January"'
)
def request(
    pipeline: Annotated[str, typer.Argument(help="Whose.")],
    rule: Annotated[str, typer.Argument(help="From which rule.")],
    reason: Reason,
    until: Annotated[
        str,
        typer.Option(metavar="T", help="End of an exemption, review of an opt-out; exclusive."),
    ],
    start: Annotated[
        str | None, typer.Option("--from", metavar="T", help="First instant; now.")
    ] = None,
    finding: Annotated[
        str, typer.Option(metavar="FINGERPRINT", help="Only this finding of the rule.")
    ] = "",
    kind: Annotated[Kind, typer.Option(help="Dated, or permanent with a review.")] = Kind.EXEMPTION,
    url: Url = None,
    format: Shape = Format.TEXT,
) -> None:
    """Ask for an exception of one pipeline from one rule; it counts once it is approved."""
    with _said():
        body = {
            "kind": kind.value,
            "pipeline": pipeline,
            "rule": rule,
            "reason": reason,
            "until": day_or_instant("--until", until),
            "finding": finding,
        }
        if start:
            body["start"] = day_or_instant("--from", start)
        name = post(url, "/v1/exceptions", body)["id"]
        found = get(url, f"/v1/exceptions/{name}")
        _show(found, format, f"{name} is requested; {_who(found)}")


@app.command(epilog="Example: bakegate exception approve ex-12")
def approve(
    name: Id,
    reason: Annotated[str, typer.Option("--reason", help="What to add.")] = "",
    url: Url = None,
    format: Shape = Format.TEXT,
) -> None:
    """Let an exception count; the ruleset says who may."""
    _decide(name, "approve", reason, url, format)


@app.command(epilog='Example: bakegate exception deny ex-12 --reason "bake at night instead"')
def deny(name: Id, reason: Reason, url: Url = None, format: Shape = Format.TEXT) -> None:
    """Refuse what was asked for."""
    _decide(name, "deny", reason, url, format)


@app.command(epilog='Example: bakegate exception revoke ex-12 --reason "the hosts are there"')
def revoke(name: Id, reason: Reason, url: Url = None, format: Shape = Format.TEXT) -> None:
    """Take an exception back; its rule holds again at once."""
    _decide(name, "revoke", reason, url, format)


@app.command("list", epilog="Example: bakegate exception list --org retail/commerce --stale")
def list_(
    pipeline: Annotated[str | None, typer.Option(help="Only of this pipeline.")] = None,
    org: Annotated[str | None, typer.Option(metavar="NODE", help="Only this subtree.")] = None,
    rule: Annotated[str | None, typer.Option(help="Only from this rule.")] = None,
    state: Annotated[State | None, typer.Option(help="Only in this state.")] = None,
    stale: Annotated[
        bool, typer.Option("--stale", help="Only those whose rule passes without them now.")
    ] = False,
    url: Url = None,
    format: Shape = Format.TEXT,
) -> None:
    """List exceptions of files under review and of the service."""
    query = {"pipeline": pipeline, "node": org, "rule": rule, "state": state}
    with _said():
        found = every(url, "/v1/exceptions", "exceptions", query)
    found = [each for each in found if each["needless"] or not stale]
    if format is Format.JSON:
        typer.echo(json.dumps({"exceptions": found}, indent=2))
        return
    for each in found:
        typer.echo(_line(each))
    if not found:
        typer.echo("none")


@app.command(epilog="Example: bakegate exception show ex-12 --format json")
def show(name: Id, url: Url = None, format: Shape = Format.TEXT) -> None:
    """Show one exception: who asked, who decided, until when, whether it is needed."""
    with _said():
        found = get(url, f"/v1/exceptions/{name}")
        _show(found, format, "\n".join(_lines(found)))


def _decide(name: str, verb: str, reason: str, url: str | None, shape: Format) -> None:
    with _said():
        post(url, f"/v1/exceptions/{name}/{verb}", {"reason": reason})
        found = get(url, f"/v1/exceptions/{name}")
        _show(found, shape, _line(found))


@contextmanager
def _said() -> Iterator[None]:
    """What cannot be done is one sentence and exit 2."""
    try:
        yield
    except Unusable as error:
        typer.echo(f"bakegate exception: {error}", err=True)
        raise typer.Exit(Exit.NOTHING_EVALUATED) from error


def _show(found: dict[str, Any], shape: Format, text: str) -> None:
    typer.echo(json.dumps(found, indent=2) if shape is Format.JSON else text)


def _who(found: dict[str, Any]) -> str:
    names = found["approvers"]
    if names is None:
        return "anybody may approve it"
    return f"{', '.join(names) or 'nobody who is named in the organization file'} may approve it"


def _line(found: dict[str, Any]) -> str:
    word = "review by" if found["kind"] == Kind.OPT_OUT else "until"
    told = f"{found['id']}  {found['state']}  {found['pipeline']}  {found['rule']}"
    more = "  not needed: the rule passes without it" if found["needless"] else ""
    refused = f"  does not count: {found['refused']}" if found["refused"] else ""
    return f"{told}  {word} {found['last_day']}{refused}{more}  {found['reason']}"


def _lines(found: dict[str, Any]) -> list[str]:
    review = found["kind"] == Kind.OPT_OUT
    said = {
        "pipeline": f"{found['pipeline']} ({found['organization']})",
        "rule": found["rule"],
        "finding": found["finding"],
        "reason": found["reason"],
        "state": found["state"],
        "review by" if review else "last day": found["last_day"],
        "asked by": found["requested_by"],
        "approved by": found["approved_by"],
        "decided by": found["decided_by"],
        "decision": found["decision"],
        "may decide": "anybody" if found["approvers"] is None else ", ".join(found["approvers"]),
        "does not count": found["refused"],
        "source": found["source"],
        "proposal": "remove it: the rule passes without it" if found["needless"] else "",
    }
    lines = [f"{name + ':':<15} {value}" for name, value in said.items() if value]
    return [f"{found['kind']} {found['id']}", *lines]
