"""``bakegate window``: when time is open, by the windows of a file or of an organization."""

import json
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, date, datetime, time, timedelta
from itertools import pairwise
from pathlib import Path
from typing import Annotated, Any, Final, NoReturn
from zoneinfo import ZoneInfo

import typer

from cli.exits import Exit
from cli.files import ORGANIZATION, beside, elsewhere, found_upwards, shown
from cli.formats import Format
from policies.documents import DocumentError, Issue, nearest
from policies.findings import Span
from policies.frozen import dataclass
from policies.source import Mapping, Node, Scalar, SourceError, read
from policies.source import Sequence as SequenceNode
from policies.windows import (
    Change,
    Interval,
    Strength,
    WindowSet,
    is_address,
    next_change,
    open_intervals,
    parse_moment,
    parse_windows,
    responsible,
    tzdata_version,
    without_soft,
    zone,
)

#: The range that is shown when none is asked for.
_WEEK: Final = timedelta(days=7)
#: The longest range: beyond it, zone rules are guesses and the answer is too long to read.
_LONGEST: Final = timedelta(days=3660)
#: A character of the drawn week.
_SLOT: Final = timedelta(minutes=30)
_SLOTS: Final = 48

app = typer.Typer(
    rich_markup_mode=None,
    no_args_is_help=True,
    add_completion=False,
    help="Say when time is open, by the windows of a file or of an organization.",
    epilog="Example: bakegate window next release.yaml",
)

FileArgument = Annotated[
    Path | None,
    typer.Argument(help="A pipeline, a ruleset, or a file with `time_windows` alone."),
]
FormatOption = Annotated[Format, typer.Option(help="How to answer.")]
OrgOption = Annotated[
    str | None,
    typer.Option(
        metavar="NODE",
        help=f"Instead of FILE: a node of the nearest {ORGANIZATION}, as retail/commerce.",
    ),
]
StageOption = Annotated[
    str | None, typer.Option(metavar="NAME", help="Add the windows of this stage of a pipeline.")
]


@app.command(
    epilog="Example: bakegate window show release.yaml --from 2026-12-14 --until 2027-01-10"
)
def show(
    file: FileArgument = None,
    start: Annotated[
        str | None,
        typer.Option("--from", metavar="T", help="First instant, UTC without an offset; now."),
    ] = None,
    end: Annotated[
        str | None,
        typer.Option("--until", metavar="T", help="End, exclusive, read likewise; a week later."),
    ] = None,
    format: FormatOption = Format.TEXT,
    org: OrgOption = None,
    *,
    stage: StageOption = None,
) -> None:
    """Print the open intervals of FILE, and draw them as a week."""
    first = _moment("--from", start, datetime.now(UTC).replace(microsecond=0))
    last = _moment("--until", end, first + _WEEK)
    if not first < last <= first + _LONGEST:
        _refuse([f"--until is not in the {_LONGEST.days} days after --from"])
    asked = _asked(file, org, stage, first)
    found = open_intervals(asked.sets, first, last)
    if format is Format.JSON:
        intervals = [{"from": _utc(each.start), "until": _utc(each.end)} for each in found]
        typer.echo(json.dumps({"type": "bakegate.windows/v1", "open": intervals}, indent=2))
        return
    typer.echo("\n".join(_shown(asked, found, first, last)))


@app.command("next", epilog="Example: bakegate window next --org retail/commerce")
def next_(
    file: FileArgument = None,
    at: Annotated[
        str | None, typer.Option(metavar="T", help="The instant, UTC without an offset; now.")
    ] = None,
    format: FormatOption = Format.TEXT,
    org: OrgOption = None,
    stage: StageOption = None,
) -> None:
    """Say whether time is open, until when or from when, and by which window."""
    instant = _moment("--at", at, datetime.now(UTC).replace(microsecond=0))
    asked = _asked(file, org, stage, instant)
    change = next_change(asked.sets, instant)
    by = responsible(asked.sets, instant, is_open=change.open)
    if format is Format.JSON:
        answer = _next_json(change, instant, by) | {"reasons": _reasons(asked.sets, by)}
        typer.echo(json.dumps(answer, indent=2))
        return
    typer.echo(f"{_said(asked, change)}{f', by {by}' if by else ''}")
    for each in _reasons(asked.sets, by):
        said = ", ".join(word for word in (each["reason"].rstrip("."), each["owner"]) if word)
        typer.echo(f"  {each['window']}: {said}")
    if change.by:
        typer.echo(f"then {'closed' if change.open else 'opened'} by {change.by}")
    for note in asked.notes if org else ():
        typer.echo(note)


@dataclass(frozen=True, slots=True)
class _Asked:
    """What a command is about: its windows, the zone it is shown in, and what else to say."""

    title: str
    sets: tuple[WindowSet, ...]
    zone: str
    notes: tuple[str, ...] = ()


