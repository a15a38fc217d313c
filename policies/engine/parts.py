"""Files that others bring in are judged within those pipelines, and told once."""

from collections.abc import Iterable, Iterator

from policies.engine.lint import FileReport
from policies.findings import Span
from policies.frozen import replace


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
