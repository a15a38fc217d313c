"""``bakegate.lint/v1``: a frozen public type. It may grow, it does not change or shrink."""

from json import dumps
from typing import Final, Literal, TypedDict

from policies.engine.lint import FileReport
from policies.engine.report import Report
from policies.findings import Enforcement, Finding
from policies.plain import instant_text
from policies.version import ENGINE

TYPE: Final = "bakegate.lint/v1"


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


def to_v1(report: Report) -> LintV1:
    return LintV1(
        type=TYPE,
        at=instant_text(report.at),
        engine=ENGINE,
        ruleset=RulesetV1(name=report.ruleset, digest=report.digest),
        files=[_file(each) for each in sorted(report.files, key=lambda file: file.path)],
        summary=SummaryV1(
            files=len(report.files),
            block=report.count(Enforcement.BLOCK),
            warn=report.count(Enforcement.WARN),
            observe=report.count(Enforcement.OBSERVE),
        ),
    )


def render_json(report: Report, *, color: bool = False, each_alone: bool = True) -> str:
    """Every finding by itself: what people like to read together, a machine can put together."""
    del color, each_alone
    return dumps(to_v1(report), indent=2, ensure_ascii=False) + "\n"


def _file(file: FileReport) -> FileV1:
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