def _asked(file: Path | None, org: str | None, stage: str | None, at: datetime) -> _Asked:
    if (file is None) is (org is None):
        _refuse(["name one FILE, or a node of the organization with --org NODE"])
    if file is None and stage:
        _refuse(["--stage belongs to a pipeline FILE"])
    try:
        return _of_node(org, at) if org else _of_file(file or Path(), stage)
    except DocumentError as error:
        _refuse([str(issue) for issue in error.issues])
    except SourceError as error:
        _refuse([str(Issue(error.span, error.message))])
    except OSError as error:
        _refuse([f"{error.filename}: {error.strerror}"])


def _of_node(node: str, at: datetime) -> _Asked:
    """The windows of every ruleset from the root of the organization to the node."""
    from policies.tree import read_tree

    found = found_upwards(Path.cwd(), ORGANIZATION)
    if found is None:
        _refuse([f"--org {node}: no {ORGANIZATION} here or above; write one or name a FILE"])
    tree = read_tree(found.read_bytes(), shown(found), _calendars(Path()), elsewhere)
    resolved = tree.resolved(node, at)
    return _Asked(
        f"organization {node}",
        without_soft(resolved.windows),
        resolved.zone,
        tuple(_notes(resolved.windows)),
    )


def _notes(sets: Sequence[WindowSet]) -> Iterator[str]:
    """What a reader of the open time should know: it may be softly frozen, or not known whole."""
    for one in sets:
        for window in one.windows:
            if window.strength is Strength.SOFT:
                yield f"softly frozen, which only warns, by {window.name} ({one.place})"
            if window.unread:
                yield f"{window.name} ({one.place}) could not be read: when it is, is not known"


def _of_file(file: Path, stage: str | None) -> _Asked:
    path = shown(file)
    sources = read(file.read_bytes(), path)
    root = sources[0].root if len(sources) == 1 else None
    if not isinstance(root, Mapping):
        raise _one_issue(Span(path, 1, 1, 1, 1), "one mapping is expected, with `time_windows`")
    schema = _text(root.get("schema"))
    if schema == "bakegate/pipeline/v1":
        return _of_pipeline(root, file, stage)
    if stage:
        _refuse(["--stage belongs to a pipeline FILE"])
    if schema == "bakegate/ruleset/v1":
        # A ruleset alone has no organization, whose zone is UTC unless it says another one.
        sets = [_set(f"ruleset {_text(root.get('name'))}", root.get("time_windows"), file, "UTC")]
        return _Asked(path, tuple(sets), _zone_of(sets))
    return _of_windows(root, file)


def _of_windows(root: Mapping, file: Path) -> _Asked:
    """A file with ``time_windows`` alone."""
    path = shown(file)
    if "time_windows" not in root.entries:
        told = "no pipeline, ruleset or file with windows: it has no `time_windows`"
        raise _one_issue(Span(path, 1, 1, 1, 1), told)
    for key, entry in root.entries.items():
        if key != "time_windows":
            told = f"unknown key {key!r} beside windows; {nearest(key, ['time_windows'])}"
            raise _one_issue(entry.key.span, told)
    sets = [_set(f"file {path}", root.get("time_windows"), file, None)]
    return _Asked(path, tuple(sets), _zone_of(sets))


def _of_pipeline(root: Mapping, file: Path, stage: str | None) -> _Asked:
    sets = [_set(f"pipeline {_text(root.get('name'))}", root.get("time_windows"), file, None)]
    nodes = root.get("stages")
    stages = {
        _text(each.get("name")): each.get("time_windows")
        for each in (nodes.items if isinstance(nodes, SequenceNode) else ())
        if isinstance(each, Mapping)
    }
    if stage is not None and stage not in stages:
        _refuse([f"--stage {stage}: no such stage; {nearest(stage, list(stages))}"])
    # Windows of the other stages are read for their errors.
    of_stages = {name: _set(f"stage {name}", node, file, None) for name, node in stages.items()}
    if stage is not None:
        sets.append(of_stages[stage])
    notes = [
        f"stage {name} has windows of its own: --stage {name}"
        for name, one in of_stages.items()
        if one.windows and name != stage
    ]
    return _Asked(shown(file), tuple(sets), _zone_of(sets), tuple(notes))


def _reasons(sets: Sequence[WindowSet], by: str) -> list[dict[str, str]]:
    """Why the windows that are responsible now exist, where they say it, and who owns them."""
    named = {f"{each.name} ({one.place})": each for one in sets for each in one.windows}
    found = [(name, named[name]) for name in by.split(", ") if name in named]
    return [
        {"window": name, "reason": each.reason, "owner": each.owner}
        for name, each in found
        if each.reason or each.owner
    ]


def _calendars(folder: Path) -> Callable[[str], str]:
    """Texts of files beside a folder, and of calendars at an address."""
    local = beside(folder)

    def load(reference: str) -> str:
        return _fetched(reference) if is_address(reference) else local(reference)

    return load


