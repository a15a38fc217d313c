"""Files that others bring in: judged within the pipelines that they are parts of, and told once."""

from collections.abc import Iterable, Iterator
from dataclasses import replace

from policies.engine.lint import FileReport
from policies.findings import Span
from policies.formats import Read


def with_parts_listed(reads: Iterable[Read]) -> Iterator[Read]:
    """Files of a run; of those that another one brings in and nothing else starts, only the names.

    A template or a called workflow by itself lacks what stands around it where it is used.
    """
    read_all = list(reads)
    # The further documents of a file are parts of it as well.
    brought = {part.path for read in read_all for part in read.parts if part.path != read.path}
    for read in read_all:
        started = any(each.origin.start.known for each in read.pipelines)
        listed = read.path in brought and bool(read.pipelines) and not started
        yield replace(read, pipelines=(), source=None) if listed else read


def told_once(files: Iterable[FileReport]) -> Iterator[FileReport]:
    """Reports in which a finding in a file that several bring in stands at the first of them."""
    seen: set[tuple[str, Span, str]] = set()
    for file in files:
        kept = []
        for each in file.findings:
            key = (each.rule, each.span, each.message)
            if each.span.path == file.path or key not in seen:
                kept.append(each)
            seen.add(key)
        whole = len(kept) == len(file.findings)
        yield file if whole else replace(file, findings=tuple(kept))
