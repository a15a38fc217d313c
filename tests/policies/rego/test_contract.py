"""The contract of a custom rule: what is refused, each with its place and what is allowed."""

from collections.abc import Callable

import pytest

from policies.documents import DocumentError
from policies.findings import Enforcement, Severity
from policies.rule import Family, Stricter, Unit, specs
from policies.ruleset.custom import read_custom

RuleText = Callable[..., str]

LINT = 'lint contains {"path": ["pipeline"], "message": "x"}'


def errors(text: str) -> list[str]:
    with pytest.raises(DocumentError) as caught:
        read_custom(text, "rule.rego")
    return [str(issue) for issue in caught.value.issues]


def test_a_rule_is_what_its_metadata_say(rule_text: RuleText) -> None:
    parameters = (
        "{type: object, properties: {"
        "least: {type: integer, default: 2, description: How many., x-stricter: more}, "
        "longest: {type: string, format: bakegate-duration, default: 2h, description: How long.}, "
        "most: {type: string, format: bakegate-share, default: 5%, description: How much.}, "
        "on: {type: boolean, default: true, description: Whether.}, "
        "how: {type: string, enum: [a, b], default: a, description: How.}, "
        "who: {type: array, items: {type: string}, default: [x], description: Who.}}}"
    )
    rule = read_custom(rule_text(LINT, parameters=parameters, more="stages: [preprod]"), "r.rego")
    assert (rule.id, rule.title, rule.severity) == (
        "some-rule",
        "A practice holds",
        Severity.MEDIUM,
    )
    assert (rule.family, rule.now) == (Family.CUSTOM, Enforcement.WARN)
    assert rule.stages == frozenset({"preprod"})
    assert (rule.lints, rule.gates) == (True, False)
    assert [(each.name, each.unit) for each in specs(rule.params)] == [
        ("least", Unit.COUNT),
        ("longest", Unit.DURATION),
        ("most", Unit.SHARE),
        ("on", Unit.FLAG),
        ("how", Unit.WORD),
        ("who", Unit.WORDS),
    ]
    assert specs(rule.params)[0].stricter is Stricter.MORE
    assert rule.params().who == frozenset({"x"})


def test_without_metadata_a_rule_is_refused() -> None:
    (told,) = errors(f"# just a comment\npackage rules\n\n{LINT}\n")
    assert told.startswith("rule.rego:2:1: a custom rule says what it is in METADATA annotations")
    (told,) = errors("x := 1\n")
    assert told == "rule.rego:1:1: a module starts with `package`, and this one has none"


@pytest.mark.parametrize("key", ["id", "severity", "parameters", "owner", "docs", "fix"])
def test_each_key_is_required_at_its_place(rule_text: RuleText, key: str) -> None:
    lines = [each for each in rule_text(LINT).splitlines() if not each.startswith(f"#   {key}:")]
    (told,) = errors("\n".join(lines))
    assert told.startswith(f"rule.rego:3:3: '{key}' is missing")


def test_wrong_metadata_are_told_at_once_with_their_places(rule_text: RuleText) -> None:
    text = rule_text(LINT, name="bake-time", more="level: block\nfacts: [pipline.tier]")
    text = text.replace("severity: medium", "severity: huge")
    known = "id, severity, parameters, owner, docs, fix, facts, stages"
    assert errors(text) == [
        'rule.rego:5:15: "huge" is not allowed; known are high, medium, low',
        f"rule.rego:10:5: unknown key 'level'; known are {known}",
    ]
    text = rule_text(LINT, name="bake-time", more="facts: [pipline.tier]")
    example = (
        "write one that starts with pipeline, release, stage, window, "
        "such as pipeline.stages.[kind=prod].bake.time_s"
    )
    assert errors(text) == [
        "rule.rego:4:9: 'bake-time' is a built-in rule; choose another id",
        f"rule.rego:10:13: 'pipline.tier' is no path into the document; {example}",
    ]
    assert errors(rule_text(LINT).replace("owner: r", "owner: 'r"))[0].startswith("rule.rego:")


