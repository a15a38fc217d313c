"""``bakegate lint``: pipeline files against the organization's ruleset."""

import re
import sys
from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final, assert_never

import typer

from cli.budget import limited
from cli.exits import Exit
from cli.files import BASELINE, found_upwards, pipeline_files, shown
from cli.formats import Format
from cli.instants import AT_HELP, instant
from cli.owners import with_owners
from cli.practice import DEFAULT, Practice, practice
from cli.problems import Unusable
from cli.reading import overlay_of, read_file
from policies.baseline import read_baseline
from policies.canonical import digest
from policies.documents import DocumentError
from policies.engine.beside import with_histories, with_writers
from policies.engine.lint import FileReport, lint
from policies.engine.names import shared_names
from policies.engine.parts import told_once, with_parts_listed
from policies.engine.report import Report
from policies.exceptions import Baseline, Exceptions
from policies.findings import Finding
from policies.formats import Read
from policies.frozen import dataclass
from policies.history_files import read_histories
from policies.output import RENDERERS
from policies.pipeline import Pipeline
from policies.ruleset import Resolved

if TYPE_CHECKING:
    from policies.rego.port import Rego

app = typer.Typer(rich_markup_mode=None, add_completion=False)

#: From so many files on, a person is told how far the work is.
_MANY: Final = 200

#: What a pipeline file has in it, even when it cannot be read as YAML.
_MARKS: Final = re.compile(
    rb"^(?:jobs:|stages:|steps:|schema: *bakegate/pipeline/|kind: *Rollout\b)"
    rb"|AWS::CodePipeline::Pipeline|\"requisiteStageRefIds\"",
    re.MULTILINE,
)

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
    output: Annotated[
        list[str] | None,
        typer.Option(
            metavar="[FORMAT=]FILE",
            help="Write the answer to FILE instead of printing it; may be given several times.",
        ),
    ] = None,
) -> None:
    """Judge pipeline files before merge: what fails, where, and how to mend it."""
    try:
        moment = instant(at)
        outputs = [_output(name, format) for name in output or ()]
        judge = Judge(practice(paths, ruleset, org, moment), moment, _baseline(paths[0]))
        report = judge_files(paths, Beside(overlay, history), judge)
        for name, file in outputs:
            file.write_text(RENDERERS[name](report, each_alone=each), encoding="utf-8")
    except (Unusable, DocumentError, OSError) as error:
        typer.echo(_told(error), err=True)
        raise typer.Exit(Exit.NOTHING_EVALUATED) from error
    if not outputs:
        color = format is Format.TEXT and sys.stdout.isatty()
        sys.stdout.write(RENDERERS[format](report, color=color, each_alone=each))
    raise typer.Exit(_exit(report.files))


class Judge:
    """Asks for the ruleset of each pipeline and remembers which ones were applied."""

    def __init__(self, asked: Practice, at: datetime, baseline: Baseline | None = None) -> None:
        self.at = at
        self._asked = asked
        self._baseline = baseline
        self._applied: dict[str, Resolved] = {}

    def __call__(self, pipeline: Pipeline) -> Resolved:
        resolved = self._asked.of(pipeline)
        self._applied.setdefault(resolved.organization, resolved)
        return resolved

    def exceptions(self, pipeline: Pipeline) -> Exceptions:
        return replace(self._asked.exceptions(pipeline), baseline=self._baseline)

    @property
    def rulesets(self) -> list[Resolved]:
        """What was applied; where no file had a pipeline, what would have been."""
        return list(self._applied.values()) or [self._asked.default]


@dataclass(frozen=True, slots=True)
class Beside:
    """Files that say what pipeline files cannot: the overlay and the past."""

    overlay: Path | None
    history: Path | None

    def place(self, reads: list[Read]) -> list[Read]:
        """The files with what stands beside them: other pipelines, and what was before."""
        found = with_writers(reads)
        if self.history is None:
            return found
        past = read_histories(self.history.read_bytes(), shown(self.history))
        return with_histories(found, past)


def _baseline(path: Path) -> Baseline | None:
    """The known findings of the repository that the first path lies in."""
    found = found_upwards(path, BASELINE)
    return read_baseline(found.read_bytes(), shown(found)) if found else None


def judge_files(paths: list[Path], beside: Beside, judge: Judge) -> Report:
    """Every pipeline file under ``paths``, judged; raises Unusable, DocumentError and OSError."""
    missing = [str(each) for each in paths if not each.exists()]
    if missing:
        told = f"no such file or folder: {', '.join(missing)}"
        raise Unusable(told)
    reads = beside.place(list(with_parts_listed(_reads(paths, beside.overlay))))
    if not reads:
        told = f"no pipeline file in {', '.join(map(str, paths))}; name a file to be told why"
        raise Unusable(told)
    shared: dict[str, list[Finding]] = {}
    for finding in shared_names(reads):
        shared.setdefault(finding.span.path, []).append(finding)
    judged = (_judged(each, judge, shared.get(each.path, [])) for each in reads)
    files = tuple(told_once(judged))
    names = sorted({each.name for each in judge.rulesets})
    digests = sorted(each.digest for each in judge.rulesets)
    one = digests[0] if len(digests) == 1 else digest(digests)
    return Report(judge.at, ", ".join(names), one, files)


def _judged(read: Read, judge: Judge, more: list[Finding]) -> FileReport:
    report = lint(read, judge, judge.at, judge.exceptions, _rego, budget=limited)
    found = sorted((*report.findings, *more), key=lambda each: each.span)
    return replace(report, findings=tuple(found)) if more else report


def _rego() -> "Rego":
    """What evaluates custom rules, loaded for the first file that has some."""
    from cli.rego_engine import chosen_rego

    return chosen_rego()


def _reads(paths: list[Path], overlay: Path | None) -> Iterator[Read]:
    """Every pipeline file; what only happens to lie in a folder and is none is passed over.

    A file of a folder that is no YAML counts when it has the marks of a pipeline.
    """
    telling = sys.stderr.isatty()
    files = list(pipeline_files(paths))
    for number, (path, named) in enumerate(files, start=1):
        if telling and len(files) >= _MANY and number % _MANY == 0:
            typer.echo(f"read {number} of {len(files)} files", err=True)
        read = with_owners(read_file(path, overlay_of(path, overlay)), path)
        if named or read.format or (read.source is None and _is_marked(path)):
            yield read


def _is_marked(path: Path) -> bool:
    try:
        return bool(_MARKS.search(path.read_bytes()))
    except OSError:  # nobody may read it, so nobody can say that it is no pipeline
        return True


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
