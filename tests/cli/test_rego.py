"""``bakegate rego``, and custom rules where other commands meet them."""

import json
import tarfile
from collections.abc import Callable
from pathlib import Path

import pytest
from typer.testing import Result

from cli.problems import Unusable
from cli.rego_engine import settings
from policies.rego.settings import Engine, Policies, RegoSettings

Bakegate = Callable[..., Result]
Write = Callable[[str, str], Path]

RULE = """\
# METADATA
# title: Every prod stage bakes
# custom:
#   id: every-prod-bakes
#   severity: high
#   owner: release-engineering
#   docs: A bake shows what tests do not.
#   fix: Give the stage a bake.
#   parameters:
#     properties:
#       least: {type: string, format: bakegate-duration, default: 1h, description: Shortest bake.}
package rules

import rego.v1

lint contains finding if {
	some i, stage in input.pipeline.stages
	stage.kind == "prod"
	stage.bake.time_s < input.parameters["every-prod-bakes"].least
	finding := {
		"path": ["pipeline", "stages", i, "bake", "time_s"],
		"message": sprintf("%v bakes %v s", [stage.name, stage.bake.time_s]),
	}
}
"""
PIPELINE = """\
schema: bakegate/pipeline/v1
name: shop
organization: retail
source: {repository: ., branch: main, start: push}
build: {steps: [{name: pack, kind: build, run: ./pack}], artifact: app.tar}
stages:
  - {name: cell-1, kind: prod, bake: {time: 30m}}
"""
CASES = """\
schema: bakegate/rego-cases/v1
rule: every-prod-bakes.rego
cases:
  - name: half an hour is short
    pipeline: &pipeline |
      schema: bakegate/pipeline/v1
      name: shop
      organization: retail
      source: {repository: ., branch: main, start: push}
      build: {steps: [{name: pack, kind: build, run: ./pack}], artifact: app.tar}
      stages: [{name: cell-1, kind: prod, bake: {time: 30m}}]
    lint: [{line: 6, column: 50, message: cell-1 bakes 1800 s}]
  - name: a ruleset may think otherwise
    parameters: {least: 30m}
    pipeline: *pipeline
    lint: []
"""