def _fetched(address: str) -> str:
    # Imported here: few windows stand at an address, and reading one needs a client for HTTP.
    from service.adapters.calendars import HttpCalendars
    from service.promotions.ports import Unfetched

    try:
        answer = HttpCalendars().fetch(address, "")
    except Unfetched as error:
        raise OSError(str(error)) from error
    return answer.text if answer else ""


def _set(place: str, node: Node | None, file: Path, default_zone: str | None) -> WindowSet:
    if node is None:
        return WindowSet(place, ())
    return WindowSet(place, parse_windows(node, default_zone, calendars=_calendars(file.parent)))


def _zone_of(sets: Sequence[WindowSet]) -> str:
    """The zone to show times in: that of all windows, else UTC."""
    zones = {window.zone for one in sets for window in one.windows}
    return zones.pop() if len(zones) == 1 else "UTC"


def _text(node: Node | None) -> str:
    return node.text if isinstance(node, Scalar) else ""


def _one_issue(span: Span, message: str) -> DocumentError:
    return DocumentError([Issue(span, message)])


def _moment(option: str, text: str | None, default: datetime) -> datetime:
    if text is None:
        return default
    try:
        moment = parse_moment(text)
    except ValueError as error:
        _refuse([f"{option}: {error}"])
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


def _refuse(lines: Sequence[str]) -> NoReturn:
    for line in lines:
        typer.echo(line, err=True)
    raise typer.Exit(Exit.NOTHING_EVALUATED)


def _utc(at: datetime) -> str:
    return at.isoformat().removesuffix("+00:00") + "Z"


def _next_json(change: Change, at: datetime, by: str) -> dict[str, Any]:
    until = _utc(change.at) if change.at else None
    return {"at": _utc(at), "open": change.open, "until": until, "by": by, "then": change.by}


def _said(asked: _Asked, change: Change) -> str:
    if not any(one.windows for one in asked.sets):
        return f"open: {asked.title} has no windows"
    word = "open" if change.open else "closed"
    if change.at is None:
        return f"{word}, no change within 400 days"
    when = _local(change.at, zone(asked.zone))
    return f"open, until {when}" if change.open else f"closed, opens {when}"


def _shown(asked: _Asked, found: Sequence[Interval], first: datetime, last: datetime) -> list[str]:
    there = zone(asked.zone)
    lines = [
        f"{asked.title}: open time from {_local(first, there)} until {_local(last, there)}",
        f"times in {asked.zone}, zone data {tzdata_version()}",
        "",
    ]
    lines += [_line(each, there) for each in found] or ["  never open in this range"]
    lines += [
        "",
        *_week(found, first, last, there),
        "",
        _said(asked, next_change(asked.sets, first)),
    ]
    return [*lines, *asked.notes]


def _line(each: Interval, there: ZoneInfo) -> str:
    opened = f"opened by {each.opened_by}" if each.opened_by else "open before"
    closed = f"closed by {each.closed_by}" if each.closed_by else "open after"
    return f"  {_local(each.start, there)} - {_local(each.end, there)}  {opened}; {closed}"


def _local(at: datetime, there: ZoneInfo) -> str:
    return at.astimezone(there).strftime("%a %Y-%m-%d %H:%M %Z")


def _week(found: Sequence[Interval], first: datetime, last: datetime, there: ZoneInfo) -> list[str]:
    """The first week of the range by local days, a character for each half hour."""
    last = min(last, first + _WEEK)
    start = first.astimezone(there).date()
    days = [start + timedelta(days=count) for count in range(_WEEK.days + 1)]
    hours = "".join(f"{hour:02}      " for hour in range(0, 24, 4))
    return [
        f"  {'':14}  {hours}".rstrip(),
        *(f"  {day:%a %Y-%m-%d}  {_day(found, day, first, last, there)}".rstrip() for day in days),
        "  # open  + partly open  . closed  (blank: not asked for)",
    ]


def _day(
    found: Sequence[Interval], day: date, first: datetime, last: datetime, there: ZoneInfo
) -> str:
    clock = datetime.combine(day, time())
    edges = [
        (clock + _SLOT * count).replace(tzinfo=there).astimezone(UTC) for count in range(_SLOTS + 1)
    ]
    return "".join(
        _mark(found, max(begin, first), min(stop, last)) for begin, stop in pairwise(edges)
    )


def _mark(found: Sequence[Interval], begin: datetime, stop: datetime) -> str:
    """One half hour of the local clock; one that the clock leaves out has no time at all."""
    if stop <= begin:
        return " "
    spans = (min(stop, each.end) - max(begin, each.start) for each in found)
    inside = sum((span for span in spans if span > timedelta()), timedelta())
    if not inside:
        return "."
    return "#" if inside == stop - begin else "+"
