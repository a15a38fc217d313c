"""Laws of rulesets, verdicts, waivers and decisions, over many small cases."""

import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import permutations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from policies.canonical import canonical
from policies.decision import Definition, GateInputs
from policies.documents import DocumentError
from policies.engine.gate import gate, recompute
from policies.engine.lint import lint
from policies.findings import Enforcement, Result
from policies.formats import read_pipelines
from policies.release import Artifact, DataPoints, Release, ReleaseKind, StageRun
from policies.rules import CATALOGUE
from policies.ruleset import Ruleset, builtin, read_ruleset, resolve, to_json
from policies.ruleset.conflicts import CONCERNED

AT = datetime(2026, 11, 24, 10, tzinfo=UTC)
LEVELS = [level.word for level in Enforcement]
#: Rules that contradict others depend on more than their own file.
RULES = [rule.id for rule in CATALOGUE if rule.id not in CONCERNED]
PIPELINE = """\
schema: bakegate/pipeline/v1
name: shop
organization: retail
source: {repository: ., branch: main, start: push}
build:
  steps:
    - {name: package, kind: build, run: ./package app.tar.gz}
  artifact: app.tar.gz
deployers:
  hosts: {type: local, hosts: 3}
stages:
  - {name: one-box, kind: prod, wave: 1, exposure: 1%, deploy: hosts, bake: {time: 10m}}
  - {name: cell-1, kind: prod, wave: 1, deploy: hosts}
"""

levels = st.dictionaries(st.sampled_from(RULES), st.sampled_from(LEVELS), max_size=5)
hours = st.integers(min_value=0, max_value=48)


def said(
    name: str, chosen: dict[str, str], bake: int | None = None, *, locked: bool = False
) -> Ruleset:
    rules: dict[str, object] = {
        rule: {"enforcement": level, "locked": locked} for rule, level in chosen.items()
    }
    if bake is not None:
        own = rules.get("bake-time")
        entry = dict(own) if isinstance(own, dict) else {"locked": locked}
        rules["bake-time"] = entry | {"parameters": {"first_wave": f"{bake}h"}}
    data = {"schema": "bakegate/ruleset/v1", "name": name, "rules": rules}
    return read_ruleset(json.dumps(data), f"{name}.yaml", str)


def below(child: str, parent: str) -> bool:
    return LEVELS.index(child) < LEVELS.index(parent)


@given(parent=levels, child=levels, bakes=st.tuples(hours, hours))
def test_a_child_never_loosens_what_is_locked(
    parent: dict[str, str], child: dict[str, str], bakes: tuple[int, int]
) -> None:
    root = ("retail", said("retail", parent, bakes[0], locked=True))
    alone = resolve([root], AT)
    # The bake is locked as a whole, so its built-in level is one that a child must keep.
    floor = {"bake-time": "warn"} | parent
    looser = [name for name in floor if name in child and below(child[name], floor[name])]
    chain = [root, ("retail/orders", said("orders", child, bakes[1]))]
    if looser or bakes[1] < bakes[0]:
        with pytest.raises(DocumentError) as caught:
            resolve(chain, AT)
        assert {issue.span.path for issue in caught.value.issues} == {"orders.yaml"}
        return
    merged = resolve(chain, AT)
    for rule in floor:
        assert merged.rules[rule].enforcement >= alone.rules[rule].enforcement
    first_wave = [each.rules["bake-time"].params.first_wave for each in (alone, merged)]  # type: ignore[attr-defined]  # the parameters of that rule
    assert first_wave[1] >= first_wave[0]


@given(chosen=levels, more=levels)
def test_files_that_speak_of_different_rules_merge_in_any_order(
    chosen: dict[str, str], more: dict[str, str]
) -> None:
    apart = {rule: level for rule, level in more.items() if rule not in chosen}
    files = {
        "a.yaml": json.dumps(_file("a", chosen)),
        "b.yaml": json.dumps(_file("b", apart)),
    }
    written = []
    for order in permutations(files):
        data = _file("retail", {}) | {"extends": list(order)}
        own = read_ruleset(json.dumps(data), "retail.yaml", files.__getitem__)
        written.append(to_json(resolve([("retail", own)], AT)))
    assert written[0] == written[1]


@given(chosen=levels)
def test_a_ruleset_under_itself_changes_nothing(chosen: dict[str, str]) -> None:
    own = said("retail", chosen)
    once = resolve([("retail", own)], AT).rules
    twice = resolve([("retail", own), ("retail/orders", own)], AT).rules
    assert {name: each.enforcement for name, each in once.items()} == {
        name: each.enforcement for name, each in twice.items()
    }


releases = st.builds(
    lambda kind, baked, positive, negative: Release(
        "shop:1",
        "shop",
        kind,
        AT - timedelta(days=1),
        "kim",
        Artifact("sha256:" + "a" * 64, "b" * 40),
        stages=(
            StageRun(
                "one-box",
                "baking",
                deployed_at=AT - timedelta(hours=2),
                baked_s=baked,
                bake_observed_at=AT,
                data_points=DataPoints(positive, negative, AT),
            ),
        ),
    ),
    st.sampled_from(ReleaseKind),
    st.floats(min_value=0, max_value=10_000),
    st.integers(min_value=0, max_value=10_000),
    st.integers(min_value=0, max_value=3),
)


def asked(release: Release, chosen: dict[str, str]) -> GateInputs:
    resolved = resolve([("", builtin("strict")), ("retail", said("retail", chosen))], AT)
    return GateInputs(Definition(PIPELINE, "shop.yaml"), release, "cell-1", AT, resolved)


@given(release=releases, chosen=levels, rule=st.sampled_from(RULES))
def test_a_stricter_level_never_gives_a_milder_verdict(
    release: Release, chosen: dict[str, str], rule: str
) -> None:
    verdicts = [gate(asked(release, chosen | {rule: level})).verdict for level in LEVELS]
    assert verdicts == sorted(verdicts)


@given(release=releases, chosen=levels)
def test_a_decision_is_computed_again_to_the_same_digest(
    release: Release, chosen: dict[str, str]
) -> None:
    decision = gate(asked(release, chosen))
    assert recompute(json.loads(canonical(decision.inputs))).digest == decision.digest


@given(data=st.data())
def test_waiving_one_finding_changes_that_one_only(data: st.DataObject) -> None:
    resolved = resolve([("", builtin("strict"))], AT)
    before = lint(read_pipelines(PIPELINE.encode(), "shop.yaml"), lambda _: resolved, AT).findings
    chosen = data.draw(st.sampled_from(before))
    lines = PIPELINE.splitlines()
    lines[chosen.span.line - 1] += f"  # bakegate: ignore[{chosen.rule}] because"
    text = "\n".join(lines) + "\n"
    after = lint(read_pipelines(text.encode(), "shop.yaml"), lambda _: resolved, AT).findings
    waived = {each.fingerprint for each in after if each.result is Result.WAIVED}
    assert waived == {
        each.fingerprint
        for each in before
        if (each.rule, each.span.line) == (chosen.rule, chosen.span.line)
    }
    assert [replace(each, result=Result.FAIL, waived_by="") for each in after] == [
        replace(each, result=Result.FAIL) for each in before
    ]


def _file(name: str, chosen: dict[str, str]) -> dict[str, object]:
    return {"schema": "bakegate/ruleset/v1", "name": name, "rules": chosen}
