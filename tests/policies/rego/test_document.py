"""The document that custom rules see: whole, described, and with a place for every part."""

import json
from dataclasses import fields
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator

from policies import guards, pipeline, references, scripted
from policies.alarm import Alarm
from policies.documents import schema_text
from policies.formats import read_pipelines
from policies.pipeline import Pipeline
from policies.rego.document import Document, release_part
from policies.rego.input import gate_document, lint_document
from policies.release import (
    Artifact,
    Change,
    Context,
    Release,
    ReleaseKind,
    StageRun,
)
from policies.rule import Case
from policies.windows import WindowState

GOLDEN = Path(__file__).parents[2] / "golden"
FILES = {
    "bakegate/pipeline.yaml": GOLDEN / "pipelines" / "every-key.yaml",
    "shop.yaml": GOLDEN / "output" / "shop.yaml",
    ".github/workflows/shop.yml": GOLDEN / "pipelines" / "shop.workflow.yml",
}
AT = datetime(2026, 11, 27, 23, 30, tzinfo=UTC)
#: Of a request; the rest of it says what is asked.
UNTOLD = ("operation", "headers", "body", "expected", "contains", "within", "capture")
#: By class of the model: its definition in the schema, and what stands under another name there, or
#: on purpose nowhere: places, what only the engine computes, what other files say.
CLASSES: dict[type[Any], tuple[str, dict[str, str | None]]] = {
    pipeline.Pipeline: (
        "in_pipeline",
        {"origin": "source", "span": None, "windows": None, "complete": None, "deployers": None}
        | {"environment": None, "prod": None, "first": None, "bake_factor": None, "order": None}
        | {"around": None},
    ),
    pipeline.Stage: (
        "in_stage",
        {"span": None, "bake_known": None, "synthetics_known": None, "windows": None}
        | {"timeout": "timeout_s"}
        | {"kinds": None},
    ),
    pipeline.Step: ("in_step", {"timeout": "timeout_s", "requests": None}),
    pipeline.Deploy: (
        "in_deploy",
        {"span": None, "remote": None, "deadline": "deadline_s", "drain": "drain_s"},
    ),
    pipeline.Bake: ("in_bake", {"span": None, "time": "time_s"}),
    Alarm: ("in_alarm", {"span": None, "period": "period_s"}),
    pipeline.Synthetic: ("in_synthetic", {"span": None, "every": "every_s"}),
    pipeline.Target: ("in_target", {}),
    # What a request sends may be meant for the service alone.
    scripted.Request: ("in_request", dict.fromkeys(UNTOLD)),
    pipeline.Approvals: ("in_approvals", {}),
    guards.Analysis: ("in_analysis", {"span": None}),
    guards.Mutex: ("in_mutex", {"span": None}),
    guards.Permissions: ("in_permissions", {"span": None}),
    references.Reference: ("in_reference", {"span": None}),
}


def schema() -> dict[str, Any]:
    found: dict[str, Any] = json.loads(schema_text("input"))
    return found


def read(path: str) -> Pipeline:
    found = read_pipelines(FILES[path].read_bytes(), path)
    return found.pipelines[0]


def gated(subject: Pipeline) -> Document:
    runs = (StageRun("beta", "baking", deployed_at=AT, baked_s=90.0, exposure=0.05),)
    changes = (Change("c" * 40, "kim", "SHOP-1 a change", AT),)
    artifact = Artifact("sha256:" + "a" * 64, "b" * 40)
    release = Release(
        f"{subject.name}:7",
        subject.name,
        ReleaseKind.NORMAL,
        AT,
        "kim",
        artifact,
        changes=changes,
        stages=runs,
        context=Context(alarms=()),
    )
    case = Case(
        pipeline=subject,
        release=release,
        stage=subject.stages[-1],
        now=AT,
        window=WindowState(open=False, configured=True, until=AT, by="freeze"),
        blocklist=(),
        params={},
    )
    return gate_document(case, [], "Europe/Berlin")


@pytest.mark.parametrize("path", FILES)
def test_a_document_is_what_its_schema_says(path: str) -> None:
    validator = Draft202012Validator(schema())
    for document in (lint_document(read(path), [], AT, "UTC"), gated(read(path))):
        assert [each.message for each in validator.iter_errors(document.data)] == []


