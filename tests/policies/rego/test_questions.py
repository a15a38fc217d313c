"""Custom rules in a lint and at a gate: places, levels, waivers, errors."""

import socket
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest

from policies.decision import Decision, Definition, GateInputs
from policies.engine.gate import gate, recompute
from policies.engine.lint import FileReport, lint
from policies.exceptions import Exceptions, Exemption
from policies.findings import Enforcement, Finding, Result, Verdict
from policies.formats import read_pipelines
from policies.pipeline import Pipeline
from policies.rego.port import Rego
from policies.rego.server import server
from policies.rego.settings import RegoSettings
from policies.release import Artifact, Release, ReleaseKind
from policies.ruleset import Resolved, from_json, read_ruleset, resolve, to_json

RuleText = Callable[..., str]

AT = datetime(2026, 11, 27, 16, 30, tzinfo=UTC)
SHOP = (Path(__file__).parents[2] / "golden" / "output" / "shop.yaml").read_text(encoding="utf-8")
DIGEST = "sha256:" + "a" * 64
NO_BAKE = """lint contains finding if {
	some i, stage in input.pipeline.stages
	stage.kind == "prod"
	stage.bake.time_s < input.parameters["some-rule"].least
	finding := {
		"path": ["pipeline", "stages", i, "bake", "time_s"],
		"message": sprintf("%v bakes %v s", [stage.name, stage.bake.time_s]),
	}
}

gate contains finding if {
	input.at.weekday == "friday"
	finding := {"path": ["stage"], "message": sprintf("%v: no Friday", [input.release.release.id])}
}"""
LEAST = (
    "{type: object, properties: {least: {type: string, format: bakegate-duration, default: 1h,"
    " description: Shortest., x-stricter: more}}}"
)


def resolved(text: str, settings: str = "block", more: str = "") -> Resolved:
    ruleset = (
        "schema: bakegate/ruleset/v1\nname: retail\ncustom: [rego/some-rule.rego]\n"
        f"rules: {{some-rule: {settings}}}\n{more}"
    )
    files = {"rego/some-rule.rego": text}
    return resolve([("", read_ruleset(ruleset, "retail.yaml", files.__getitem__))], AT)


def linted(rego: Rego | None, ruleset: Resolved, text: str = SHOP, **more: object) -> FileReport:
    read = read_pipelines(text.encode(), "shop.yaml")
    source = (lambda: rego) if rego else None
    return lint(read, lambda _: ruleset, AT, rego=source, **more)  # type: ignore[arg-type]  # a test names its own


def keeping(ruleset: Resolved) -> Callable[[Pipeline], Resolved]:
    return lambda _: ruleset


def found(report: FileReport, rule: str = "some-rule") -> list[Finding]:
    return [each for each in report.findings if each.rule == rule]


def asked(ruleset: Resolved, kind: ReleaseKind = ReleaseKind.NORMAL) -> GateInputs:
    release = Release("shop:7", "shop", kind, AT, "kim", Artifact(DIGEST, "b" * 40))
    return GateInputs(Definition(SHOP, "shop.yaml"), release, "cell-1", AT, ruleset)


def said(decision: Decision) -> tuple[Result, Verdict, str]:
    (result,) = [each for each in decision.results if each.rule == "some-rule"]
    return result.result, result.verdict, result.message


