"""``bakegate.lint/v1``: a frozen public type. It may grow, it does not change or shrink."""

from collections.abc import Sequence
from json import dumps
from typing import Any, Final, Literal, TypedDict

from policies.engine.lint import FileReport
from policies.engine.report import Summary
from policies.findings import Enforcement, Finding
from policies.output.renderer import Renderer, Style
from policies.plain import instant_text
from policies.version import ENGINE

TYPE: Final = "bakegate.lint/v1"

#: Before a line of a file, and before the end of the list of files.
_DEEPER: Final = " " * 4
_CLOSED: Final = "\n  "


class FindingV1(TypedDict):
    """One finding; lines and columns from 1, columns count code points, ends are exclusive."""

    rule: str
    result: str
    enforcement: str
    severity: str
    message: str
    path: str
    line: int
    column: int
    end_line: int
    end_column: int
    fingerprint: str
    fix: str
    docs: str


class FileV1(TypedDict):
    path: str
    format: str
    pipelines: list[str]
    findings: list[FindingV1]


class RulesetV1(TypedDict):
    name: str
    digest: str


class SummaryV1(TypedDict):
    """How many files were read, and how many findings stand at each level."""

    files: int
    block: int
    warn: int
    observe: int


class LintV1(TypedDict):
    type: Literal["bakegate.lint/v1"]
    at: str
    engine: str
    ruleset: RulesetV1
    files: list[FileV1]
    summary: SummaryV1


def _whole(parts: Sequence[str], summary: Summary, _: Style) -> str:
    around = LintV1(
        type=TYPE,
        at=instant_text(summary.at),
        engine=ENGINE,
        ruleset=RulesetV1(name=summary.ruleset, digest=summary.digest()),
        files=[],
        summary=SummaryV1(
            files=summary.found.files,
            block=summary.count(Enforcement.BLOCK),
            warn=summary.count(Enforcement.WARN),
            observe=summary.count(Enforcement.OBSERVE),
        ),
    )
    # Strings have no quote inside that is not escaped, so that this is the key and nothing else.
    before, key, after = f"{_json(around)}\n".partition('"files": [')
    files = ",".join(f"\n{_DEEPER}{each}" for each in parts)
    return f"{before}{key}{files}{files and _CLOSED}{after}"


def _part(file: FileReport, _: Style) -> str:
    """Every finding by itself: what people like to read together, a machine can put together."""
    return _json(file_v1(file)).replace("\n", f"\n{_DEEPER}")


def _json(data: Any) -> str:
    return dumps(data, indent=2, ensure_ascii=False)


JSON: Final = Renderer(part=_part, whole=_whole)


def file_v1(file: FileReport) -> FileV1:
    return FileV1(
        path=file.path,
        format=file.format,
        pipelines=[each.name for each in file.pipelines],
        findings=[_finding(each) for each in file.findings],
    )


def _finding(finding: Finding) -> FindingV1:
    span = finding.span
    return FindingV1(
        rule=finding.rule,
        result=finding.result.value,
        enforcement=finding.enforcement.word,
        severity=finding.severity.value,
        message=finding.message,
        path=span.path,
        line=span.line,
        column=span.column,
        end_line=span.end_line,
        end_column=span.end_column,
        fingerprint=finding.fingerprint,
        fix=finding.fix,
        docs=finding.docs,
    )
