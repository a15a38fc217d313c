"""Whatever stands in a module, it is a rule or an error with a place; no line of it moves."""

from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from policies.documents import DocumentError, Issue
from policies.rego.mending import mended
from policies.rego.text import ModuleText
from policies.rule import AnyRule
from policies.ruleset.custom import read_custom

EXAMPLES = Path(__file__).parents[2] / "rulesets" / "examples" / "rego"
RULES = tuple(each.read_text(encoding="utf-8") for each in sorted(EXAMPLES.glob("*.rego")))
PIECES = ('"', "`", "#", "\n", "[", "]", "{", "}", ":=", "some ", "with ", "data.x", "lint", "é")
CODE = st.lists(st.sampled_from(PIECES) | st.text(max_size=5), max_size=20).map("".join)


@st.composite
def damaged(draw: st.DrawFn) -> str:
    """An example rule from which a part was cut, with something else in its place."""
    text = draw(st.sampled_from(RULES))
    start = draw(st.integers(0, len(text)))
    end = draw(st.integers(start, min(len(text), start + 40)))
    return text[:start] + draw(CODE) + text[end:]


def outcome(text: str) -> AnyRule | tuple[Issue, ...]:
    try:
        return read_custom(text, "rule.rego")
    except DocumentError as error:
        return error.issues


@given(CODE | damaged())
def test_a_module_is_a_rule_or_an_error_with_a_place(text: str) -> None:
    found = outcome(text)
    if isinstance(found, tuple):
        assert found
        lines = text.count("\n") + text.count("\r") + 2
        assert {each.span.path for each in found} == {"rule.rego"}
        assert all(1 <= each.span.line <= lines for each in found)
    else:
        assert found.lints or found.gates


@given(CODE | damaged())
def test_blanking_keeps_every_place(text: str) -> None:
    code = ModuleText(text, "rule.rego").code
    assert len(code) == len(text)
    assert [n for n, char in enumerate(code) if char == "\n"] == [
        n for n, char in enumerate(text) if char == "\n"
    ]


@given(st.sampled_from(RULES))
def test_no_line_moves_when_a_module_is_renamed_or_mended(text: str) -> None:
    renamed = ModuleText(text, "rule.rego").renamed("bakegate.custom.x")
    for changed in (renamed, mended(text)):
        assert len(changed.splitlines()) >= len(text.splitlines())
        differing = [
            old
            for old, new in zip(text.splitlines(), changed.splitlines(), strict=False)
            if old != new
        ]
        assert all(
            line.startswith("package ") or any(word in line for word in ("concat(", "replace("))
            for line in differing
        )
