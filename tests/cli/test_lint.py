"""``bakegate lint``: what it prints and writes, where it looks, and how it ends."""

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from typer.testing import Result

from policies.documents import schema_text
from policies.formats import FORMATS

Bakegate = Callable[..., Result]
Write = Callable[[str, str], Path]

WORKFLOW = ".github/workflows/deploy.yml"
HELP = """\
Usage: bakegate lint [OPTIONS] {PATH...}

  Judge pipeline files before merge: what fails, where, and how to mend it.

Arguments:
  PATH...  Files, or folders to look through.  [required]

Options:
  --ruleset NAME|FILE     starter, recommended, strict, or a ruleset file.
                          Default: the organization's, else recommended.
  --org NODE              Judge as this node of organization.yaml.
  --at TIME               Evaluate at another moment, such as 2027-01-31T09:00Z.
                          Without an offset: UTC.
  --overlay FILE          Instead of the bakegate.yaml found upwards.
  --history FILE          What earlier runs say (bakegate/history/v1), for the
                          rules that need it.
  --format <text|json>    How to answer.  [default: text]
  --each                  Show each finding by itself, and what each rule cannot
                          tell.
  --jobs NUMBER           How many processes share the files. Default: by the
                          processors and the files.  [x>=1]
  --output [FORMAT=]FILE  Write the answer to FILE instead of printing it; may
                          be given several times.
  --help                  Show this message and exit.

  Examples:
    bakegate lint .github/workflows
    bakegate lint deploy.yml --ruleset strict --each
    bakegate lint . --output json=lint.json --output text=lint.txt

  Exit codes:
    0  nothing blocks
    1  something blocks
    2  nothing was evaluated
    3  a rule crashed and the others went on
"""
OWNER = """\
{path}:1:7: warn: owner-declared (unknown): the team, oncall, tier, ttr and channel of {name} \
cannot be told from this file
    1 | name: {name}
      |       {caret}
  fix:  Name the team that is paged when this release goes wrong, and its tier, in bakegate.yaml.
  docs: bakegate explain owner-declared

"""
TEXT = (
    """\
.github/workflows/deploy.yml:8:28: block: no-soft-fail-tests: npm test can fail without stopping \
the release: continue-on-error
    8 |         continue-on-error: true
      |                            ^^^^
  fix:  This test can fail without stopping the release. Remove continue-on-error; quarantine \
single flaky tests by name with an expiry instead.
  docs: bakegate explain no-soft-fail-tests

"""
    + OWNER.format(path=WORKFLOW, name="Deploy", caret="^^^^^^")
    + """\
1 file, ruleset recommended: 1 block, 1 unknown
start with no-soft-fail-tests (1): bakegate explain no-soft-fail-tests
"""
)
OVERLAY = """\
schema: bakegate/overlay/v1
pipelines:
  .github/workflows/deploy.yml:
    name: shop
    tier: 1
    owner: {team: shop, oncall: shop-primary, channel: shop, ttr: 1h}
"""
ORGANIZATION = """\
schema: bakegate/organization/v1
name: retail
ruleset: retail.yaml
children:
  - {name: shop, ruleset: shop.yaml}
"""


def message(result: Result) -> dict[str, Any]:
    """The JSON answer, after a check against its published schema."""
    answer: dict[str, Any] = json.loads(result.stdout)
    jsonschema.validate(answer, json.loads(schema_text("lint")))
    return answer


def places(answer: dict[str, Any]) -> list[tuple[str, int, int, str, str]]:
    return [
        (each["path"], each["line"], each["column"], each["rule"], each["enforcement"])
        for file in answer["files"]
        for each in file["findings"]
    ]


def ruleset(name: str, level: str) -> str:
    """A ruleset that asks for one rule only."""
    return (
        f"schema: bakegate/ruleset/v1\nname: {name}\nowner: releases\n"
        f"rules:\n  no-soft-fail-tests: {level}\n"
    )


def test_help_has_examples_and_exit_codes(bakegate: Bakegate) -> None:
    answer = bakegate("lint", "--help")
    assert (answer.exit_code, answer.stdout) == (0, HELP)


@pytest.mark.usefixtures("soft")
def test_text_names_place_line_fix_and_page(bakegate: Bakegate) -> None:
    answer = bakegate("lint", ".github/workflows")
    assert (answer.exit_code, answer.stdout, answer.stderr) == (1, TEXT, "")


