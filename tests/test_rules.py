"""The cases of every rule, the examples in their pages, and the promises of the catalogue."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any, Final

import pytest

from policies.findings import Problem, Result
from policies.formats import read_pipelines
from policies.overlay import read_overlay
from policies.pipeline import Pipeline
from policies.plain import parse_instant
from policies.record import release_from_json
from policies.rule import (
    AnyRule,
    BlocklistEntry,
    Case,
    Outcome,
    Params,
    Stricter,
    specs,
)
from policies.rules import CATALOGUE, rule
from policies.ruleset.values import parse_value
from policies.source import core_value, read
from policies.surroundings import Surroundings
from policies.windows import WindowSet, WindowState, state
from tests.headings import HEADINGS
from tests.surroundings import EXCEPTIONS, beside, freeze_of, freezes_of, granted_of

RULES: Final = Path(__file__).parent.parent / "policies" / "rules"
CASES: Final = Path(__file__).parent / "rules"
NAMES: Final = {
    "$DIGEST": "sha256:" + "7" * 64,
    "$COMMIT": "a" * 40,
    "$OTHER": "b" * 40,
}
#: What a case may leave out of a pipeline of ours; it is appended, so that no line moves.
OWN: Final = {
    "schema": "schema: bakegate/pipeline/v1\n",
    "name": "name: shop\n",
    "organization": "organization: retail\n",
    "source": "source: {repository: ., branch: main, start: push}\n",
    "build": "build:\n  steps: [{name: package, kind: build, run: ./package}]\n"
    "  artifact: app.tar\n",
    "alarms": "alarms:\n  errors: {negative_ratio: 1%, minimum: 50, periods: 3 of 5, period: 1m,"
    " missing: unknown, scope: service}\n",
    "deployers": "deployers:\n  hosts: {type: local, hosts: 3}\n",
}
GATED: Final = """stages:
  - {name: beta, kind: test, deploy: hosts}
  - {name: gamma, kind: preprod, deploy: hosts}
  - {name: one-box, kind: prod, wave: 1, exposure: 1%, deploy: hosts,
     bake: {time: 1h, alarms: [errors]}}
  - {name: cell-1, kind: prod, wave: 1, deploy: hosts, bake: {time: 2h, alarms: [errors]}}
  - {name: wave-2, kind: prod, wave: 2, deploy: hosts,
     targets: [{name: cell-2, region: eu, zone: a}]}
