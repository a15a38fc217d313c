"""Gate: the table from results to verdicts, release kinds, exceptions and conditions."""

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

import policies
from policies.decision import Condition, Definition, GateInputs, GateResult
from policies.engine.gate import GateError, gate
from policies.exceptions import Exceptions, Exemption
from policies.findings import Enforcement, Result, Verdict
from policies.plain import instant_text
from policies.release import Artifact, Override, Release, ReleaseKind
from policies.rule import BlocklistEntry, Case, GateFamily, Outcome, Params
from policies.rules import CATALOGUE
from policies.ruleset import Resolved, builtin, read_ruleset, resolve
from policies.source import core_value, read

AT = datetime(2026, 11, 24, 10, tzinfo=UTC)
LATER = AT + timedelta(hours=1)
DIGEST = "sha256:" + "a" * 64
BLOCKLIST = "artifact-blocklist"
SHOP = Path(__file__).parents[1] / "golden" / "output" / "shop.yaml"

Gate = Callable[[Case, Params], Outcome]


def release(kind: ReleaseKind = ReleaseKind.NORMAL, *overrides: Override) -> Release:
    artifact = Artifact(DIGEST, "b" * 40)
    return Release("shop:7", "shop", kind, AT, "kim", artifact, overrides=overrides)


def inputs(resolved: Resolved | None = None, **changes: object) -> GateInputs:
    base = GateInputs(
        definition=Definition(SHOP.read_text(encoding="utf-8"), "shop.yaml"),
        release=release(),
        stage="cell-1",
        at=AT,
        resolved=resolved or resolve([("harbor", builtin("strict"))], AT),
    )
    return replace(base, **changes)  # type: ignore[arg-type]  # each test names fields of its own


def alone(rule: str, answer: Outcome | Gate, level: Enforcement = Enforcement.BLOCK) -> Resolved:
    """A ruleset of one rule whose gate half answers as the test says."""
    resolved = resolve([("harbor", builtin("strict"))], AT)
    effective = resolved.rules[rule]
    ask = answer if callable(answer) else lambda _case, _params: answer
    changed = replace(effective, enforcement=level, rule=replace(effective.rule, gate=ask))
    return replace(resolved, rules={rule: changed})


def asked(resolved: Resolved, **changes: object) -> GateResult:
    (result,) = gate(inputs(resolved, **changes)).results
    return result


FAIL = Outcome(Result.FAIL, "no")
WAITS = Outcome(Result.FAIL, "not yet", until=LATER, waits=True)
GUESS = Outcome(Result.FAIL, "perhaps", inferred=True)
UNKNOWN = Outcome(Result.UNKNOWN, "nobody knows")
PASS = Outcome(Result.PASS, "yes")


@pytest.mark.parametrize(
    ("outcome", "block", "warn"),
    [
        (PASS, Verdict.ALLOW, Verdict.ALLOW),
        (Outcome(Result.NOT_APPLICABLE, "-"), Verdict.ALLOW, Verdict.ALLOW),
        (WAITS, Verdict.HOLD, Verdict.WARN),
        (Outcome(Result.FAIL, "some day", waits=True), Verdict.HOLD, Verdict.WARN),
        (FAIL, Verdict.BLOCK, Verdict.WARN),
        (GUESS, Verdict.WARN, Verdict.WARN),
        (UNKNOWN, Verdict.HOLD, Verdict.WARN),
    ],
)
def test_result_and_enforcement_give_the_verdict(
    outcome: Outcome, block: Verdict, warn: Verdict
) -> None:
    for level, expected in (
        (Enforcement.BLOCK, block),
        (Enforcement.WARN, warn),
        (Enforcement.OBSERVE, Verdict.ALLOW),
    ):
        result = asked(alone("bake-time", outcome, level))
        assert (result.result, result.verdict) == (outcome.result, expected)


@pytest.mark.parametrize(
    ("word", "expected"),
    [
        ("ignore", Verdict.ALLOW),
        ("warn", Verdict.WARN),
        ("hold", Verdict.HOLD),
        ("block", Verdict.BLOCK),
    ],
)
def test_unknown_means_what_the_ruleset_says(word: str, expected: Verdict) -> None:
    resolved = alone("bake-time", UNKNOWN)
    effective = replace(resolved.rules["bake-time"], on_unknown_gate=word)
    assert asked(replace(resolved, rules={"bake-time": effective})).verdict is expected