@pytest.mark.usefixtures("soft")
def test_json_is_as_published(bakegate: Bakegate) -> None:
    result = bakegate("lint", WORKFLOW, "--format", "json", "--at", "2026-12-01")
    answer = message(result)
    assert result.exit_code == 1
    assert (answer["at"], answer["ruleset"]["name"]) == ("2026-12-01T00:00:00Z", "recommended")
    assert answer["summary"] == {"files": 1, "block": 1, "warn": 1, "observe": 0}
    assert places(answer) == [
        (WORKFLOW, 1, 7, "owner-declared", "warn"),
        (WORKFLOW, 8, 28, "no-soft-fail-tests", "block"),
    ]


@pytest.mark.usefixtures("soft")
def test_a_built_in_ruleset_by_name(bakegate: Bakegate) -> None:
    answer = bakegate("lint", ".", "--ruleset", "starter")
    assert answer.exit_code == 0
    assert answer.stdout.splitlines()[-2] == "1 file, ruleset starter: 1 warn, 1 unknown"


@pytest.mark.usefixtures("soft")
def test_a_ruleset_file(bakegate: Bakegate, write: Write) -> None:
    write("ours.yaml", ruleset("ours", "block"))
    answer = bakegate("lint", WORKFLOW, "--ruleset", "ours.yaml")
    assert answer.exit_code == 1
    assert "ruleset ours: 1 block" in answer.stdout


def test_the_date_decides_what_blocks(bakegate: Bakegate, write: Write, soft: Path) -> None:
    write(
        "ours.yaml",
        "schema: bakegate/ruleset/v1\nname: ours\nowner: releases\nrules:\n"
        "  no-soft-fail-tests:\n    enforcement: warn\n    reason: A soft test hid a defect.\n"
        "    schedule:\n      announced: 2026-10-01\n"
        "      steps: [{from: 2027-02-01, enforcement: block}]\n",
    )
    words = ("lint", str(soft), "--ruleset", "ours.yaml", "--at")
    codes = [bakegate(*words, at).exit_code for at in ("2027-01-31T23:59:59Z", "2027-02-01")]
    assert codes == [0, 1]


@pytest.mark.usefixtures("soft")
def test_outputs_are_written_instead_of_printed(bakegate: Bakegate, tmp_path: Path) -> None:
    result = bakegate("lint", ".", "--output", "json=lint.json", "--output", "lint.txt")
    assert (result.exit_code, result.stdout) == (1, "")
    assert (tmp_path / "lint.txt").read_text() == TEXT
    assert json.loads((tmp_path / "lint.json").read_text())["summary"]["block"] == 1


def test_an_ignore_with_a_reason_waives(bakegate: Bakegate, soft: Path) -> None:
    reason = "        # bakegate: ignore[no-soft-fail-tests] one flaky test, listed in May\n"
    text = soft.read_text().replace("        continue", f"{reason}        continue")
    soft.write_text(text)
    result = bakegate("lint", WORKFLOW)
    expected = OWNER.format(path=WORKFLOW, name="Deploy", caret="^^^^^^") + (
        "1 file, ruleset recommended: 1 unknown, 1 waived\n"
    )
    assert (result.exit_code, result.stdout) == (0, expected)
    findings = message(bakegate("lint", WORKFLOW, "--format", "json"))["files"][0]["findings"]
    assert [(each["rule"], each["result"], each["line"]) for each in findings] == [
        ("owner-declared", "unknown", 1),
        ("no-soft-fail-tests", "waived", 9),
    ]


@pytest.mark.usefixtures("soft")
@pytest.mark.parametrize("folder", [".", ".github", ".github/workflows"])
def test_the_overlay_is_found_upwards_wherever_one_stands(
    bakegate: Bakegate,
    write: Write,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    *,
    folder: str,
) -> None:
    write("bakegate.yaml", OVERLAY)
    monkeypatch.chdir(tmp_path / folder)
    for path in (".", str(tmp_path)):
        (file,) = message(bakegate("lint", path, "--format", "json"))["files"]
        assert file["pipelines"] == ["shop"]
        assert [each["rule"] for each in file["findings"]] == ["no-soft-fail-tests"]


