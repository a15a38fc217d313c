"""Our own files against their schemas: all errors at once, each at its place."""

import pytest

from policies.documents import (
    DocumentError,
    locate,
    nearest,
    read_document,
)
from policies.source import read

KINDS = "'weekly' or 'between' or 'rrule' or 'calendar' or 'holidays'"
BROKEN = """\
schema: bakegate/pipeline/v2
nme: x
name: Bad_Name
tier: 7
owner: {teem: a, ttr: 5 min}
build: {steps: [{name: a, kind: unitt}], timeout: 3}
stages:
  - {name: a, kind: prd, deploy: {user: x}, exposure: 200%, kind: prd}
"""


def errors(text: str, schema: str) -> list[str]:
    with pytest.raises(DocumentError) as caught:
        read_document(text, "f.yaml", schema)
    return [str(issue) for issue in caught.value.issues]


def test_every_error_at_once_with_place_and_what_is_allowed() -> None:
    assert errors(BROKEN, "pipeline") == [
        'f.yaml:1:9: "bakegate/pipeline/v2" is not allowed; write bakegate/pipeline/v1',
        "f.yaml:2:1: unknown key 'nme'; did you mean 'name'?",
        "f.yaml:3:7: 'Bad_Name' is not a name; use a-z, 0-9 and -, at most 63, no - in front",
        "f.yaml:4:7: 7 is out of range; at most 3",
        "f.yaml:5:9: unknown key 'teem'; did you mean 'team'? known are team, oncall, channel, ttr",
        "f.yaml:5:23: '5 min' is not a duration; write 90s, 30m, 2h, 1d12h or 1w",
        "f.yaml:6:1: 'artifact' is missing: The path of what is made",
        "f.yaml:6:33: \"unitt\" is not allowed; did you mean 'unit'?",
        "f.yaml:6:51: 3 is not text",
        "f.yaml:8:15: key 'kind' is written again on line 8; keep one of them",
        "f.yaml:8:26: 'use' is missing: A deployer",
        "f.yaml:8:35: unknown key 'user'; did you mean 'use'? known are use, hosts",
        "f.yaml:8:55: '200%' is not a share; write 1% or 0.5%, at most 100%",
        "f.yaml:8:67: \"prd\" is not allowed; did you mean 'prod'? known are test, preprod, prod",
    ]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("from: 2026-02-30, until: 2026-03-01", "'2026-02-30' does not exist: day is out of range"),
        ("from: 2026-03-01T25:00, until: 2026-03-02", "'2026-03-01T25:00' does not exist: hour"),
        ("from: tomorrow, until: 2026-03-02", "'tomorrow' is not a time; write 2026-12-18"),
    ],
)
def test_times_that_do_not_exist(text: str, expected: str) -> None:
    window = f"[{{name: w, effect: deny, between: {{{text}}}}}]"
    (told,) = errors(f"schema: bakegate/ruleset/v1\nname: r\ntime_windows: {window}\n", "ruleset")
    assert expected in told


def test_a_window_has_one_recurrence() -> None:
    text = "schema: bakegate/ruleset/v1\nname: r\ntime_windows: [{name: w, effect: deny}]\n"
    assert errors(text, "ruleset") == [
        f"f.yaml:3:17: write exactly one of {KINDS}",
    ]


def test_both_halves_of_a_bad_commit() -> None:
    text = (
        "schema: bakegate/exceptions/v1\n"
        f"blocklist: [{{id: a, reason: b, owner: c, bad_commit: '{'0' * 40}'}}]\n"
    )
    assert errors(text, "exceptions") == [
        "f.yaml:2:14: 'repository' is a dependency of 'bad_commit'; write both or neither"
    ]


def test_a_branch_that_was_meant_tells_its_own_errors() -> None:
    text = "schema: bakegate/ruleset/v1\nname: r\nrules: {a: {enforcment: warn}, b: 3}\n"
    first, second = errors(text, "ruleset")
    assert first.startswith("f.yaml:3:13: unknown key 'enforcment'; did you mean 'enforcement'?")
    assert second == (
        "f.yaml:3:35: not allowed here; write a level (off, observe, warn, block) "
        "or a mapping with enforcement"
    )


def test_a_broken_text_and_a_second_document() -> None:
    assert errors("a: [", "ruleset")[0].startswith("f.yaml:1:5: ")
    assert errors("a: 1\n---\nb: 2\n", "ruleset") == [
        "f.yaml:3:1: a second document starts here; write one file for each"
    ]


def test_words_stay_words() -> None:
    text = "schema: bakegate/ruleset/v1\nname: r\nrules: {unit-tests: off}\n"
    assert read_document(text, "f.yaml", "ruleset").data["rules"] == {"unit-tests": "off"}


@pytest.mark.parametrize(
    ("path", "line", "column"),
    [
        (["a", "b"], 1, 8),
        (["a", "missing"], 1, 1),
        (["list"], 2, 1),
        (["list", 0], 2, 8),
        (["list", 1, "x"], 2, 14),
        (["list", 9], 2, 1),
        (["empty"], 3, 1),
        ([], 1, 1),
    ],
)
def test_locate(path: list[str | int], line: int, column: int) -> None:
    source = read("a: {b: 1}\nlist: [one, {y: 2}]\nempty:\n", "f.yaml")[0]
    span = locate(source.root, path)
    assert (span.line, span.column) == (line, column)


def test_nearest_names_the_known() -> None:
    assert nearest("betta", ["beta", "gamma"]) == "did you mean 'beta'? known are beta, gamma"
    assert nearest("x", []) == "known are none"
    names = [f"name{n}" for n in range(31)]
    assert nearest("x", names) == "no known name is near; 31 are known"
    assert nearest("x", names[:30]) == f"known are {', '.join(names[:30])}"
    assert nearest("name33", names[:30]) == "did you mean 'name3'?"
