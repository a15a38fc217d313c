"""The one resolver of exceptions: what counts when, under which limits, in lint and gate alike."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

from policies.exceptions import (
    NO_LIMITS,
    ExceptionPolicy,
    Exceptions,
    Exemption,
    OptOut,
    Subject,
    joined,
    policy_from_json,
    policy_json,
)
from policies.granted import Reach
from policies.release import Artifact, Override, Release, ReleaseKind
from policies.waivers import Waivers

AT = datetime(2026, 11, 24, 10, tzinfo=UTC)
DIGEST = "sha256:" + "a" * 64
DAY = timedelta(days=1)


EXEMPTION = Exemption("ex-1", "shop", "bake-time", "moving", "lee", AT, AT + 30 * DAY)


def told(waivers: Waivers, rule: str, fingerprint: str = "") -> str:
    waiver = waivers.covering("shop", rule, fingerprint)
    return waiver.told if waiver else ""


def waivers(
    *exemptions: Exemption,
    policy: ExceptionPolicy = NO_LIMITS,
    at: datetime = AT,
) -> Waivers:
    return Waivers(Exceptions(exemptions), policy, at)


def test_an_exemption_counts_from_its_start_to_before_its_end() -> None:
    for at, expected in (
        (AT - timedelta(seconds=1), ""),
        (AT, "exemption ex-1: moving"),
        (AT + 30 * DAY - timedelta(seconds=1), "exemption ex-1: moving"),
        (AT + 30 * DAY, ""),
    ):
        assert told(waivers(EXEMPTION, at=at), "bake-time") == expected
    assert waivers(EXEMPTION).covering("other", "bake-time") is None


def test_an_exemption_of_one_finding_reaches_only_that_one() -> None:
    narrow = replace(EXEMPTION, finding="f1")
    assert told(waivers(narrow), "bake-time", "f1") == "exemption ex-1: moving"
    assert told(waivers(narrow), "bake-time", "f2") == ""
    assert told(waivers(narrow), "bake-time") == ""


def test_an_opt_out_goes_on_after_its_review_date() -> None:
    opt_out = OptOut("oo-1", "shop", "canary-first", "internal", "lee", AT - DAY)
    found = Waivers(Exceptions(opt_outs=(opt_out,)), ExceptionPolicy(), AT)
    assert told(found, "canary-first") == "opt-out oo-1: internal"
    assert told(waivers(), "canary-first") == ""


def test_files_and_store_are_asked_as_one() -> None:
    other = replace(EXEMPTION, id="ex-2", rule="unit-tests")
    both = Waivers(joined((Exceptions((EXEMPTION,)), Exceptions((other,)))), ExceptionPolicy(), AT)
    assert (told(both, "bake-time"), told(both, "unit-tests")) == (
        "exemption ex-1: moving",
        "exemption ex-2: moving",
    )


def test_what_is_beyond_a_limit_does_not_count() -> None:
    for policy in (
        ExceptionPolicy(longest=29 * DAY),
        ExceptionPolicy(forbidden=frozenset({"bake-time"})),
    ):
        assert told(waivers(EXEMPTION, policy=policy), "bake-time") == ""
    assert told(waivers(EXEMPTION, policy=ExceptionPolicy(longest=30 * DAY)), "bake-time")


def test_the_rule_about_exemptions_has_none() -> None:
    hiding = replace(EXEMPTION, rule="exemption-valid")
    assert told(waivers(hiding), "exemption-valid") == ""


def test_limits_of_nodes_tighten_each_other() -> None:
    above = ExceptionPolicy(
        frozenset({"alarm-block"}), longest=90 * DAY, most=5, approver=Reach.NODE
    )
    below = ExceptionPolicy(
        longest=30 * DAY,
        most=9,
        approver=Reach.ROOT,
        second_person=frozenset({Subject.OVERRIDE}),
    )
    assert above.tightened(below) == below.tightened(above)
    assert above.tightened(below) == ExceptionPolicy(
        frozenset({"alarm-block"}),
        longest=30 * DAY,
        most=5,
        approver=Reach.ROOT,
        second_person=frozenset({Subject.OVERRIDE}),
    )
    assert policy_from_json(policy_json(above.tightened(below))) == above.tightened(below)


def test_an_override_counts_for_its_rule_stage_and_digest_until_its_hour() -> None:
    override = Override(
        "ov-1", "bake-time", "cell-1", DIGEST, "lee", "fix", AT, AT.replace(hour=12)
    )
    artifact = Artifact(DIGEST, "b" * 40)
    release = Release(
        "shop:1", "shop", ReleaseKind.NORMAL, AT, "kim", artifact, overrides=(override,)
    )
    none = NO_LIMITS
    for stage, rule, at, policy, expected in (
        ("cell-1", "bake-time", AT, none, override),
        ("cell-1", "bake-time", AT.replace(hour=12), none, None),
        ("cell-1", "bake-time", AT.replace(hour=9), none, None),
        ("cell-2", "bake-time", AT, none, None),
        ("cell-1", "alarm-block", AT, none, None),
        ("cell-1", "bake-time", AT, ExceptionPolicy(frozenset({"bake-time"})), None),
        ("cell-1", "bake-time", AT, ExceptionPolicy(longest_override=timedelta(hours=1)), None),
    ):
        assert waivers(policy=policy, at=at).overriding(release, stage, rule) is expected
