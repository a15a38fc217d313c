"""Rulesets: reading with all errors at once, and what holds for one organization at one instant."""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta

import pytest

from policies.documents import DocumentError
from policies.exceptions import ExceptionPolicy, Subject
from policies.findings import Enforcement
from policies.granted import Reach
from policies.ruleset import (
    BUILTIN,
    Resolved,
    Ruleset,
    Upcoming,
    builtin,
    from_json,
    read_ruleset,
    resolve,
    to_json,
)

AT = datetime(2026, 11, 24, 10, tzinfo=UTC)
HEAD = "schema: bakegate/ruleset/v1\nname: "


def ruleset(
    body: str, path: str = "retail.yaml", files: Mapping[str, str] | None = None
) -> Ruleset:
    def load(name: str) -> str:
        if name not in (files or {}):
            raise FileNotFoundError(2, "No such file or directory", name)
        return (files or {})[name]

    return read_ruleset(HEAD + body, path, load)


def errors(body: str, files: Mapping[str, str] | None = None) -> list[str]:
    with pytest.raises(DocumentError) as caught:
        ruleset(body, files=files)
    return str(caught.value).splitlines()


def refused(*chain: tuple[str, Ruleset]) -> list[str]:
    with pytest.raises(DocumentError) as caught:
        resolve(chain, AT)
    return str(caught.value).splitlines()


def level(resolved: Resolved, rule: str) -> Enforcement:
    return resolved.rules[rule].enforcement


def test_what_nobody_sets_is_the_level_that_the_rule_starts_with() -> None:
    resolved = resolve([("retail", ruleset("retail"))], AT)
    unit_tests = resolved.rules["unit-tests"]
    assert (unit_tests.enforcement, unit_tests.set_by) == (Enforcement.WARN, "built-in default")
    assert level(resolved, "min-data-points") is Enforcement.OBSERVE


def test_extends_applies_in_order_and_the_file_itself_last() -> None:
    files = {"rules/base.yaml": HEAD + "base\nrules: {unit-tests: off, bake-time: observe}\n"}
    own = ruleset(
        "retail\nextends: [strict, base.yaml]\nrules: {bake-time: block}\n",
        "rules/retail.yaml",
        files,
    )
    resolved = resolve([("retail", own)], AT)
    assert level(resolved, "unit-tests") is Enforcement.OFF
    assert level(resolved, "bake-time") is Enforcement.BLOCK
    assert level(resolved, "time-window") is Enforcement.BLOCK
    assert resolved.rules["unit-tests"].set_by == "retail (rules/base.yaml:3)"
    assert resolved.rules["bake-time"].set_by == "retail (rules/retail.yaml:4)"
    assert resolved.rules["time-window"].set_by.startswith("retail (strict:")


SCHEDULED = """retail
rules:
  bake-time:
    enforcement: warn
    reason: Two incidents in May.
    schedule:
      announced: 2026-10-01
      steps:
        - {from: 2027-02-01, enforcement: block}
        - {from: 2026-12-08, enforcement: block, organizations: [retail/commerce]}
"""


def test_a_step_counts_from_the_start_of_its_day_in_the_zone() -> None:
    chain = [("retail", ruleset(SCHEDULED))]
    start = datetime(2027, 1, 31, 23, tzinfo=UTC)
    before = resolve(chain, start - timedelta(seconds=1), "Europe/Berlin")
    assert level(before, "bake-time") is Enforcement.WARN
    assert before.rules["bake-time"].next == Upcoming(start, Enforcement.BLOCK)
    after = resolve(chain, start, "Europe/Berlin")
    assert level(after, "bake-time") is Enforcement.BLOCK
    assert after.rules["bake-time"].next is None


def test_a_step_for_a_subtree_reaches_its_nodes_and_no_namesake() -> None:
    chain = [("retail", ruleset(SCHEDULED))]
    later = datetime(2026, 12, 8, tzinfo=UTC)
    for node, expected in (
        ("retail/commerce", Enforcement.BLOCK),
        ("retail/commerce/orders", Enforcement.BLOCK),
        ("retail/commerce-2", Enforcement.WARN),
        ("retail", Enforcement.WARN),
    ):
        assert level(resolve(chain, later, organization=node), "bake-time") is expected