@pytest.fixture
def nobody() -> Iterator[Rego]:
    """An OPA at an address where nobody listens."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        rego = server(RegoSettings(url=f"http://127.0.0.1:{taken.getsockname()[1]}"))
        yield rego
        rego.close()


def test_a_finding_has_the_place_that_its_path_leads_to(rego: Rego, rule_text: RuleText) -> None:
    report = linted(rego, resolved(rule_text(NO_BAKE, parameters=LEAST)))
    (finding,) = found(report)
    place = (finding.span.path, finding.span.line, finding.span.column, finding.span.end_column)
    assert place == ("shop.yaml", 33, 18, 21)
    assert finding.message == "one-box bakes 600 s"
    assert (finding.enforcement, finding.fix) == (Enforcement.BLOCK, "Mend it.")
    assert report.pipelines[0].results["some-rule"] is Result.FAIL


def test_parameters_and_levels_are_those_of_the_ruleset(
    rego: Rego, nobody: Rego, rule_text: RuleText
) -> None:
    text = rule_text(NO_BAKE, parameters=LEAST)
    assert (
        found(linted(rego, resolved(text, "{enforcement: warn, parameters: {least: 10m}}"))) == []
    )
    (finding,) = found(
        linted(rego, resolved(text, "{enforcement: warn, parameters: {least: 11m}}"))
    )
    assert finding.enforcement is Enforcement.WARN
    assert found(linted(nobody, resolved(text, "off"))) == []


def test_an_ignore_and_an_exemption_set_a_finding_aside(rego: Rego, rule_text: RuleText) -> None:
    ruleset = resolved(rule_text(NO_BAKE, parameters=LEAST))
    (finding,) = found(linted(rego, ruleset))
    line = SHOP.splitlines()[finding.span.line - 1]
    ignored = SHOP.replace(line, f"{line}  # bakegate: ignore[some-rule] it is a drill")
    assert [each.waived_by for each in found(linted(rego, ruleset, ignored))] == [
        f"ignore on line {finding.span.line}: it is a drill"
    ]
    until = AT.replace(year=2027)
    exemption = Exemption("ex-1", "shop", "some-rule", "a drill", "lee", AT, until)
    report = linted(rego, ruleset, exceptions=lambda _: Exceptions((exemption,)))
    assert [each.result for each in found(report)] == [Result.WAIVED]


def test_what_is_unknown_never_fails_and_never_passes(rego: Rego, rule_text: RuleText) -> None:
    workflow = "on: push\njobs:\n  deploy-prod:\n    environment: production\n    runs-on: x\n"
    workflow += "    steps: [{run: kubectl apply -f app.yaml}]\n"
    read = read_pipelines(workflow.encode(), ".github/workflows/deploy.yml")
    absent = """lint contains finding if {
	some i, stage in input.pipeline.stages
	not stage.bake.time_s
	finding := {"path": ["pipeline", "stages", i, "bake", "time_s"], "message": "it does not bake"}
}"""
    silent = "lint contains finding if {\n\tinput.nothing\n\tfinding := {}\n}"
    facts = "facts: [pipeline.stages.*.bake.time_s]"
    for code in (absent, silent):
        ruleset = resolved(rule_text(code, more=facts))
        report = lint(read, keeping(ruleset), AT, rego=lambda: rego)
        (finding,) = found(report)
        assert (finding.result, finding.span.line) == (Result.UNKNOWN, 3)
        assert "GitHub Actions cannot say this" in finding.message


@pytest.mark.parametrize(
    ("code", "told"),
    [
        ("lint := 3", "it answers 3, not a set or list of findings"),
        ("lint := [1]", "a finding is an object, and one is 1"),
        ("lint := [{}]", "the path of a finding is a list of names and indices, not None"),
        ('lint := [{"path": ["pipeline"]}]', "the message of a finding is a text, not None"),
        (
            'lint := [{"path": ["pipeline"], "mesage": "x"}]',
            "a finding has no 'mesage'; did you mean 'message'?",
        ),
        (
            'lint := [{"path": ["pipeline"], "message": "x", "result": "ok"}]',
            "the result of a finding is fail or unknown, not 'ok'",
        ),
        ("lint := [1] if input.nothing", "its `lint` is undefined for this document"),
    ],
)
def test_an_answer_that_cannot_be_used_is_an_error(
    rego: Rego, rule_text: RuleText, code: str, told: str
) -> None:
    report = linted(rego, resolved(rule_text(code)))
    (finding,) = found(report, "internal")
    assert finding.message == f"rule 'some-rule' could not be evaluated: {told}; the others ran"
    assert report.pipelines[0].results["some-rule"] is Result.UNKNOWN
    assert report.crashed
    assert len(report.pipelines[0].results) > 10


def test_without_an_engine_nothing_is_passed_silently(nobody: Rego, rule_text: RuleText) -> None:
    ruleset = resolved(rule_text(NO_BAKE, parameters=LEAST))
    for rego, told in (
        (None, "nothing here evaluates custom rules"),
        (nobody, "cannot be reached ([Errno 111] Connection refused)"),
    ):
        (finding,) = found(linted(rego, ruleset), "internal")
        assert told in finding.message
        result, verdict, message = said(gate(asked(ruleset), rego))
        assert (result, verdict) == (Result.UNKNOWN, Verdict.HOLD)
        assert message.startswith("the rule could not be evaluated: ")
        assert told in message


def test_an_error_has_the_consequence_that_the_ruleset_says(
    nobody: Rego, rule_text: RuleText
) -> None:
    text = rule_text(NO_BAKE, parameters=LEAST)
    for word, verdict in (
        ("ignore", Verdict.ALLOW),
        ("warn", Verdict.WARN),
        ("block", Verdict.BLOCK),
    ):
        ruleset = resolved(text, f"{{enforcement: block, on_unknown: {{gate: {word}}}}}")
        result, given, _ = said(gate(asked(ruleset), nobody))
        assert (result, given) == (Result.UNKNOWN, verdict)


def test_a_gate_is_held_against_its_level_and_recomputes(rego: Rego, rule_text: RuleText) -> None:
    ruleset = resolved(rule_text(NO_BAKE, parameters=LEAST))
    decision = gate(asked(ruleset), rego)
    assert said(decision) == (Result.FAIL, Verdict.BLOCK, "shop:7: no Friday")
    assert recompute(decision.inputs).digest == decision.digest
    monday = replace(asked(ruleset), at=AT.replace(day=30))
    assert said(gate(monday, rego)) == (Result.PASS, Verdict.ALLOW, "nothing found")


def test_a_gate_names_a_few_findings_and_counts_the_rest(rego: Rego, rule_text: RuleText) -> None:
    code = """gate contains finding if {
	some i in numbers.range(1, 8)
	finding := {"path": ["release"], "message": sprintf("number %v", [i])}
}"""
    _, verdict, message = said(gate(asked(resolved(rule_text(code))), rego))
    assert message == "number 1; number 2; number 3; number 4; number 5; and 3 more"
    assert verdict is Verdict.BLOCK


def test_all_rules_of_a_gate_are_one_question(opa: Rego, rule_text: RuleText) -> None:
    code = 'gate contains {"path": ["stage"], "message": "no"}'
    files = {f"{name}.rego": rule_text(code, name=name) for name in ("one", "two", "three")}
    text = f"schema: bakegate/ruleset/v1\nname: retail\ncustom: [{', '.join(files)}]\n"
    ruleset = resolve([("", read_ruleset(text, "retail.yaml", files.__getitem__))], AT)
    gate(asked(ruleset), opa)
    sent: list[str] = []
    client = opa._opa()._http  # type: ignore[attr-defined]  # the client behind the port
    client.event_hooks = {"request": [lambda request: sent.append(request.url.path)]}
    decision = gate(asked(ruleset), opa)
    client.event_hooks = {}
    told = [each.message for each in decision.results if each.rule in ("one", "two", "three")]
    assert told == ["no", "no", "no"]
    assert len(sent) == 1


def test_waiting_cures_what_ends(rego: Rego, rule_text: RuleText) -> None:
    code = """gate contains finding if {
	finding := {"path": ["release"], "message": "too early", "until": "2026-11-30T08:00:00Z"}
}"""
    decision = gate(asked(resolved(rule_text(code))), rego)
    (result,) = [each for each in decision.results if each.rule == "some-rule"]
    assert (result.verdict, result.until) == (Verdict.HOLD, datetime(2026, 11, 30, 8, tzinfo=UTC))


def test_nothing_delays_the_way_back(nobody: Rego, rule_text: RuleText) -> None:
    ruleset = resolved(rule_text(NO_BAKE, parameters=LEAST))
    decision = gate(asked(ruleset, ReleaseKind.ROLLBACK), nobody)
    assert said(decision) == (
        Result.NOT_APPLICABLE,
        Verdict.ALLOW,
        "not asked of a release of kind rollback",
    )
    assert "custom" not in decision.inputs


def test_one_broken_rule_takes_no_other_with_it(rego: Rego, rule_text: RuleText) -> None:
    good = rule_text('lint contains {"path": ["pipeline"], "message": "seen"}', name="good")
    fails = rule_text("lint contains to_number(input.half)", name="fails")
    broken = rule_text("lint := 1\n\nlint contains 2", name="broken")
    files = {"a.rego": good, "b.rego": fails, "c.rego": broken}
    ruleset = "schema: bakegate/ruleset/v1\nname: retail\ncustom: [a.rego, b.rego, c.rego]\n"
    held = resolve([("", read_ruleset(ruleset, "retail.yaml", files.__getitem__))], AT)
    report = linted(rego, held)
    assert [each.message for each in found(report, "good")] == ["seen"]
    told = sorted(each.message.split(":")[0] for each in found(report, "internal"))
    assert told == [
        "rule 'broken' could not be evaluated",
        "rule 'fails' could not be evaluated",
    ]


def test_a_stored_ruleset_keeps_its_modules(rule_text: RuleText) -> None:
    ruleset = resolved(rule_text(NO_BAKE, parameters=LEAST))
    again = from_json(to_json(ruleset))
    assert again.rules["some-rule"].rule == ruleset.rules["some-rule"].rule
    assert again.digest == ruleset.digest
