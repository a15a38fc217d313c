"""What every output format is: reports of files in, text with a final newline out."""

from collections.abc import Callable, Sequence

from policies.engine.lint import FileReport
from policies.engine.report import Report, Summary
from policies.frozen import dataclass


@dataclass(frozen=True, slots=True)
class Style:
    """How people like to read; formats that machines read take no notice of it."""

    color: bool = False
    each_alone: bool = False
    """Every finding by itself instead of what a person reads together."""


@dataclass(frozen=True, slots=True)
class Renderer:
    """A format; the parts can be rendered where the files are judged, which is not one process."""

    part: Callable[[FileReport, Style], str]
    """What one file comes to."""
    whole: Callable[[Sequence[str], Summary, Style], str]
    """Of the parts of all files, in the order of their paths."""

    def __call__(self, report: Report, *, color: bool = False, each_alone: bool = False) -> str:
        """Render a report that is here as a whole."""
        style = Style(color, each_alone)
        files = sorted(report.files, key=lambda each: each.path)
        return self.whole([self.part(each, style) for each in files], report.summary, style)
