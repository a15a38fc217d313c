"""Lint: stamped, waived, contained and sorted, with announced levels in the message."""

from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, datetime

from policies.engine.lint import FileReport, lint
from policies.exceptions import Exceptions, Exemption
from policies.findings import Enforcement, Problem, Result, Span, fingerprint
from policies.formats import read_pipelines
from policies.pipeline import Pipeline
from policies.rule import Params
from policies.rules import CATALOGUE
from policies.ruleset import Resolved, builtin, read_ruleset, resolve

AT = datetime(2026, 11, 24, 10, tzinfo=UTC)

PIPELINE = """\
schema: bakegate/pipeline/v1
name: shop
organization: retail
source: {repository: ., branch: main, start: push}
build:
  steps:
    - {name: package, kind: build, run: ./package app.tar.gz}
  artifact: app.tar.gz
deployers:
  hosts: {type: local, hosts: 3}
stages:
  - {name: one-box, kind: prod, exposure: 1%, deploy: hosts, bake: {time: 10m}}
  - {name: cell-1, kind: prod, deploy: hosts}
"""

RULESET = """\
schema: bakegate/ruleset/v1
name: retail
rules: {RULES}
"""


def only(rule: str, body: str = "block") -> Resolved:
    """A ruleset in which one rule is on."""
    rules = ", ".join(f"{each.id}: {body if each.id == rule else 'off'}" for each in CATALOGUE)
    text = RULESET.replace("RULES", rules)
    return resolve([("retail", read_ruleset(text, "retail.yaml", str))], AT)


def report(text: str, resolved: Resolved, exceptions: Exceptions = Exceptions()) -> FileReport:  # noqa: B008 - frozen
    return lint(
        read_pipelines(text.encode(), "shop.yaml"), lambda _: resolved, AT, lambda _: exceptions
    )


def with_lint(
    resolved: Resolved, rule: str, check: Callable[[Pipeline, Params], Iterator[Problem]]
) -> Resolved:
    """The same rules, one of them with another lint half."""
    effective = resolved.rules[rule]
    changed = replace(effective, rule=replace(effective.rule, lint=check))
    return replace(resolved, rules=dict(resolved.rules) | {rule: changed})


def yields(
    *results: Result, inferred: bool = False
) -> Callable[[Pipeline, Params], Iterator[Problem]]:
    def check(pipeline: Pipeline, _: Params) -> Iterator[Problem]:
        for result in results:
            yield Problem(pipeline.span, "name", "told", result=result, inferred=inferred)

    return check


def test_a_finding_carries_its_place_level_and_fingerprint() -> None:
    found = report(PIPELINE, only("bake-time"))
    assert [(each.rule, each.span.line, each.enforcement) for each in found.findings] == [
        ("bake-time", 12, Enforcement.BLOCK)
    ]
    finding = found.findings[0]
    assert finding.docs == "bakegate explain bake-time"
    assert found.pipelines[0].results == {"bake-time": Result.FAIL}
    assert found.blocks


def test_a_fingerprint_survives_moved_lines() -> None:
    before = report(PIPELINE, only("bake-time")).findings[0]
    after = report("# moved\n\n" + PIPELINE, only("bake-time")).findings[0]
    assert after.span.line == before.span.line + 2
    assert after.fingerprint == before.fingerprint


def test_equal_problems_of_one_place_are_told_apart_by_their_number() -> None:
    resolved = with_lint(only("unit-tests"), "unit-tests", yields(Result.FAIL, Result.FAIL))
    assert [each.fingerprint for each in report(PIPELINE, resolved).findings] == [
        fingerprint("unit-tests", "shop", "name", 0),
        fingerprint("unit-tests", "shop", "name", 1),
    ]


def test_a_crashed_rule_is_a_finding_and_the_others_go_on() -> None:
    def crash(pipeline: Pipeline, _: Params) -> Iterator[Problem]:
        yield from ()
        raise ZeroDivisionError(f"{pipeline.name} by nothing")

    resolved = resolve([("", builtin("strict"))], AT)
    found = report(PIPELINE, with_lint(resolved, "canary-first", crash))
    internal = [each for each in found.findings if each.rule == "internal"]
    assert [each.message for each in internal] == [
        "rule 'canary-first' crashed (ZeroDivisionError: shop by nothing); the others ran"
    ]
    assert found.crashed
    assert "bake-time" in {each.rule for each in found.findings}
    assert found.pipelines[0].results["canary-first"] is Result.UNKNOWN


def test_what_was_only_inferred_warns_at_most() -> None:
    resolved = with_lint(only("unit-tests"), "unit-tests", yields(Result.FAIL, inferred=True))
    found = report(PIPELINE, resolved)
    assert [each.enforcement for each in found.findings] == [Enforcement.WARN]
    assert not found.blocks


def test_unknown_means_what_the_ruleset_says() -> None:
    for word, expected in (
        ("ignore", []),
        ("warn", [Enforcement.WARN]),
        ("block", [Enforcement.BLOCK]),
    ):
        body = f"{{enforcement: block, on_unknown: {{lint: {word}}}}}"
        resolved = with_lint(only("unit-tests", body), "unit-tests", yields(Result.UNKNOWN))
        found = report(PIPELINE, resolved)
        assert [each.enforcement for each in found.findings] == expected
        assert found.pipelines[0].results["unit-tests"] is Result.UNKNOWN