"""
RECORD: Final[dict[str, Any]] = {
    "type": "bakegate.release/v1",
    "release": {
        "id": "shop:7",
        "pipeline": "shop",
        "kind": "normal",
        "created_at": "2026-11-24T08:00:00Z",
        "created_by": "kim",
    },
    "artifact": {"digest": NAMES["$DIGEST"], "commit": NAMES["$COMMIT"]},
}
AT: Final = "2026-11-24T10:22:48Z"
MARK: Final = re.compile(r"#([!?~]) (\d+) (.*?)(?= #[!?~] \d|$)")


def data_of(text: str, path: str) -> Any:
    (document,) = read(text, path)
    return core_value(document.root)


def cases() -> Iterator[tuple[str, str, dict[str, Any]]]:
    for file in sorted(CASES.glob("*.yaml")):
        for name, case in data_of(file.read_text(encoding="utf-8"), file.name).items():
            yield file.stem, name, case


ALL: Final = list(cases())
LINT: Final = [each for each in ALL if "stage" not in each[2]]
GATE: Final = [each for each in ALL if "stage" in each[2]]


def named(value: Any) -> Any:
    """Replace the names of digests and commits by what they stand for."""
    match value:
        case dict():
            return {key: named(each) for key, each in value.items()}
        case list():
            return [named(each) for each in value]
        case _:
            return NAMES.get(value, value) if isinstance(value, str) else value


def whole_text(text: str, path: str) -> str:
    if path != "bakegate/pipeline.yaml":
        return text
    given = set(re.findall(r"^(\w+):", text, re.MULTILINE))
    return text + "".join(lines for key, lines in OWN.items() if key not in given)


def pipeline_of(case: Mapping[str, Any]) -> Pipeline:
    path = case.get("path", "bakegate/pipeline.yaml")
    overlay = case.get("overlay")
    text = whole_text(case.get("pipeline", GATED), path)
    given = read_overlay(overlay, "bakegate.yaml") if overlay else None
    found = read_pipelines(text.encode(), path, given)
    assert [str(each) for each in found.problems] == []
    (pipeline,) = found.pipelines
    return replace(
        pipeline,
        around=Surroundings(
            case.get("ruled_windows"), granted_of(case, pipeline.name), freezes_of(case)
        ),
        bake_factor=case.get("impact", 1),
        **beside(case, pipeline),
    )


def params_of(subject: AnyRule, case: Mapping[str, Any]) -> Params:
    known = {spec.name: spec for spec in specs(subject.params)}
    given = {
        name: parse_value(known[name], value) for name, value in case.get("params", {}).items()
    }
    params: Params = subject.params(**given)
    return params


def found_rule(id_: str) -> AnyRule:
    subject = rule(id_)
    assert subject is not None
    return subject


def marks(case: Mapping[str, Any]) -> list[tuple[str, int, int, str, str]]:
    # The first line of an exceptions file is left out of a case.
    texts = {
        case.get("path", "bakegate/pipeline.yaml"): (1, case.get("pipeline", "")),
        "bakegate.yaml": (1, case.get("overlay", "")),
        EXCEPTIONS: (2, case.get("exceptions", "")),
    }
    return sorted(
        (path, number, int(column), sign, message.rstrip())
        for path, (first, text) in texts.items()
        for number, line in enumerate(text.splitlines(), first)
        for sign, column, message in MARK.findall(line)
    )


def seen(problem: Problem) -> tuple[str, int, int, str, str]:
    sign = "?" if problem.result is Result.UNKNOWN else "~" if problem.inferred else "!"
    return (problem.span.path, problem.span.line, problem.span.column, sign, problem.message)


def problems_of(id_: str, case: Mapping[str, Any]) -> list[Problem]:
    subject = found_rule(id_)
    assert subject.lint is not None
    return list(subject.lint(pipeline_of(case), params_of(subject, case)))


def outcome_of(id_: str, case: Mapping[str, Any]) -> Outcome:
    subject = found_rule(id_)
    assert subject.gate is not None
    params = params_of(subject, case)
    return subject.gate(gate_case(case, {id_: params}), params)


def gate_case(case: Mapping[str, Any], params: Mapping[str, Params]) -> Case:
    pipeline = pipeline_of(case)
    stage = pipeline.stage(case["stage"])
    assert stage is not None
    record = dict(RECORD)
    for key, value in named(case.get("record", {})).items():
        record[key] = {**RECORD[key], **value} if key in ("release", "artifact") else value
    window = case.get("window")
    at = parse_instant(case.get("at", AT))
    windows = (
        WindowSet("pipeline shop", pipeline.windows.or_else(()) or ()),
        WindowSet(f"stage {stage.name}", stage.windows),
    )
    return Case(
        pipeline=pipeline,
        release=release_from_json(record, "case"),
        stage=stage,
        now=at,
        window=window_of(window) if window else state(windows, at),
        blocklist=blocklist_of(case["blocklist"]) if "blocklist" in case else None,
        params=params,
        granted=granted_of(case, pipeline.name),
        freeze=freeze_of(case, record["release"]["kind"]),
        windows=windows,
    )


def window_of(data: Mapping[str, Any]) -> WindowState:
    until = parse_instant(data["until"]) if data["until"] else None
    return WindowState(data["open"], configured=True, until=until, by=data["by"])


def blocklist_of(entries: list[dict[str, Any]]) -> tuple[BlocklistEntry, ...]:
    given = [dict(named(each)) for each in entries]
    for each in given:
        if "until" in each:
            each["until"] = parse_instant(each["until"])
    return tuple(BlocklistEntry(**each) for each in given)


@pytest.mark.parametrize(
    ("id_", "case"), [(i, c) for i, _, c in LINT], ids=[f"{i}:{n}" for i, n, _ in LINT]
)
def test_lint(id_: str, case: dict[str, Any]) -> None:
    problems = problems_of(id_, case)
    silent = [each for each in problems if each.result is Result.NOT_APPLICABLE]
    told = [each for each in problems if each.result is not Result.NOT_APPLICABLE]

    assert sorted(seen(each) for each in told) == marks(case)
    assert bool(silent) == (case.get("result") == "not_applicable")
    assert not (silent and told)


@pytest.mark.parametrize(
    ("id_", "case"), [(i, c) for i, _, c in GATE], ids=[f"{i}:{n}" for i, n, _ in GATE]
)
def test_gate(id_: str, case: dict[str, Any]) -> None:
    outcome = outcome_of(id_, case)
    expect = case["expect"]

    assert (outcome.result.value, outcome.message) == (expect["result"], expect["message"])
    assert outcome.would_pass == expect.get("would_pass", "")
    assert outcome.until == (parse_instant(expect["until"]) if "until" in expect else None)
    assert outcome.waits == expect.get("waits", "until" in expect)
    assert outcome.warns_only == expect.get("warns_only", False)


PLACEHOLDER: Final = re.compile(r"(?<!\{)\{\w+\}(?!\})")
EXAMPLE: Final = re.compile(r"^## (Fails|Passes)\n```yaml\n(.*?)^```$", re.MULTILINE | re.DOTALL)


def example_of(subject: AnyRule, heading: str) -> dict[str, Any]:
    text = dict(EXAMPLE.findall(subject.docs))[heading]
    if text.startswith("schema: bakegate/ruleset/"):
        return {"ruled": text.partition("time_windows:\n")[2]}
    if text.startswith("schema: bakegate/exceptions/"):
        return {"exceptions": text.partition("\n")[2]}
    ours = "schema:" in text
    given = {
        key: data_of(value, key)
        for key, value in re.findall(
            r"^# (parameters|history|neighbours|owned): (.*)\n", text, re.MULTILINE
        )
    }
    # Where a rule reads the organization's windows, an example has none but its own.
    return {
        "pipeline": text,
        "path": "pipeline.yaml" if ours else ".github/workflows/example.yml",
        "ruled_windows": False,
        # What no file says: what an organization wants, what was before, what stands beside.
        "params": given.pop("parameters", {}),
        **given,
    }


LINTED: Final = [each for each in CATALOGUE if each.lint]


@pytest.mark.parametrize("subject", LINTED, ids=[each.id for each in LINTED])
def test_examples_behave(subject: AnyRule) -> None:
    failing = problems_of(subject.id, example_of(subject, "Fails"))
    passing = problems_of(subject.id, example_of(subject, "Passes"))

    assert [each.message for each in failing if each.result is Result.FAIL] != []
    assert [each.message for each in passing] == []


@pytest.mark.parametrize("subject", CATALOGUE, ids=[each.id for each in CATALOGUE])
class TestPromises:
    def test_page_has_its_headings(self, subject: AnyRule) -> None:
        headings = re.findall(r"^## (.*)$", subject.docs, re.MULTILINE)
        examples = ["Fails", "Passes"] if subject.lint else []

        assert subject.docs.splitlines()[0] == f"{subject.title}."
        assert headings == ["Why it matters", *examples, "Not reported", "Sources"]

    def test_heading_is_that_of_the_catalogue(self, subject: AnyRule) -> None:
        heading = (subject.number, subject.severity, subject.now, subject.target)

        assert heading == HEADINGS[subject.id]

    def test_every_parameter_is_described(self, subject: AnyRule) -> None:
        for spec in specs(subject.params):
            assert spec.help.endswith(".")
            assert spec.help[0].isupper()
            assert isinstance(spec.stricter, Stricter)
            assert isinstance(spec.default, int | float | str | timedelta | frozenset)
            assert not re.search(r"_(s|h|d|pct)$", spec.name)

    def test_cases_fail_pass_and_do_not_know(self, subject: AnyRule) -> None:
        mine = [case for id_, _, case in ALL if id_ == subject.id]
        results = {result for case in mine for result in results_of(case)}

        assert len(mine) >= 8
        assert {"fail", "pass", "unknown"} <= results


def results_of(case: Mapping[str, Any]) -> set[str]:
    if "stage" in case:
        return {case["expect"]["result"]}
    if "result" in case:
        return {case["result"]}
    signs = {sign for *_, sign, _ in marks(case)}
    return {"unknown" if sign == "?" else "fail" for sign in signs} or {"pass"}


def test_catalogue_is_the_folder_in_order() -> None:
    files = sorted(each.stem.replace("_", "-") for each in RULES.glob("[!_]*.py"))

    assert [each.id for each in CATALOGUE] == files
    assert files == sorted(each.stem for each in CASES.glob("*.yaml"))
    assert files == sorted(HEADINGS)


def test_no_rule_imports_another() -> None:
    importing = [
        each.name
        for each in RULES.glob("[!_]*.py")
        if "policies.rules" in each.read_text(encoding="utf-8")
    ]

    assert importing == []


def test_a_rule_is_found_by_its_id() -> None:
    assert [rule(each.id) for each in CATALOGUE] == list(CATALOGUE)
    assert rule("no-such-rule") is None


def test_messages_and_fixes_read_alike() -> None:
    for id_, _, case in LINT:
        for problem in problems_of(id_, case):
            assert not problem.message.endswith((".", " "))
            assert problem.fix == "" or problem.fix.endswith(".")
            assert not PLACEHOLDER.search(problem.message + problem.fix)
    for id_, _, case in GATE:
        outcome = outcome_of(id_, case)
        assert not outcome.message.endswith((".", " "))
        assert not outcome.would_pass.endswith(".")
        assert all(isinstance(used.path, str) for used in outcome.used)
