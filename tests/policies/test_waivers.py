"""The one resolver of exceptions: what counts when, and what is wrong with a file of them."""

from datetime import UTC, datetime, timedelta

import pytest

from policies.documents import DocumentError
from policies.findings import Enforcement, Finding, Result, Severity, Span
from policies.release import Artifact, Override, Release, ReleaseKind
from policies.source import read
from policies.waivers import Exceptions, Ignores, override_for, read_exceptions, read_ignores

AT = datetime(2026, 11, 24, 10, tzinfo=UTC)
DIGEST = "sha256:" + "a" * 64


def finding(rule: str, line: int) -> Finding:
    return Finding(
        rule=rule,
        pipeline="shop",
        result=Result.FAIL,
        enforcement=Enforcement.BLOCK,
        severity=Severity.HIGH,
        message="m",
        span=Span("f.yaml", line, 1, line, 5),
        fingerprint="f1",
    )


def ignores(text: str) -> Ignores:
    return read_ignores(read(text, "f.yaml")[0])


def test_an_ignore_speaks_of_its_line_or_of_the_line_below() -> None:
    found = ignores(
        "a: 1  # bakegate: ignore[bake-time] tool X\n"
        "# bakegate: ignore[unit-tests, bake-time] generated code\n"
        "# bakegate: ignore[canary-first] one host\n"
        "b: 2\n"
    )
    assert found.covering(finding("bake-time", 1)) == "ignore on line 1: tool X"
    assert found.covering(finding("unit-tests", 1)) == ""
    assert found.covering(finding("unit-tests", 4)) == "ignore on line 2: generated code"
    assert found.covering(finding("canary-first", 4)) == "ignore on line 3: one host"
    assert found.covering(finding("bake-time", 4)) == "ignore on line 2: generated code"
    assert list(found.complaints(frozenset())) == []


def test_an_ignore_that_is_not_valid_is_complained_about() -> None:
    found = ignores(
        "a: 1  # bakegate: ignore[bake-time]\n"
        "b: 1  # bakegate: ignore all of it\n"
        "c: 1  # bakegate: ignore[unit-test] why\n"
        "d: 1  # bakegate: ignore[alarm-block] why\n"
        "e: 1  # bakegate: ignore[unit-tests] why\n"
        "f: 1  # speaks of bakegate: ignore[unit-tests]\n"
    )
    assert found.covering(finding("bake-time", 1)) == ""
    told = [
        (span.line, span.column, message)
        for span, message, _ in found.complaints(frozenset({"alarm-block"}))
    ]
    assert told == [
        (1, 7, "ignore has no reason"),
        (2, 7, "ignore names no rule"),
        (3, 7, "ignore names 'unit-test', which is no rule; did you mean 'unit-tests'?"),
        (4, 7, "'alarm-block' cannot be ignored in this organization"),
        (5, 7, "ignore of 'unit-tests' matches nothing on line 5"),
    ]


FILE = """\
schema: bakegate/exceptions/v1
exemptions:
  - {id: ex-1, pipeline: shop, rule: bake-time, reason: moving, requested_by: kim,
     approved_by: lee, from: 2026-11-24, until: 2026-11-25}
  - {id: ex-2, pipeline: shop, rule: unit-tests, reason: one, requested_by: kim,
     approved_by: lee, from: 2026-11-01, until: 2027-01-01, finding: f1}
opt_outs:
  - {id: oo-1, pipeline: tool, rule: canary-first, reason: internal, approved_by: lee,
     review_by: 2026-01-01}
blocklist:
  - {id: bl-1, package: pkg:pypi/left, versions: "vers:pypi/<2", reason: leaks, owner: sec,
     until: 2027-03-01}
"""


def test_an_exemption_counts_from_its_first_day_to_before_its_last_in_the_zone() -> None:
    found = read_exceptions(FILE, "ex.yaml", "Europe/Berlin")
    start = datetime(2026, 11, 23, 23, tzinfo=UTC)
    for at, expected in (
        (start - timedelta(seconds=1), ""),
        (start, "exemption ex-1: moving"),
        (start + timedelta(hours=24, seconds=-1), "exemption ex-1: moving"),
        (start + timedelta(hours=24), ""),
    ):
        assert found.covering("shop", "bake-time", at) == expected
    assert found.covering("other", "bake-time", start) == ""


def test_an_exemption_of_one_finding_reaches_only_that_one() -> None:
    found = read_exceptions(FILE, "ex.yaml", "UTC")
    assert found.covering("shop", "unit-tests", AT, "f1") == "exemption ex-2: one"
    assert found.covering("shop", "unit-tests", AT, "f2") == ""
    assert found.covering("shop", "unit-tests", AT) == ""


def test_an_opt_out_goes_on_after_its_review_date() -> None:
    found = read_exceptions(FILE, "ex.yaml", "UTC")
    assert found.covering("tool", "canary-first", AT) == "opt-out oo-1: internal"
    assert Exceptions().covering("tool", "canary-first", AT) == ""


def test_the_blocklist_is_read_with_its_end() -> None:
    entry = read_exceptions(FILE, "ex.yaml", "UTC").blocklist[0]
    assert (entry.package, entry.versions) == ("pkg:pypi/left", "vers:pypi/<2")
    assert entry.until == datetime(2027, 3, 1, tzinfo=UTC)


def test_unknown_rules_and_backward_dates_are_told_at_once() -> None:
    text = """\
schema: bakegate/exceptions/v1
exemptions:
  - id: ex-1
    pipeline: shop
    rule: bake-tim
    reason: moving
    requested_by: kim
    approved_by: lee
    from: 2026-11-24
    until: 2026-11-24
"""
    with pytest.raises(DocumentError) as caught:
        read_exceptions(text, "ex.yaml", "UTC")
    assert str(caught.value).splitlines() == [
        "ex.yaml:5:11: there is no rule 'bake-tim'; did you mean 'bake-time'?",
        "ex.yaml:10:12: ends before it starts; `until` is exclusive",
    ]


def test_an_override_counts_for_its_rule_stage_and_digest_until_its_hour() -> None:
    override = Override(
        "ov-1", "bake-time", "cell-1", DIGEST, "lee", "fix", AT, AT.replace(hour=12)
    )
    release = Release(
        "shop:1",
        "shop",
        ReleaseKind.NORMAL,
        AT,
        "kim",
        Artifact(DIGEST, "b" * 40),
        overrides=(override,),
    )
    assert override_for(release, "cell-1", "bake-time", AT) is override
    assert override_for(release, "cell-1", "bake-time", AT.replace(hour=12)) is None
    assert override_for(release, "cell-1", "bake-time", AT.replace(hour=9)) is None
    assert override_for(release, "cell-2", "bake-time", AT) is None
    assert override_for(release, "cell-1", "alarm-block", AT) is None
