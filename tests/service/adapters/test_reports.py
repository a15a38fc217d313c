"""Reports of steps, as tools write them and as they go wrong."""

import json
from pathlib import Path
from typing import Any, Final

import pytest

from policies.release import Danger, Vulnerability
from service.adapters.coverage import read_coverage
from service.adapters.junit import Counts, read_junit
from service.adapters.report_files import UnreadableReportError
from service.adapters.reports import Told, read_reports
from service.adapters.sarif import Scan, read_sarif
from service.adapters.sbom import SbomError, read_weaknesses

BOMB: Final = (
    '<!DOCTYPE x [<!ENTITY a "aaaaaaaaaa"><!ENTITY b "&a;&a;&a;&a;&a;&a;&a;&a;">]><testsuite>&b;'
    "</testsuite>"
)


Part = dict[str, Any]


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "report"


def scan_of(path: Path, *results: Part, rules: list[Part] | None = None) -> Scan:
    run = {"tool": {"driver": {"name": "scanner", "rules": rules or []}}, "results": list(results)}
    path.write_text(json.dumps({"version": "2.1.0", "runs": [run]}), encoding="utf-8")
    return read_sarif(path)


def test_cases_of_suites_inside_of_suites_count(path: Path) -> None:
    path.write_text(
        "<testsuites><testsuite><testsuite><testcase/><testcase><error/></testcase></testsuite>"
        "<testcase><failure/><system-out>text</system-out></testcase></testsuite>"
        "<testcase><skipped/></testcase></testsuites>",
        encoding="utf-8",
    )
    assert read_junit(path) == Counts(3, 2)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "report is empty"),
        ("no tests ran", "report is no readable XML: syntax error: line 1, column 0"),
        ("<testsuite><testcase>", "report is no readable XML: no element found: line 1, column 21"),
        ("<html/>", "report is no JUnit report: its root is <html>"),
        (BOMB, "report is no readable XML: EntitiesForbidden"),
    ],
)
def test_test_results_that_are_none(path: Path, text: str, message: str) -> None:
    path.write_text(text, encoding="utf-8")
    with pytest.raises(UnreadableReportError) as caught:
        read_junit(path)
    assert str(caught.value).startswith(message)


def test_a_report_that_was_not_written(path: Path) -> None:
    for read in (read_junit, read_coverage, read_sarif):
        with pytest.raises(UnreadableReportError, match=r"^report was not written$"):
            read(path)


@pytest.mark.parametrize(
    ("text", "share"),
    [
        # As coverage.py writes it.
        (
            (
                '<?xml version="1.0" ?><coverage version="7.6" lines-valid="8" lines-covered="6" '
                'line-rate="0.75"><packages/></coverage>'
            ),
            0.75,
        ),
        # Without sums the lines themselves count.
        (
            (
                '<!DOCTYPE coverage SYSTEM "http://cobertura.sourceforge.net/xml/coverage-04.dtd">'
                '<coverage><packages><class><lines><line number="1" hits="2"/><line number="2" '
                'hits="0"/></lines></class></packages></coverage>'
            ),
            0.5,
        ),
        (
            (
                '<!DOCTYPE report PUBLIC "-//JACOCO//DTD Report 1.1//EN" "r.dtd"><report>'
                '<package><counter type="LINE" missed="9" covered="1"/></package>'
                '<counter type="BRANCH" missed="1" covered="1"/>'
                '<counter type="LINE" missed="9" covered="3"/></report>'
            ),
            0.25,
        ),
        ("TN:\nSF:a.c\nDA:1,3\nDA:2,0,abc\nLF:2\nLH:1\nend_of_record\n", 0.5),
        ("SF:a.c\nDA:1,0\nend_of_record\nSF:a.c\nDA:1,4\nend_of_record\n", 1.0),
    ],
    ids=["coverage.py", "cobertura", "jacoco", "lcov", "lcov of two tests"],
)
def test_coverage_in_each_form(path: Path, text: str, share: float) -> None:
    path.write_text(text, encoding="utf-8")
    assert read_coverage(path) == share


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("<coverage/>", "report measured no line"),
        ("<report/>", "report measured no line"),
        ("TN:\n", "report measured no line"),
        ("<testsuite/>", "report is no Cobertura, JaCoCo or lcov report: its root is <testsuite>"),
        ('<coverage lines-valid="2" lines-covered="3"/>', "report counts 3 covered of 2 lines"),
        ('<coverage lines-valid="x" lines-covered="3"/>', "report has a count that is no number: "),
        ("SF:a\nDA:1,x\n", "report has a count that is no number: DA:1,x"),
        ("TOTAL 81%", "report is no readable XML: "),
    ],
)
def test_coverage_that_is_none(path: Path, text: str, message: str) -> None:
    path.write_text(text, encoding="utf-8")
    with pytest.raises(UnreadableReportError) as caught:
        read_coverage(path)
    assert str(caught.value).startswith(message)