def test_a_child_may_loosen_what_is_not_locked() -> None:
    parent = ruleset("retail\nrules: {unit-tests: block}\n")
    child = ruleset("orders\nrules: {unit-tests: observe}\n", "orders.yaml")
    resolved = resolve([("retail", parent), ("retail/orders", child)], AT)
    assert level(resolved, "unit-tests") is Enforcement.OBSERVE
    assert resolved.rules["unit-tests"].set_by == "retail/orders (orders.yaml:3)"


def test_a_child_that_says_nothing_about_a_rule_changes_nothing() -> None:
    parent = ruleset("retail\nrules: {unit-tests: observe}\n")
    resolved = resolve([("retail", parent), ("retail/orders", ruleset("orders"))], AT)
    assert level(resolved, "unit-tests") is Enforcement.OBSERVE


LOCKED = """retail
rules:
  unit-tests: {enforcement: block, locked: true}
  bake-time: {parameters: {first_wave: 12h, onebox: 1h}, locked: [first_wave]}
  canary-first: {parameters: {max_exposure: 5%}, locked: [max_exposure]}
  owner-declared: {parameters: {fields: [team, tier]}, locked: true}
"""


def test_looser_under_a_lock_is_an_error_of_the_childs_file_every_one_at_once() -> None:
    child = ruleset(
        """orders
rules:
  unit-tests: {enforcement: warn, on_unknown: {gate: ignore}}
  bake-time: {parameters: {first_wave: 11h, onebox: 5m}}
  canary-first: {parameters: {max_exposure: 6%}}
  owner-declared: {parameters: {fields: [team, channel]}}
""",
        "orders.yaml",
    )
    assert refused(("retail", ruleset(LOCKED)), ("retail/orders", child)) == [
        (
            "orders.yaml:4:29: unit-tests: level 'warn' is looser than level 'block', locked by"
            " retail; only a higher level is stricter"
        ),
        (
            "orders.yaml:4:54: unit-tests: on_unknown.gate 'ignore' is looser than on_unknown.gate"
            " 'hold', locked by retail; only a stricter answer is allowed"
        ),
        (
            "orders.yaml:5:40: bake-time: first_wave '11h' is looser than first_wave '12h', locked"
            " by retail; only more is stricter"
        ),
        (
            "orders.yaml:6:45: canary-first: max_exposure '6%' is looser than max_exposure '5%',"
            " locked by retail; only less is stricter"
        ),
        (
            "orders.yaml:7:41: owner-declared: fields ['channel', 'team'] is looser than fields"
            " ['team', 'tier'], locked by retail; only adding to it is stricter"
        ),
    ]


def test_stricter_under_a_lock_wins() -> None:
    child = ruleset(
        """orders
rules:
  bake-time: {enforcement: block, parameters: {first_wave: 13h}}
  canary-first: {parameters: {max_exposure: 1%}}
  owner-declared: {parameters: {fields: [team, tier, oncall]}}
""",
        "orders.yaml",
    )
    resolved = resolve([("retail", ruleset(LOCKED)), ("retail/orders", child)], AT)
    written = to_json(resolved)["rules"]
    assert written["bake-time"]["parameters"]["first_wave"] == "13h"
    assert written["canary-first"]["parameters"]["max_exposure"] == "1%"
    assert written["owner-declared"]["parameters"]["fields"] == ["oncall", "team", "tier"]


def test_a_looser_level_that_comes_by_extends_is_an_error_of_the_entry() -> None:
    parent = ruleset("retail\nrules: {unit-tests: {enforcement: block, locked: true}}\n")
    child = ruleset("orders\nextends: [starter]\n", "orders.yaml")
    assert refused(("retail", parent), ("retail/orders", child)) == [
        (
            "orders.yaml:3:11: unit-tests: level 'warn' is looser than level 'block', locked by"
            " retail; only a higher level is stricter"
        )
    ]


def test_unknown_is_answered_by_the_rule_then_by_the_special_default_then_by_the_file() -> None:
    body = "retail\non_unknown: {lint: ignore, gate: warn}\nrules:\n"
    own = ruleset(body + "  bake-time: {on_unknown: {gate: block}}\n")
    rules = resolve([("retail", own)], AT).rules
    assert rules["bake-time"].on_unknown_gate == "block"
    assert rules["alarm-block"].on_unknown_gate == "hold"
    assert rules["rollback-on-alarm"].on_unknown_gate == "hold"
    assert rules["unit-tests"].on_unknown_gate == "warn"
    assert rules["unit-tests"].on_unknown_lint == "ignore"


