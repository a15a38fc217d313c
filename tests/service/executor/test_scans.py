"""Coverage and findings that a build reported are facts of the release, compared with its base."""

from datetime import timedelta

import pytest

from policies.release import Danger, Release, Vulnerability
from service.executor import facts
from service.promotions.seen import seen
from tests.service.executor.conftest import Field
from tests.twins.ports import START

OLD = Vulnerability("CVE-1", Danger.HIGH, "pkg:pypi/a@1", "2")
NEW = Vulnerability("CVE-2", Danger.CRITICAL, "pkg:pypi/a@1")


def recorded(field: Field, name: str) -> Release:
    """What a gate is told of the release."""
    with field.executor.ground.turn("shop", "tester") as turn:
        return facts.record(turn, turn.release(name))


@pytest.mark.both_databases
def test_coverage_and_findings_are_told_beside_those_of_the_base(field: Field) -> None:
    field.builder.covered |= {"a" * 40: 0.8, "b" * 40: 0.7}
    field.builder.found |= {"a" * 40: (OLD,), "b" * 40: (OLD, NEW)}
    field.through("a")
    field.clock.move(timedelta(days=8))
    built = field.clock.now()
    name = field.submit("b")
    release = recorded(field, name)
    told = {each.id: (each.first_seen, each.in_base) for each in release.artifact.findings or ()}
    assert told == {"CVE-1": (START, True), "CVE-2": (built, False)}
    kinds = {each.kind: each for each in release.evidence}
    assert (kinds["coverage"].coverage, kinds["coverage"].coverage_base) == (0.7, 0.8)
    assert kinds["sca"].findings == (("critical", 1), ("high", 1))
    lines = {each.kind: seen(each) for each in field.release(name).evidence}
    assert lines["coverage"] == "70% of the lines"
    assert lines["sca"] == "12 tests, 0 failed; found 1 critical and 1 high"


def test_of_a_base_that_nobody_scanned_nothing_is_known(field: Field) -> None:
    field.builder.found |= {"b" * 40: (NEW,)}
    field.through("a")
    name = field.submit("b")
    assert [each.in_base for each in recorded(field, name).artifact.findings or ()] == [None]
    assert recorded(field, "shop:1").artifact.findings is None
