"""Reading text into nodes: places, comments, merges, and every way in which it can fail."""

import json

import pytest

from policies.findings import Span
from policies.source import (
    MAX_BYTES,
    Comment,
    Mapping,
    Node,
    Scalar,
    Sequence,
    SourceError,
    core_value,
    read,
)
from policies.source.json_text import read_json


def root(text: bytes | str) -> Node:
    return read(text, "f.yml")[0].root


def value(text: str, *path: str) -> Node:
    node = root(text)
    for step in path:
        assert isinstance(node, Mapping)
        found = node.get(step)
        assert found is not None
        node = found
    return node


def place(line: int, column: int, end_line: int, end_column: int) -> Span:
    return Span("f.yml", line, column, end_line, end_column)


def test_spans_are_one_based_half_open_and_count_code_points() -> None:
    assert value("grüße: 'ja'\nnext: 🙂 gut\n", "next") == Scalar(
        place(2, 7, 2, 12), "🙂 gut", plain=True
    )
    assert value("grüße: 'ja'\n", "grüße").span == place(1, 8, 1, 12)


def test_a_block_scalar_ends_with_its_last_written_line() -> None:
    assert value("run: |\n  a\n  bc\n\n\nnext: 1\n", "run").span == place(1, 6, 3, 5)


def test_a_block_mapping_ends_with_its_last_value() -> None:
    assert value("a:\n  b: 1\n\n# c\nd: 2\n", "a").span == place(2, 3, 2, 7)


def test_an_anchored_value_starts_at_its_words() -> None:
    assert value("a: &x word\n", "a").span == place(1, 7, 1, 11)
    assert value("a: !Ref word\n", "a") == Scalar(
        place(1, 9, 1, 13), "word", plain=True, tag="!Ref"
    )


def test_an_empty_value_is_where_it_would_stand() -> None:
    assert value("a:\nb: 1\n", "a") == Scalar(place(1, 3, 1, 3), "", plain=True)


def test_byte_order_mark_and_carriage_returns_do_not_count() -> None:
    assert value("\ufeffa: 1\r\nb: 2\r\n", "b").span == place(2, 4, 2, 5)


def test_line_separators_of_unicode_are_no_line_ends() -> None:
    assert value("a: x\u2028y\nb: 1\n", "b").span == place(2, 4, 2, 5)
    assert core_value(root("a: x\u2028y\n")) == {"a": "x\u2028y"}


def test_the_last_of_equal_keys_wins_and_the_others_are_kept() -> None:
    node = root("a: 1\nb: 2\na: 3\n")
    assert isinstance(node, Mapping)
    assert core_value(node) == {"a": 3, "b": 2}
    assert [key.span for key in node.duplicates] == [place(1, 1, 1, 2)]


def test_merged_keys_stand_behind_written_ones() -> None:
    text = "x: &x {a: 1, b: 2}\ny: &y {b: 3, c: 4}\nz: {b: 9, <<: [*x, *y]}\n"
    assert core_value(value(text, "z")) == {"b": 9, "a": 1, "c": 4}


def test_only_mappings_can_be_merged() -> None:
    with pytest.raises(SourceError, match="'<<' merges mappings only"):
        root("a: {<<: word}")


def test_aliases_share_their_node() -> None:
    node = root("a: &x [1]\nb: *x\n")
    assert isinstance(node, Mapping)
    assert node.get("a") is node.get("b")


def test_comments_are_kept_where_they_speak_to_bakegate() -> None:
    text = (
        'a: "# bakegate: ignore[x] no"\n'
        "b: 1  # bakegate: ignore[y] why\n"
        "c: |  # bakegate: ignore[z] head\n"
        "  # bakegate: ignore[q] text\n"
        "# bakegate: ignore[w] alone\n"
        "# other\n"
        "d: x#bakegate:no\n"
    )
    assert read(text, "f.yml")[0].comments == (
        Comment(2, 7, "bakegate: ignore[y] why", alone=False),
        Comment(3, 7, "bakegate: ignore[z] head", alone=False),
        Comment(5, 1, "bakegate: ignore[w] alone", alone=True),
    )


def test_documents_have_their_own_comments() -> None:
    first, second = read("a: 1 # bakegate: x\n---\n---\nb: 1 # bakegate: y\n", "f.yml")
    assert [comment.text for comment in first.comments] == ["bakegate: x"]
    assert [comment.text for comment in second.comments] == ["bakegate: y"]


def test_json_with_tabs_is_read() -> None:
    data = {"a": [1, 2.5, None, True], "b": {"c": "d"}}
    assert core_value(root(json.dumps(data, indent="\t"))) == data


def test_a_tab_at_the_end_of_a_line_means_nothing() -> None:
    assert core_value(root("test:\t\n  b: 1\n")) == {"test": {"b": 1}}


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("on", "on"),
        ("yes", "yes"),
        ("12:30", "12:30"),
        ("2026-01-01", "2026-01-01"),
        ("012", 12),
        ("0o14", 12),
        ("0xC", 12),
        ("-3", -3),
        ("1e3", 1000.0),
        (".5", 0.5),
        ("~", None),
        ("TRUE", True),
        ("'true'", "true"),
        ("!!str 12", "12"),
        ("9" * 41, "9" * 41),
    ],
)
def test_core_values(text: str, expected: object) -> None:
    assert core_value(root(f"[{text}]")) == [expected]


