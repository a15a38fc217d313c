"""Files that others bring in: listed, judged where they are used, their findings told once."""

from datetime import UTC, datetime

import pytest

from policies.engine.lint import FileReport, lint
from policies.engine.parts import told_of_parts, told_once
from policies.engine.together import Together, said
from policies.formats import Read, read_pipelines
from policies.ruleset import builtin, resolve
from tests.twins.tree import tree

AT = datetime(2026, 11, 24, 10, tzinfo=UTC)
CALLED = "on: workflow_call\njobs: {unit: {steps: [{run: pytest || true}]}}\n"
CALLER = "on: push\njobs: {test: {uses: ./.github/workflows/called.yml}}\n"


def all_of(found: list[Read]) -> Together:
    return Together(dict(enumerate(map(said, found))))


def placed(found: list[Read]) -> list[Read]:
    together = all_of(found)
    return [together.placed(position, each) for position, each in enumerate(found)]


def reads(texts: dict[str, str]) -> list[Read]:
    return [
        read_pipelines(text.encode(), path, files=tree(path, texts)) for path, text in texts.items()
    ]


def judged(read: Read) -> FileReport:
    resolved = resolve([("", builtin("recommended"))], AT)
    return lint(read, lambda _: resolved, AT)


@pytest.mark.parametrize(
    ("whole", "part", "texts"),
    [
        (".github/workflows/a.yml", ".github/workflows/called.yml", (CALLER, CALLED)),
        (".gitlab-ci.yml", "ci/test.yml",
         ("include: ci/test.yml\n", "unit: {script: [pytest]}\n")),
        ("azure-pipelines.yml", "steps.yml",
         ("trigger: none\nsteps: [{template: steps.yml}]\n", "steps: [{script: pytest}]\n")),
    ],
)  # fmt: skip
def test_a_part_is_listed_and_judged_where_it_is_used(
    whole: str, part: str, texts: tuple[str, str]
) -> None:
    found = placed(reads({whole: texts[0], part: texts[1]}))
    assert [(each.path, len(each.pipelines)) for each in found] == [(whole, 1), (part, 0)]
    alone = read_pipelines(texts[1].encode(), part)
    (listed,) = placed([alone])
    assert len(listed.pipelines) == 1


def test_a_workflow_that_is_also_started_is_judged_by_itself_too() -> None:
    both = CALLED.replace("on: workflow_call", "on: [push, workflow_call]")
    texts = {".github/workflows/a.yml": CALLER, ".github/workflows/called.yml": both}
    assert [len(each.pipelines) for each in placed(reads(texts))] == [1, 1]


def test_a_finding_in_a_file_of_several_is_told_once() -> None:
    texts = {
        ".github/workflows/a.yml": CALLER,
        ".github/workflows/b.yml": CALLER,
        ".github/workflows/called.yml": CALLED,
    }
    brought = all_of(reads(texts)).brought
    reports = [judged(each) for each in placed(reads(texts))]
    told = {position: told_of_parts(each, brought) for position, each in enumerate(reports)}
    files = [told_once(each, position, told) for position, each in enumerate(reports)]
    places = [
        (file.path, each.span.path)
        for file in files
        for each in file.findings
        if each.rule == "no-soft-fail-tests"
    ]
    assert places == [(".github/workflows/a.yml", ".github/workflows/called.yml")]
    results = [each.pipelines[0].results["no-soft-fail-tests"] for each in files[:2]]
    assert results == ["fail", "fail"]