def test_rules_that_contradict_each_other_are_errors_of_the_file_that_brings_them() -> None:
    child = ruleset("orders\nrules: {prod-approval: block}\n", "orders.yaml")
    parent = ruleset("retail\nextends: [recommended]\n")
    assert refused(("retail", parent), ("retail/orders", child)) == [
        (
            "orders.yaml:3:24: prod-approval is on (block) and so is no-manual-prod-gate (observe,"
            " retail.yaml:3); switch one of them off"
        )
    ]
    both = "orders\nrules: {prod-approval: block, no-manual-prod-gate: off}\n"
    resolved = resolve([("retail", parent), ("retail/orders", ruleset(both, "orders.yaml"))], AT)
    assert level(resolved, "prod-approval") is Enforcement.BLOCK


def test_times_beyond_all_numbers_are_told() -> None:
    body = """retail
targets: {all_customers: 99999999999w}
rules:
  bake-time:
    schedule:
      announced: 2026-10-01
      steps: [{from: 0001-01-01, enforcement: block}, {from: 9999-12-31, enforcement: warn}]
"""
    assert errors(body) == [
        "retail.yaml:3:26: '99999999999w' is longer than any time can be",
        "retail.yaml:8:22: '0001-01-01' is no day of a schedule; write one like 2026-12-08",
        "retail.yaml:8:62: '9999-12-31' is no day of a schedule; write one like 2026-12-08",
    ]


def test_a_file_that_contradicts_itself_is_told_beside_its_other_errors() -> None:
    own = "{prod-approval: block, no-manual-prod-gate: warn, unit-test: warn}"
    assert errors(f"retail\nrules: {own}\n") == [
        (
            "retail.yaml:3:24: prod-approval is on (block) and so is no-manual-prod-gate (warn,"
            " retail.yaml:3); switch one of them off"
        ),
        "retail.yaml:3:58: there is no rule 'unit-test'; did you mean 'unit-tests'?",
    ]


def test_windows_of_a_node_take_the_zone_of_the_organization() -> None:
    window = '{name: w, effect: allow, weekly: [{days: [mon], from: "09:00", until: "16:00"}]}'
    own = ruleset(f"retail\ntime_windows: [{window}]\n")
    resolved = resolve([("retail", own)], AT, "Europe/Berlin", "retail/orders")
    assert [each.place for each in resolved.windows] == ["organization retail"]
    assert [each.zone for each in resolved.windows[0].windows] == ["Europe/Berlin"]


def test_each_organization_reads_the_same_window_in_its_own_zone() -> None:
    window = "{name: w, effect: deny, zone: team, between: {from: 2026-12-24, until: 2026-12-27}}"
    own = ruleset(f"retail\ntime_windows: [{window}]\n")
    for name in ("Europe/Berlin", "America/New_York"):
        stored = from_json(to_json(resolve([("retail", own)], AT, name)))
        assert [each.zone for each in stored.windows[0].windows] == [name]


def test_a_window_that_the_zone_turns_around_is_an_error_of_its_ruleset() -> None:
    ends = "{from: 2026-12-24T00:00, until: 2026-12-24T01:00Z}"
    own = ruleset(f"retail\ntime_windows: [{{name: w, effect: deny, between: {ends}}}]\n")
    assert resolve([("retail", own)], AT, "UTC").windows
    with pytest.raises(DocumentError) as caught:
        resolve([("retail", own)], AT, "America/New_York")
    assert str(caught.value) == (
        "retail.yaml:1:1: time_windows in zone America/New_York: the window ends before it starts;"
        " 'until' is later than 'from'"
    )


def test_limits_on_exceptions_only_tighten() -> None:
    parent = ruleset(
        "retail\nexceptions: {forbidden: [artifact-blocklist], longest: 60d, approver: parent}\n"
    )
    child = ruleset(
        "orders\nexceptions: {forbidden: [alarm-block], longest: 90d, longest_override: 4h,"
        " review: 180d, most: 2, approver: node, second_person: [opt-out]}\n"
    )
    policy = resolve([("retail", parent), ("retail/orders", child)], AT).exceptions
    assert policy == ExceptionPolicy(
        forbidden=frozenset({"artifact-blocklist", "alarm-block"}),
        longest=timedelta(days=60),
        longest_override=timedelta(hours=4),
        review=timedelta(days=180),
        most=2,
        approver=Reach.PARENT,
        second_person=frozenset({Subject.OPT_OUT}),
    )