BOMB = "a: &a [x,x,x,x,x,x,x,x,x,x]\n" + "\n".join(
    f"{name}: &{name} [{','.join(['*' + before] * 10)}]"
    for before, name in zip("abcdefgh", "bcdefghi", strict=True)
)


@pytest.mark.parametrize(
    ("text", "line", "column", "message"),
    [
        ("", 1, 1, "the file is empty; write the pipeline into it"),
        ("# only a comment\n", 1, 1, "the file is empty; write the pipeline into it"),
        (b"a: 1\nb: \xff\n", 2, 4, "byte 0xff is not UTF-8; save the file as UTF-8"),
        ("a: 1".encode("utf-16"), 1, 1, "the file is UTF-16; save it as UTF-8"),
        ("a: \x01", 1, 4, "control characters are not allowed; remove the control character"),
        ("a: b: c", 1, 5, "mapping values are not allowed in this context; quote the value"),
        ("a:\n\tb: 1\n", 2, 1, "indent with spaces, not with tabs"),
        ("a: *b\n", 1, 4, "no anchor &b before this; define it above"),
        ("a: &a [*a]\n", 1, 8, "*a stands inside &a itself; write the part out"),
        ("? [a]\n: 1\n", 1, 3, "a key must be one word or text, not a list or mapping"),
        ("- " * 100_000, 1, 201, "nested deeper than 100 levels; flatten the file"),
        ("- " * 40_000, 1, 201, "nested deeper than 100 levels; flatten the file"),
        ("[" * 100_000, 1, 1001, "flatten the file"),
        (BOMB, 6, 14, "more than 300,000 values with aliases expanded; use fewer aliases"),
        (b"x" * (MAX_BYTES + 1), 1, 1, "at most 4,000,000 are read; split it or leave it out"),
        ('a: "open', 1, 9, "close the quote that is opened here"),
    ],
)
def test_what_cannot_be_read_is_located_and_says_what_to_do(
    text: bytes | str, line: int, column: int, message: str
) -> None:
    with pytest.raises(SourceError) as caught:
        read(text, "f.yml")
    assert (caught.value.span.line, caught.value.span.column) == (line, column)
    assert message in caught.value.message
    assert not caught.value.templated


def test_nesting_through_aliases_is_bounded() -> None:
    chain = "a0: &a0 [x]\n" + "".join(f"a{n}: &a{n} [*a{n - 1}]\n" for n in range(1, 200))
    with pytest.raises(SourceError, match="nested deeper than 100 levels with aliases"):
        root(chain)


@pytest.mark.parametrize(
    "text",
    [
        "{{- if .Values.on }}\na: 1\n{{- end }}\n",
        "a: {{ .Values.a }}\nb: 1\n",
        "{% if x %}\na: 1\n{% endif %}\n",
        'a: "{{ include "x" . }}"\n',
    ],
)
def test_templates_are_told_from_broken_files(text: str) -> None:
    with pytest.raises(SourceError) as caught:
        read(text, "f.yml")
    assert caught.value.templated


def test_a_readable_file_with_braces_is_no_template() -> None:
    assert core_value(root("a: ${{ b }}\nc: x{{ d }}\n")) == {"a": "${{ b }}", "c": "x{{ d }}"}


def test_sequences_keep_their_items_in_order() -> None:
    node = root("- a\n- [b]\n")
    assert isinstance(node, Sequence)
    assert core_value(node) == ["a", ["b"]]


@pytest.mark.parametrize(
    ("text", "value"),
    [
        (r'{"a": "\ud83d\ude80"}', {"a": "\U0001f680"}),
        (r'{"a": "\ud83d", "b": 1}', {"a": "\ufffd", "b": 1}),
        ('{"%s": [true, null, -1.5e3]}' % ("k" * 1500), {"k" * 1500: [True, None, -1500.0]}),
        ('{"a"\n:\n"b"}', {"a": "b"}),
        ('["a\x7f"]', ["a\x7f"]),
    ],
)
def test_json_that_is_no_yaml_is_read_all_the_same(text: str, value: object) -> None:
    (source,) = read(text, "f.json")
    assert core_value(source.root) == value


def test_both_readers_of_json_give_the_same_nodes() -> None:
    text = '{"a": [1, "x", {"b": null}],\n  "c": {}, "c": "d"}'
    (source,) = read(text, "f.json")
    assert read_json(text, "f.json").root == source.root
    (late,) = read(text.replace('"a":', '"a"\n:'), "f.json")
    assert isinstance(late.root, Mapping)
    assert late.root.entries["c"].value.span == Span("f.json", 3, 17, 3, 20)
    assert [key.span.column for key in late.root.duplicates] == [3]


@pytest.mark.parametrize(
    "text", ["{", '{"a"\n:}', '["a"\n:', '{"a"\n:1} 2', '{"a"\n:01}', '{"a"\n:"\\x"}', '{"a"\n1}']
)
def test_what_is_neither_yaml_nor_json_is_told_once(text: str) -> None:
    with pytest.raises(SourceError):
        read(text, "f.json")
