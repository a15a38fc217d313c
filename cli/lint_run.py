"""What ``bakegate lint`` does: judge, write the answer, and say by its exit code what was found."""

import gc
import sys
from pathlib import Path
from typing import Final, NamedTuple, assert_never

from cli.exits import Exit
from cli.formats import Format
from cli.instants import instant
from cli.lint_files import Beside, Judge, judge_files, known_findings
from cli.lint_words import Asked
from cli.practice import practice
from cli.problems import Unusable
from policies.documents import DocumentError
from policies.engine.lint import FileReport
from policies.output import RENDERERS

#: So many new objects, some 20 MB, before circles among them are looked for.
OBJECTS: Final = 200_000


class Linted(NamedTuple):
    exit: Exit
    kept: object = None
    """What was judged; the process ends before it, because to free it takes 3 % of the work."""


def lint(asked: Asked) -> Linted:
    """Judge the files, print or write the answer, or tell what cannot be done and why."""
    # What is judged has hardly any circles, so looking for them often is a tenth of all work.
    gc.set_threshold(OBJECTS)
    paths = list(asked.paths)
    try:
        moment = instant(asked.at)
        outputs = [_output(name, asked.format) for name in asked.output]
        resolved = practice(paths, asked.ruleset, asked.org, moment)
        judge = Judge(resolved, moment, known_findings(paths[0]))
        report = judge_files(paths, Beside(asked.overlay, asked.history), judge, asked.jobs).report
        for name, file in outputs:
            file.write_text(RENDERERS[name](report, each_alone=asked.each), encoding="utf-8")
    except (Unusable, DocumentError, OSError) as error:
        from typer import echo  # it takes longer to load than to lint a file

        echo(_told(error), err=True)
        return Linted(Exit.NOTHING_EVALUATED)
    if not outputs:
        color = asked.format is Format.TEXT and sys.stdout.isatty()
        sys.stdout.write(RENDERERS[asked.format](report, color=color, each_alone=asked.each))
    return Linted(_exit(report.files), (judge.kept, report))


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
