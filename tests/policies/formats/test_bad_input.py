"""Expressions in any place, bombs and very large files of other tools: never an error."""

import time
from pathlib import Path

import pytest

from policies.formats import read_pipelines
from policies.inspect import inspect
from tests.twins.tree import tree

GOLDEN = Path(__file__).parents[2] / "golden" / "pipelines"
FILES = {
    "shop.gitlab-ci.yml": ".gitlab-ci.yml",
    "shop.azure-pipelines.yml": "azure-pipelines.yml",
    "shop.workflow.yml": ".github/workflows/shop.yml",
}
JOBS = 10_000


@pytest.mark.parametrize("name", FILES)
@pytest.mark.parametrize("put", ["${{ x.y }}", "$[[ inputs.x ]]", "!reference [a, b]", "[]", "*a"])
def test_anything_may_stand_in_the_place_of_a_value(name: str, put: str) -> None:
    lines = (GOLDEN / name).read_text().split("\n")
    files = tree(FILES[name], {})
    for number, line in enumerate(lines):
        key, colon, _ = line.partition(":")
        changed = f"{key}: {put}" if colon else line.replace(line.strip(), f"- {put}")
        text = "\n".join([*lines[:number], changed, *lines[number + 1 :]])
        found = read_pipelines(text.encode(), FILES[name], files=files)
        assert inspect(found)["path"] == FILES[name]


@pytest.mark.parametrize("path", FILES.values())
def test_an_alias_bomb_is_refused_where_it_grows(path: str) -> None:
    lines = ["a0: &a0 {script: [x]}"]
    lines += [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 9)}]" for n in range(1, 9)]
    (problem,) = read_pipelines("\n".join(lines).encode(), path).problems
    assert "with aliases expanded; use fewer aliases" in problem.message


def test_ten_thousand_jobs_in_stages_are_read_in_time() -> None:
    names = ("build", "test", "deploy")
    jobs = "".join(
        f"job-{number}: {{stage: {names[number % 3]}, script: [make]}}\n" for number in range(JOBS)
    )
    start = time.process_time()
    (pipeline,) = read_pipelines(f"stages: [build, test, deploy]\n{jobs}".encode(),
                                 ".gitlab-ci.yml").pipelines  # fmt: skip
    last = pipeline.stages[-2]
    assert len(pipeline.stages) == JOBS
    assert len(pipeline.upstream(last)) == len([n for n in range(JOBS) if n % 3 != 2])
    assert time.process_time() - start < 60