def test_not_applicable_is_a_result_and_no_finding() -> None:
    resolved = with_lint(only("unit-tests"), "unit-tests", yields(Result.NOT_APPLICABLE))
    found = report(PIPELINE, resolved)
    assert found.findings == ()
    assert found.pipelines[0].results == {"unit-tests": Result.NOT_APPLICABLE}


def test_an_announced_level_stands_in_the_message_with_reason_and_debate() -> None:
    body = (
        "{enforcement: warn, reason: Two incidents in May., debate: 'https://wiki/r', schedule: "
        "{announced: 2026-10-01, steps: [{from: 2026-12-08, enforcement: block}]}}"
    )
    resolved = with_lint(only("unit-tests", body), "unit-tests", yields(Result.FAIL))
    finding = report(PIPELINE, resolved).findings[0]
    assert finding.enforcement is Enforcement.WARN
    assert finding.message == (
        "told (blocks from 8 Dec 2026: Two incidents in May; debate it at https://wiki/r)"
    )


def test_an_ignore_waives_its_finding_and_says_why() -> None:
    text = PIPELINE.replace("time: 10m}}", "time: 10m}}  # bakegate: ignore[bake-time] a trial")
    found = report(text, only("bake-time"))
    assert [(each.rule, each.result, each.waived_by) for each in found.findings] == [
        ("bake-time", Result.WAIVED, "ignore on line 12: a trial")
    ]
    assert not found.blocks
    assert found.pipelines[0].results == {"bake-time": Result.WAIVED}


def test_an_ignore_of_nothing_is_a_finding() -> None:
    text = PIPELINE.replace("name: shop", "name: shop  # bakegate: ignore[bake-time] a trial")
    found = report(text, only("bake-time"))
    assert [(each.rule, each.span.line, each.message) for each in found.findings] == [
        ("ignore-valid", 2, "ignore of 'bake-time' matches nothing on line 2"),
        ("bake-time", 12, found.findings[1].message),
    ]


def test_a_complaint_about_an_ignore_outlives_moved_lines() -> None:
    text = PIPELINE.replace("name: shop", "name: shop  # bakegate: ignore[unit-tests] a trial")
    one, moved = (report(each, only("bake-time")).findings for each in (text, f"\n\n{text}"))
    told = [[each.fingerprint for each in found if "ignore" in each.rule] for found in (one, moved)]
    assert told[0] == told[1]
    assert len(told[0]) == 1


def test_a_forbidden_ignore_silences_nothing_and_is_told() -> None:
    text = PIPELINE.replace("time: 10m}}", "time: 10m}}  # bakegate: ignore[bake-time] a trial")
    resolved = only("bake-time")
    policy = replace(resolved.exceptions, forbidden=frozenset({"bake-time"}))
    found = report(text, replace(resolved, exceptions=policy))
    assert {(each.rule, each.result, each.message) for each in found.findings} == {
        ("bake-time", Result.FAIL, "one-box bakes 10m; a one-box needs 1h"),
        ("ignore-valid", Result.FAIL, "'bake-time' cannot be ignored in this organization"),
    }
    assert found.blocks


def test_an_exemption_waives_and_a_forbidden_rule_is_never_waived() -> None:
    exemption = Exemption("ex-1", "shop", "bake-time", "moving", "lee", AT, AT.replace(hour=11))
    resolved = only("bake-time")
    found = report(PIPELINE, resolved, Exceptions((exemption,)))
    assert found.findings[0].waived_by == "exemption ex-1: moving"
    policy = replace(resolved.exceptions, forbidden=frozenset({"bake-time"}))
    kept = report(PIPELINE, replace(resolved, exceptions=policy), Exceptions((exemption,)))
    assert kept.findings[0].result is Result.FAIL


def test_an_exemption_of_what_passes_is_told_where_it_stands() -> None:
    exemption = Exemption("ex-1", "shop", "owner-declared", "new", "lee", AT, AT.replace(hour=11))
    place = Span("exceptions.yaml", 3, 10, 3, 14)
    owner = "owner: {team: a, oncall: a, channel: a, ttr: 1h}\ntier: 1\norganization: retail"
    text = PIPELINE.replace("organization: retail", owner)
    excepted = Exceptions((exemption,), places={"ex-1": place})
    found = report(text, only("owner-declared", "warn"), excepted).findings
    told = "exemption ex-1 is not needed: owner-declared passes without it"
    assert [(each.rule, each.span, each.message) for each in found] == [
        ("exception-stale", place, told)
    ]
    needed = report(PIPELINE, only("owner-declared", "warn"), excepted).findings
    assert [(each.rule, each.result) for each in needed] == [("owner-declared", Result.WAIVED)]


def test_a_rule_that_is_off_does_not_run() -> None:
    found = report(PIPELINE, only("bake-time", "off"))
    assert found.findings == ()
    assert found.pipelines[0].results == {}


def test_findings_stand_in_the_order_of_the_file() -> None:
    found = report(PIPELINE, resolve([("", builtin("strict"))], AT)).findings
    places = [(each.span.line, each.span.column, each.rule) for each in found]
    assert places == sorted(places)


def test_what_cannot_be_read_blocks_and_a_template_warns() -> None:
    resolved = only("bake-time")
    broken = report("a: [", resolved)
    assert [(each.rule, each.enforcement) for each in broken.findings] == [
        ("readable", Enforcement.BLOCK)
    ]
    templated = report("a: {{ .Values.name }}\n{{- if x }}\nb: 1\n{{- end }}\n", resolved)
    assert [(each.rule, each.enforcement) for each in templated.findings] == [
        ("readable", Enforcement.WARN)
    ]
