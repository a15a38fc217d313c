"""``bakegate inspect``: the facts of one file as text and as the published JSON."""

import json
from collections.abc import Callable
from pathlib import Path

import jsonschema
import pytest
from typer.testing import Result

from policies.documents import schema_text
from policies.formats import FORMATS

Bakegate = Callable[..., Result]
Write = Callable[[str, str], Path]

PIPELINE = """\
name: Shop
on: push
jobs:
  test:
    runs-on: ubuntu-latest
    steps:
      - run: npm test
  ship:
    needs: test
    runs-on: ubuntu-latest
    environment: production
    steps:
      - run: kubectl apply -f k8s/
"""
TEXT = """\
Shop (github-actions)
  deploys ship: prod, line 8
  unit tests before production: yes, line 7
  integration tests before production: no
  load tests before production: no
  security tests before production: no
  lint tests before production: no
  canary tests before production: no
  approval before production: unknown, line 11
  alarm gating: no
  time window: no
  automatic rollback: no
  progressive exposure: no
"""
KNOWN = ", ".join(each.title for each in FORMATS)
UNKNOWN_FORMAT = f"not a pipeline file of a known format; known are {KNOWN}"


def test_text(bakegate: Bakegate, write: Write) -> None:
    write("shop.yml", PIPELINE)
    result = bakegate("inspect", "shop.yml")
    assert (result.exit_code, result.stdout, result.stderr) == (0, TEXT, "")


def test_json_is_as_published(bakegate: Bakegate, write: Write) -> None:
    write("shop.yml", PIPELINE)
    result = bakegate("inspect", "shop.yml", "--format", "json")
    answer = json.loads(result.stdout)
    jsonschema.validate(answer, json.loads(schema_text("inspect")))
    assert (result.exit_code, answer["problems"]) == (0, [])
    (pipeline,) = answer["pipelines"]
    assert pipeline["deploys"] == [
        {"stage": "ship", "environment": "production", "kind": "prod", "line": 8}
    ]
    assert pipeline["tests_before_production"]["unit"] == {"value": "yes", "line": 7}
    assert pipeline["approval_before_production"] == {"value": "unknown", "line": 11}


def test_a_file_that_cannot_be_read_has_problems(bakegate: Bakegate, write: Write) -> None:
    write("notes.txt", "hi\n")
    text = bakegate("inspect", "notes.txt")
    assert (text.exit_code, text.stdout) == (0, f"notes.txt:1: {UNKNOWN_FORMAT}\n")
    answer = json.loads(bakegate("inspect", "notes.txt", "--format", "json").stdout)
    jsonschema.validate(answer, json.loads(schema_text("inspect")))
    assert answer["pipelines"] == []
    assert [each["message"] for each in answer["problems"]] == [UNKNOWN_FORMAT]


@pytest.mark.usefixtures("soft")
def test_neither_overlay_nor_ruleset_is_read(bakegate: Bakegate, write: Write) -> None:
    write("bakegate.yaml", "not: ours\n")
    result = bakegate("inspect", ".github/workflows/deploy.yml")
    assert (result.exit_code, result.stdout.splitlines()[0]) == (0, "Deploy (github-actions)")


@pytest.mark.parametrize(
    ("name", "told"), [("none.yml", "no such file"), (".", "a folder; name one file of it")]
)
def test_no_file_ends_with_2(bakegate: Bakegate, name: str, told: str) -> None:
    result = bakegate("inspect", name)
    assert (result.exit_code, result.stdout) == (2, "")
    assert result.stderr == f"bakegate inspect: {name}: {told}\n"


SEVERAL = """\
[{"name": "asdf", "application": "shop", "stages": []},
 {"name": "front50/deploy to prod", "application": "shop", "stages": [{"type": "wait"}]},
 {"name": "deploy to test", "application": "shop", "stages": [{"type": "wait"}]}]
"""


def test_of_several_pipelines_one_is_named_as_overlays_name_it(
    bakegate: Bakegate, write: Write
) -> None:
    write("several.json", SEVERAL)
    assert bakegate("inspect", "several.json").stdout.count("(spinnaker)") == 3
    one = bakegate("inspect", "several.json#front50/deploy to prod", "--format", "json")
    assert [each["name"] for each in json.loads(one.stdout)["pipelines"]] == [
        "front50/deploy to prod"
    ]
    none = bakegate("inspect", "several.json#deploy to tset")
    assert (none.exit_code, none.stdout) == (2, "")
    assert "there is no pipeline 'deploy to tset'; did you mean 'deploy to test'?" in none.stderr


@pytest.mark.parametrize(
    ("limit", "told"),
    [
        ("cli.reading.READ_SECONDS", "reading the file took more than 0.01 s and was stopped"),
        (
            "cli.inspect.RULE_SECONDS",
            "looking through the pipeline took more than 0.01 s and was stopped",
        ),
    ],
)
def test_what_takes_too_long_is_stopped_and_told(
    bakegate: Bakegate, write: Write, monkeypatch: pytest.MonkeyPatch, limit: str, told: str
) -> None:
    job = "  job-{0}: {{environment: production, steps: [{{run: kubectl apply -f {0}}}]}}\n"
    jobs = "".join(job.format(each) for each in range(6000))
    write("shop.yml", f"on: push\njobs:\n{jobs}")
    monkeypatch.setattr(limit, 0.01)
    result = bakegate("inspect", "shop.yml", "--format", "json")
    answer = json.loads(result.stdout)
    assert (result.exit_code, answer["pipelines"]) == (0, [])
    assert [each["message"] for each in answer["problems"]] == [told]
