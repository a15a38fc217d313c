"""``bakegate pipeline``: the pipelines of a running service, taken over and looked at."""

from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any
from urllib.parse import quote

import typer

from cli.asking import Shape, Url, said, show
from cli.client import get, put
from cli.client import post as send
from cli.exits import Exit
from cli.files import repository_of
from cli.formats import Format
from cli.paging import every
from cli.problems import Declined, Unusable
from policies.formats import read_pipelines
from policies.phrases import brief, short

app = typer.Typer(
    rich_markup_mode=None,
    no_args_is_help=True,
    add_completion=False,
    help="Give pipelines to a running service and see where each stands.",
    epilog="Example: bakegate pipeline register pipeline.yaml",
)

Name = Annotated[str, typer.Argument(metavar="PIPELINE", help="Such as payments-api.")]


class Mode(StrEnum):
    AUTOMATIC = "automatic"
    MANUAL = "manual"


@app.command(epilog="Example: bakegate pipeline register pipeline.yaml --repository /srv/git/shop")
def register(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="A pipeline of Bakegate's format.")],
    repository: Annotated[
        str,
        typer.Option(metavar="WHERE", help="Folder or address of releases. Default: FILE's own."),
    ] = "",
    url: Url = None,
    format: Shape = Format.TEXT,
) -> None:
    """Give the service a pipeline file, or the newer text of one that it has.

    A file that fails a rule at block is refused with the findings of `bakegate lint`, and exit 1.
    Releases in flight keep the file that they started with.
    """
    with said("pipeline register"):
        text = _text(file)
        name = _name(text, file)
        # A file outside of every repository may still be of one that --repository names.
        root = repository_of(file.resolve()) or file.resolve().parent
        body = {"text": text, "path": _inside(file, root), "repository": repository or str(root)}
        try:
            made = put(url, f"/v1/pipelines/{quote(name)}", body)
        except Declined as refused:
            typer.echo(f"bakegate pipeline register: {refused}", err=True)
            raise typer.Exit(Exit.FINDINGS) from refused
        show(made, format, f"{name} is registered, with releases from {body['repository']}")


@app.command("list", epilog="Example: bakegate pipeline list --format json")
def list_(url: Url = None, format: Shape = Format.TEXT) -> None:
    """List the pipelines by name, and what each needs."""
    with said("pipeline list"):
        rows = every(url, "/v1/pipelines", "pipelines")
        lines = [_summary(each) for each in rows]
        none = "no pipeline yet; start with: bakegate pipeline register FILE"
        show({"pipelines": rows, "next": None}, format, "\n".join(lines) or none)


@app.command("show", epilog="Example: bakegate pipeline show payments-api")
def show_(name: Name, url: Url = None, format: Shape = Format.TEXT) -> None:
    """Show one pipeline: its stages in order, what runs there, who is in them and who waits."""
    with said("pipeline show"):
        found = get(url, f"/v1/pipelines/{quote(name)}")
        show(found, format, "\n".join(_lines(found)))


@app.command(
    epilog='Example: bakegate pipeline transition payments-api wave-2 automatic --reason "the '
    'last 20 approvals refused none"'
)
def transition(
    name: Name,
    stage: Annotated[str, typer.Argument(metavar="STAGE", help="Such as wave-2.")],
    mode: Annotated[Mode, typer.Argument(help="How releases enter it.")],
    reason: Annotated[str, typer.Option("--reason", help="Why; automatic needs one.")] = "",
    url: Url = None,
) -> None:
    """Let releases enter a stage by themselves, or only when a person approves each."""
    with said("pipeline transition"):
        where = f"/v1/pipelines/{quote(name)}/stages/{quote(stage)}/transition"
        send(url, where, {"mode": mode.value, "reason": reason})
        typer.echo(f"releases of {name} enter {stage}: {mode.value}")


