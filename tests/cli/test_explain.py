"""``bakegate explain`` of rules: the page, its parameters, and what to do about a wrong name."""

from collections.abc import Callable

import pytest
from typer.testing import Result

from cli.explain import _ENGINE_RULES
from policies.rules import CATALOGUE

Bakegate = Callable[..., Result]


def test_a_page_starts_with_the_rule_and_ends_with_its_parameters(bakegate: Bakegate) -> None:
    result = bakegate("explain", "unit-tests")
    lines = result.stdout.splitlines()
    assert result.exit_code == 0
    assert lines[:6] == [
        "unit-tests",
        "",
        "family testing-before-production, severity high, evaluated at lint and gate",
        "starts at warn, ends at block",
        "",
        "Run unit tests in the build and stop on failure.",
    ]
    headings = [line for line in lines if line.startswith("## ")]
    assert (headings[0], headings[-1]) == ("## Why it matters", "## Parameters")


@pytest.mark.parametrize("rule", CATALOGUE, ids=lambda rule: rule.id)
def test_every_rule_has_a_page(bakegate: Bakegate, rule: object) -> None:
    name = getattr(rule, "id", "")
    result = bakegate("explain", name)
    assert (result.exit_code, result.stdout.splitlines()[0]) == (0, name)


@pytest.mark.parametrize(
    "name",
    ["readable", "internal", "lint-budget", "ignore-valid", "exception-stale", "pipeline-name"],
)
def test_what_the_engine_itself_reports_is_explained(bakegate: Bakegate, name: str) -> None:
    result = bakegate("explain", name)
    assert (result.exit_code, result.stdout) == (0, f"{name}\n\n{_ENGINE_RULES[name]}\n")


@pytest.mark.parametrize(
    ("name", "told"),
    [
        ("bake-tme", "there is no rule 'bake-tme'; did you mean 'bake-time'?"),
        ("xyz", "there is no rule 'xyz'; they are listed by: bakegate rules"),
    ],
)
def test_an_unknown_rule_ends_with_2(bakegate: Bakegate, name: str, told: str) -> None:
    result = bakegate("explain", name)
    assert (result.exit_code, result.stdout, result.stderr) == (
        2,
        "",
        f"bakegate explain: {told}\n",
    )
