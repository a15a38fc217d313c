"""The release record: lossless to and from its message, every error told by its data path."""

import json
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Final

import pytest

from policies.canonical import canonical
from policies.documents import issues, schema_text
from policies.plain import DataError, patched
from policies.record import release_from_json, release_to_json
from policies.release import (
    AlarmState,
    Approval,
    Artifact,
    Change,
    Component,
    Context,
    DataPoints,
    Evidence,
    Override,
    Release,
    ReleaseKind,
    Running,
    Sbom,
    StageRun,
)
from policies.source import read

RECORDS: Final = Path(__file__).parents[1] / "golden" / "records"
AT = datetime(2026, 11, 24, 10, 22, 48, tzinfo=UTC)
DIGEST = "sha256:" + "a" * 64
COMMIT = "b" * 40

RELEASE = Release(
    id="shop:7",
    pipeline="shop",
    kind=ReleaseKind.NORMAL,
    created_at=AT,
    created_by="kim",
    base="shop:6",
    artifact=Artifact(
        DIGEST,
        COMMIT,
        "shop",
        AT,
        "ci",
        Sbom(
            "cyclonedx",
            (Component("pkg:pypi/left@1"), Component("pkg:pypi/right@2", transitive=True)),
        ),
    ),
    changes=(Change(COMMIT, "kim", "Sell more", AT, AT + timedelta(hours=1)),),
    evidence=(
        Evidence("unit", "", DIGEST, COMMIT, "passed", AT, 12, 0, 1, soft_failed=True, name="unit"),
    ),
    stages=(
        StageRun(
            stage="one-box",
            state="baking",
            targets=("box-1",),
            started_at=AT,
            deployed_at=AT,
            baked_s=3600.0,
            bake_observed_at=AT,
            exposure=0.015,
            data_points=DataPoints(3000, 0, AT, (("pay", 100),)),
            rolled_back_at=AT,
            rolled_back_auto=True,
            rolled_back_to=DIGEST,
        ),
    ),
    approvals=(Approval("one-box", DIGEST, "lee", AT),),
    overrides=(Override("ov-1", "bake-time", "cell-1", DIGEST, "lee", "fix", AT, AT),),
    context=Context(
        (AlarmState("errors", "service", "ok", AT, AT, had_data_at=AT),),
        (Running("one-box", DIGEST),),
        ("sha256:" + "c" * 64,),
        (("d" * 40, True), ("e" * 40, False)),
    ),
)


def test_a_full_record_survives_the_way_there_and_back() -> None:
    assert release_from_json(release_to_json(RELEASE), "record") == RELEASE


def golden(name: str) -> Any:
    return json.loads((RECORDS / name).read_text(encoding="utf-8"))


def test_a_record_without_the_newer_parts_is_written_in_the_same_bytes_as_ever() -> None:
    assert canonical(release_to_json(RELEASE)) == canonical(golden("first-form.json"))


def test_the_golden_record_is_valid_and_read_as_it_was_written() -> None:
    data = golden("every-key.json")
    source = read(json.dumps(data), "every-key.json")[0]
    assert issues(source, "release") == []
    assert release_to_json(release_from_json(data, "every-key.json")) == data


def test_the_golden_record_has_every_key_of_the_schema() -> None:
    schema = json.loads(schema_text("release"))
    every = set(used(schema, schema["$defs"], "release", EVERYTHING))
    assert every - set(used(schema, schema["$defs"], "release", golden("every-key.json"))) == set()


EVERYTHING: Final[Any] = object()


def used(part: Any, defs: Any, where: str, data: Any) -> Iterator[str]:
    """The keys of a schema that a document has, each told once wherever it is referred to."""
    if "$ref" in part:
        where = part["$ref"].removeprefix("#/$defs/")
        part = defs[where]
    for name, inner in part.get("properties", {}).items():
        if data is EVERYTHING or (isinstance(data, dict) and name in data):
            yield f"{where}.{name}"
            yield from used(
                inner, defs, f"{where}.{name}", data if data is EVERYTHING else data[name]
            )
    more = part.get("additionalProperties")
    for inner in [more] if isinstance(more, dict) else []:
        for each in _inside(data, dict):
            yield from used(inner, defs, f"{where}.*", each)
    for inner in part.get("anyOf", ()):
        yield from used(inner, defs, where, data)
    for each in _inside(data, list) if "items" in part else ():
        yield from used(part["items"], defs, f"{where}[]", each)


def _inside(data: Any, kind: type) -> list[Any]:
    if data is EVERYTHING:
        return [EVERYTHING]
    if not isinstance(data, kind):
        return []
    found: Any = data.values() if isinstance(data, dict) else data
    return list(found)