@pytest.mark.parametrize("outcome", [FAIL, WAITS, UNKNOWN])
def test_nothing_is_above_warn_for_a_rollback(outcome: Outcome) -> None:
    back = release(ReleaseKind.ROLLBACK)
    for rule in resolve([("", builtin("strict"))], AT).rules:
        if not inputs().resolved.rules[rule].rule.gate:
            continue
        decision = gate(inputs(alone(rule, outcome), release=back))
        assert decision.verdict <= Verdict.WARN


@pytest.mark.parametrize("outcome", [FAIL, WAITS, UNKNOWN])
def test_what_may_only_warn_never_stops_a_release(outcome: Outcome) -> None:
    softened = asked(alone("bake-time", replace(outcome, warns_only=True)))
    assert (softened.result, softened.verdict) == (outcome.result, Verdict.WARN)


@pytest.mark.parametrize(("stage", "verdict"), [("beta", Verdict.WARN), ("one-box", Verdict.BLOCK)])
def test_a_blocked_digest_only_warns_in_front_of_a_stage_without_customers(
    stage: str, verdict: Verdict
) -> None:
    resolved = resolve([("harbor", builtin("strict"))], AT)
    only = replace(resolved, rules={BLOCKLIST: resolved.rules[BLOCKLIST]})
    listed = BlocklistEntry("bl-1", "loses orders", "lee", digest=DIGEST)
    assert asked(only, stage=stage, blocklist=(listed,)).verdict is verdict


def frozen(more: str = "") -> Resolved:
    """The rule about freezes alone, under an organization that denies all of 2026."""
    text = f"""schema: bakegate/ruleset/v1
name: harbor
time_windows:
  - name: freeze
    effect: deny
    zone: UTC
    between: {{from: 2026-01-01T00:00Z, until: 2027-01-01T00:00Z}}
{more}"""
    resolved = resolve(
        [("harbor", read_ruleset(text, "harbor.yaml", dict[str, str]().__getitem__))], AT
    )
    rule = replace(resolved.rules["freeze-calendar"], enforcement=Enforcement.BLOCK)
    return replace(resolved, rules={"freeze-calendar": rule})


def test_a_freeze_holds_until_it_ends() -> None:
    held = asked(frozen())
    assert (held.verdict, held.until) == (Verdict.HOLD, datetime(2027, 1, 1, tzinfo=UTC))


def test_a_soft_freeze_only_warns() -> None:
    assert asked(frozen("    strength: soft\n")).verdict is Verdict.WARN


def test_a_freeze_for_other_kinds_of_release_holds_nothing() -> None:
    assert asked(frozen("    applies_to: [config]\n")).verdict is Verdict.ALLOW
    assert asked(frozen("    applies_to: [normal]\n")).verdict is Verdict.HOLD


def test_a_freeze_of_other_tiers_holds_nothing() -> None:
    assert asked(frozen("    tiers: [2, 3]\n")).verdict is Verdict.ALLOW
    assert asked(frozen("    tiers: [1]\n")).verdict is Verdict.HOLD


def test_a_rollback_meets_no_freeze() -> None:
    back = release(ReleaseKind.ROLLBACK)
    for resolved in (frozen(), frozen("    applies_to: [rollback]\n")):
        assert asked(resolved, release=back).result is Result.NOT_APPLICABLE


def test_no_condition_holds_a_rollback() -> None:
    paused = Condition("paused", Verdict.HOLD, "paused by kim")
    back = gate(inputs(release=release(ReleaseKind.ROLLBACK), conditions=(paused,)))
    assert back.conditions == (Condition("paused", Verdict.WARN, "paused by kim"),)
    assert gate(inputs(conditions=(paused,))).conditions == (paused,)


def test_a_gate_that_a_kind_never_meets_is_not_asked() -> None:
    def never(case: Case, params: Params) -> Outcome:
        raise AssertionError((case, params))

    result = asked(alone("time-window", never), release=release(ReleaseKind.EMERGENCY))
    assert (result.result, result.message) == (
        Result.NOT_APPLICABLE,
        "not asked of a release of kind emergency",
    )


def test_an_emergency_still_needs_unit_tests_and_fills_in_the_rest() -> None:
    urgent = release(ReleaseKind.EMERGENCY)
    assert asked(alone("unit-tests", FAIL), release=urgent).verdict is Verdict.BLOCK
    assert asked(alone("integration-tests", FAIL), release=urgent).verdict is Verdict.WARN


def test_a_rule_that_does_not_guard_the_stage_is_not_listed() -> None:
    assert gate(inputs(alone("bake-time", FAIL), stage="beta")).results == ()
    assert gate(inputs(alone("bake-time", FAIL, Enforcement.OFF))).results == ()