def test_a_resolved_ruleset_survives_storing() -> None:
    window = '{name: w, effect: allow, weekly: [{days: [mon], from: "09:00", until: "16:00"}]}'
    own = ruleset(
        SCHEDULED + f"time_windows: [{window}]\nexceptions: {{forbidden: [alarm-block]}}\n"
    )
    resolved = resolve([("retail", own)], AT, "Europe/Berlin")
    assert from_json(to_json(resolved)) == resolved
    assert from_json(to_json(resolved)).digest == resolved.digest


def test_every_error_of_a_file_is_told_at_once_with_the_nearest_known_name() -> None:
    body = """retail
extends: [git+https://host/repo@c0ffee#rules.yaml, recomended, retail.yaml]
rules:
  unit-test: block
  bake-time:
    parameters: {first_wave: 12, onbox: 1h, later_wave: soon}
    locked: [first_waves]
    schedule:
      announced: 2026-10-01
      steps: [{from: 2026-02-30, enforcement: block}]
custom: [rego/no-friday.rego]
exceptions: {forbidden: [alarm-blocks]}
"""
    told = errors(body)
    assert [each.split(": ", 1)[0] for each in told] == [
        "retail.yaml:3:11",
        "retail.yaml:3:52",
        "retail.yaml:3:64",
        "retail.yaml:5:3",
        "retail.yaml:7:30",
        "retail.yaml:7:34",
        "retail.yaml:7:57",
        "retail.yaml:8:14",
        "retail.yaml:11:22",
        "retail.yaml:12:10",
        "retail.yaml:13:26",
    ]
    words = "\n".join(told)
    for expected in (
        (
            "'git+https://host/repo@c0ffee#rules.yaml' is not pinned; write {from:"
            " git+https://host/repo@c0ffee#rules.yaml, sha256: <64 hex digits>} with the SHA-256 of"
            " the file"
        ),
        "'recomended' cannot be read (No such file or directory); did you mean 'recommended'?",
        "retail.yaml extends retail.yaml: a ruleset cannot extend itself",
        "there is no rule 'unit-test'; did you mean 'unit-tests'?",
        "bake-time, first_wave: 12 is not a duration; write 90s, 30m, 2h, 1d12h or 1w",
        "rule 'bake-time' has no parameter 'onbox'; did you mean 'onebox'?",
        "bake-time, later_wave: 'soon' is not a duration; write 90s, 30m, 2h, 1d12h or 1w",
        "rule 'bake-time' has no parameter 'first_waves'; did you mean 'first_wave'?",
        "'2026-02-30' is not a date",
        "'rego/no-friday.rego' cannot be read (No such file or directory)",
        "there is no rule 'alarm-blocks'; did you mean 'alarm-block'?",
    ):
        assert expected in words


def test_a_circle_of_files_is_an_error_of_the_entry_that_closes_it() -> None:
    files = {
        "a.yaml": HEAD + "a\nextends: [b.yaml]\n",
        "b.yaml": HEAD + "b\nextends: [a.yaml]\n",
    }
    assert errors("retail\nextends: [a.yaml]\n", files) == [
        "b.yaml:3:11: a.yaml extends b.yaml extends a.yaml: a ruleset cannot extend itself"
    ]


def test_files_that_double_at_every_step_are_refused() -> None:
    files = {
        f"{n}.yaml": HEAD + f"n{n}\nextends: [{n + 1}.yaml, {n + 1}.yaml]\n" for n in range(1, 30)
    }
    files["30.yaml"] = HEAD + "n30\n"
    told = errors("retail\nextends: [1.yaml]\n", files)
    assert told == ["24.yaml:3:20: extends expands to more than 100 files"]


@pytest.mark.parametrize("name", BUILTIN)
def test_a_built_in_ruleset_sets_every_rule_by_itself(name: str) -> None:
    resolved = resolve([("", builtin(name))], AT)
    assert resolved.name == name
    assert all(each.set_by.startswith(f"{name}:") for each in resolved.rules.values())