@app.command(
    "data-points", epilog="Example: bakegate pipeline data-points payments-api one-box --minutes 10"
)
def data_points(
    name: Name,
    stage: Annotated[str, typer.Argument(metavar="STAGE", help="Such as one-box.")],
    minutes: Annotated[int, typer.Option(min=1, max=1440, help="How far to look back.")] = 60,
    url: Url = None,
    format: Shape = Format.TEXT,
) -> None:
    """Show what was counted in a stage: good and bad answers by period, version and operation."""
    with said("pipeline data-points"):
        where = f"/v1/pipelines/{quote(name)}/stages/{quote(stage)}/data-points"
        found = get(url, where, {"minutes": str(minutes)})
        lines = [_count(each) for each in found["counts"]]
        show(found, format, "\n".join(lines) or "nothing was counted")


def _count(each: dict[str, Any]) -> str:
    """One period of one version: when, where, what, good and bad answers."""
    operation = each["operation"] or "(any)"
    place = f"{each['start']}  {each['target']:<16} {short(each['digest'])}"
    return f"{place}  {operation:<24} {each['positive']:>7} good {each['negative']:>5} bad"


def _text(file: Path) -> str:
    try:
        return file.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        told = f"{file} cannot be read: {error}"
        raise Unusable(told) from error


def _name(text: str, file: Path) -> str:
    """The name that the file gives its one pipeline; raises Unusable with every error."""
    read = read_pipelines(text.encode(), str(file))
    if read.problems:
        wrong = [f"{each.span.path}:{each.span.line}: {each.message}" for each in read.problems]
        raise Unusable("\n".join(["the file cannot be used:", *wrong]))
    if len(read.pipelines) != 1:
        told = f"{file} holds {len(read.pipelines)} pipelines; register one file for each"
        raise Unusable(told)
    return read.pipelines[0].name


def _inside(file: Path, root: Path) -> str:
    return file.resolve().relative_to(root).as_posix()


def _summary(found: dict[str, Any]) -> str:
    newest = found["newest_release"]
    state = f"  {newest} {found['newest_state'].replace('_', ' ')}" if newest else ""
    return f"{found['name']}  {found['organization']}{state}  {found['answer']}"


def _lines(found: dict[str, Any]) -> list[str]:
    team = f", team {found['team']}" if found["team"] else ""
    lines = [f"{found['name']}  {found['organization']}{team}  {found['path']}"]
    by_itself = [each for each in found["stages"] if each["transition"] == "automatic"]
    lines.append(f"{len(by_itself)} of {len(found['stages'])} stages are entered automatically")
    for stage in found["stages"]:
        doing = "; ".join(_doing(stage)) or "nothing has been here"
        lines.append(f"{stage['name']:<16} {stage['kind']:<8} {stage['transition']:<9} {doing}")
        if stage["transition_reason"]:
            lines.append(f"{'':<16} {stage['transition']}: {brief(stage['transition_reason'])}")
    lines += [
        f"{each['stage']}/{each['target']} is gone from the file and still runs "
        f"{each['release'] or each['digest']}"
        for each in found["left"]
    ]
    if found["source"]:
        source = found["source"]
        lines.append(f"no commit can be read since {source['failed_at']}: {source['error']}")
    for each in found["pauses"]:
        word = f"{each['stage']} pinned to {each['release']}" if each["release"] else "paused"
        lines.append(f"{word} ({each['id']}): {each['reason']}")
    return lines


def _doing(stage: dict[str, Any]) -> list[str]:
    """Who is in the stage, who waits before it, and what runs there, as far as there is any."""
    active, waiting = stage["active"], stage["waiting"]
    told = [f"{each['release']} {_word(each)}" for each in (active, waiting) if each]
    if stage["last_good"]:
        told.append(f"last good {stage['last_good']}")
    return told


def _word(run: dict[str, Any]) -> str:
    word = (run["outcome"] or run["state"]).replace("_", " ")
    return f"{word}: {brief(run['message'])}" if run["message"] else word