def test_the_overlay_above_the_repository_is_not_read(bakegate: Bakegate, write: Write) -> None:
    write("bakegate.yaml", OVERLAY.replace(".github", "inner/.github"))
    inner = write("inner/.github/workflows/deploy.yml", "on: push\nname: Inner\njobs: {}\n")
    names = [bakegate("lint", str(inner), "--format", "json").stdout.count('"shop"')]
    write("inner/.git/HEAD", "ref: refs/heads/main\n")
    # A folder is asked once per process, so a repository of another name shows the difference.
    other = write("other/.github/workflows/deploy.yml", "on: push\nname: Other\njobs: {}\n")
    write("other/.git/HEAD", "ref: refs/heads/main\n")
    write("bakegate.yaml", OVERLAY.replace(".github", "other/.github"))
    names.append(bakegate("lint", str(other), "--format", "json").stdout.count('"shop"'))
    assert names == [1, 0]


@pytest.mark.usefixtures("soft")
def test_a_given_overlay_names_paths_from_the_root(bakegate: Bakegate, write: Write) -> None:
    write("elsewhere/facts.yaml", OVERLAY)
    result = bakegate("lint", ".", "--overlay", "elsewhere/facts.yaml", "--format", "json")
    assert message(result)["files"][0]["pipelines"] == ["shop"]


@pytest.mark.usefixtures("soft")
def test_a_wrong_overlay_is_located(bakegate: Bakegate, write: Write) -> None:
    write("bakegate.yaml", OVERLAY.replace("tier: 1", "teir: 1"))
    result = bakegate("lint", ".")
    assert (result.exit_code, result.stdout) == (2, "")
    assert result.stderr.startswith("bakegate.yaml:5:5: ")
    assert "did you mean 'tier'?" in result.stderr


@pytest.mark.usefixtures("soft")
def test_the_organization_is_found_upwards(bakegate: Bakegate, write: Write) -> None:
    write("organization.yaml", ORGANIZATION)
    write("retail.yaml", ruleset("retail", "warn"))
    write("shop.yaml", ruleset("shop", "block"))
    root = bakegate("lint", WORKFLOW)
    node = bakegate("lint", WORKFLOW, "--org", "retail/shop")
    assert (root.exit_code, node.exit_code) == (0, 1)
    assert ".github/workflows/deploy.yml:8:28: warn: no-soft-fail-tests" in root.stdout
    assert ".github/workflows/deploy.yml:8:28: block: no-soft-fail-tests" in node.stdout


@pytest.mark.usefixtures("soft")
def test_a_pipeline_is_held_to_the_node_that_it_names(bakegate: Bakegate, write: Write) -> None:
    write("organization.yaml", ORGANIZATION)
    write("retail.yaml", ruleset("retail", "warn"))
    write("shop.yaml", ruleset("shop", "block"))
    write("bakegate.yaml", f"{OVERLAY}    organization: retail/shop\n")
    assert bakegate("lint", WORKFLOW).exit_code == 1


@pytest.mark.usefixtures("soft")
def test_an_unknown_node_says_which_there_are(bakegate: Bakegate, write: Write) -> None:
    write("organization.yaml", ORGANIZATION)
    write("retail.yaml", ruleset("retail", "warn"))
    write("shop.yaml", ruleset("shop", "block"))
    result = bakegate("lint", WORKFLOW, "--org", "retail/shoes")
    assert result.exit_code == 2
    assert result.stderr == (
        "organization.yaml:2:7: there is no organization 'retail/shoes'; "
        "there are retail, retail/shop\n"
    )


@pytest.mark.usefixtures("soft")
def test_equal_names_are_told_apart_or_blocked(bakegate: Bakegate, write: Write) -> None:
    write(".github/workflows/later.yml", "name: Deploy\non: push\njobs: {}\n")
    answer = message(bakegate("lint", ".", "--format", "json"))
    named = [place for place in places(answer) if place[3] == "pipeline-name"]
    assert named == [(".github/workflows/later.yml", 1, 7, "pipeline-name", "block")]
    text = bakegate("lint", ".").stdout
    assert "  also: .github/workflows/deploy.yml:1: the first one of this name\n" in text


