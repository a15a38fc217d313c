"""What ``bakegate lint`` does: judge, write the answer, and say by its exit code what was found."""

import gc
import sys
from contextlib import ExitStack
from datetime import datetime
from functools import partial
from operator import attrgetter
from pathlib import Path
from typing import Final, assert_never

from cli.exits import Exit
from cli.formats import Format
from cli.instants import instant
from cli.lint_files import Beside, Judge, Judged, judged, known_findings
from cli.lint_words import Asked
from cli.practice import practice
from cli.problems import Unusable
from policies.documents import DocumentError
from policies.engine.lint import FileReport
from policies.engine.report import Summary, Tally, tally, together
from policies.frozen import dataclass
from policies.output import RENDERERS, Renderer, Style

#: So many new objects, some 20 MB, before circles among them are looked for.
OBJECTS: Final = 200_000


@dataclass(frozen=True, slots=True)
class Linted:
    exit: Exit
    kept: object = None
    """What was judged; the process ends before it, because to free it takes 3 % of the work."""


@dataclass(frozen=True, slots=True)
class _Form:
    """How it is answered, and whether to a file or to the standard output."""

    renderer: Renderer
    style: Style
    file: Path | None = None


@dataclass(frozen=True, slots=True)
class _Told:
    """One file as it is told: its part of each answer, and of the summary and the exit code."""

    path: str
    parts: tuple[str, ...]
    tally: Tally
    exit: Exit


def lint(asked: Asked) -> Linted:
    """Judge the files, print or write the answer, or tell what cannot be done and why."""
    # What is judged has hardly any circles, so looking for them often is a tenth of all work.
    gc.set_threshold(OBJECTS)
    paths = list(asked.paths)
    with ExitStack() as processes:
        try:
            moment = instant(asked.at)
            forms = [_output(each, asked) for each in asked.output] or [_printed(asked)]
            resolved = practice(paths, asked.ruleset, asked.org, moment)
            judge = Judge(resolved, moment, known_findings(paths[0]))
            beside = Beside(asked.overlay, asked.history)
            found = processes.enter_context(
                judged(paths, beside, judge, partial(_told_of, forms), asked.jobs)
            )
            texts = _texts(forms, found, moment)
            for form, text in zip(forms, texts, strict=True):
                if form.file:
                    form.file.write_text(text, encoding="utf-8")
        except (Unusable, DocumentError, OSError) as error:
            from typer import echo  # it takes longer to load than to lint a file

            echo(_complaint(error), err=True)
            return Linted(Exit.NOTHING_EVALUATED)
        if not asked.output:
            sys.stdout.write(texts[0])
            sys.stdout.flush()
    return Linted(max(each.exit for each in found.files), judge.kept)


def _told_of(forms: list[_Form], file: FileReport) -> _Told:
    parts = tuple(each.renderer.part(file, each.style) for each in forms)
    return _Told(file.path, parts, tally(file), _exit(file))


def _texts(forms: list[_Form], found: Judged[_Told], at: datetime) -> list[str]:
    files = sorted(found.files, key=attrgetter("path"))
    tallied = together(each.tally for each in files)
    summary = Summary(at, found.ruleset, found.digest, tallied)
    return [
        each.renderer.whole([file.parts[number] for file in files], summary, each.style)
        for number, each in enumerate(forms)
    ]


def _complaint(error: Unusable | DocumentError | OSError) -> str:
    match error:
        case DocumentError():
            return str(error)  # one error per line, each with its own place
        case OSError():
            return f"bakegate lint: {error.filename}: {error.strerror}"
        case Unusable():
            return f"bakegate lint: {error}"
        case _:
            assert_never(error)


def _printed(asked: Asked) -> _Form:
    color = asked.format is Format.TEXT and sys.stdout.isatty()
    return _Form(RENDERERS[asked.format], Style(color, asked.each))


def _output(text: str, asked: Asked) -> _Form:
    """``[FORMAT=]FILE``; an unknown format is an error, never a silent default."""
    name, found, file = text.partition("=")
    if not found:
        name, file = asked.format, text
    if name not in RENDERERS:
        told = f"--output {text}: there is no format {name!r}; there are {', '.join(RENDERERS)}"
        raise Unusable(told)
    return _Form(RENDERERS[name], Style(each_alone=asked.each), Path(file))


def _exit(file: FileReport) -> Exit:
    if file.crashed:
        return Exit.INTERNAL
    return Exit.FINDINGS if file.blocks else Exit.CLEAN