def test_the_stage_run_is_written_in_the_words_of_files() -> None:
    assert release_to_json(RELEASE)["stage_runs"] == [
        {
            "stage": "one-box",
            "state": "baking",
            "targets": ["box-1"],
            "started_at": "2026-11-24T10:22:48Z",
            "deployed_at": "2026-11-24T10:22:48Z",
            "baked": "1h",
            "bake_observed_at": "2026-11-24T10:22:48Z",
            "exposure": "1.5%",
            "data_points": {
                "positive": 3000,
                "negative": 0,
                "observed_at": "2026-11-24T10:22:48Z",
                "per_operation": {"pay": 100},
            },
            "rolled_back": {"at": "2026-11-24T10:22:48Z", "auto": True, "to_digest": DIGEST},
        }
    ]


def test_a_part_of_a_second_never_lengthens_a_bake() -> None:
    run = replace(RELEASE.stages[0], baked_s=59.9)
    message = release_to_json(replace(RELEASE, stages=(run,)))
    assert release_from_json(message, "record").stages[0].baked_s == 59


def test_no_alarms_looked_at_is_not_the_same_as_no_alarms() -> None:
    for alarms in (None, ()):
        release = replace(RELEASE, context=Context(alarms))
        assert release_from_json(release_to_json(release), "record").context.alarms == alarms


def test_a_commit_that_is_not_in_the_artifact_is_not_the_same_as_one_nobody_looked_for() -> None:
    message = release_to_json(RELEASE)
    assert message["context"]["ancestors"] == {"d" * 40: True, "e" * 40: False}
    message["context"]["ancestors"] = {"d" * 40: "yes"}
    with pytest.raises(DataError) as caught:
        release_from_json(message, "r.json")
    assert str(caught.value) == f"r.json: context.ancestors.{'d' * 40}: 'yes' is not true or false"
    del message["context"]["ancestors"]
    assert release_from_json(message, "r.json").context.ancestors == ()


def test_all_errors_are_told_at_once_with_their_data_paths() -> None:
    message = release_to_json(RELEASE)
    message["release"] |= {"kind": "rolback", "created_at": "2026-11-24"}
    message["release"]["ownr"] = "kim"
    del message["artifact"]["digest"]
    message["stage_runs"][0] |= {"baked": 90, "exposure": "101%", "targets": ["a", 1]}
    message["stage_runs"][0]["data_points"]["positive"] = -1
    message["evidence"] = {}
    message["changes"] = ["x"]
    with pytest.raises(DataError) as caught:
        release_from_json(message, "r.json")
    assert str(caught.value).splitlines() == [
        (
            "r.json: release.kind: 'rolback' is not one of normal, rollback, emergency, config,"
            " first; did you mean 'rollback'?"
        ),
        "r.json: release.created_at: '2026-11-24' is not a time such as 2026-11-24T10:22:48Z",
        "r.json: artifact.digest: is missing; a string is expected",
        "r.json: changes[0]: 'x' is not an object",
        "r.json: evidence: {} is not a list",
        "r.json: stage_runs[0].targets[1]: 1 is not a string",
        "r.json: stage_runs[0].baked: 90 is not a duration such as 90s, 30m or 12h",
        "r.json: stage_runs[0].exposure: '101%' is not a share such as 1%",
        "r.json: stage_runs[0].data_points.positive: -1 is not a whole number from 0 up",
        "r.json: release.ownr: is not known here",
    ]


@pytest.mark.parametrize("data", [None, [], "x", 3])
def test_what_is_no_object_is_refused_in_one_sentence(data: object) -> None:
    with pytest.raises(DataError) as caught:
        release_from_json(data, "r.json")
    assert str(caught.value) == "r.json: a record is an object of type bakegate.release/v1"


def test_another_type_and_missing_parts_are_told() -> None:
    with pytest.raises(DataError) as caught:
        release_from_json({"type": "bakegate.gate/v1"}, "r.json")
    assert str(caught.value).splitlines() == [
        "r.json: type: 'bakegate.gate/v1' is not bakegate.release/v1",
        "r.json: release: is missing; an object is expected",
        "r.json: artifact: is missing; an object is expected",
    ]


@pytest.mark.parametrize(
    ("data", "patch", "expected"),
    [
        ({"a": "b"}, {"a": "c"}, {"a": "c"}),
        ({"a": "b"}, {"b": "c"}, {"a": "b", "b": "c"}),
        ({"a": "b", "b": "c"}, {"a": None}, {"b": "c"}),
        ({"a": ["b"]}, {"a": "c"}, {"a": "c"}),
        ({"a": {"b": "c"}}, {"a": {"b": "d", "c": None}}, {"a": {"b": "d"}}),
        ({"a": [{"b": "c"}]}, {"a": [1]}, {"a": [1]}),
        ({"a": "foo"}, "bar", "bar"),
        ({}, {"a": {"bb": {"ccc": None}}}, {"a": {"bb": {}}}),
    ],
)
def test_a_merge_patch_does_what_the_standard_says(data: Any, patch: Any, expected: Any) -> None:
    assert patched(data, patch) == expected
