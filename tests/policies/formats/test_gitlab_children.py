"""Child pipelines of GitLab: jobs of the same repository that a job starts."""

import pytest

from policies.formats import Read, read_pipelines
from policies.pipeline import Pipeline, StageKind, StepKind
from tests.twins.tree import tree

ROOT = ".gitlab-ci.yml"
SHIP = (
    "stages: [one, two]\n"
    "canary: {stage: one, script: [./deploy.sh], environment: production}\n"
    "rest: {stage: two, script: [./deploy.sh], environment: production}\n"
)


def read(texts: dict[str, str]) -> Read:
    return read_pipelines(texts[ROOT].encode(), ROOT, files=tree(ROOT, texts))


def only(found: Read) -> Pipeline:
    assert found.problems == ()
    (pipeline,) = found.pipelines
    return pipeline


@pytest.mark.parametrize(
    "trigger",
    ["{include: ci/ship.yml}", "{include: [{local: ci/ship.yml}]}",
     "{include: {local: /ci/ship.yml}, forward: {x: y}}"],
)  # fmt: skip
def test_the_jobs_of_a_child_follow_the_job_that_starts_them(trigger: str) -> None:
    text = (
        "stages: [test, deploy, after]\nunit: {stage: test, script: [pytest]}\n"
        f"ship: {{stage: deploy, trigger: {trigger}}}\n"
        "tell: {stage: after, script: [echo]}\n"
    )
    pipeline = only(read({ROOT: text, "ci/ship.yml": SHIP}))
    assert {each.name: each.needs for each in pipeline.stages} == {
        "unit": (),
        "ship": ("unit",),
        "ship/canary": ("ship",),
        "ship/rest": ("ship/canary",),
        "tell": ("ship",),
    }
    assert [each.name for each in pipeline.prod] == ["ship/canary", "ship/rest"]
    (start,) = next(each for each in pipeline.stages if each.name == "ship").steps
    assert (start.kind.value, start.kind.confidence) == (StepKind.OTHER, 1.0)


def test_who_depends_on_a_child_waits_for_its_jobs() -> None:
    text = (
        "stages: [deploy, after]\n"
        "ship: {stage: deploy, trigger: {include: ci/ship.yml, strategy: depend}}\n"
        "check: {stage: after, script: [./smoke.sh]}\n"
    )
    pipeline = only(read({ROOT: text, "ci/ship.yml": SHIP}))
    assert pipeline.stages[-1].needs == ("ship", "ship/rest")


def test_children_of_children_are_read_and_none_below_them() -> None:
    texts = {ROOT: "a: {trigger: {include: 1.yml}}\n"}
    texts |= {f"{n}.yml": f"a: {{trigger: {{include: {n + 1}.yml}}}}\n" for n in range(1, 6)}
    names = [each.name for each in only(read(texts)).stages]
    assert names == ["a", "a/a", "a/a/a"]


def test_a_person_who_starts_a_child_starts_what_it_deploys() -> None:
    text = "ship: {when: manual, allow_failure: false, trigger: {include: ci/ship.yml}}\n"
    pipeline = only(read({ROOT: text, "ci/ship.yml": SHIP}))
    above = pipeline.upstream(pipeline.prod[0])
    assert [(each.name, each.transition.value) for each in above] == [("ship", "manual")]


def test_what_a_child_brings_from_elsewhere_is_not_seen() -> None:
    child = "include: [{project: group/ci, file: a.yml}]\nx: {script: [make]}\n"
    pipeline = only(read({ROOT: "a: {trigger: {include: c.yml}}\n", "c.yml": child}))
    assert pipeline.complete.note == "the included project group/ci is not in this repository"


def test_a_missing_child_is_told_where_it_is_started() -> None:
    found = read({ROOT: "a:\n  trigger:\n    include: gone.yml\n"})
    (problem,) = found.problems
    assert (problem.span.line, problem.message) == (
        3,
        "there is no file gone.yml in this repository; correct it",
    )
    assert not found.pipelines[0].stages[0].steps[0].kind.known


@pytest.mark.parametrize(
    "trigger",
    ["group/project", "{project: group/project}", "{include: [{artifact: a.yml, job: b}]}",
     "{include: $FILE}", "{include: {remote: 'https://x/y.yml'}}", "[x]"],
)  # fmt: skip
def test_pipelines_elsewhere_are_not_read(trigger: str) -> None:
    (found,) = only(read({ROOT: f"ship-prod: {{trigger: {trigger}}}\n"})).stages
    assert found.steps[0].kind.note == "the pipeline that it starts is not read"
    assert found.kind.value in (StageKind.PROD, StageKind.TEST)
