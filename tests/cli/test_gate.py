"""``bakegate gate``: a record of another executor before the real gate, as text and as JSON."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

import pytest
from typer.testing import Result

from policies.documents import issues
from policies.rules import CATALOGUE
from policies.source import read

Bakegate = Callable[..., Result]
Write = Callable[[str, str], Path]

GOLDEN: Final = Path(__file__).parents[1] / "golden"
DOCS: Final = GOLDEN.parents[1] / "docs"
PIPELINE: Final = GOLDEN / "output" / "shop.yaml"
#: The rules of these tests; another rule of the catalogue must not change what they print.
ASKED: Final = ("alarm-block", "bake-time", "code-reviewed", "rolled-back-revision", "unit-tests")
AT: Final = "2026-11-24T10:22:48Z"


@pytest.fixture
def here(write: Write) -> Write:
    """A folder with a pipeline file, a ruleset of a few rules and the record of its release."""
    rows = "".join(f"  {each.id}: {_level(each.id)}\n" for each in CATALOGUE)
    write("rules.yaml", f"schema: bakegate/ruleset/v1\nname: few\nrules:\n{rows}")
    write("shop.yaml", PIPELINE.read_text(encoding="utf-8"))
    write("shop-7.json", json.dumps(record()))
    return write


def _level(rule: str) -> str:
    return "block" if rule in ASKED else "off"


def record() -> dict[str, Any]:
    found: dict[str, Any] = json.loads(
        (GOLDEN / "gate" / "shop-7.json").read_text(encoding="utf-8")
    )
    return found


def allowed(_: dict[str, Any]) -> None:
    """The record as it stands."""


def too_early(data: dict[str, Any]) -> None:
    """The one-box was deployed twenty minutes ago."""
    run = data["stage_runs"][0]
    run |= {"deployed_at": "2026-11-24T10:02:48Z", "baked": "20m"}
    run["bake_observed_at"] = AT


def rolled_back(data: dict[str, Any]) -> None:
    """The same artifact went back two days ago, and nobody reviewed the change."""
    earlier = data["context"]["earlier_releases"][0]
    earlier["digest"] = data["artifact"]["digest"]
    back = {"at": "2026-11-22T12:00:00Z", "cause": "alarm", "auto": True}
    earlier["stage_runs"][0] |= {"outcome": "rolled_back", "rolled_back": back}
    data["changes"][0]["reviewers"] = []


@pytest.mark.parametrize(("change", "code"), [(allowed, 0), (too_early, 4), (rolled_back, 1)])
def test_the_answer_says_what_holds_and_what_would_pass(
    bakegate: Bakegate, here: Write, change: Callable[[dict[str, Any]], None], code: int
) -> None:
    data = record()
    change(data)
    here("shop-7.json", json.dumps(data))
    result = ask(bakegate)
    expected = (GOLDEN / "gate" / f"{change.__name__}.text").read_text(encoding="utf-8")
    assert (result.exit_code, result.stdout, result.stderr) == (code, expected, "")


def ask(bakegate: Bakegate, *more: str) -> Result:
    words = ("--record", "shop-7.json", "--stage", "cell-1", "--at", AT)
    return bakegate("gate", *words, "--ruleset", "rules.yaml", *more)


def test_json_is_the_published_message(bakegate: Bakegate, here: Write) -> None:
    result = ask(bakegate, "--pipeline", "shop.yaml", "--format", "json")
    message = json.loads(result.stdout)
    assert issues(read(result.stdout, "gate.json")[0], "gate") == []
    assert (result.exit_code, message["verdict"], message["at"]) == (0, "allow", AT)
    assert [each["rule"] for each in message["results"]] == list(ASKED)
    assert here is not None


def test_the_organization_decides_where_no_ruleset_is_named(
    bakegate: Bakegate, here: Write
) -> None:
    here(
        "organization.yaml",
        "schema: bakegate/organization/v1\nname: harbor\nruleset: rules.yaml\n"
        "children: [{name: shop}]\n",
    )
    words = ("--record", "shop-7.json", "--stage", "cell-1", "--at", AT, "--format", "json")
    of_its_own = json.loads(bakegate("gate", *words).stdout)
    assert of_its_own["ruleset"]["organization"] == "harbor/shop"
    root = json.loads(bakegate("gate", *words, "--org", "harbor").stdout)
    assert root["ruleset"]["organization"] == "harbor"


def test_the_blocklist_of_the_organization_counts(bakegate: Bakegate, here: Write) -> None:
    digest = record()["artifact"]["digest"]
    here(
        "organization.yaml",
        "schema: bakegate/organization/v1\nname: harbor\nruleset: rules.yaml\n"
        "exceptions: exceptions.yaml\nchildren: [{name: shop}]\n",
    )
    here(
        "rules.yaml", "schema: bakegate/ruleset/v1\nname: few\nrules: {artifact-blocklist: block}\n"
    )
    here(
        "exceptions.yaml",
        "schema: bakegate/exceptions/v1\n"
        f"blocklist: [{{id: bl-1, digest: '{digest}', reason: loses orders, owner: lee}}]\n",
    )
    result = bakegate("gate", "--record", "shop-7.json", "--stage", "cell-1", "--at", AT)
    assert result.exit_code == 1
    assert "blocked by bl-1: loses orders" in result.stdout


def test_every_error_of_a_record_has_its_place(bakegate: Bakegate, here: Write) -> None:
    here(
        "shop-7.json",
        "type: bakegate.release/v1\n"
        "release: {id: 'shop:7', pipeline: shop, created_at: yesterday}\n"
        "artifact: {digest: 'sha256:7', comit: x}\n",
    )
    result = ask(bakegate)
    assert (result.exit_code, result.stdout) == (2, "")
    *others, last = result.stderr.splitlines()
    assert others == [
        "shop-7.json:2:53: 'yesterday' is not a time; write 2026-12-18, or 2026-12-18T17:00 with Z",
        "shop-7.json:3:1: 'commit' is missing: The commit that it was built from",
    ]
    assert last.startswith("shop-7.json:3:32: unknown key 'comit'; did you mean 'commit'? known ")


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (
            ("--record", "shop-8.json", "--stage", "cell-1"),
            "bakegate gate: shop-8.json: No such file or directory",
        ),
        (
            ("--record", "shop-7.json", "--stage", "cel-1"),
            (
                "bakegate gate: pipeline 'shop' has no stage 'cel-1'; did you mean 'cell-1'?; "
                "its stages are build, beta, one-box, cell-1"
            ),
        ),
        (
            ("--record", "shop-7.json", "--stage", "cell-1", "--pipeline", "other.yaml"),
            "other.yaml:1:1: the file cannot be opened: No such file or directory",
        ),
    ],
)
def test_what_cannot_be_asked_ends_with_2(
    bakegate: Bakegate, here: Write, words: tuple[str, ...], told: str
) -> None:
    result = bakegate("gate", *words)
    assert (result.exit_code, result.stdout, result.stderr) == (2, "", f"{told}\n")
    assert here is not None


def test_a_pipeline_that_is_nowhere_or_twice_is_asked_for(bakegate: Bakegate, here: Write) -> None:
    here("again.yaml", PIPELINE.read_text(encoding="utf-8"))
    twice = ask(bakegate)
    assert twice.stderr == (
        "bakegate gate: several files hold a pipeline 'shop': again.yaml, shop.yaml; "
        "choose with --pipeline\n"
    )
    data = record()
    data["release"]["pipeline"] = "shopp"
    here("shop-7.json", json.dumps(data))
    nowhere = ask(bakegate)
    assert nowhere.exit_code == 2
    assert nowhere.stderr == (
        "bakegate gate: no file below here holds the pipeline 'shopp'; did you mean 'shop'?; "
        "name its file with --pipeline\n"
    )


def test_the_record_of_the_documentation_is_one(bakegate: Bakegate, here: Write) -> None:
    text = (DOCS / "gate.md").read_text(encoding="utf-8")
    here("shop-7.json", text.partition("```json\n")[2].partition("```")[0])
    result = ask(bakegate)
    assert (result.exit_code, result.stdout.splitlines()[0]) == (0, "allow")


def test_what_the_pipeline_file_brings_in_is_read_and_kept(bakegate: Bakegate, here: Write) -> None:
    here(".git/HEAD", "ref: refs/heads/main\n")
    here("tests.yml", "unit:\n  stage: test\n  script: [python -m pytest]\n")
    here(
        ".gitlab-ci.yml",
        "include: [{local: tests.yml}]\nstages: [test, deploy]\n"
        "ship:\n  stage: deploy\n  environment: production\n  script: [kubectl apply -f k8s/]\n",
    )
    here(
        "bakegate.yaml",
        "schema: bakegate/overlay/v1\npipelines: {.gitlab-ci.yml: {name: store}}\n",
    )
    here(
        "rules.yaml",
        "schema: bakegate/ruleset/v1\nname: few\nrules: {evidence-matches-artifact: block}\n",
    )
    data = record()
    data["release"]["pipeline"] = "store"
    data["evidence"][0]["stage"] = "unit"
    here("shop-7.json", json.dumps(data))
    words = ("--record", "shop-7.json", "--stage", "ship", "--ruleset", "rules.yaml", "--at", AT)
    message = json.loads(bakegate("gate", *words, "--format", "json").stdout)
    told = {each["rule"]: each["message"] for each in message["results"]}
    assert told["evidence-matches-artifact"] == "unit in unit passed on 777777777777"
