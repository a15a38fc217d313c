"""``bakegate release``: releases of a running service, looked at and acted upon."""

from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import Annotated, Any, Final

import typer

from cli.asking import Shape, Url, said, show
from cli.client import get, post
from cli.exits import Exit
from cli.formats import Format
from cli.problems import Unusable
from cli.pushing import pushed
from cli.release_text import line
from cli.release_text import lines as whole
from policies.durations import parse_duration
from policies.plain import instant_text

app = typer.Typer(
    rich_markup_mode=None,
    no_args_is_help=True,
    add_completion=False,
    help="Start releases, watch them, and say what only a person can say.",
    epilog="Example: bakegate release list --pipeline payments-api",
)


class Kind(StrEnum):
    NORMAL = "normal"
    EMERGENCY = "emergency"
    CONFIG = "config"


Release = Annotated[str, typer.Argument(metavar="RELEASE", help="Such as payments-api:1846.")]
Stage = Annotated[str, typer.Argument(metavar="STAGE", help="Such as wave-2.")]
Reason = Annotated[str, typer.Option("--reason", help="Why.")]
Justified = Annotated[
    str, typer.Option("--reason", help="Why; the rule override-justified says how long it must be.")
]


def _example(*parts: str) -> str:
    """One that can be copied from a help of any width: its lines stay as they are."""
    return "\b\nExample:\n  bakegate release " + " \\\n    ".join(parts)


_SUBMIT: Final = """\b
Examples:
  bakegate release submit payments-api $(git rev-parse HEAD)
  bakegate release submit payments-api $(git rev-parse HEAD) --artifact dist/app.tar.gz"""


@app.command(epilog=_SUBMIT)
def submit(
    pipeline: Annotated[str, typer.Argument(metavar="PIPELINE", help="Whose.")],
    commit: Annotated[
        str, typer.Argument(metavar="COMMIT", help="The whole hash of one of its repository.")
    ],
    kind: Annotated[
        Kind, typer.Option(help="An emergency needs --reason and --incident.")
    ] = Kind.NORMAL,
    reason: Annotated[str, typer.Option("--reason", help="Why it is an emergency.")] = "",
    incident: Annotated[str, typer.Option(help="What the emergency mends, such as INC-31.")] = "",
    artifact: Annotated[
        str | None,
        typer.Option(
            metavar="FILE", help="What was built of it; a digest if it was pushed before."
        ),
    ] = None,
    url: Url = None,
    format: Shape = Format.TEXT,
) -> None:
    """Make a release of a commit; it starts to build as soon as the first stage is free.

    With an artifact nothing is built: the file is sent to the service and is what is released.
    """
    with said("release"):
        body = {"pipeline": pipeline, "commit": commit, "kind": kind.value, "reason": reason}
        body["incident"] = incident
        if artifact:
            body["artifact"] = pushed(url, artifact)
        made = post(url, "/v1/releases", body)
        show(made, format, made["id"])


@app.command("list", epilog="Example: bakegate release list --pipeline payments-api --limit 5")
def list_(
    pipeline: Annotated[str | None, typer.Option(help="Only of this pipeline.")] = None,
    limit: Annotated[int, typer.Option(min=1, max=1000, help="At most so many.")] = 20,
    url: Url = None,
    format: Shape = Format.TEXT,
) -> None:
    """List the newest releases with the stage that each has reached."""
    with said("release"):
        found = get(url, "/v1/releases", {"pipeline": pipeline, "limit": str(limit)})
        lines = [line(each) for each in found["releases"]]
        show(found, format, "\n".join(lines) or "none")


@app.command("show", epilog="Example: bakegate release show payments-api:1846 --format json")
def show_(release: Release, url: Url = None, format: Shape = Format.TEXT) -> None:
    """Show one release: its stages, what holds it, and what people said."""
    with said("release"):
        found = get(url, f"/v1/releases/{release}")
        show(found, format, "\n".join(whole(found)))


@app.command(epilog="Example: bakegate release watch payments-api:1846")
def watch(release: Release, url: Url = None, format: Shape = Format.TEXT) -> None:
    """Follow a release event by event, and why it waits; ends with it, 0 only if it succeeded.

    As JSON each event is one line, and the last one is the outcome. A service that is away
    meanwhile is waited for, five minutes at most.
    """
    from cli.watching import follow

    with said("release"):
        outcome = follow(url, release, format)
    raise typer.Exit(Exit.CLEAN if outcome == "succeeded" else Exit.FINDINGS)


