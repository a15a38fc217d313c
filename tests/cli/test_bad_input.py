"""Whatever a file holds, ``bakegate lint`` answers with a place and a sentence, no traceback."""

from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from cli.commands import app

HEAD = """\
schema: bakegate/pipeline/v1
name: shop
organization: retail
source: {repository: ., branch: main, start: push}
"""
BODY = """\
build: {steps: [{name: package, kind: build, run: ./package}], artifact: dist/app}
deployers: {hosts: {type: local, hosts: 1}}
stages: [{name: cell-1, kind: prod, deploy: hosts}]
"""
BOMB = "a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n" + "".join(
    f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 10)}]\n" for n in range(1, 9)
)


def lint(place: Path, text: bytes, *more: str) -> Result:
    file = place / "shop.yaml"
    file.write_bytes(text)
    return CliRunner().invoke(app, ["lint", str(file), "--ruleset", "recommended", *more])


BAD = {
    "empty": (b"", "1:1", "the file is empty; write the pipeline into it"),
    "50-mb": (b"a: b\n" * 10_000_000, "1:1", "50,000,000 bytes, and at most 4,000,000 are read"),
    "alias-bomb": (BOMB.encode(), "6:20", "more than 300,000 values with aliases expanded"),
    "nested": (b"[" * 100_000 + b"]" * 100_000, "1:1001", "exceeded maximum nesting depth"),
    "not-utf-8": (b"name: caf\xe9\n", "1:10", "byte 0xe9 is not UTF-8; save the file as UTF-8"),
    "utf-16": ("name: shop".encode("utf-16"), "1:1", "the file is UTF-16; save it as UTF-8"),
    "templated": (
        b"{{ if .Values.on }}\nname: {{ .Values.name }}\n{{ end }}\n",
        "1:",
        "this is a template (Helm, Jinja) that is not YAML yet",
    ),
    "tab": (b"name: shop\n\tjobs: x\n", "2:1", "indent with spaces, not with tabs"),
    "no-pipeline": (b"just: text\n", "1:1", "not a pipeline file of a known format"),
    "unknown-key": (
        (HEAD + "ownr: {team: orders}\n" + BODY).encode(),
        "5:1",
        "unknown key 'ownr'; did you mean 'owner'?",
    ),
    "impossible-date": (
        (
            HEAD
            + "time_windows: [{name: w, effect: deny, zone: UTC, "
            + "between: {from: 2026-02-30T00:00, until: 2026-03-01T00:00}}]\n"
            + BODY
        ).encode(),
        "5:67",
        "2026-02-30",
    ),
}


@pytest.mark.parametrize(("text", "place", "words"), list(BAD.values()), ids=list(BAD))
def test_what_cannot_be_read_is_told_at_its_place(
    tmp_path: Path, text: bytes, place: str, words: str
) -> None:
    result = lint(tmp_path, text)
    assert result.exit_code in (0, 1)  # A template warns; everything else blocks.
    assert isinstance(result.exception, SystemExit | None)
    assert f":{place}" in result.stdout
    assert words in " ".join(result.stdout.split())


def test_each_document_of_a_file_is_a_pipeline_of_its_own(tmp_path: Path) -> None:
    second = (HEAD + BODY).replace("name: shop", "name: cart")
    result = lint(tmp_path, f"{HEAD}{BODY}---\n{second}".encode())
    assert isinstance(result.exception, SystemExit | None)
    assert "shop.yaml" in result.stdout
    assert "Traceback" not in result.output


RULES = {
    "unknown-rule": ("rules: {unit-test: block}\n", "3:9: there is no rule 'unit-test'"),
    "unknown-key": ("ruels: {}\n", "3:1: unknown key 'ruels'"),
    "impossible-date": (
        "rules: {unit-tests: {schedule: {announced: 2026-02-30, steps: []}}}\n",
        "3:44: '2026-02-30'",
    ),
    "limit": ("exceptions: {longest: 90 days}\n", "3:23: '90 days'"),
    "two-documents": ("---\nname: more\n", "4:1: a second document starts here"),
    "empty-rules": ("rules: []\n", "3:1: [] is not a mapping"),
}


@pytest.mark.parametrize(("text", "words"), list(RULES.values()), ids=list(RULES))
def test_a_ruleset_that_is_wrong_stops_the_lint_with_its_place(
    tmp_path: Path, text: str, words: str
) -> None:
    ruleset = tmp_path / "own.yaml"
    ruleset.write_text(f"schema: bakegate/ruleset/v1\nname: own\n{text}", encoding="utf-8")
    result = lint(tmp_path, (HEAD + BODY).encode(), "--ruleset", str(ruleset))
    assert result.exit_code == 2
    assert f"own.yaml:{words}" in result.stderr
    assert "Traceback" not in result.output


def test_an_ignore_of_a_rule_that_does_not_exist_is_told(tmp_path: Path) -> None:
    result = lint(tmp_path, (HEAD + "# bakegate: ignore[unit-test] later\n" + BODY).encode())
    assert ":5:1" in result.stdout
    assert "ignore names 'unit-test', which is no rule; did you mean 'unit-tests'?" in " ".join(
        result.stdout.split()
    )