def test_of_a_folder_only_what_is_or_was_meant_as_a_pipeline(
    bakegate: Bakegate, write: Write, tmp_path: Path
) -> None:
    write("ci.yml", "name: CI\non: push\njobs: {}\n")
    write("broken.yml", "on: push\njobs:\n  a: [\n")
    write("chart/values.yaml", "port: {{ .Values.port }}\n")
    write("data.json", '{"a": 1}')
    write("chart/rollout.yaml", "kind: Rollout\nmetadata:\n  name: {{ .Release.Name }}\n")
    write("chart/service.yaml", "kind: Service\nmetadata:\n  name: {{ .Release.Name }}\n")
    write("node_modules/x/ci.yml", "on: push\njobs: {}\n")
    write(".hidden/ci.yml", "on: push\njobs: {}\n")
    (tmp_path / "dangling.yml").symlink_to("nowhere")
    result = bakegate("lint", ".", "--format", "json")
    answer = message(result)
    assert result.exit_code == 1
    paths = [file["path"] for file in answer["files"]]
    assert paths == ["broken.yml", "chart/rollout.yaml", "ci.yml"]
    assert places(answer)[:2] == [
        ("broken.yml", 4, 1, "readable", "block"),
        ("chart/rollout.yaml", 3, 10, "readable", "warn"),
    ]


def test_a_named_file_that_is_no_pipeline_is_told_why(bakegate: Bakegate, write: Write) -> None:
    write("notes.txt", "hi\n")
    result = bakegate("lint", "notes.txt")
    assert result.exit_code == 1
    assert result.stdout == (
        "notes.txt:1:1: block: readable: not a pipeline file of a known format; known are "
        f"{', '.join(each.title for each in FORMATS)}\n"
        "    1 | hi\n"
        "      | ^\n"
        "  fix:  Correct the file, or leave it out of the paths to lint.\n"
        "  docs: bakegate explain readable\n"
        "\n"
        "1 file, ruleset recommended: 1 block\n"
        "start with readable (1): bakegate explain readable\n"
    )


def test_a_file_is_named_from_a_folder_beside_it(
    bakegate: Bakegate, soft: Path, write: Write, monkeypatch: pytest.MonkeyPatch
) -> None:
    write(".github/CODEOWNERS", "/.github/ @shop\n")
    here = bakegate("lint", str(soft.relative_to(Path.cwd())), "--format", "json")
    monkeypatch.chdir(write("sub/x.txt", "").parent)
    beside = bakegate("lint", "../.github/workflows/deploy.yml", "--format", "json")
    told = [
        [(each["rule"], each["line"]) for each in json.loads(result.stdout)["files"][0]["findings"]]
        for result in (here, beside)
    ]
    assert told[0] == told[1]
    assert beside.exit_code == 1


def test_lint_starts_without_the_service(soft: Path, tmp_path: Path) -> None:
    program = (
        "import sys\n"
        "from cli.commands import app\n"
        "app(sys.argv[1:], standalone_mode=False)\n"
        "print(*sorted(sys.modules), file=sys.stderr)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", program, "lint", str(soft), "--ruleset", "starter"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=True,
    )
    loaded = {name.partition(".")[0] for name in done.stderr.split()}
    assert {"cli", "policies", "yaml", "typer"} <= loaded
    heavy = {"service", "dbos", "fastapi", "httpx", "icalendar", "jinja2", "rich", "sqlalchemy"}
    assert loaded & heavy == set()
    readers = {name for name in done.stderr.split() if name.startswith("policies.formats.git")}
    assert all(name.startswith("policies.formats.github") for name in readers)
    assert {"policies.formats.spinnaker", "statistics"} & set(done.stderr.split()) == set()


def test_a_finding_in_an_included_file_shows_its_line(bakegate: Bakegate, write: Write) -> None:
    write(".git/HEAD", "ref: refs/heads/main\n")
    file = write(".gitlab-ci.yml", "include: ci/test.yml\n")
    write("ci/test.yml", "unit:\n  script:\n    - pytest || true\n")
    answer = bakegate("lint", str(file), "--ruleset", "recommended")
    assert answer.exit_code == 1
    assert (
        "ci/test.yml:3:14: block: no-soft-fail-tests: pytest || true can fail without stopping "
        "the release: || true\n"
        "    3 |     - pytest || true\n"
        "      |              ^^^^^^^\n"
    ) in answer.stdout
