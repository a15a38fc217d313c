"""Output formats: golden files, exactly as a person and a machine get them."""

from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest
from click import unstyle

from policies.documents import issues
from policies.engine.lint import lint
from policies.engine.report import Report
from policies.findings import Enforcement, Result
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
    assert issues(read(text, "lint.json")[0], "lint") == []


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


def test_what_a_file_cannot_say_is_one_block_for_all_its_rules() -> None:
    job = b"{runs-on: x, environment: prod, steps: [{run: kubectl apply -f a}]}"
    text = b"on: push\njobs: {a: " + job + b"}\n"
    own = resolve([("", read_ruleset(RULESET, "harbor.yaml", str))], AT)
    file = lint(read_pipelines(text, ".github/workflows/a.yml"), lambda _: own, AT)
    report = Report(AT, "harbor", DIGEST, (file,))
    folded = RENDERERS["text"](report)
    alone = RENDERERS["text"](report, each_alone=True)
    unknown = [each for each in file.findings if each.result is Result.UNKNOWN]
    rules = {each.rule for each in unknown if each.enforcement is Enforcement.WARN}
    (head,) = [line for line in folded.splitlines() if "cannot tell" in line]
    assert (
        head == f".github/workflows/a.yml: unknown: {len(rules)} rules cannot tell from this file"
    )
    assert all(f"{rule}" in folded for rule in rules)
    assert "(unknown)" not in folded
    assert alone.count(": warn: ") == report.summary.count(Enforcement.WARN)


def test_one_rule_at_many_places_is_one_finding_with_its_places() -> None:
    steps = "".join(f"      - uses: org/a{number}@v1\n" for number in range(9))
    text = f"on: push\njobs:\n  a:\n    runs-on: x\n    steps:\n{steps}"
    own = resolve([("", read_ruleset(RULESET, "harbor.yaml", str))], AT)
    file = lint(read_pipelines(text.encode(), ".github/workflows/a.yml"), lambda _: own, AT)
    lines = RENDERERS["text"](Report(AT, "harbor", DIGEST, (file,))).splitlines()
    pinned = [line for line in lines if "is not pinned" in line]
    assert pinned[0].startswith(".github/workflows/a.yml:6:15: warn: pinned-ci-deps: ")
    assert [line.split(": ")[1].strip() for line in pinned[1:]] == [
        f"line {number}" for number in (7, 8, 9, 10)
    ]
    assert "  and:  4 more in this file; --each shows them" in lines
