"""``bakegate baseline``: known findings wait, new ones count, and it ends."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from typer.testing import Result

from tests.cli.conftest import SOFT

Bakegate = Callable[..., Result]
Write = Callable[[str, str], Path]

WORKFLOW = ".github/workflows/deploy.yml"
FILE = "bakegate-baseline.yaml"
FORBIDDING = """\
schema: bakegate/ruleset/v1
name: hard
extends: [recommended]
exceptions: {longest: 40d, forbidden: [no-soft-fail-tests]}
"""
AT = ("--at", "2026-11-24T10:00Z")


def findings(bakegate: Bakegate, *words: str) -> list[dict[str, Any]]:
    answer = json.loads(bakegate("lint", WORKFLOW, "--format", "json", *words).stdout)
    return [each for file in answer["files"] for each in file["findings"]]


def counting(bakegate: Bakegate, *words: str) -> list[str]:
    return [each["rule"] for each in findings(bakegate, *words) if each["result"] != "waived"]


def test_known_findings_wait_and_new_ones_count(bakegate: Bakegate, write: Write) -> None:
    write(WORKFLOW, SOFT)
    made = bakegate("baseline", ".github", "--ttl", "30d", *AT, "--format", "json")
    known = len(findings(bakegate, *AT))
    assert made.exit_code == 0
    assert json.loads(made.stdout) == {
        "file": FILE,
        "until": "2026-12-24T10:00:00Z",
        "findings": known,
        "left_out": [],
    }
    assert bakegate("lint", WORKFLOW, *AT).exit_code == 0
    assert counting(bakegate, *AT) == []

    again = "      - {run: npm run e2e, continue-on-error: true}\npermissions"
    write(WORKFLOW, SOFT.replace("permissions", again))
    assert "no-soft-fail-tests" in counting(bakegate, *AT)
    assert bakegate("lint", WORKFLOW, *AT).exit_code == 1


def test_moved_lines_and_a_new_file_name_change_nothing(bakegate: Bakegate, write: Write) -> None:
    write(WORKFLOW, SOFT)
    bakegate("baseline", ".github", *AT)
    write(WORKFLOW, "# Moved down.\n\n\n" + SOFT)
    assert counting(bakegate, *AT) == []


def test_two_pipelines_of_one_name_share_what_is_known(bakegate: Bakegate, write: Write) -> None:
    write(WORKFLOW, SOFT)
    write(".github/workflows/second.yml", SOFT)
    assert bakegate("baseline", ".github", *AT).exit_code == 0
    both = json.loads(bakegate("lint", ".github", *AT, "--format", "json").stdout)["files"]
    counts = {e["rule"] for file in both for e in file["findings"] if e["result"] != "waived"}
    assert counts == {"pipeline-name"}


def test_it_ends_and_says_so(bakegate: Bakegate, write: Write) -> None:
    write(WORKFLOW, SOFT)
    bakegate("baseline", ".github", "--ttl", "30d", *AT)
    late = ("--at", "2026-12-24T10:00Z")
    told = [each for each in findings(bakegate, *late) if each["rule"] == "exception-stale"]
    assert [(each["path"], each["line"], each["message"]) for each in told] == [
        (FILE, 5, "the baseline ended at 2026-12-24T10:00:00Z; what it knew of Deploy counts")
    ]
    assert bakegate("lint", WORKFLOW, *late).exit_code == 1


def test_what_is_mended_is_told(bakegate: Bakegate, write: Write) -> None:
    write(WORKFLOW, SOFT)
    bakegate("baseline", ".github", *AT)
    write(WORKFLOW, SOFT.replace("continue-on-error: true", "shell: bash"))
    told = [each for each in findings(bakegate, *AT) if each["rule"] == "exception-stale"]
    lines = Path(FILE).read_text(encoding="utf-8").splitlines()
    soft = "known finding of no-soft-fail-tests in Deploy: nothing waits for it any more"
    assert soft in [each["message"] for each in told]
    assert all('"fingerprint"' in lines[each["line"] - 1] for each in told)


def test_several_processes_write_what_one_writes(bakegate: Bakegate, write: Write) -> None:
    for number in range(5):
        write(f".github/workflows/{number}.yml", SOFT.replace("Deploy", f"Deploy {number}"))
    write("hard.yaml", FORBIDDING)
    written = set()
    for jobs in ("1", "2", "4"):
        told = bakegate("baseline", ".github", "--ruleset", "hard.yaml", "--jobs", jobs, *AT)
        written.add((told.output, Path(FILE).read_text(encoding="utf-8")))
        Path(FILE).unlink()
    ((told_once, text),) = written
    assert "left out, because no exception of them is allowed: no-soft-fail-tests" in told_once
    assert all(f"Deploy {number}" in text for number in range(5))


def test_rules_without_exceptions_are_left_out(bakegate: Bakegate, write: Write) -> None:
    write(WORKFLOW, SOFT)
    write("hard.yaml", FORBIDDING)
    longer = bakegate("baseline", ".github", "--ruleset", "hard.yaml", "--ttl", "50d", *AT)
    assert longer.exit_code == 2
    assert "lasts 50d, longer than the 40d that are allowed" in longer.stderr

    made = bakegate("baseline", ".github", "--ruleset", "hard.yaml", *AT)
    assert "left out, because no exception of them is allowed: no-soft-fail-tests" in made.stdout
    assert counting(bakegate, "--ruleset", "hard.yaml", *AT) == ["no-soft-fail-tests"]


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (("--ttl", "soon"), "--ttl soon: "),
        (("--ttl", "9999999w"), "--ttl 9999999w: "),
        (("--ttl", "0d"), "--ttl 0d: "),
    ],
)
def test_a_length_that_is_none_is_told(
    bakegate: Bakegate, write: Write, words: tuple[str, ...], told: str
) -> None:
    write(WORKFLOW, SOFT)
    result = bakegate("baseline", ".github", *words)
    assert (result.exit_code, told in result.stderr) == (2, True)
    assert not Path(FILE).exists()


def test_an_existing_file_is_kept(bakegate: Bakegate, write: Write) -> None:
    write(WORKFLOW, SOFT)
    write(FILE, "mine\n")
    result = bakegate("baseline", ".github")
    assert (result.exit_code, "exists already; delete it" in result.stderr) == (2, True)
    assert Path(FILE).read_text(encoding="utf-8") == "mine\n"


def test_errors_of_the_file_are_located(bakegate: Bakegate, write: Write) -> None:
    write(WORKFLOW, SOFT)
    print_, other = "a" * 64, "x"
    write(
        FILE,
        "schema: bakegate/baseline/v1\nmade: 2026-11-24T10:00:00Z\nuntil: 2026-11-24T10:00:00Z\n"
        "findings:\n"
        f"  - {{fingerprint: {print_}, rule: bake-time, pipeline: deploy}}\n"
        f"  - {{fingerprint: {print_}, rule: bake-time, pipeline: deploy}}\n",
    )
    result = bakegate("lint", WORKFLOW)
    assert result.exit_code == 2
    assert result.stderr.splitlines() == [
        f"{FILE}:3:8: ends before it was made; `until` is exclusive",
        f"{FILE}:6:19: this finding stands already on line 5; keep one of them",
    ]
    write(FILE, f"schema: bakegate/baseline/v1\nfindings: [{{fingerprint: {other}}}]\n")
    told = bakegate("lint", WORKFLOW).stderr
    assert f"{FILE}:2:26: " in told
    assert "'until' is missing: When its findings count again" in told
