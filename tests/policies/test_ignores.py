"""Ignores: which line they speak of, and what is said of those that are not valid."""

from policies.findings import Enforcement, Finding, Result, Severity, Span
from policies.ignores import Ignores, read_ignores
from policies.source import read


def finding(rule: str, line: int) -> Finding:
    return Finding(
        rule=rule,
        pipeline="shop",
        result=Result.FAIL,
        enforcement=Enforcement.BLOCK,
        severity=Severity.HIGH,
        message="m",
        span=Span("f.yaml", line, 1, line, 5),
        identity=("r", "p", "w", 0),
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
    assert list(found.complaints(frozenset(), set())) == []


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
        (each.span.line, each.span.column, message)
        for each, message, _ in found.complaints(frozenset({"alarm-block"}), set())
    ]
    assert told == [
        (1, 7, "ignore has no reason"),
        (2, 7, "ignore names no rule"),
        (3, 7, "ignore names 'unit-test', which is no rule; did you mean 'unit-tests'?"),
        (4, 7, "'alarm-block' cannot be ignored in this organization"),
        (5, 7, "ignore of 'unit-tests' matches nothing on line 5"),
    ]
