"""Decisions: the message, its digest, recomputing from stored inputs, differences."""

import json
from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from tomllib import loads
from typing import Any

import pytest
import rfc8785
from hypothesis import given
from hypothesis import strategies as st

from policies.canonical import canonical, digest
from policies.decision import (
    Condition,
    Decision,
    Definition,
    Difference,
    GateInputs,
    difference,
    inputs_from_json,
    inputs_json,
    to_message,
)
from policies.documents import issues
from policies.engine.gate import gate, recompute
from policies.exceptions import Exceptions, Exemption, OptOut
from policies.findings import Verdict
from policies.release import Artifact, DataPoints, Release, ReleaseKind, StageRun
from policies.rule import BlocklistEntry
from policies.ruleset import builtin, resolve
from policies.source import read
from policies.version import ENGINE

ROOT = Path(__file__).parents[2]
AT = datetime(2026, 11, 24, 10, 0, 0, 500_000, tzinfo=UTC)
DIGEST = "sha256:" + "a" * 64
numbers = st.integers(-(2**53) + 1, 2**53 - 1) | st.floats(allow_nan=False, allow_infinity=False)
texts = st.text(st.characters(codec="utf-8"))
plain_json = st.recursive(
    st.none() | st.booleans() | numbers | texts,
    lambda inner: st.lists(inner) | st.dictionaries(texts, inner),
)


@pytest.fixture
def inputs() -> GateInputs:
    points = DataPoints(2999, 1, AT)
    run = StageRun("one-box", "baking", deployed_at=AT, baked_s=59.9, data_points=points)
    shop = ROOT / "tests" / "golden" / "output" / "shop.yaml"
    return GateInputs(
        definition=Definition(shop.read_text(encoding="utf-8"), "shop.yaml"),
        release=Release(
            "shop:7",
            "shop",
            ReleaseKind.NORMAL,
            AT,
            "kim",
            Artifact(DIGEST, "b" * 40),
            stages=(run,),
        ),
        stage="cell-1",
        at=AT,
        resolved=resolve([("harbor", builtin("strict"))], AT, "Europe/Berlin"),
        blocklist=(BlocklistEntry("bl-1", "leaks", "sec", digest=DIGEST, until=AT),),
        exceptions=Exceptions(
            (Exemption("ex-1", "shop", "unit-tests", "new", "lee", AT, AT.replace(hour=11)),),
            (OptOut("oo-1", "shop", "canary-first", "one host", "lee", AT),),
        ),
        conditions=(Condition("paused", Verdict.HOLD, "paused by kim"),),
    )


def test_digest_and_stored_inputs_are_those_of_the_whole(inputs: GateInputs) -> None:
    decision = gate(inputs)
    message = to_message(decision, "")
    whole = {name: said for name, said in message.items() if name not in {"decision", "digest"}}
    assert decision.digest == digest(whole | {"inputs": decision.inputs})
    assert decision.stored == json.dumps(dict(decision.inputs), sort_keys=True)


def test_stored_inputs_give_the_same_bytes(inputs: GateInputs) -> None:
    decision = gate(inputs)
    stored = json.loads(canonical(decision.inputs))
    again = recompute(stored)
    assert canonical(to_message(again, "d-1")) == canonical(to_message(decision, "d-1"))
    assert again.digest == decision.digest


def test_inputs_survive_storing_to_the_second_of_a_bake(inputs: GateInputs) -> None:
    whole = replace(inputs.release.stages[0], baked_s=59.0)
    expected = replace(inputs, release=replace(inputs.release, stages=(whole,)))
    assert inputs_from_json(json.loads(canonical(inputs_json(inputs)))) == expected


def test_files_that_a_pipeline_brings_in_are_stored_with_it(inputs: GateInputs) -> None:
    text = "include: [{local: tests.yml}]\nship: {environment: production, script: [./ship]}\n"
    brought = (("tests.yml", "unit: {stage: build, script: [python -m pytest]}\n"),)
    definition = Definition(text, ".gitlab-ci.yml", home=".gitlab-ci.yml", files=brought)
    stored = json.loads(canonical(inputs_json(replace(inputs, definition=definition))))
    assert inputs_from_json(stored).definition == definition
    assert "home" not in inputs_json(inputs)["definition"]


def test_a_blocklist_that_nobody_could_read_stays_unread(inputs: GateInputs) -> None:
    unread = replace(inputs, blocklist=None)
    assert inputs_from_json(inputs_json(unread)).blocklist is None


def test_the_message_has_the_published_form(inputs: GateInputs) -> None:
    message = to_message(gate(inputs), "d-1")
    source = read(json.dumps(message), "gate.json")[0]
    assert issues(source, "gate") == []
    assert list(message) == [
        "type",
        "decision",
        "digest",
        "verdict",
        "at",
        "until",
        "subject",
        "results",
        "conditions",
        "ruleset",
        "engine",
        "tzdata",
    ]
    assert message["at"] == "2026-11-24T10:00:00.500000Z"
    assert message["subject"] == {
        "pipeline": "shop",
        "release": "shop:7",
        "stage": "cell-1",
        "kind": "normal",
        "artifact": DIGEST,
    }


def test_the_digest_covers_the_answer_and_the_inputs_but_no_name(inputs: GateInputs) -> None:
    decision = gate(inputs)
    message = to_message(decision, "d-1")
    body = {key: value for key, value in message.items() if key not in ("decision", "digest")}
    assert message["digest"] == digest(body | {"inputs": decision.inputs})
    assert to_message(decision, "d-2")["digest"] == message["digest"]
    later = replace(inputs, blocklist=())
    assert gate(later).digest != decision.digest


def test_a_difference_is_told_rule_by_rule(inputs: GateInputs) -> None:
    decision = gate(inputs)
    assert difference(_message(decision), _message(decision)) == ()
    first, *rest = decision.results
    changed = replace(decision, results=(replace(first, message="other"), *rest), conditions=())
    assert difference(_message(decision), _message(changed)) == (
        Difference(first.rule, "message", first.message, "other"),
        Difference("paused", "condition", "paused", None),
        Difference("paused", "message", "paused by kim", None),
        Difference("paused", "verdict", "hold", None),
    )


def test_the_engine_names_the_version_of_the_project() -> None:
    project = loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    assert project["project"]["version"] == ENGINE


def _message(decision: Decision) -> Mapping[str, Any]:
    return to_message(decision, "d-1")


@given(plain_json)
def test_the_quick_spelling_is_that_of_the_standard(data: Any) -> None:
    assert canonical(data) == rfc8785.dumps(data)


@pytest.mark.parametrize(
    "data",
    [
        1.0,
        -0.0,
        1e-5,
        1e16,
        1e21,
        0.1,
        5e-324,
        2**53 - 1,
        "\x7f\u2028\u0001",
        {"\U00010000": 1, "\ufb33": 2},
    ],
)
def test_what_python_spells_otherwise_is_spelled_as_the_standard_says(data: Any) -> None:
    assert canonical([data]) == rfc8785.dumps([data])


@pytest.mark.parametrize("data", [2**53, float("nan"), float("inf"), "\ud800", {1: 2}, {"a": {1}}])
def test_what_the_standard_cannot_spell_is_refused(data: Any) -> None:
    with pytest.raises(rfc8785.CanonicalizationError):
        canonical([data])
