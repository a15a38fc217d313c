"""``bakegate lint``: pipeline files against the organization's ruleset."""

import gc
import sys
from pathlib import Path
from typing import Annotated, Final, assert_never

import typer

from cli.exits import Exit
from cli.formats import Format
from cli.instants import AT_HELP, instant
from cli.lint_files import Beside, Judge, judge_files, known_findings
from cli.practice import DEFAULT, practice
from cli.problems import Unusable
from policies.documents import DocumentError
from policies.engine.lint import FileReport
from policies.output import RENDERERS

app = typer.Typer(rich_markup_mode=None, add_completion=False)

#: So many new objects, some 20 MB, before circles among them are looked for.
OBJECTS: Final = 200_000

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
    # What is judged has hardly any circles, so looking for them often is a tenth of all work.
    gc.set_threshold(OBJECTS)
    try:
        moment = instant(at)
        outputs = [_output(name, format) for name in output or ()]
        judge = Judge(practice(paths, ruleset, org, moment), moment, known_findings(paths[0]))
        report = judge_files(paths, Beside(overlay, history), judge, jobs).report
        for name, file in outputs:
            file.write_text(RENDERERS[name](report, each_alone=each), encoding="utf-8")
    except (Unusable, DocumentError, OSError) as error:
        typer.echo(_told(error), err=True)
        raise typer.Exit(Exit.NOTHING_EVALUATED) from error
    if not outputs:
        color = format is Format.TEXT and sys.stdout.isatty()
        sys.stdout.write(RENDERERS[format](report, color=color, each_alone=each))
    raise typer.Exit(_exit(report.files))


def _told(error: Unusable | DocumentError | OSError) -> str:
    match error:
        case DocumentError():
            return str(error)  # one error per line, each with its own place
        case OSError():
            return f"bakegate lint: {error.filename}: {error.strerror}"
        case Unusable():
            return f"bakegate lint: {error}"
        case _:
            assert_never(error)


def _output(text: str, default: Format) -> tuple[str, Path]:
    """``[FORMAT=]FILE``; an unknown format is an error, never a silent default."""
    name, found, file = text.partition("=")
    if not found:
        return default, Path(text)
    if name not in RENDERERS:
        told = f"--output {text}: there is no format {name!r}; there are {', '.join(RENDERERS)}"
        raise Unusable(told)
    return name, Path(file)


def _exit(files: tuple[FileReport, ...]) -> Exit:
    if any(each.crashed for each in files):
        return Exit.INTERNAL
    return Exit.FINDINGS if any(each.blocks for each in files) else Exit.CLEAN
