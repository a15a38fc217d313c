"""What a ruleset itself must keep to: notice before blocking, an owner, a place to debate."""

from datetime import UTC, datetime

import pytest

from policies.findings import Enforcement
from policies.rules import CATALOGUE
from policies.ruleset import Asked, builtin, read_ruleset, root_chain
from policies.ruleset.checks import complaints

AT = datetime(2026, 11, 24, 10, tzinfo=UTC)
HEAD = "schema: bakegate/ruleset/v1\nname: retail\n"
#: Everything that would block by its built-in default.
OFF = ", ".join(f"{rule.id}: off" for rule in CATALOGUE if rule.now is Enforcement.BLOCK)
OWNED = (
    HEAD + "owner: release-engineering\ndebate: https://wiki.example/rules\nextends: [starter]\n"
)


def told(text: str) -> list[tuple[str, str]]:
    """Each complaint with its line, and whether it fails."""
    chain = root_chain().below("retail", read_ruleset(text, "retail.yaml", str))
    asked = Asked("retail", "UTC", AT)
    found = complaints(chain, chain.resolved(asked), asked)
    return [
        (f"{each.span.line} {'fails' if each.fails else 'look'}", each.message) for each in found
    ]


def scheduled(announced: str, *steps: str, level: str = "observe") -> str:
    rows = "".join(f"        - {each}\n" for each in steps)
    return (
        f"{OWNED}rules:\n  unit-tests:\n    enforcement: {level}\n    schedule:\n"
        f"      announced: {announced}\n      steps:\n{rows}"
    )


BLOCK = "{from: 2027-02-01, enforcement: block}"


def test_a_rule_that_warned_long_enough_is_fine() -> None:
    assert told(scheduled("2026-10-01", BLOCK, level="warn")) == []
    warns = "{from: 2026-12-01, enforcement: warn}"
    assert told(scheduled("2026-10-01", warns, BLOCK)) == []


def test_a_rule_that_never_warned_fails_at_its_step() -> None:
    assert told(scheduled("2026-10-01", BLOCK)) == [
        (
            "12 fails",
            (
                "unit-tests blocks from 2027-02-01 without 14 days of warning before; add a step to"
                " warn"
            ),
        )
    ]


@pytest.mark.parametrize("day", ["2027-01-19", "2027-01-31"])
def test_a_warning_of_less_than_a_fortnight_is_too_short(day: str) -> None:
    found = told(scheduled("2026-10-01", f"{{from: {day}, enforcement: warn}}", BLOCK))
    assert [place for place, _ in found] == ["13 fails"]


def test_an_announcement_of_less_than_a_fortnight_is_too_late() -> None:
    assert told(scheduled("2027-01-20", BLOCK, level="warn")) == [
        (
            "12 fails",
            "unit-tests blocks from 2027-02-01, 12 days after it is announced; at least 14 are due",
        )
    ]


def test_a_level_without_a_date_is_to_look_at() -> None:
    assert told(OWNED + "rules: {unit-tests: block, artifact-blocklist: block}\n") == [
        (
            "6 look",
            (
                "unit-tests blocks without an announced date; if it is new here, let it warn and"
                " write a schedule"
            ),
        )
    ]


def test_a_rule_that_blocks_needs_an_owner_and_a_place_to_debate_it() -> None:
    found = told(f"{HEAD}rules: {{unit-tests: block, {OFF}}}\n")
    assert ("1 fails", "rules block here and nobody answers for them; write owner: TEAM") in found
    debate = "unit-tests blocks and has no place to debate it; write debate: LINK"
    assert ("3 fails", debate) in found
    assert told(f"{HEAD}rules: {{{OFF}}}\n") == []


def test_a_rule_that_blocks_only_later_needs_them_too() -> None:
    bare = scheduled("2026-10-01", BLOCK, level="warn").replace(
        "debate: https://wiki.example/rules\n", ""
    )
    messages = [message for _, message in told(bare)]
    assert "unit-tests blocks and has no place to debate it; write debate: LINK" in messages


@pytest.mark.parametrize("name", ["starter"])
def test_the_first_built_in_ruleset_blocks_only_what_carries_its_own_way_out(name: str) -> None:
    chain = root_chain().below("", builtin(name))
    asked = Asked("", "UTC", AT)
    found = complaints(chain, chain.resolved(asked), asked)
    assert [each for each in found if "without an announced date" in each.message] == []
