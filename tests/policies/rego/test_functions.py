"""Every function that a custom rule may call answers alike in every engine."""

from collections.abc import Callable

import pytest

from policies.rego.document import Document
from policies.rego.functions import FUNCTIONS
from policies.rego.policies import PolicySet
from policies.rego.port import Answer, Rego
from policies.ruleset.custom import read_custom

RuleText = Callable[..., str]

#: By function: an expression, and what both engines make of it as JSON.
ANSWERS = {
    "count": ('[count([1, 2]), count({"a"}), count("höher"), count({"k": 1})]', [2, 1, 5, 1]),
    "max": ("[max([1, 3, 2]), max({2, 5})]", [3, 5]),
    "min": ("[min([3, 1.5]), min({2, 5})]", [1.5, 2]),
    "product": ("product([2, 3, 4])", 24),
    "sort": ('[sort(["b", "a"]), sort({3, 1})]', [["a", "b"], [1, 3]]),
    "sum": ("[sum([1, 2.5]), sum([])]", [3.5, 0]),
    "array.concat": ("array.concat([1], [2])", [1, 2]),
    "array.reverse": ("array.reverse([1, 2, 3])", [3, 2, 1]),
    "array.slice": ("array.slice([1, 2, 3], 1, 2)", [2]),
    "intersection": ('intersection({{"a", "b"}, {"b"}})', ["b"]),
    "union": ('union({{"a"}, {"b"}})', ["a", "b"]),
    "object.filter": ('object.filter({"a": 1, "b": 2}, ["a"])', {"a": 1}),
    "object.get": (
        '[object.get({"a": {"b": 1}}, ["a", "b"], 0), object.get({}, "x", "d")]',
        [1, "d"],
    ),
    "object.keys": ('object.keys({"b": 1, "a": 2})', ["a", "b"]),
    "object.remove": ('object.remove({"a": 1, "b": 2}, ["a"])', {"b": 2}),
    "object.union": ('object.union({"a": 1}, {"b": 2})', {"a": 1, "b": 2}),
    "concat": ('[concat(", ", ["b", "a"]), concat("-", {"y", "x"})]', ["b, a", "x-y"]),
    "contains": ('[contains("abc", "b"), contains("abc", "d")]', [True, False]),
    "endswith": ('endswith("abc", "bc")', True),
    "indexof": ('[indexof("hélas", "l"), indexof("a", "b")]', [2, -1]),
    "lower": ('lower("AB")', "ab"),
    "replace": ('replace("a-b-c", "-", "+")', "a+b+c"),
    "split": ('split("a/b/", "/")', ["a", "b", ""]),
    "sprintf": (
        'sprintf("%v %d %s %v %v 100%%", ["a", 3, "s", ["x", 1], 2.5])',
        'a 3 s ["x", 1] 2.5 100%',
    ),
    "startswith": ('startswith("abc", "ab")', True),
    "strings.any_prefix_match": ('strings.any_prefix_match(["abc"], {"x", "a"})', True),
    "strings.any_suffix_match": ('strings.any_suffix_match(["abc"], {"x", "bc"})', True),
    "substring": ('[substring("hélas", 1, 2), substring("abc", 1, -1)]', ["él", "bc"]),
    "trim": ('trim("--a-b--", "-")', "a-b"),
    "trim_left": ('trim_left("--a", "-")', "a"),
    "trim_prefix": ('trim_prefix("v1.2", "v")', "1.2"),
    "trim_right": ('trim_right("a--", "-")', "a"),
    "trim_space": ('trim_space("  a ")', "a"),
    "trim_suffix": ('trim_suffix("a.yml", ".yml")', "a"),
    "upper": ('upper("ab")', "AB"),
    "regex.match": ('[regex.match("^v[0-9]+$", "v12"), regex.match(`a|b`, "c")]', [True, False]),
    "glob.match": (
        '[glob.match("a/*", ["/"], "a/b"), glob.match("a/*", ["/"], "a/b/c")]',
        [True, False],
    ),
    "abs": ("abs(-2)", 2),
    "ceil": ("ceil(1.2)", 2),
    "floor": ("floor(1.8)", 1),
    "numbers.range": ("numbers.range(1, 3)", [1, 2, 3]),
    "round": ("[round(1.4), round(2.6)]", [1, 3]),
    "to_number": ('[to_number("3"), to_number("2.5"), to_number(true)]', [3, 2.5, 1]),
    "is_array": ("is_array([1])", True),
    "is_boolean": ("is_boolean(false)", True),
    "is_null": ("is_null(null)", True),
    "is_number": ("is_number(1)", True),
    "is_object": ('is_object({"a": 1})', True),
    "is_set": ('is_set({"a"})', True),
    "is_string": ('is_string("a")', True),
    "semver.compare": ('semver.compare("1.2.3", "1.10.0")', -1),
    "semver.is_valid": ('[semver.is_valid("1.2.3"), semver.is_valid("x")]', [True, False]),
    "walk": ('{p | walk({"a": [1]}, [p, v]); v == 1}', [["a", 0]]),
}