def test_findings_count_by_score_and_else_by_level(path: Path) -> None:
    rules: list[Part] = [
        {"id": "a", "properties": {"security-severity": "9.8"}},
        {"id": "b", "defaultConfiguration": {"level": "error"}},
        {"id": "c"},
    ]
    scan = scan_of(
        path,
        {"ruleId": "a", "level": "note"},
        {"ruleId": "b"},
        {"ruleIndex": 2},
        {"ruleId": "c", "level": "note"},
        {"ruleId": "unlisted", "level": "error"},
        {"ruleId": "c", "level": "none"},
        rules=rules,
    )
    assert scan.findings == (("low", 1), ("medium", 1), ("high", 2), ("critical", 1))
    assert scan.new is None


def test_what_was_accepted_passed_or_is_gone_does_not_count(path: Path) -> None:
    scan = scan_of(
        path,
        {"ruleId": "a", "suppressions": [{"kind": "inSource"}]},
        {"ruleId": "a", "suppressions": [{"kind": "external", "status": "rejected"}]},
        {"ruleId": "a", "kind": "pass"},
        {"ruleId": "a", "baselineState": "absent"},
        {"ruleId": "a", "baselineState": "unchanged"},
        {"ruleId": "a", "baselineState": "new"},
    )
    assert scan == Scan((("medium", 3),), (("medium", 1),), ())


def test_a_scan_that_found_nothing_is_a_result(path: Path) -> None:
    assert scan_of(path) == Scan((), None, ())


def test_findings_about_packages_name_them(path: Path) -> None:
    said = {"purls": ["pkg:pypi/a@1"], "fixed_version": "1.1", "security-severity": "7.5"}
    found = Vulnerability("CVE-1", Danger.HIGH, "pkg:pypi/a@1", "1.1")
    scan = scan_of(path, {"ruleId": "CVE-1"}, rules=[{"id": "CVE-1", "properties": said}])
    assert scan.vulnerabilities == (found,)
    assert read_reports({"sarif": path}) == Told(scan=scan, weaknesses=(found,))


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("nothing", "report is no JSON: "),
        ("[]", "report is no SARIF: it has no list of runs"),
        ('{"runs": [{}]}', "report has a result that cannot be read: KeyError('tool')"),
        ("[" * 100_000, "report is no JSON: "),
    ],
)
def test_findings_that_are_none(path: Path, text: str, message: str) -> None:
    path.write_text(text, encoding="utf-8")
    with pytest.raises(UnreadableReportError) as caught:
        read_sarif(path)
    assert str(caught.value).startswith(message)


def test_weaknesses_beside_the_packages(path: Path) -> None:
    versions = [
        {"version": "1.0", "status": "affected"},
        {"version": "2.0", "status": "unaffected"},
    ]
    document = {
        "bomFormat": "CycloneDX",
        "components": [{"bom-ref": "r1", "purl": "pkg:npm/a@1.0"}],
        "vulnerabilities": [
            {
                "id": "CVE-1",
                "ratings": [{"severity": "low"}, {"score": 9.1}],
                "affects": [{"ref": "r1", "versions": versions}],
            },
            {"id": "CVE-2", "affects": [{"ref": "r1"}]},
            {"id": "CVE-3", "analysis": {"state": "not_affected"}, "affects": [{"ref": "r1"}]},
        ],
    }
    path.write_text(json.dumps(document), encoding="utf-8")
    assert read_weaknesses(path) == (
        Vulnerability("CVE-1", Danger.CRITICAL, "pkg:npm/a@1.0", "2.0"),
        Vulnerability("CVE-2", Danger.MEDIUM, "pkg:npm/a@1.0"),
    )


def test_a_list_without_findings_says_nothing_about_them(path: Path) -> None:
    path.write_text('{"bomFormat": "CycloneDX", "components": []}', encoding="utf-8")
    assert read_weaknesses(path) is None
    path.write_text('{"bomFormat": "CycloneDX", "vulnerabilities": []}', encoding="utf-8")
    assert read_weaknesses(path) == ()
    path.write_text('{"bomFormat": "CycloneDX", "vulnerabilities": [{}]}', encoding="utf-8")
    assert read_weaknesses(path) == ()
    path.write_text('{"vulnerabilities": [{"id": "a", "affects": [{}]}]}', encoding="utf-8")
    with pytest.raises(SbomError, match=r"^report has a finding that cannot be read: KeyError"):
        read_weaknesses(path)
