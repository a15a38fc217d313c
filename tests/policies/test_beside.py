"""What one file cannot say: other pipelines of the same run, and what was before."""

import pytest

from policies.documents import DocumentError
from policies.engine.beside import with_histories
from policies.engine.together import Together, said
from policies.facts import Provenance
from policies.formats import Read, read_pipelines
from policies.history_files import read_histories

DEPLOY = """\
name: {name}
on: {{push: {{branches: [main]}}}}
jobs:
  production:
    runs-on: ubuntu-latest
    environment: {environment}
    steps:
      - run: {run}
"""
APPLY = "kubectl apply -f shop.yaml"
SET = "kubectl set image deployment/shop shop=registry/shop:"


def file(name: str, environment: str = "production", run: str = APPLY) -> Read:
    text = DEPLOY.format(name=name, environment=environment, run=run)
    return read_pipelines(text.encode(), f".github/workflows/{name}.yml")


def placed(*reads: Read) -> list[Read]:
    together = Together(dict(enumerate(map(said, reads))))
    return [together.placed(position, each) for position, each in enumerate(reads)]


def writers(*reads: Read) -> list[list[str]]:
    return [
        [each.pipeline for each in read.pipelines[0].writers.or_else(()) or ()]
        for read in placed(*reads)
    ]


def test_the_same_command_in_the_same_environment_is_a_second_road() -> None:
    assert writers(file("deploy"), file("hotfix")) == [["hotfix"], ["deploy"]]


def test_the_same_image_is_a_second_road_whatever_its_tag() -> None:
    one, other = file("deploy", run=SET + "1"), file("hotfix", run=SET + "2")
    assert writers(one, other) == [["hotfix"], ["deploy"]]


def test_another_environment_or_another_service_is_none() -> None:
    elsewhere = file("canary", environment="production-us")
    cart = file("cart", run="kubectl apply -f cart.yaml")
    assert writers(file("deploy"), elsewhere, cart) == [[], [], []]


def test_an_action_of_another_repository_deploys_what_it_is_given() -> None:
    def using(name: str, action: str) -> Read:
        text = DEPLOY.format(name=name, environment="production", run=APPLY)
        text = text.replace(f"run: {APPLY}", f"uses: {action}")
        return read_pipelines(text.encode(), f".github/workflows/{name}.yml")

    assert writers(*(using(name, "nais/deploy/actions/deploy@v2") for name in "ab")) == [[], []]
    assert writers(*(using(name, "./.github/actions/deploy") for name in "ab")) == [["b"], ["a"]]


def test_stages_of_a_type_are_no_second_road() -> None:
    stage = b'{"type": "deployManifest", "refId": "1", "name": "Deploy to production"}'
    pipeline = b'{"name": "release", "application": "%s", "stages": [%s]}'
    reads = [read_pipelines(pipeline % (name, stage), "p.json") for name in (b"shop", b"cart")]
    assert writers(*reads) == [[], []]


def test_a_template_that_nothing_starts_is_no_second_road() -> None:
    template = file("part").source
    assert template is not None
    text = template.text.replace("{push: {branches: [main]}}", "workflow_call")
    part = read_pipelines(text.encode(), ".github/workflows/part.yml")
    assert writers(file("deploy"), part) == [[], ["deploy"]]


def test_workflows_of_a_folder_further_down_have_names_of_their_own() -> None:
    def clashes(*paths: str) -> int:
        text = DEPLOY.format(name="CI", environment="production", run=APPLY)
        reads = [read_pipelines(text.encode(), path) for path in paths]
        together = Together(dict(enumerate(map(said, reads))))
        return sum(len(list(together.named_twice(at, each))) for at, each in enumerate(reads))

    assert clashes(".github/workflows/a.yml", ".github/workflows/b.yml") == 1
    assert clashes(".github/workflows/a.yml", "examples/x/.github/workflows/b.yml") == 0
    assert clashes("x/.github/workflows/a.yml", "x/.github/workflows/b.yml") == 1


def test_the_way_back_is_no_second_road_and_has_none() -> None:
    assert writers(file("deploy"), file("rollback-production")) == [[], []]


def test_a_file_alone_has_been_looked_at() -> None:
    (read,) = placed(file("deploy"))
    assert read.pipelines[0].writers.value == ()


HISTORY = """\
schema: bakegate/history/v1
pipelines:
  deploy: {observed_at: "2026-11-24T10:00:00Z", releases: 12, manual_wait: 4h, avoidable_ratio: 40%}
"""


def test_a_history_belongs_to_the_pipeline_of_its_name() -> None:
    past = read_histories(HISTORY, "history.yaml")
    deploy, hotfix = (with_histories(file(name), past) for name in ("deploy", "hotfix"))
    found = deploy.pipelines[0].history
    assert found.provenance is Provenance.OBSERVED
    assert found.value == past["deploy"]
    assert (past["deploy"].releases, past["deploy"].window.days) == (12, 30)
    assert (past["deploy"].manual_wait, past["deploy"].avoidable_ratio) == (
        past["deploy"].window / 180,
        0.4,
    )
    assert not hotfix.pipelines[0].history.known


def test_what_is_wrong_in_a_history_is_told_with_its_place() -> None:
    with pytest.raises(DocumentError, match=r"h.yaml:3:\d+: unknown key 'relaeses'"):
        read_histories(HISTORY.replace("releases", "relaeses"), "h.yaml")