def answer(rego: Rego, text: str) -> Answer | None:
    """What the only rule of a module answers about an empty document."""
    policies = PolicySet.of([read_custom(text, "rule.rego")])
    document = Document({"rules": [each.rule for each in policies.rules]})
    return rego.ask(policies, "lint", document).said.get(policies.rules[0].rule)


def test_every_function_that_is_allowed_is_asked_about() -> None:
    assert tuple(ANSWERS) == FUNCTIONS


@pytest.mark.parametrize("function", ANSWERS)
def test_a_function_answers_alike(rego: Rego, rule_text: RuleText, function: str) -> None:
    expression, expected = ANSWERS[function]
    assert answer(rego, rule_text(f"lint := {expression}")) == Answer(expected)


@pytest.mark.parametrize(
    ("code", "expected"),
    [
        ('lint := [x | some x in input.rules; x != ""]', ["some-rule"]),
        ("lint contains x if {\n\tsome x in [2, 1, 2]\n}", [1, 2]),
        ("lint := [1] if {\n\tevery x in [1, 2] {\n\t\tx < 3\n\t}\n}", [1]),
        ("default lint := []\n\nlint := [1] if input.nothing", []),
        ("lint := 1 if {\n\tinput.nothing\n} else := 2", 2),
        ("double(x) := 2 * x\n\nlint := double(2)", 4),
        ('lint contains i if {\n\tsome i, x in ["a", "b"]\n\tx == "b"\n}', [1]),
        ('lint := {k: v | some k, v in {"a": 1}}', {"a": 1}),
        ("lint := 7 % 4 + 3 / 2 - 1 * 2", 2.5),
        ('lint := {"a", "b"} - {"a"} | {"c"}', ["b", "c"]),
        ('lint := ["a" in {"a"}, 1 in [2], 0.1 + 0.2 == 0.3]', [True, False, True]),
        ('lint := "ü \\u20ac \\"quoted\\" \\\\ \\n"', 'ü € "quoted" \\ \n'),
        ("lint := [1 | not input.nothing]", [1]),
        ('lint := sprintf("%v", [concat("-", ["a", "b"])])', "a-b"),
        ('lint := sprintf("%v %s", [lower("A"), upper("b")])', "a B"),
        ('lint := sprintf("%v", [replace("c", "c", "d")])', "d"),
        ('lint := sprintf("%v %v", [split("a/b", "/")[0], substring("abc", 0, 1)])', "a a"),
        ("lint := [true, null, 12345678901, 0.001]", [True, None, 12345678901, 0.001]),
    ],
)
def test_the_language_means_the_same(
    rego: Rego, rule_text: RuleText, code: str, expected: object
) -> None:
    assert answer(rego, rule_text(code)) == Answer(expected)


def test_what_is_undefined_has_no_answer(rego: Rego, rule_text: RuleText) -> None:
    assert answer(rego, rule_text("lint := [1] if input.nothing")) is None


@pytest.mark.parametrize(
    "expression", ['to_number("x")', "1 / (count([]) * 1)", "to_number(input.rules[0])"]
)
def test_a_function_that_fails_is_an_error_and_no_pass(
    rego: Rego, rule_text: RuleText, expression: str
) -> None:
    said = answer(rego, rule_text(f"lint contains x if {{\n\tx := {expression}\n}}"))
    assert said is not None
    assert said.error