@app.command(epilog="Example: bakegate release approve payments-api:1846 wave-2")
def approve(
    release: Release,
    stage: Stage,
    reject: Annotated[bool, typer.Option("--reject", help="Say no; needs a reason.")] = False,
    reason: Annotated[str, typer.Option("--reason", help="What to add.")] = "",
    url: Url = None,
    format: Shape = Format.TEXT,
) -> None:
    """Approve the release's artifact for a stage, or reject it.

    It holds for seven days, and is void when a newer release supersedes this one. Before a stage
    whose transition is manual it lets this one release in.
    """
    word = "rejected" if reject else "approved"
    body = {"stage": stage, "decision": word, "reason": reason}
    _act(url, format, release, "approvals", body, f"{release} is {word} for {stage}")


@app.command(epilog='Example: bakegate release tick payments-api:1846 wave-2 "tell support"')
def tick(
    release: Release,
    stage: Stage,
    item: Annotated[str, typer.Argument(metavar="STEP", help="As the checklist writes it.")],
    url: Url = None,
    format: Shape = Format.TEXT,
) -> None:
    """Tick a manual step of a stage's checklist."""
    body = {"stage": stage, "item": item}
    _act(url, format, release, "checklist", body, f"{item}: done for {release}")


@app.command(
    epilog=_example(
        "override payments-api:1846 wave-2 bake-time --hours 4",
        '--reason "the fix stops the loss of orders"',
    )
)
def override(
    release: Release,
    stage: Stage,
    rule: Annotated[str, typer.Argument(metavar="RULE", help="That it may pass.")],
    reason: Justified,
    hours: Annotated[
        int, typer.Option(min=1, max=24, help="For so many hours; rules may allow fewer.")
    ] = 4,
    digest: Annotated[str, typer.Option(help="Only if this is the artifact.")] = "",
    incident: Annotated[str, typer.Option(help="What it mends, such as INC-31.")] = "",
    url: Url = None,
    format: Shape = Format.TEXT,
) -> None:
    """Let one release pass one rule at one stage for some hours."""
    body = {"stage": stage, "rule": rule, "reason": reason, "hours": hours, "digest": digest}
    body["incident"] = incident
    told = f"{release} may pass {rule} at {stage} for {hours} h"
    _act(url, format, release, "overrides", body, told)


@app.command(
    epilog=_example("pause --pipeline payments-api --for 2h", '--reason "the database moves"')
)
def pause(
    reason: Reason,
    pipeline: Annotated[str, typer.Option(help="Of this pipeline.")] = "",
    stage: Annotated[str, typer.Option(help="Only this stage of it.")] = "",
    org: Annotated[str, typer.Option(metavar="NODE", help="Of this whole subtree.")] = "",
    lasting: Annotated[
        str,
        typer.Option(
            "--for", metavar="DURATION", help="Such as 30m, 2h, 1d. Without it, for good."
        ),
    ] = "",
    url: Url = None,
    format: Shape = Format.TEXT,
) -> None:
    """Let nothing enter a stage, a pipeline or a node; what acts goes on to its own end."""
    with said("release"):
        body: dict[str, Any] = {
            "reason": reason,
            "pipeline": pipeline,
            "stage": stage,
            "organization": org,
        }
        if lasting:
            body["until"] = instant_text(datetime.now(UTC) + _duration(lasting))
        made = post(url, "/v1/pauses", body)
        show(made, format, f"{made['id']}: {org or pipeline} {stage}".rstrip() + " is paused")


@app.command(epilog=_example("pin payments-api:1846 wave-2", '--reason "the fair is on"'))
def pin(
    release: Release,
    stage: Stage,
    reason: Reason,
    lasting: Annotated[
        str,
        typer.Option(
            "--for", metavar="DURATION", help="Such as 30m, 2h, 1d. Without it, for good."
        ),
    ] = "",
    url: Url = None,
    format: Shape = Format.TEXT,
) -> None:
    """Keep a stage at one release: no other enters it until the pin is resumed."""
    with said("release"):
        pipeline, _, number = release.rpartition(":")
        if not (pipeline and number):
            raise Unusable(f"a release is named as in payments-api:1846, not {release!r}")
        body = {"reason": reason, "pipeline": pipeline, "stage": stage, "release": release}
        if lasting:
            body["until"] = instant_text(datetime.now(UTC) + _duration(lasting))
        made = post(url, "/v1/pauses", body)
        show(made, format, f"{made['id']}: {stage} is pinned to {release}")