@pytest.mark.parametrize(
    ("schema", "told"),
    [
        ("{type: integer, default: x, description: y}", "'x' is not a whole number from 0 up"),
        (
            "{type: string, format: bakegate-duration, default: soon, description: y}",
            "'soon' is not a duration; write 90s, 30m, 2h, 1d12h or 1w",
        ),
        (
            "{type: string, enum: [a, b], default: c, description: y}",
            "'c' is not known; allowed are a, b",
        ),
        ("{type: number, default: 1, description: y}", '"number" is not allowed; known are'),
        ("{type: integer, default: 1}", "'description' is missing: What it means"),
        ("{type: integer, default: 1, description: y, minimum: 3}", "unknown key 'minimum'; known"),
    ],
)
def test_a_parameter_has_a_schema_that_means_something(
    rule_text: RuleText, schema: str, told: str
) -> None:
    text = rule_text(LINT, parameters=f"{{properties: {{one: {schema}}}}}")
    (found,) = errors(text)
    assert found.startswith("rule.rego:9:")
    assert told in found


@pytest.mark.parametrize(
    ("code", "told"),
    [
        (
            'lint := http.send({"url": "x"})',
            "14:9: http.send is no function that every engine answers alike; the reference",
        ),
        (
            "lint := [time.now_ns()]",
            "14:10: time.now_ns is no function that every engine answers alike; the document has",
        ),
        ("lint := [counts([1])]", "14:10: counts is no function that every engine answers alike;"),
        ("lint := data.other.x", "14:9: a custom rule reads `input` and nothing else"),
        ("import data.lib\n\nlint := []", "14:8: import of 'data.lib': a custom rule stands alone"),
        ("lint := [1] with input as {}", "14:13: `with` would copy the document"),
        ('lint := [sprintf("%5.2f", [1])]', "14:19: engines write this verb differently"),
        ("lint := [1 | stage.name]", "14:14: nothing gives 'stage' a value"),
        (
            "lint contains x if {\n\tsome stage in input.l\n\tx := stagge.name\n}",
            "16:7: nothing gives 'stagge' a value; did you mean 'stage'?",
        ),
        ("helper := 1", "10:1: the module defines neither `lint` nor `gate`"),
    ],
)
def test_code_that_no_engine_should_see_is_refused(
    rule_text: RuleText, code: str, told: str
) -> None:
    (found,) = errors(rule_text(code))
    assert found.startswith(f"rule.rego:{told}")


def test_every_way_of_giving_a_value_is_known(rule_text: RuleText) -> None:
    code = """lint contains finding if {
	some i, stage in input.pipeline.stages
	some j
	step := stage.steps[j]
	[first, second] := split(step.name, "-")
	{"kind": kind} = step
	"x" = text
	other = stage.needs[_]
	every target in stage.targets {
		target.name != first
	}
	walk(step, [at, value])
	walk(step, found)
	input.pipeline.stages[k].steps[l].secrets[m]
	finding := helper(stage, [second, kind, text, other, at, value, found, k, l, m])
}

helper(stage, [a, b, c, d, e, f, g, h, i, j]) := {
	"path": ["pipeline", "stages", h],
	"message": sprintf("%v", [[x | some x in [a, b, c, d, e, f, g, i, j]]]),
} if {
	stage.name
} else := {y: z | some y, z in stage}"""
    assert read_custom(rule_text(code), "rule.rego").lints


def test_strings_and_comments_are_no_code(rule_text: RuleText) -> None:
    code = 'lint := ["http.send(data.x)", `with time.now_ns() %5.2f`] # rand.intn(data.y)'
    assert read_custom(rule_text(code), "r.rego").lints


def test_a_huge_module_is_refused() -> None:
    (told,) = errors("x" * 200_001)
    assert told == "rule.rego:1:1: 200,001 characters, and at most 200,000 are read"
