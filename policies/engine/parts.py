"""Files that others bring in are judged within those pipelines, and told once."""

from collections.abc import Mapping
from collections.abc import Set as AbstractSet

from policies.engine.lint import FileReport
from policies.findings import Finding, Span
from policies.frozen import replace

#: What is told once: of which rule, where, and in which words.
Key = tuple[str, Span, str]


def told_of_parts(report: FileReport, brought: AbstractSet[str]) -> tuple[Key, ...]:
    """What a report says of files that others bring in, whose paths are given, its own included."""
    return tuple(
        _key(each)
        for each in report.findings
        if each.span.path != report.path or each.span.path in brought
    )


def told_once(report: FileReport, position: int, told: Mapping[int, tuple[Key, ...]]) -> FileReport:
    """The report without what one before it says of a file that several bring in.

    ``told`` is what each report says of such files, by its position in the run.
    """
    if all(each.span.path == report.path for each in report.findings):
        return report
    seen = {key for before, keys in told.items() if before < position for key in keys}
    kept = []
    for each in report.findings:
        key = _key(each)
        if each.span.path == report.path or key not in seen:
            kept.append(each)
        seen.add(key)
    return replace(report, findings=tuple(kept))


def _key(finding: Finding) -> Key:
    return finding.rule, finding.span, finding.message