@app.command(
    epilog=_example(
        "skip payments-api:1846 wave-2 --hours 4", '--reason "the fix is for that cell alone"'
    )
)
def skip(
    release: Release,
    stage: Stage,
    reason: Justified,
    hours: Annotated[
        int, typer.Option(min=1, max=24, help="For so many hours; rules may allow fewer.")
    ] = 4,
    digest: Annotated[str, typer.Option(help="Only if this is the artifact.")] = "",
    url: Url = None,
    format: Shape = Format.TEXT,
) -> None:
    """Let a release go on to a stage before its turn; the stages before it stay ahead of it.

    This overrides the order alone: what the stage's gate asks for is asked all the same, and each
    rule that does not pass needs an override of its own.
    """
    body = {"stage": stage, "reason": reason, "hours": hours, "digest": digest}
    _act(url, format, release, "skip", body, f"{release} goes on to {stage}")


@app.command(epilog="Example: bakegate release resume pa-3")
def resume(
    pause: Annotated[str, typer.Argument(metavar="PAUSE", help="Such as pa-3.")],
    url: Url = None,
    format: Shape = Format.TEXT,
) -> None:
    """End a pause; every gate that it held is asked again."""
    with said("release"):
        post(url, f"/v1/pauses/{pause}/end", {})
        show({"id": pause}, format, f"{pause} has ended")


@app.command(epilog='Example: bakegate release rollback payments-api:1846 --reason "wrong totals"')
def rollback(
    release: Release,
    reason: Reason,
    stage: Annotated[str, typer.Option(help="Only there; default wherever it runs.")] = "",
    url: Url = None,
    format: Shape = Format.TEXT,
) -> None:
    """Restore the last good artifact where the release runs; nothing holds the way back."""
    body = {"reason": reason, "stage": stage}
    _act(url, format, release, "rollback", body, f"{release} goes back")


@app.command(epilog=_example("retry payments-api:1846 beta", '--reason "the network was away"'))
def retry(
    release: Release,
    stage: Stage,
    reason: Reason,
    url: Url = None,
    format: Shape = Format.TEXT,
) -> None:
    """Let a release that ended badly in a stage try that stage again."""
    body = {"stage": stage, "reason": reason}
    _act(url, format, release, "retry", body, f"{release} tries {stage} again")


@app.command(epilog='Example: bakegate release abort payments-api:1846 --reason "by mistake"')
def abort(release: Release, reason: Reason, url: Url = None, format: Shape = Format.TEXT) -> None:
    """End a release: what waits or builds stops, what is deployed goes back."""
    _act(url, format, release, "abort", {"reason": reason}, f"{release} is aborted")


@app.command(
    "report-problem",
    epilog=_example("report-problem payments-api:1846", '"orders charged twice"'),
)
def report_problem(
    release: Release,
    text: Annotated[str, typer.Argument(metavar="TEXT", help="What you see.")],
    url: Url = None,
    format: Shape = Format.TEXT,
) -> None:
    """Report a problem: the release's bakes halt until somebody clears it or rolls back."""
    _act(
        url, format, release, "problems", {"text": text}, f"reported; what bakes of {release} halts"
    )


@app.command(
    "clear-problem",
    epilog=_example("clear-problem pr-2", '--reason "the test account was wrong"'),
)
def clear_problem(
    problem: Annotated[str, typer.Argument(metavar="PROBLEM", help="Such as pr-2.")],
    reason: Reason,
    url: Url = None,
    format: Shape = Format.TEXT,
) -> None:
    """Say by name that a problem is none any more; the bakes go on."""
    with said("release"):
        post(url, f"/v1/problems/{problem}/clear", {"reason": reason})
        show({"id": problem}, format, f"{problem} is cleared")


def _act(
    url: str | None, shape: Format, release: str, act: str, body: dict[str, Any], told: str
) -> None:
    """Do it; as JSON the answer is what was made, else the release as it is from now on."""
    with said("release"):
        made = post(url, f"/v1/releases/{release}/{act}", body)
        name = f"{made['id']}: " if made and made["id"] else ""
        if made is None and shape is Format.JSON:
            made = get(url, f"/v1/releases/{release}")
        show(made, shape, f"{name}{told}")


def _duration(text: str) -> timedelta:
    try:
        return parse_duration(text).exact
    except ValueError as error:
        told = f"--for: {error}"
        raise Unusable(told) from error
