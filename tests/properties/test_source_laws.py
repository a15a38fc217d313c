"""Laws of reading: places lie in the text, and no bytes end in anything but a located error."""

from collections.abc import Iterator
from pathlib import Path

from hypothesis import example, given, settings
from hypothesis import strategies as st
from yaml import YAMLError

from policies.documents import SCHEMAS, DocumentError, Issue, read_document
from policies.findings import Span
from policies.formats import read_pipelines
from policies.inspect import inspect
from policies.source import Mapping, Node, Scalar, Sequence, Source, SourceError, core_value, read
from policies.source.events import Events
from policies.source.tree import Tree, Unusual
from tests.properties.examples import examples

GOLDEN = Path(__file__).parents[1] / "golden" / "pipelines"
SEEDS = [path.read_text("utf-8") for path in sorted(GOLDEN.glob("*.*"))]
#: Bits that mean something to YAML, to templates or to the readers.
BITS = st.sampled_from(
    [
        *("\t", "\n", "\r", " ", ":", "- ", "#", "&a ", "*a", "<<: *a", "[", "]", "{", "}", "|"),
        *("'", '"', "!x ", "%", "---\n", "{{", "${{ x }}", "\ufeff", "\u2028", "\x85", "\x00"),
        *("# bakegate: ignore[x] y", "- - - -", "9" * 30, "on: push", "jobs: {}", "null", "~"),
    ]
)


@st.composite
def mutated(draw: st.DrawFn) -> str:
    """A readable file with some places cut out and some bits put in."""
    text = draw(st.sampled_from(SEEDS))
    for _ in range(draw(st.integers(1, 4))):
        start = draw(st.integers(0, len(text)))
        cut = draw(st.sampled_from([0, 0, 1, 5, 40]))
        text = text[:start] + draw(BITS) + text[start + cut :]
    return text


def walk(node: Node) -> Iterator[Node]:
    yield node
    match node:
        case Mapping(entries=entries):
            for entry in entries.values():
                yield entry.key
                yield from walk(entry.value)
        case Sequence(items=items):
            for item in items:
                yield from walk(item)
        case Scalar():
            return


def attempt(text: str) -> tuple[list[Source], list[Span]]:
    """The documents of a text, or the place where it cannot be read."""
    try:
        return read(text, "f.yml"), []
    except SourceError as error:
        return [], [error.span]


def told(text: str, schema: str) -> list[Issue]:
    try:
        read_document(text, "f.yml", schema)
    except DocumentError as error:
        return list(error.issues)
    return []


def inside(span: Span, lines: list[str]) -> bool:
    start, end = (span.line, span.column), (span.end_line, span.end_column)
    last = (len(lines), len(lines[-1]) + 1)
    return (1, 1) <= start <= end <= last and span.column <= len(lines[span.line - 1]) + 1


@given(mutated() | st.text(max_size=80))
@settings(max_examples=examples(150), deadline=None)
@example("?")
@example("a: 1\n? - b\n  - c")
@example("? !x")
@example("- ? &x a\n# b")
def test_places_lie_in_the_text_and_plain_words_are_what_stands_there(text: str) -> None:
    whole = text.removeprefix("\ufeff").replace("\r\n", "\n").replace("\r", "\n")
    sources, refused = attempt(text)
    assert all(inside(span, whole.split("\n")) for span in refused)
    for source in sources:
        lines = source.text.split("\n")
        core_value(source.root)
        for node in walk(source.root):
            span = node.span
            assert inside(span, lines)
            if isinstance(node, Scalar) and node.plain and span.line == span.end_line:
                assert lines[span.line - 1][span.column - 1 : span.end_column - 1] == node.text
        for comment in source.comments:
            assert lines[comment.line - 1][comment.column - 1] == "#"


@given(mutated() | st.text(max_size=80))
@settings(max_examples=examples(150), deadline=None)
def test_the_tree_of_the_parser_says_what_its_events_say(text: str) -> None:
    try:
        found = Tree(text, "f.yml").build()
    except (Unusual, YAMLError):
        return  # Left to the events.
    assert found == Events(text, "f.yml").build()


def test_usual_files_are_read_from_the_tree_of_the_parser() -> None:
    assert all(Tree(text, "f.yml").build() for text in SEEDS if "&" not in text)


@given(mutated() | st.binary(max_size=80))
@settings(max_examples=examples(150), deadline=None)
def test_reading_pipelines_never_raises(text: str | bytes) -> None:
    given_bytes = text.encode("utf-8") if isinstance(text, str) else text
    found = read_pipelines(given_bytes, "f.yml")
    # A file of analysis templates alone has a format and no pipeline.
    assert found.pipelines or found.problems or found.format
    assert inspect(found)["type"] == "bakegate.inspect/v1"


@given(mutated(), st.sampled_from(SCHEMAS))
@settings(max_examples=examples(60), deadline=None)
def test_documents_are_read_or_refused_with_places(text: str, schema: str) -> None:
    issues = told(text, schema)
    assert issues == sorted(set(issues))
    assert all(issue.span.path == "f.yml" and issue.message for issue in issues)
