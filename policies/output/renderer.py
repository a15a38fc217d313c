"""What every output format is: a report in, text with a final newline out."""

from typing import Protocol

from policies.engine.report import Report


class Renderer(Protocol):
    def __call__(self, report: Report, *, color: bool = False, each_alone: bool = False) -> str:
        """Render the report; formats that machines read take no notice of the options.

        ``each_alone`` shows every finding by itself instead of what a person reads together.
        """
        ...
