"""What stands in front of a stage, as sets of bits, is what walking the plain graph finds."""

from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from typing import Final

import pytest
from hypothesis import given
from hypothesis import strategies as st

from policies.engine.lint import lint
from policies.formats import read_pipelines
from policies.graphs import Order
from policies.paths import ahead, all_last_stops, every, last_stops
from policies.pipeline import Pipeline, Stage, StepKind
from policies.ruleset import builtin, resolve
from policies.steps import deploys, search

AT: Final = datetime(2026, 11, 24, 10, tzinfo=UTC)
#: Scripts of jobs: tests that block, that do not, that cannot be told; a deployment, and nothing.
SCRIPTS: Final = ("pytest", "pytest || true", "./unit-test", "kubectl apply -f x", "true")
UNIT: Final = frozenset({StepKind.UNIT})
JOB: Final = "j{0}: {{stage: test, script: ['{1}'], needs: [{2}]}}\n"


@st.composite
def pipelines(draw: st.DrawFn) -> Pipeline:
    """A file of jobs that need any others, circles included."""
    size = draw(st.integers(1, 12))
    jobs = ""
    for number in range(size):
        needs = draw(st.lists(st.integers(0, size - 1), unique=True, max_size=5))
        script = draw(st.sampled_from(SCRIPTS))
        jobs += JOB.format(number, script, ", ".join(f"j{each}" for each in needs))
    return read_pipelines(jobs.encode(), ".gitlab-ci.yml").pipelines[0]


def walked(pipeline: Pipeline, stage: Stage, *, through: Callable[[Stage], bool]) -> set[str]:
    """The plain definition: everything on a way that does not lead beyond what it ends at."""
    found: set[str] = set()
    todo = list(stage.needs)
    while todo:
        each = pipeline.stage(todo.pop())
        if each and each.name not in found:
            found.add(each.name)
            todo.extend(each.needs if through(each) else ())
    return found


def names(stages: Sequence[Stage]) -> set[str]:
    return {stage.name for stage in stages}


@given(pipelines())
def test_sets_are_what_walking_finds(pipeline: Pipeline) -> None:
    for stage in pipeline.stages:
        everything = walked(pipeline, stage, through=lambda _: True)
        assert names(pipeline.upstream(stage)) == everything
        nearest = walked(pipeline, stage, through=lambda each: not deploys(each))
        stops, between = last_stops(pipeline, stage)
        assert names(stops) | names(between) == nearest
        assert all(map(deploys, stops))
        assert not any(map(deploys, between))
        assert names(pipeline.of_bits(pipeline.below(stage))) == {
            each.name for each in pipeline.stages if stage.name in names(pipeline.upstream(each))
        }
    union = all_last_stops(pipeline, pipeline.stages)
    for at in (0, 1):
        single = (last_stops(pipeline, each)[at] for each in pipeline.stages)
        assert names(union[at]) == {stage.name for each in single for stage in each}


@given(pipelines())
def test_a_search_ahead_says_what_a_search_of_all_steps_says(pipeline: Pipeline) -> None:
    for stage in pipeline.stages:
        above = pipeline.upstream(stage)
        plain = search([step for each in above for step in each.steps], UNIT)
        found = ahead(pipeline, stage).search(UNIT, every)
        assert bool(found.blocking) == bool(plain.blocking)
        assert found.blocking[:1] == plain.blocking[:1]
        assert found.unclear[:1] == plain.unclear[:1]
        assert found.soft == (() if plain.blocking else plain.soft)
        assert found.guessed == plain.guessed


@given(st.lists(st.lists(st.integers(0, 19), max_size=12), min_size=1, max_size=20))
def test_shared_needs_change_nothing(needs: list[list[int]]) -> None:
    listed = [tuple(map(str, each)) for each in needs]
    shared = listed[0]
    several = [shared if len(shared) > 8 and len(each) % 2 else each for each in listed]
    plain = Order([*map(str, range(len(listed)))], [list(each) for each in several])
    grouped = Order([*map(str, range(len(listed)))], several)
    assert (plain.above(), plain.below()) == (grouped.above(), grouped.below())


def ladder(jobs: int) -> str:
    """A chain of tests, and deployments each of which waits for another part of it."""
    tests = "".join(
        f"t{each}: {{stage: test, script: [pytest], needs: [{f't{each - 1}' if each else ''}]}}\n"
        for each in range(jobs)
    )
    ship = "environment: production, script: [kubectl apply -f x]"
    return tests + "".join(
        f"d{each}: {{stage: deploy, {ship}, needs: [t{each}]}}\n" for each in range(jobs)
    )


def branches(jobs: int) -> str:
    """Deployments of as many branches, all behind the same tests."""
    tests = "".join(f"t{each}: {{stage: test, script: [pytest]}}\n" for each in range(jobs))
    ship = "environment: production, script: [kubectl apply -f x]"
    return tests + "".join(
        f"d{each}: {{stage: deploy, {ship}, only: [b{each}]}}\n" for each in range(jobs)
    )


@pytest.mark.parametrize("shape", [ladder, branches])
def test_deployments_that_wait_for_different_sets_are_judged(shape: Callable[[int], str]) -> None:
    resolved = resolve([("", builtin("strict"))], AT)
    read = read_pipelines(shape(300).encode(), ".gitlab-ci.yml")
    found = lint(read, lambda _: resolved, AT)
    assert not found.crashed
    assert sum(each.rule == "load-test" for each in found.findings) == 300
