"""A rule that runs away is stopped and named, and the others go on."""

import re
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from weakref import ref

import pytest

from cli.budget import budgets
from cli.reading import read_file
from policies.engine.budget import OverBudget
from policies.engine.lint import lint
from policies.findings import Enforcement, Problem
from policies.formats import read_pipelines
from policies.pipeline import Pipeline
from policies.rule import Params
from policies.ruleset import builtin, resolve
from tests.policies.test_engine import PIPELINE

AT = datetime(2026, 11, 24, 10, tzinfo=UTC)


def loops(_: Pipeline, __: Params) -> Iterator[Problem]:
    yield from ()
    while True:
        # Even a rule that swallows everything ends.
        with suppress(Exception):
            sum(range(1000))


def searches(_: Pipeline, __: Params) -> Iterator[Problem]:
    yield from ()
    re.search("(a+)+$", "a" * 60 + "b")


@pytest.mark.parametrize("endless", [loops, searches])
def test_a_rule_that_never_ends_is_a_finding_and_the_others_go_on(
    endless: Callable[[Pipeline, Params], Iterator[Problem]],
) -> None:
    resolved = resolve([("", builtin("strict"))], AT)
    rules = dict(resolved.rules)
    rules["canary-first"] = replace(
        rules["canary-first"], rule=replace(rules["canary-first"].rule, lint=endless)
    )
    with budgets() as budget:
        found = lint(
            read_pipelines(PIPELINE.encode(), "shop.yaml"),
            lambda _: replace(resolved, rules=rules),
            AT,
            budget=lambda _: budget(0.05),
        )
    (slow,) = [each for each in found.findings if each.rule == "lint-budget"]
    assert slow.message == "rule 'canary-first' took more than 5 s and was stopped; the others ran"
    assert slow.enforcement is Enforcement.WARN
    assert "bake-time" in {each.rule for each in found.findings}
    assert not found.crashed


def test_reading_that_takes_too_long_is_a_finding(tmp_path: Path) -> None:
    file = tmp_path / "shop.yml"
    jobs = "".join(f"  job-{each}: {{}}\n" for each in range(5000))
    file.write_text(f"on: push\njobs:\n{jobs}", encoding="utf-8")
    with budgets() as budget:
        read = read_file(file, None, lambda _: budget(0.02))
    assert not read.pipelines
    (slow,) = lint(read, lambda _: resolve([("", builtin("strict"))], AT), AT).findings
    assert (slow.rule, slow.enforcement) == ("lint-budget", Enforcement.WARN)
    assert slow.message == "reading the file took more than 20 s and was stopped"


def test_work_within_its_budget_is_left_alone() -> None:
    with budgets() as budget:
        with budget(5):
            total = sum(range(1000))
        with budget(0.02):
            pass
        all(number < 3_000_000 for number in range(3_000_000))
    assert total == 499_500


def test_work_beyond_its_budget_is_stopped() -> None:
    with budgets() as budget, pytest.raises(OverBudget), budget(0.02):
        all(number >= 0 for number in iter(int, 1))


def test_work_is_stopped_though_a_finalizer_loses_the_first_end() -> None:
    ended = []

    def finalizer(_: object) -> None:
        try:
            all(number >= 0 for number in iter(int, 1))
        finally:
            ended.append("the finalizer")

    def work() -> None:
        dying = {1}
        watch = ref(dying, finalizer)
        del dying
        ended.append(f"{watch() is None}")
        all(number >= 0 for number in iter(int, 1))

    with budgets() as budget, pytest.raises(OverBudget), budget(0.02):
        work()
    assert ended == ["the finalizer", "True"]
