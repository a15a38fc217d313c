"""Laws of findings, over every format: a fingerprint outlives edits, a place is exact.

Lines move, keys and documents change their order and files their names; what was found is the same,
so a baseline, an exemption or a report of yesterday still knows it.
"""

import json
import re
from collections import Counter
from datetime import UTC, datetime
from typing import Any, Final

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from policies.engine.lint import FileReport, lint
from policies.findings import Span
from policies.formats import read_pipelines
from policies.overlay import read_overlay
from policies.ruleset import builtin, resolve
from tests.properties.examples import examples
from tests.properties.mutations import GOLDEN

AT: Final = datetime(2026, 11, 24, 10, tzinfo=UTC)
STRICT: Final = resolve([("", builtin("strict"))], AT)
TEXTS: Final = {each.name: each.read_text("utf-8") for each in GOLDEN}
BLOCK: Final = re.compile(r"^(?=[A-Za-z_.$\"])", re.MULTILINE)

INNER: Final = re.compile(r"^(?=  [A-Za-z])", re.MULTILINE)


def judged(text: str, path: str) -> FileReport:
    # Files of some tools name their pipeline nowhere: there an overlay does, whatever the path.
    said = f"schema: bakegate/overlay/v1\npipelines:\n  {path}: {{name: shop}}\n"
    overlay = read_overlay(said, "bakegate.yaml") if needs_name(text) else None
    return lint(read_pipelines(text.encode(), path, overlay), lambda _: STRICT, AT)


def needs_name(text: str) -> bool:
    own = r"^(name: \w|kind: |Resources:)|\"name\"|schema: bakegate"
    return not re.search(own, text, re.MULTILINE)


def fingerprints(report: FileReport) -> Counter[tuple[str, str]]:
    assert [each.message for each in report.findings if each.rule in ("readable", "internal")] == []
    return Counter((each.rule, each.fingerprint) for each in report.findings)


@st.composite
def edited(draw: st.DrawFn, name: str) -> str:
    """The same file, written another way."""
    text = TEXTS[name]
    if name.endswith(".json"):
        return json.dumps(shuffled(draw, json.loads(text)), indent=draw(st.sampled_from([1, 4])))
    documents = [block_order(draw, each) for each in text.split("---\n")]
    if len(documents) > 1:
        documents = draw(st.permutations(documents))
    return "---\n".join(documents)


def block_order(draw: st.DrawFn, document: str) -> str:
    """The top-level keys of a document in another order, with lines of comments between them."""
    blocks = [each if each.endswith("\n") else f"{each}\n" for each in BLOCK.split(document)]
    # An alias stands below its anchor.
    if not re.search(r": &\w", document):
        blocks = [inner_order(draw, each) for each in draw(st.permutations(blocks))]
    above = [draw(st.sampled_from(["", "\n", "# moved\n\n"])) for _ in blocks]
    return "".join(line + block for line, block in zip(above, blocks, strict=True))


def inner_order(draw: st.DrawFn, block: str) -> str:
    """The keys below a top-level key, jobs for example, in another order."""
    head, *inner = INNER.split(block)
    return "".join([head, *draw(st.permutations(inner))])


def shuffled(draw: st.DrawFn, value: Any) -> Any:
    """The keys of every object in another order; a list keeps its own, which means something."""
    match value:
        case dict():
            return {key: shuffled(draw, value[key]) for key in draw(st.permutations(list(value)))}
        case list():
            return [shuffled(draw, each) for each in value]
        case _:
            return value


@pytest.mark.parametrize("name", TEXTS)
@given(data=st.data())
@settings(max_examples=examples(8))
def test_a_fingerprint_outlives_edits_that_change_nothing(name: str, data: st.DataObject) -> None:
    before = fingerprints(judged(TEXTS[name], name))
    path = data.draw(st.sampled_from([name, f"ci/{name}", f"deploy/renamed-{name}"]))
    assert before
    assert fingerprints(judged(data.draw(edited(name)), path)) == before


@pytest.mark.parametrize("name", TEXTS)
def test_findings_of_one_file_have_names_of_their_own(name: str) -> None:
    found = fingerprints(judged(TEXTS[name], name))
    assert [each for each, count in found.items() if count > 1] == []


@pytest.mark.parametrize("name", TEXTS)
def test_every_place_shows_a_visible_word(name: str) -> None:
    lines = TEXTS[name].split("\n")
    for each in judged(TEXTS[name], name).findings:
        for span in (each.span, *(other.span for other in each.related)):
            assert span.path in (name, "bakegate.yaml")
            assert shown(span, lines).strip(), each


def shown(span: Span, lines: list[str]) -> str:
    """The first line of what a place covers; it ends in the text and is not empty."""
    assert (1, 1) <= (span.line, span.column) < (span.end_line, span.end_column)
    assert span.end_line <= len(lines)
    assert span.end_column <= len(lines[span.end_line - 1]) + 1
    last = span.end_column - 1 if span.end_line == span.line else None
    return lines[span.line - 1][span.column - 1 : last]
