"""``bakegate blocklist``: what must not reach anybody, in a running service."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Any, Final

import typer

from cli.client import URL_HELP, post
from cli.exits import Exit
from cli.formats import Format
from cli.instants import AT_HELP, day_or_instant, instant
from cli.paging import every
from cli.problems import Unusable

app = typer.Typer(
    rich_markup_mode=None,
    no_args_is_help=True,
    add_completion=False,
    help="Block known bad packages, commits, artifacts and builders, and see what contains them.",
    epilog="Example: bakegate blocklist list",
)

Id = Annotated[str, typer.Argument(metavar="ID", help="Such as bl-12.")]
Url = Annotated[str | None, typer.Option(metavar="URL", help=URL_HELP)]
Shape = Annotated[Format, typer.Option(help="How to answer.")]
Reason = Annotated[str, typer.Option("--reason", help="Why.")]

_ADD: Final = """\b
Examples:
  bakegate blocklist add --package pkg:pypi/urllib3 --versions "vers:pypi/>=2.0.0|<2.0.7"
      --reason "leaks cookies" --owner security
  bakegate blocklist add --repository payments-api --bad-commit HASH --fixed-by HASH
      --reason "slow queries" --owner orders --until 2027-03-01

What is on its way is decided at once: what waits is blocked, what bakes is halted, what deploys
ends its running batch first. What runs it already is listed."""


@app.command(epilog=_ADD)
def add(
    reason: Reason,
    owner: Annotated[str, typer.Option(help="Who answers for the entry.")],
    package: Annotated[str, typer.Option(metavar="PURL", help="A package URL.")] = "",
    versions: Annotated[str, typer.Option(metavar="RANGE", help="Its bad versions.")] = "",
    digest: Annotated[str, typer.Option(metavar="SHA256", help="One artifact.")] = "",
    repository: Annotated[str, typer.Option(help="Of the bad commit.")] = "",
    bad_commit: Annotated[str, typer.Option(metavar="HASH", help="A bad commit.")] = "",
    fixed_by: Annotated[str, typer.Option(metavar="HASH", help="What mends it.")] = "",
    builder: Annotated[str, typer.Option(metavar="ID", help="Who built it.")] = "",
    until: Annotated[str | None, typer.Option(metavar="T", help="End, exclusive; none.")] = None,
    name: Annotated[str, typer.Option("--id", help="Its id; the next free one.")] = "",
    url: Url = None,
    format: Shape = Format.TEXT,
) -> None:
    """Block one package, artifact, commit or builder."""
    said = {
        "id": name,
        "reason": reason,
        "owner": owner,
        "package": package,
        "versions": versions,
        "digest": digest,
        "repository": repository,
        "bad_commit": bad_commit,
        "fixed_by": fixed_by,
        "builder": builder,
    }
    with _said():
        body = {key: value for key, value in said.items() if value}
        end = {"until": day_or_instant("--until", until)} if until else {}
        _tell(post(url, "/v1/blocklist", body | end), format)


@app.command(epilog="Example: bakegate blocklist confirm bl-12")
def confirm(name: Id, url: Url = None, format: Shape = Format.TEXT) -> None:
    """Agree, as a second person, with an entry that was proposed or is to be removed."""
    with _said():
        _tell(post(url, f"/v1/blocklist/{name}/confirm", {}), format)


@app.command(epilog='Example: bakegate blocklist remove bl-12 --reason "2.0.7 is everywhere"')
def remove(name: Id, reason: Reason, url: Url = None, format: Shape = Format.TEXT) -> None:
    """Take an entry off the list."""
    with _said():
        _tell(post(url, f"/v1/blocklist/{name}/remove", {"reason": reason}), format)


@app.command("list", epilog="Example: bakegate blocklist list --all --format json")
def list_(
    everything: Annotated[
        bool, typer.Option("--all", help="Also what was removed or has ended.")
    ] = False,
    url: Url = None,
    format: Shape = Format.TEXT,
) -> None:
    """List the entries of files under review and of the service."""
    with _said():
        found = every(url, "/v1/blocklist", "entries")
    found = [each for each in found if everything or each["state"] not in {"removed", "ended"}]
    if format is Format.JSON:
        typer.echo(json.dumps({"entries": found}, indent=2))
        return
    for each in found:
        typer.echo(_line(each))
    if not found:
        typer.echo("none")


@app.command(
    epilog="\b\nExit codes:\n  0  nothing in it is blocked\n  1  something in it is blocked\n"
    "  4  whether something is blocked cannot be told\n\n"
    "Example: bakegate blocklist check reports/sbom.json --list exceptions.yaml"
)
def check(
    sbom: Annotated[Path, typer.Argument(help="A CycloneDX or SPDX list of packages.")],
    listed: Annotated[
        Path | None,
        typer.Option("--list", metavar="FILE", help="An exceptions file, instead of the service."),
    ] = None,
    url: Url = None,
    at: Annotated[str | None, typer.Option(metavar="TIME", help=AT_HELP)] = None,
) -> None:
    """Say whether something in a list of packages is blocked, before it is built into a release."""
    # Imported here: reading lists of packages takes longer to load than the other commands need.
    from cli.blocklist_check import checked

    with _said():
        contained, unclear = checked(sbom, listed, url, instant(at))
    for line in (*contained, *unclear):
        typer.echo(line)
    if contained:
        raise typer.Exit(Exit.FINDINGS)
    if unclear:
        raise typer.Exit(Exit.HOLD)
    typer.echo("nothing in it is blocked")


@contextmanager
def _said() -> Iterator[None]:
    """What cannot be done is one sentence and exit 2."""
    try:
        yield
    except Unusable as error:
        typer.echo(f"bakegate blocklist: {error}", err=True)
        raise typer.Exit(Exit.NOTHING_EVALUATED) from error


def _tell(change: dict[str, Any], shape: Format) -> None:
    if shape is Format.JSON:
        typer.echo(json.dumps(change, indent=2))
        return
    waits = change["state"] in {"proposed", "leaving"}
    typer.echo(
        f"{change['id']} is {change['state']}" + ("; a second person confirms it" if waits else "")
    )
    for each in change["decided"]:
        place = f"{each['release']} in {each['stage']}"
        typer.echo(f"  {place}: {each['was']} -> {each['now']}: {each['message']}")
    for each in change["running"]:
        typer.echo(
            f"  runs on {each['target']} ({each['pipeline']}/{each['stage']}): {each['release']}"
        )


def _line(found: dict[str, Any]) -> str:
    entry = found["entry"]
    what = (
        f"{entry['package']} {entry['versions']}".strip()
        or entry["digest"]
        or entry["builder"]
        or f"commit {entry['bad_commit'][:12]} of {entry['repository']}"
    )
    end = f"  until {entry['until']}" if entry["until"] else ""
    return f"{entry['id']}  {found['state']}  {what}{end}  {entry['owner']}: {entry['reason']}"
