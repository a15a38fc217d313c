"""Output formats: golden files, exactly as a person and a machine get them."""

import json
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest
from click import unstyle

from policies.documents import issues
from policies.engine.lint import lint
from policies.engine.report import Report
from policies.formats import read_pipelines
from policies.output import RENDERERS
from policies.ruleset import read_ruleset, resolve
from policies.source import read

GOLDEN = Path(__file__).parents[1] / "golden" / "output"
AT = datetime(2026, 11, 24, 10, tzinfo=UTC)
#: A real one would change with every new parameter of a rule.
DIGEST = "sha256:" + "0" * 64
RULESET = """\
schema: bakegate/ruleset/v1
name: harbor
extends: [strict]
debate: https://wiki.harbor.example/releases
rules:
  bake-time:
    enforcement: warn
    reason: Two incidents in May were seen only in the second peak.
    schedule:
      announced: 2026-10-01
      steps: [{from: 2026-12-08, enforcement: block}]
  min-data-points: observe
  owner-declared: observe
"""
#: The rules that the golden files show; a new rule of the catalogue does not change how they look.
SHOWN = (
    "auto-rollback-on-failure",
    "bake-monitored",
    "bake-time",
    "canary-first",
    "health-check-after-deploy",
    "integration-tests",
    "no-soft-fail-tests",
    "owner-declared",
    "preprod-stage",
    "rollback-on-alarm",
    "time-window",
    "unit-tests",
)


@pytest.fixture(scope="module")
def report() -> Report:
    own = read_ruleset(RULESET, "harbor.yaml", str)
    everything = resolve([("harbor", own)], AT, "Europe/Berlin")
    resolved = replace(everything, rules={name: everything.rules[name] for name in SHOWN})
    shop = read_pipelines((GOLDEN / "shop.yaml").read_bytes(), "shop.yaml")
    broken = read_pipelines(b"name: [shop\n", "broken.yaml")
    files = tuple(lint(each, lambda _: resolved, AT) for each in (shop, broken))
    return Report(AT, resolved.name, DIGEST, files)


def test_every_format_has_a_name() -> None:
    assert list(RENDERERS) == ["json", "text"]


@pytest.mark.parametrize("name", ["json", "text"])
def test_a_report_is_rendered_as_the_golden_file_says(name: str, report: Report) -> None:
    golden = (GOLDEN / f"report.{name}").read_text(encoding="utf-8")
    assert RENDERERS[name](report) == golden


def test_json_has_the_published_form(report: Report) -> None:
    text = RENDERERS["json"](report)
    assert issues(read(text, "lint.json")[0].root, json.loads(text), "lint") == []


def test_colour_changes_nothing_but_colour(report: Report) -> None:

    colored = RENDERERS["text"](report, color=True)
    assert "\x1b[31mblock\x1b[0m" in colored
    assert unstyle(colored) == RENDERERS["text"](report)


def test_a_file_cannot_steer_the_terminal() -> None:
    text = b"schema: bakegate/pipeline/v1\nname: [\x1b]0;owned\x07\n"
    read_badly = read_pipelines(text, "f.yaml")
    own = resolve([("", read_ruleset(RULESET, "harbor.yaml", str))], AT)
    files = (lint(read_badly, lambda _: own, AT),)
    assert "\x1b" not in RENDERERS["text"](Report(AT, "harbor", DIGEST, files))


def test_nothing_found_says_so() -> None:
    assert RENDERERS["text"](Report(AT, "starter", "sha256:0", ())) == (
        "0 files, ruleset starter: nothing found\n"
    )
