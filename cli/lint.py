"""``bakegate lint``: pipeline files against the organization's ruleset."""

from pathlib import Path
from typing import Annotated, Final

import typer

from cli.formats import Format
from cli.instants import AT_HELP
from cli.lint_run import lint
from cli.lint_words import Asked
from cli.practice import DEFAULT

app = typer.Typer(rich_markup_mode=None, add_completion=False)

_EPILOG: Final = """\b
Examples:
  bakegate lint .github/workflows
  bakegate lint deploy.yml --ruleset strict --each
  bakegate lint . --output json=lint.json --output text=lint.txt

\b
Exit codes:
  0  nothing blocks
  1  something blocks
  2  nothing was evaluated
  3  a rule crashed and the others went on
"""


Past = Annotated[
    Path | None,
    typer.Option(
        metavar="FILE",
        help="What earlier runs say (bakegate/history/v1), for the rules that need it.",
    ),
]


Alone = Annotated[
    bool,
    typer.Option("--each", help="Show each finding by itself, and what each rule cannot tell."),
]


Jobs = Annotated[
    int | None,
    typer.Option(
        min=1,
        metavar="NUMBER",
        help="How many processes share the files. Default: by the processors and the files.",
    ),
]


@app.command("lint", epilog=_EPILOG)
def lint_command(
    paths: Annotated[
        list[Path], typer.Argument(metavar="PATH...", help="Files, or folders to look through.")
    ],
    ruleset: Annotated[
        str | None,
        typer.Option(
            metavar="NAME|FILE",
            help="starter, recommended, strict, or a ruleset file. "
            f"Default: the organization's, else {DEFAULT}.",
        ),
    ] = None,
    org: Annotated[
        str | None,
        typer.Option(metavar="NODE", help="Judge as this node of organization.yaml."),
    ] = None,
    at: Annotated[str | None, typer.Option(metavar="TIME", help=AT_HELP)] = None,
    overlay: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="Instead of the bakegate.yaml found upwards."),
    ] = None,
    history: Past = None,
    format: Annotated[Format, typer.Option(help="How to answer.")] = Format.TEXT,
    each: Alone = False,
    jobs: Jobs = None,
    output: Annotated[
        list[str] | None,
        typer.Option(
            metavar="[FORMAT=]FILE",
            help="Write the answer to FILE instead of printing it; may be given several times.",
        ),
    ] = None,
) -> None:
    """Judge pipeline files before merge: what fails, where, and how to mend it."""
    asked = Asked(
        paths=tuple(paths),
        ruleset=ruleset,
        org=org,
        at=at,
        overlay=overlay,
        history=history,
        format=format,
        each=each,
        jobs=jobs,
        output=tuple(output or ()),
    )
    linted = lint(asked)
    raise typer.Exit(linted.exit)
