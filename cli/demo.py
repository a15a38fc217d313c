"""``bakegate demo``: a real build of a real web service goes through its stages on this machine."""

import shlex
import signal
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Final

import typer
from rich.console import Console, Group
from rich.live import Live
from rich.table import Table
from rich.text import Text

from cli.exits import Exit
from service.demo.run import Demonstration
from service.demo.scenario import Fate
from service.promotions.views import PipelineView, ReleaseView, RunView, StageView
from service.promotions.wording import event_sentence

app = typer.Typer(rich_markup_mode=None, add_completion=False)

#: How often the table is drawn again, in seconds.
_EVERY: Final = 0.5
#: How many of the newest events stand under the table.
_EVENTS: Final = 6

_STYLES: Final = {
    "succeeded": "green",
    "waiting": "yellow",
    "building": "blue",
    "deploying": "blue",
    "testing": "blue",
    "baking": "cyan",
    "rolling_back": "magenta",
    "rolled_back": "magenta",
    "failed": "red",
    "errored": "red",
    "superseded": "dim",
    "aborted": "dim",
}


@app.command(epilog="Takes about two minutes; needs git. Nothing outside of the folder is touched.")
def demo(
    keep: Annotated[
        bool, typer.Option("--keep", help="Leave the service and its pages running afterwards.")
    ] = False,
    folder: Annotated[
        Path | None,
        typer.Option(help="Work here instead of a temporary folder; goes on where it was."),
    ] = None,
    port: Annotated[int, typer.Option(help="Of the pages; 0 takes a free one.")] = 0,
) -> None:
    """Promote four releases of a small web service: good, defective, blocked, refused.

    Builds, tests, deploys to local processes, sends traffic, bakes and decides for real, under the
    ruleset of a demo organization that states its short times in the open.
    """
    signal.signal(signal.SIGTERM, _interrupt)
    console = Console()
    place = folder or Path(tempfile.mkdtemp(prefix="bakegate-demo-"))
    demonstration = Demonstration(place, port)
    try:
        with demonstration:
            console.print(f"Pages: [link]{demonstration.url}[/link]   folder: {place}")
            for line in demonstration.brought:
                console.print(line)
            fates = _play(console, demonstration)
            _summary(console, fates)
            if keep:
                _wait_for_the_end(console, demonstration)
    finally:
        demonstration.end_hosts()
    raise typer.Exit(Exit.CLEAN if all(fate.ok for fate in fates) else Exit.FINDINGS)


def _play(console: Console, demonstration: Demonstration) -> list[Fate]:
    fates = []
    with Live(console=console, refresh_per_second=4, transient=True) as live:
        watch = _watcher(console, demonstration, live)
        for scene in demonstration.scenes:
            fates.append(demonstration.play(scene, watch))
            console.print(_line(fates[-1]))
    fates.append(demonstration.refuse())
    console.print(_line(fates[-1]))
    return fates


def _watcher(
    console: Console, demonstration: Demonstration, live: Live
) -> Callable[[str, Callable[[ReleaseView], bool]], None]:
    """Waits for a release and shows it: a live table, or one line an event where nobody looks."""
    told = 0

    def watch(release: str, over: Callable[[ReleaseView], bool]) -> None:
        nonlocal told
        for view, pipeline in demonstration.follow(release, over, _EVERY):
            live.update(_picture(view, pipeline))
            if not console.is_terminal:
                for event in view.events:
                    if event.id > told:
                        console.print(f"{event.at:%H:%M:%S} {event_sentence(event)}")
                        told = event.id

    return watch


def _picture(release: ReleaseView, pipeline: PipelineView) -> Group:
    table = Table(title=f"{release.id}  {release.changes[0].subject if release.changes else ''}")
    for heading in ("stage", "state", "what", "runs there"):
        table.add_column(heading)
    runs = {run.stage: run for run in release.runs}
    for stage in pipeline.stages:
        table.add_row(stage.name, *_cells(stage, runs.get(stage.name)))
    lines = [
        Text(f"{event.at:%H:%M:%S} {event_sentence(event)}", style="dim")
        for event in release.events[-_EVENTS:]
    ]
    return Group(table, *lines)


def _cells(stage: StageView, run: RunView | None) -> tuple[Text, str, str]:
    there = ", ".join(sorted({target.release for target in stage.targets if target.release}))
    if run is None:
        return Text("-", style="dim"), "", there
    state = run.outcome or run.state
    return Text(state, style=_STYLES.get(state, "")), _what(run), there


def _what(run: RunView) -> str:
    if run.bake and run.state == "baking":
        bake = run.bake
        seconds = f"{bake.observed.total_seconds():.0f} of {bake.needed.total_seconds():.0f} s"
        return f"{seconds}, {bake.positive} of {bake.positive_needed} good, {bake.negative} bad"
    if run.progress and run.state in {"deploying", "rolling_back"}:
        return f"{run.progress[0]} of {run.progress[1]} hosts"
    if run.state == "waiting" and run.decision and run.decision.verdict in {"hold", "block"}:
        return f"gate: {run.decision.verdict}"
    return run.message


def _line(fate: Fate) -> Text:
    mark = Text("as described " if fate.ok else "NOT AS DESCRIBED ", "green" if fate.ok else "red")
    return mark + Text(f"{fate.name}: {fate.sentence}", "default")


def _summary(console: Console, fates: list[Fate]) -> None:
    table = Table(title="What became of each release", show_lines=True)
    for heading in ("release", "fate and why", "as described"):
        table.add_column(heading)
    for fate in fates:
        told = "\n".join((fate.sentence, *fate.details))
        table.add_row(f"{fate.name}\n{fate.release}".strip(), told, "yes" if fate.ok else "NO")
    console.print(table)


def _wait_for_the_end(console: Console, demonstration: Demonstration) -> None:
    console.print(f"The pages stay open at {demonstration.url}; press Ctrl-C to end.")
    try:
        signal.pause()
    except KeyboardInterrupt:
        again = f"bakegate demo --keep --folder {shlex.quote(str(demonstration.folder))}"
        console.print("Ending the hosts and the service. All of it runs again with:")
        console.print(again, soft_wrap=True)


def _interrupt(*_: object) -> None:
    """Being told to end is like Ctrl-C: the hosts are ended on the way out."""
    raise KeyboardInterrupt