def test_a_crashed_rule_is_unknown_and_the_others_count() -> None:
    def crash(case: Case, params: Params) -> Outcome:
        raise KeyError((case.stage.name, type(params).__name__))

    resolved = alone("bake-time", crash)
    both = replace(resolved, rules={**resolved.rules, **alone("unit-tests", PASS).rules})
    first, second = gate(inputs(both)).results
    assert first.message == "rule 'bake-time' crashed (KeyError: ('cell-1', 'BakeTime'))"
    assert (first.verdict, second.verdict) == (Verdict.HOLD, Verdict.ALLOW)


def test_an_exemption_waives_what_fails_and_leaves_what_passes() -> None:
    exemption = Exemption("ex-1", "shop", "bake-time", "moving", "lee", AT, LATER)
    exceptions = Exceptions((exemption,))
    result = asked(alone("bake-time", FAIL), exceptions=exceptions)
    assert (result.result, result.verdict, result.message) == (
        Result.WAIVED,
        Verdict.ALLOW,
        "exemption ex-1: moving (without it: no)",
    )
    assert asked(alone("bake-time", PASS), exceptions=exceptions).result is Result.PASS
    assert asked(alone("bake-time", FAIL), exceptions=exceptions, at=LATER).result is Result.FAIL


def test_an_override_lifts_one_rule_in_one_stage_for_its_hours() -> None:
    override = Override("ov-1", "bake-time", "cell-1", DIGEST, "lee", "the fix", AT, LATER)
    subject = release(ReleaseKind.NORMAL, override)
    result = asked(alone("bake-time", FAIL), release=subject)
    assert (result.result, result.message) == (
        Result.OVERRIDDEN,
        f"override ov-1 by lee until {instant_text(LATER)}: the fix (without it: no)",
    )
    assert asked(alone("bake-time", FAIL), release=subject, at=LATER).result is Result.FAIL


def test_a_forbidden_rule_is_neither_waived_nor_overridden() -> None:
    override = Override("ov-1", "bake-time", "cell-1", DIGEST, "lee", "the fix", AT, LATER)
    exemption = Exemption("ex-1", "shop", "bake-time", "moving", "lee", AT, LATER)
    resolved = alone("bake-time", FAIL)
    policy = replace(resolved.exceptions, forbidden=frozenset({"bake-time"}))
    result = asked(
        replace(resolved, exceptions=policy),
        release=release(ReleaseKind.NORMAL, override),
        exceptions=Exceptions((exemption,)),
    )
    assert (result.result, result.verdict) == (Result.FAIL, Verdict.BLOCK)


def test_the_end_is_the_latest_of_what_holds_and_none_without_a_known_end() -> None:
    both = dict(alone("bake-time", WAITS).rules)
    both |= alone("unit-tests", replace(WAITS, until=LATER + timedelta(hours=1))).rules
    resolved = replace(alone("bake-time", WAITS), rules=both)
    decision = gate(inputs(resolved))
    assert (decision.verdict, decision.until) == (Verdict.HOLD, LATER + timedelta(hours=1))
    manual = Condition("manual-transition", Verdict.HOLD, "somebody starts it")
    assert gate(inputs(resolved, conditions=(manual,))).until is None
    blocked = replace(resolved, rules={**both, **alone("canary-first", FAIL).rules})
    assert gate(inputs(blocked)).verdict is Verdict.BLOCK
    assert gate(inputs(blocked)).until is None


def test_a_question_that_cannot_be_asked_says_what_there_is() -> None:
    with pytest.raises(GateError) as stage:
        gate(inputs(stage="cell-2"))
    assert str(stage.value) == (
        "pipeline 'shop' has no stage 'cell-2'; did you mean 'cell-1'?; "
        "its stages are build, beta, one-box, cell-1"
    )
    with pytest.raises(GateError) as pipeline:
        gate(inputs(release=replace(release(), pipeline="shopp")))
    assert str(pipeline.value) == ("shop.yaml holds no pipeline 'shopp'; did you mean 'shop'?")


@pytest.mark.parametrize("kind", ReleaseKind)
def test_the_table_of_kinds_names_rules_of_the_family_of_the_cell(kind: ReleaseKind) -> None:
    text = (Path(policies.__file__).parent / "release_kinds.yaml").read_text(encoding="utf-8")
    row = core_value(read(text, "release_kinds.yaml")[0].root)[kind.value]
    assert set(row) == {each.value for each in GateFamily}
    for family, cell in row.items():
        named = set(cell) - {"else"} if isinstance(cell, dict) else set()
        assert named <= {each.id for each in CATALOGUE if each.gate_family.value == family}