@pytest.fixture(autouse=True)
def interpreter(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BAKEGATE_REGO_ENGINE", "embedded")
    monkeypatch.setenv("BAKEGATE_REGO_TIMEOUT", "30")


@pytest.fixture
def organization(write: Write) -> None:
    """A repository of an organization whose ruleset has a custom rule."""
    write(".git/HEAD", "ref: refs/heads/main\n")
    write("organization.yaml", ORGANIZATION)
    write("rulesets/retail.yaml", RULESET)
    write("rulesets/rego/every-prod-bakes.rego", RULE)
    write("shop.yaml", PIPELINE)


ORGANIZATION = """\
schema: bakegate/organization/v1
name: retail
ruleset: rulesets/retail.yaml
"""
RULESET = """\
schema: bakegate/ruleset/v1
name: retail
custom: [rego/every-prod-bakes.rego]
rules: {every-prod-bakes: block}
"""


@pytest.mark.usefixtures("organization")
def test_a_custom_rule_judges_a_file(bakegate: Bakegate) -> None:
    result = bakegate("lint", "shop.yaml", "--format", "json")
    (file,) = json.loads(result.stdout)["files"]
    (found,) = [each for each in file["findings"] if each["rule"] == "every-prod-bakes"]
    assert (found["line"], found["column"], found["message"]) == (7, 45, "cell-1 bakes 1800 s")
    assert (found["enforcement"], found["docs"]) == ("block", "bakegate explain every-prod-bakes")
    assert result.exit_code == 1


@pytest.mark.usefixtures("organization")
def test_a_custom_rule_is_listed_and_explained(bakegate: Bakegate) -> None:
    listed = bakegate("rules")
    assert listed.stdout.splitlines()[-1].split() == [
        *("every-prod-bakes", "lint", "warn", "->", "block"),
        *("Every", "prod", "stage", "bakes"),
    ]
    page = bakegate("explain", "every-prod-bakes")
    assert "custom rule of release-engineering, rulesets/rego/every-prod-bakes.rego" in page.stdout
    assert "least: 1h - Shortest bake." in page.stdout
    assert bakegate("explain", "every-prod-bake").stderr == (
        "bakegate explain: there is no rule 'every-prod-bake'; did you mean 'every-prod-bakes'?\n"
    )


def test_a_broken_rule_ends_a_lint_with_its_places(bakegate: Bakegate, write: Write) -> None:
    write("rego/every-prod-bakes.rego", RULE.replace("owner: release-engineering", "ownr: x"))
    write("retail.yaml", RULESET)
    write("shop.yaml", PIPELINE)
    result = bakegate("lint", "shop.yaml", "--ruleset", "retail.yaml")
    assert result.exit_code == 2
    assert "rego/every-prod-bakes.rego:6:5: unknown key 'ownr'; did you mean 'owner'?" in (
        result.stderr
    )


def test_check_without_a_path_checks_what_is_built_in(bakegate: Bakegate) -> None:
    result = bakegate("rego", "check")
    assert (result.exit_code, result.stdout) == (0, "6 custom rules, 0 errors (regopy 1.5.2)\n")


def test_check_tells_every_error_with_its_place(bakegate: Bakegate, write: Write) -> None:
    write("rules/a.rego", RULE.replace("sprintf", "printf"))
    write("rules/b.rego", RULE.replace("severity: high", "severity: huge"))
    result = bakegate("rego", "check", "rules", "--format", "json")
    answer = json.loads(result.stdout)
    assert (result.exit_code, answer["type"]) == (1, "bakegate.rego-check/v1")
    assert answer["files"] == ["rules/a.rego", "rules/b.rego"]
    assert [(each["path"], each["line"], each["column"]) for each in answer["errors"]] == [
        ("rules/a.rego", 22, 14),
        ("rules/b.rego", 5, 15),
    ]
    text = bakegate("rego", "check", "rules").stdout
    assert "rules/a.rego:22:14: printf is no function" in text
    assert text.endswith("2 custom rules, 2 errors (regopy 1.5.2)\n")


def test_cases_run_and_say_what_is_not_as_expected(bakegate: Bakegate, write: Write) -> None:
    write("every-prod-bakes.rego", RULE)
    write("every-prod-bakes.rego-cases.yaml", CASES)
    result = bakegate("rego", "test")
    assert (result.exit_code, result.stdout) == (0, "2 cases, 0 not as expected (regopy 1.5.2)\n")
    write("every-prod-bakes.rego-cases.yaml", CASES.replace("{least: 30m}", "{least: 31m}"))
    result = bakegate("rego", "test")
    assert result.exit_code == 1
    assert result.stdout.splitlines()[0] == (
        "every-prod-bakes.rego-cases.yaml:16:5: a ruleset may think otherwise: "
        "not expected: 6:50 fail: cell-1 bakes 1800 s"
    )
    answer = json.loads(bakegate("rego", "test", "--format", "json").stdout)
    assert [each["passed"] for each in answer["cases"]] == [True, False]


@pytest.mark.parametrize(
    ("old", "new", "told"),
    [
        ("least: 30m", "most: 3", ":14:24: every-prod-bakes has no parameter 'most'"),
        ("least: 30m", "least: soon", ":14:25: 'soon' is not a duration"),
        ("lint: []", "gate: {result: pass, message: x}", "write both or neither"),
        ("lint: []", "lints: []", "unknown key 'lints'; did you mean 'lint'?"),
        ("rule: every", "rule: no", "no-prod-bakes.rego: No such file or directory"),
    ],
)
def test_cases_that_cannot_run_end_with_2(
    bakegate: Bakegate, write: Write, old: str, new: str, told: str
) -> None:
    write("every-prod-bakes.rego", RULE)
    write("every-prod-bakes.rego-cases.yaml", CASES.replace(old, new))
    result = bakegate("rego", "test")
    assert result.exit_code == 2
    assert told in result.stderr


@pytest.mark.usefixtures("organization")
def test_a_bundle_holds_the_rules_of_the_organization(bakegate: Bakegate, tmp_path: Path) -> None:
    result = bakegate("rego", "bundle", "--output", "bundle.tar.gz")
    assert (result.exit_code, result.stdout) == (0, "bundle.tar.gz: 1 custom rules in 1 sets\n")
    with tarfile.open(tmp_path / "bundle.tar.gz") as archive:
        manifest = archive.extractfile(".manifest")
        assert manifest is not None
        assert json.load(manifest)["roots"] == ["bakegate/custom"]
        assert len(archive.getnames()) == 3


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (("bundle", "--output", "x"), "no organization.yaml here or above; use --ruleset"),
        (("bundle", "--output", "x", "--ruleset", "starter"), "no ruleset here has custom rules"),
        (("test", "nowhere"), "nowhere: No such file or directory"),
        (("test",), "no *.rego-cases.yaml in ."),
        (("check", "--engine", "server"), "'' is no address of an OPA"),
    ],
)
def test_what_cannot_be_used_ends_with_2(
    bakegate: Bakegate, words: tuple[str, ...], told: str
) -> None:
    result = bakegate("rego", *words)
    assert (result.exit_code, told in result.stderr) == (2, True)


def test_the_environment_says_which_engine() -> None:
    assert settings({}) == RegoSettings()
    said = settings(
        {
            "BAKEGATE_REGO_ENGINE": "server",
            "BAKEGATE_REGO_URL": "https://opa:8181",
            "BAKEGATE_REGO_TIMEOUT": "0.5",
            "BAKEGATE_REGO_POLICIES": "bundle",
            "BAKEGATE_REGO_CA": "ca.pem",
            "BAKEGATE_HOST": "127.0.0.1",
        }
    )
    assert (said.engine, said.url, said.timeout) == (Engine.SERVER, "https://opa:8181", 0.5)
    assert (said.policies, said.ca) == (Policies.BUNDLE, "ca.pem")


@pytest.mark.parametrize(
    ("name", "text", "told"),
    [
        (
            "ENGINE",
            "oap",
            "BAKEGATE_REGO_ENGINE is 'oap'; it is one of auto, server, opa, embedded",
        ),
        ("POLICIES", "push", "BAKEGATE_REGO_POLICIES is 'push'; it is one of upload, bundle"),
        ("TIMEOUT", "soon", "BAKEGATE_REGO_TIMEOUT is 'soon'; it is seconds, more than 0"),
        ("TIMEOUT", "0", "BAKEGATE_REGO_TIMEOUT is '0'; it is seconds, more than 0"),
    ],
)
def test_an_environment_that_means_nothing_is_refused(name: str, text: str, told: str) -> None:
    with pytest.raises(Unusable) as caught:
        settings({f"BAKEGATE_REGO_{name}": text})
    assert str(caught.value).startswith(told)
