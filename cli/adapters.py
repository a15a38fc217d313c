"""``bakegate adapters``: what builds, deploys, tests, probes and tells teams here."""

import json
from typing import Annotated, Any, Final

import typer

from cli.exits import Exit
from cli.formats import Format
from service.adapters.deployers import BUILT_IN
from service.adapters.installed import (
    BUILDERS,
    DEPLOYERS,
    NOTIFIERS,
    PROBERS,
    TESTERS,
    UnusableAdapter,
    installed,
    load,
)

app = typer.Typer(rich_markup_mode=None, add_completion=False)

_GROUPS: Final = {
    BUILDERS: ("local",),
    DEPLOYERS: BUILT_IN,
    NOTIFIERS: ("mail", "webhook"),
    PROBERS: ("http",),
    TESTERS: ("command",),
}
_EPILOG = """\b
Examples:
  bakegate adapters
  bakegate adapters --check        load those of other packages as well; exit 2 where one is broken
  bakegate adapters --format json"""


@app.command(epilog=_EPILOG)
def adapters(
    check: Annotated[bool, typer.Option(help="Load each, and say what is broken.")] = False,
    format: Annotated[Format, typer.Option(help="How to answer.")] = Format.TEXT,
) -> None:
    """List what builds, deploys, tests, probes and tells teams: built in, or of other packages.

    Packages bring them by entry points; nothing of them is loaded before somebody asks for it.
    """
    found = [each for group in _GROUPS for each in _listed(group, check=check)]
    if format is Format.JSON:
        typer.echo(json.dumps(found, indent=2))
    else:
        width = max(len(each["name"]) for each in found)
        for each in found:
            line = f"{each['port']:<9}  {each['name']:<{width}}  {_source(each)}"
            typer.echo(f"{line}  {each['problem']}".rstrip())
    if any(each["problem"] for each in found):
        raise typer.Exit(Exit.NOTHING_EVALUATED)


def _listed(group: str, *, check: bool) -> list[dict[str, Any]]:
    port = group.removeprefix("bakegate.").removesuffix("s")
    own = [
        {"port": port, "name": name, "package": None, "version": None, "from": None, "problem": ""}
        for name in _GROUPS[group]
    ]
    others = [
        {
            "port": port,
            "name": each.name,
            "package": each.distribution,
            "version": each.version,
            "from": each.value,
            "problem": _problem(group, each.name, check=check),
        }
        for each in installed(group)
    ]
    return own + others


def _problem(group: str, name: str, *, check: bool) -> str:
    if "." not in name:
        return "has no dot in its name; names without one are Bakegate's own"
    try:
        if check:
            load(group, name)
    except UnusableAdapter as error:
        return str(error)
    return ""


def _source(each: dict[str, Any]) -> str:
    if each["package"] is None:
        return "built in"
    return f"{each['package']} {each['version']} ({each['from']})"
