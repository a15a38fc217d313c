"""``bakegate window`` on real files: text, JSON, exit codes and located errors."""

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from cli.window import app

STAFFED = """\
time_windows:
  - name: staffed
    effect: allow
    zone: Europe/Berlin
    weekly:
      - {days: [mon-thu], from: "09:00", until: "16:00"}
"""


@pytest.fixture(autouse=True)
def _here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def run(*arguments: str) -> Result:
    return CliRunner().invoke(app, list(arguments))


def test_show_as_json() -> None:
    Path("w.yaml").write_text(STAFFED)
    done = run(
        "show", "w.yaml", "--from", "2026-03-26", "--until", "2026-03-31", "--format", "json"
    )
    assert done.exit_code == 0
    assert json.loads(done.stdout) == {
        "type": "bakegate.windows/v1",
        "open": [
            {"from": "2026-03-26T08:00:00Z", "until": "2026-03-26T15:00:00Z"},
            {"from": "2026-03-30T07:00:00Z", "until": "2026-03-30T14:00:00Z"},
        ],
    }


def test_show_as_text_draws_a_week_and_names_causes() -> None:
    Path("w.yaml").write_text(STAFFED)
    done = run("show", "w.yaml", "--from", "2026-06-01", "--until", "2026-06-02")
    assert done.exit_code == 0
    assert (
        "  Mon 2026-06-01 09:00 CEST - Mon 2026-06-01 16:00 CEST  "
        "opened by staffed (file w.yaml); closed by staffed (file w.yaml)\n"
    ) in done.stdout
    row = "  Mon 2026-06-01  " + " " * 4 + "." * 14 + "#" * 14 + "." * 16 + "\n"
    assert row in done.stdout
    assert "closed, opens Mon 2026-06-01 09:00 CEST\n" in done.stdout


def test_next() -> None:
    Path("w.yaml").write_text(STAFFED)
    done = run("next", "w.yaml", "--at", "2026-06-05T12:00:00Z")
    assert (done.exit_code, done.stdout) == (
        0,
        (
            "closed, opens Mon 2026-06-08 09:00 CEST, by staffed (file w.yaml)\n"
            "then opened by staffed (file w.yaml)\n"
        ),
    )


def test_a_stage_adds_its_windows() -> None:
    pipeline = "schema: bakegate/pipeline/v1\nname: p\nstages:\n  - name: one-box\n    "
    Path("p.yaml").write_text(pipeline + STAFFED.replace("\n", "\n    "))
    at = ("--at", "2026-06-06T12:00:00Z")
    assert run("next", "p.yaml", *at).stdout == "open: p.yaml has no windows\n"
    assert run("next", "p.yaml", *at, "--stage", "one-box").stdout.startswith("closed, opens Mon")
    assert "--stage one-box" in run("show", "p.yaml").stdout
    unknown = run("next", "p.yaml", "--stage", "one-bix")
    assert (unknown.exit_code, unknown.stderr) == (
        2,
        "--stage one-bix: no such stage; did you mean 'one-box'? known are one-box\n",
    )


def test_errors_are_located() -> None:
    Path("w.yaml").write_text(STAFFED.replace("Berlin", "Berln").replace("allow", "alow"))
    done = run("show", "w.yaml")
    assert (done.exit_code, done.stdout, done.stderr) == (
        2,
        "",
        (
            "w.yaml:3:13: unknown word 'alow'; did you mean 'allow'? known are allow, deny\n"
            "w.yaml:4:11: unknown zone 'Europe/Berln'; did you mean Europe/Berlin?\n"
        ),
    )


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("a: [", "w.yaml:1:5: "),
        ("on: push\n", "w.yaml:1:1: no pipeline, ruleset or file with windows"),
        ("time_windows: []\ncolour: red\n", "w.yaml:2:1: unknown key 'colour' beside windows"),
        ("", "w.yaml:1:1: "),
        ("[]", "w.yaml:1:1: one mapping is expected"),
    ],
)
def test_other_files(text: str, message: str) -> None:
    Path("w.yaml").write_text(text)
    done = run("next", "w.yaml")
    assert (done.exit_code, done.stderr[: len(message)]) == (2, message)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("show",), "name one FILE, or a node of the organization with --org NODE\n"),
        (("show", "no.yaml"), "no.yaml: No such file or directory\n"),
        (("next", "w.yaml", "--org", "retail"), "name one FILE, or a node"),
        (("next", "w.yaml", "--at", "tomorrow"), "--at: 'tomorrow' is no point in time"),
        (("show", "w.yaml", "--from", "2026-06-02", "--until", "2026-06-02"), "--until is not in"),
        (("next", "--org", "retail", "--stage", "x"), "--stage belongs to a pipeline FILE\n"),
    ],
)
def test_usage(arguments: tuple[str, ...], message: str) -> None:
    done = run(*arguments)
    assert (done.exit_code, done.stderr[: len(message)]) == (2, message)


FROZEN = """\
schema: bakegate/ruleset/v1
name: retail
time_windows:
  - {name: peak, effect: deny, zone: UTC, between: {from: 2026-11-22, until: 2026-11-30},
     reason: Black week, owner: retail-ops}
  - {name: before, effect: deny, zone: UTC, strength: soft,
     between: {from: 2026-11-15, until: 2026-11-22}}
  - {name: closings, effect: deny, zone: UTC, calendar: "http://127.0.0.1:9/closings.ics"}
"""


def test_an_organization_says_why_it_is_frozen_and_what_it_does_not_know() -> None:
    head = "schema: bakegate/organization/v1\nname: retail\nruleset: rules.yaml\n"
    Path("organization.yaml").write_text(head)
    Path("rules.yaml").write_text(FROZEN)
    frozen = run("next", "--org", "retail", "--at", "2026-11-24T10:00:00Z").stdout.splitlines()
    assert frozen == [
        "closed, opens Mon 2026-11-30 00:00 UTC, by peak (organization retail)",
        "  peak (organization retail): Black week, retail-ops",
        "then opened by peak (organization retail)",
        "softly frozen, which only warns, by before (organization retail)",
        "closings (organization retail) could not be read: when it is, is not known",
    ]
    soft = run("next", "--org", "retail", "--at", "2026-11-16T10:00:00Z", "--format", "json")
    answer = json.loads(soft.stdout)
    assert (answer["open"], answer["reasons"]) == (True, [])
    closed = run("next", "--org", "retail", "--at", "2026-11-24", "--format", "json")
    assert json.loads(closed.stdout)["reasons"] == [
        {"window": "peak (organization retail)", "reason": "Black week", "owner": "retail-ops"}
    ]