@pytest.mark.parametrize("kind", CLASSES, ids=[each.__name__ for each in CLASSES])
def test_every_fact_of_the_model_is_described_or_left_out_on_purpose(kind: type[Any]) -> None:
    name, others = CLASSES[kind]
    modelled = {others.get(each.name, each.name) for each in fields(kind)} - {None}
    assert modelled == set(schema()["$defs"][name]["properties"])


def test_the_day_is_that_of_the_organization() -> None:
    berlin = lint_document(read("shop.yaml"), [], AT, "Europe/Berlin").data["at"]
    assert berlin == {
        "instant": "2026-11-27T23:30:00Z",
        "unix": 1795822200,
        "zone": "Europe/Berlin",
        "date": "2026-11-28",
        "weekday": "saturday",
        "hour": 0,
        "minute": 30,
    }


def test_the_release_has_numbers_beside_its_times() -> None:
    data = gated(read("shop.yaml")).data
    assert data["release"]["stage_runs"] == [
        {
            "stage": "beta",
            "state": "baking",
            "deployed_at": "2026-11-27T23:30:00Z",
            "deployed_at_unix": 1795822200,
            "baked": "1m30s",
            "baked_s": 90,
            "exposure": "5%",
            "exposure_share": 0.05,
        }
    ]
    assert data["stage"] == data["pipeline"]["stages"][-1]
    assert data["window"] == {
        "open": False,
        "configured": True,
        "until": "2026-11-27T23:30:00Z",
        "by": "freeze",
    }


@pytest.mark.parametrize("subject", ["2026-13-40T10:00:00Z", "9" * 30 + "w", "", "100.5%"])
def test_a_text_that_only_looks_like_a_number_stays_a_text(subject: str) -> None:
    release = Release(
        "shop:7",
        "shop",
        ReleaseKind.NORMAL,
        AT,
        "kim",
        Artifact("sha256:" + "a" * 64, "b" * 40),
        changes=(Change("c" * 40, "kim", subject, AT),),
    )
    (change,) = release_part(release)["changes"]
    assert {key for key in change if key.startswith("subject")} <= {"subject"}


def test_equal_documents_have_equal_ids() -> None:
    one, other = (lint_document(read("shop.yaml"), [], AT, "UTC").data["id"] for _ in range(2))
    assert one == other
    assert lint_document(read("shop.yaml"), [], AT, "Europe/Berlin").data["id"] != one


def test_absent_and_unknown_are_both_missing_and_kept_apart() -> None:
    ours = lint_document(read("shop.yaml"), [], AT, "UTC")
    theirs = lint_document(read(".github/workflows/shop.yml"), [], AT, "UTC")
    stage = ("pipeline", "stages", 0)
    for document in (ours, theirs):
        assert document.value((*stage, "bake", "time_s")) is None
    assert ours.unknown((*stage, "bake", "time_s")) == ""
    assert theirs.unknown((*stage, "bake", "time_s")).startswith("GitHub Actions cannot say this")
    assert gated(read("shop.yaml")).unknown(("release", "approvals")) == "nobody has reported it"
    assert gated(read("shop.yaml")).unknown(("release", "changes")) == ""


def test_a_pattern_means_every_item_or_those_that_say_so() -> None:
    document = lint_document(read("shop.yaml"), [], AT, "UTC")
    every = list(document.instances(("pipeline", "stages", "*", "kind")))
    prod = list(document.instances(("pipeline", "stages", "[kind=prod]", "kind")))
    assert len(every) > len(prod) > 0
    assert {document.value(path) for path in prod} == {"prod"}
    assert list(document.instances(("pipeline", "name", "*"))) == []


def test_names_lead_to_a_place() -> None:
    document = lint_document(read("shop.yaml"), [], AT, "UTC")
    path = ("pipeline", "stages", 0, "steps", 0, "run")
    assert document.named(path) == "stages/build/steps/unit/run"
    assert document.named(("pipeline", "alarms", 9)) == "alarms/item"
