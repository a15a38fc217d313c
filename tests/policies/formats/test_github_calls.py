"""Workflows and composite actions of the same repository, read where a workflow calls them."""

import pytest

from policies.findings import Span
from policies.formats import Read, read_pipelines
from policies.pipeline import Pipeline, Stage, StageKind, StepKind
from tests.twins.tree import tree

ROOT = ".github/workflows/ship.yml"
DEPLOY = ".github/workflows/deploy.yml"
ACTION = ".github/actions/up/action.yml"


def read(texts: dict[str, str], *, rooted: bool = True) -> Read:
    return read_pipelines(texts[ROOT].encode(), ROOT, files=tree(ROOT, texts, rooted=rooted))


def only(found: Read) -> Pipeline:
    assert found.problems == ()
    (pipeline,) = found.pipelines
    return pipeline


def stage(pipeline: Pipeline, name: str) -> Stage:
    found = pipeline.stage(name)
    assert found is not None
    return found


def test_a_call_of_one_job_is_that_job_with_its_inputs() -> None:
    texts = {
        ROOT: "on: push\njobs:\n  test: {steps: [{run: pytest}]}\n"
        "  prod:\n    needs: test\n    uses: ./.github/workflows/deploy.yml\n"
        "    with: {environment: production}\n",
        DEPLOY: "on:\n  workflow_call:\n    inputs:\n      environment: {type: string}\n"
        "      chart: {default: ./chart}\njobs:\n  deploy:\n"
        "    environment: ${{ inputs.environment }}\n"
        "    steps: [{run: 'helm upgrade shop ${{ inputs.chart }} --atomic'}]\n",
    }
    found = read(texts)
    prod = stage(only(found), "prod")
    assert (prod.environment, prod.kind.value, prod.needs) == (
        "production",
        StageKind.PROD,
        ("test",),
    )
    assert prod.deploy is not None
    assert (prod.deploy.engine.value, prod.deploy.rollback_on.value) == (
        "helm",
        frozenset({"failure"}),
    )
    assert prod.steps[0].run.value == "helm upgrade shop ./chart --atomic"
    assert prod.span.path == DEPLOY
    assert [each.path for each in found.parts] == [DEPLOY]


def test_a_call_of_several_jobs_keeps_their_order() -> None:
    texts = {
        ROOT: "on: push\njobs:\n  lint: {steps: [{run: ruff check}]}\n"
        "  go: {needs: [lint], uses: ./.github/workflows/deploy.yml}\n"
        "  after: {needs: go, steps: [{run: echo}]}\n",
        DEPLOY: "on: workflow_call\nenv: {A: b}\njobs:\n  one: {steps: [{run: pytest}]}\n"
        "  two: {needs: one, steps: [{run: kubectl apply -f x}]}\n  side: {steps: [{run: ls}]}\n",
    }
    pipeline = only(read(texts))
    assert {each.name: each.needs for each in pipeline.stages} == {
        "lint": (),
        "go/one": ("lint",),
        "go/two": ("go/one",),
        "go/side": ("lint",),
        "after": ("go/two", "go/side"),
    }


def test_calls_of_calls_are_followed() -> None:
    texts = {
        ROOT: "on: push\njobs:\n  a: {uses: ./.github/workflows/deploy.yml}\n",
        DEPLOY: "on: workflow_call\njobs:\n  b: {uses: ./.github/workflows/x.yml}\n"
        "  c: {needs: b, steps: [{run: make}]}\n",
        ".github/workflows/x.yml": "on: workflow_call\njobs: {d: {steps: [{run: pytest}]}}\n",
    }
    pipeline = only(read(texts))
    assert {each.name: each.needs for each in pipeline.stages} == {"a/b": (), "a/c": ("a/b",)}


def test_the_steps_of_a_composite_action_stand_in_its_place() -> None:
    texts = {
        ROOT: "on: push\njobs:\n  prod:\n    steps:\n    - run: pytest\n"
        "    - uses: ./.github/actions/up\n      continue-on-error: true\n"
        "      with: {what: shop}\n    - run: curl -f https://shop.example/health\n",
        ACTION: "inputs: {what: {}, where: {default: eu}}\nruns:\n  using: composite\n  steps:\n"
        "  - run: |\n      kubectl apply -f ${{ inputs.what }}-${{ inputs.where }} || true\n",
    }
    steps = stage(only(read(texts)), "prod").steps
    assert [each.kind.value for each in steps] == [StepKind.UNIT, StepKind.DEPLOY, StepKind.SMOKE]
    assert steps[1].run.value == "kubectl apply -f shop-eu || true\n"
    assert steps[1].soft.value == "continue-on-error"


def test_words_that_let_a_failure_pass_are_placed_in_the_file_that_has_them() -> None:
    texts = {
        ROOT: "on: push\njobs:\n  a:\n    steps: [{uses: ./.github/actions/up}]\n",
        ACTION: "runs:\n  using: composite\n  steps:\n  - run: pytest || true\n",
    }
    (step,) = stage(only(read(texts)), "a").steps
    assert step.soft.span == Span(ACTION, 4, 17, 4, 24)


def test_the_condition_of_a_call_is_that_of_its_first_jobs() -> None:
    texts = {
        ROOT: "on: push\njobs:\n  a:\n    if: github.ref == 'refs/heads/main'\n"
        "    uses: ./.github/workflows/deploy.yml\n",
        DEPLOY: "on: workflow_call\njobs:\n  one: {steps: [{run: make}]}\n"
        "  two: {needs: one, steps: [{run: helm upgrade a b}]}\n",
    }
    pipeline = only(read(texts))
    assert [each.branches.value for each in pipeline.stages] == [("main",), ("main",)]


@pytest.mark.parametrize(
    ("uses", "message"),
    [
        ("./.github/workflows/gone.yml",
         "there is no file .github/workflows/gone.yml in this repository; correct it"),
        ("./../x.yml", "./../x.yml leads out of the repository; name a file in it"),
        (f"./{ROOT}", f"files name one another in a circle: {ROOT} -> {ROOT}; break it"),
    ],
)  # fmt: skip
def test_wrong_calls_are_told_where_they_stand(uses: str, message: str) -> None:
    found = read({ROOT: f"on: push\njobs:\n  a:\n    uses: {uses}\n"})
    (problem,) = found.problems
    assert (problem.span.line, problem.span.column, problem.message) == (4, 11, message)
    assert not found.pipelines[0].stages[0].steps[0].kind.known


@pytest.mark.parametrize("uses", ["./.github/actions/gone", "./../out", "./.github/actions/node"])
def test_actions_that_are_not_here_stay_steps(uses: str) -> None:
    texts = {
        ROOT: f"on: push\njobs:\n  a:\n    steps: [{{uses: {uses}}}]\n",
        ".github/actions/node/action.yaml": "runs: {using: node20, main: x.js}\n",
    }
    (step,) = stage(only(read(texts)), "a").steps
    assert step.uses.value == uses


def test_outside_of_a_repository_nothing_is_surely_missing() -> None:
    texts = {ROOT: "on: push\njobs:\n  a: {uses: ./.github/workflows/gone.yml}\n"}
    (found,) = only(read(texts, rooted=False)).stages
    assert found.steps[0].kind.note == (
        "the called workflow ./.github/workflows/gone.yml is not read"
    )


def test_actions_that_use_themselves_come_to_an_end() -> None:
    twice = ", ".join(["{uses: ./.github/actions/up}"] * 2)
    double = f"runs: {{using: composite, steps: [{twice}]}}\n"
    found = read({ROOT: "on: push\njobs: {a: {steps: [{uses: ./.github/actions/up}]}}\n",
                  ACTION: double})  # fmt: skip
    assert any("circle" in each.message for each in found.problems)


@pytest.mark.parametrize(
    "called",
    ["[]", "on: workflow_call\njobs: word", "on: workflow_call\njobs: {}", "jobs: {a: [x]}",
     "on: {workflow_call: {inputs: [x]}}\njobs: {a: {needs: {b: c}, steps: word, env: x}}"],
)  # fmt: skip
def test_odd_forms_are_read_as_far_as_they_go(called: str) -> None:
    texts = {ROOT: "on: push\njobs: {a: {uses: ./.github/workflows/deploy.yml}}\n", DEPLOY: called}
    assert len(read(texts).pipelines) == 1


def test_of_several_jobs_the_name_of_the_call_tells_only_the_one_in_an_environment() -> None:
    texts = {
        ROOT: "on: push\njobs:\n  deploy-prod: {uses: ./.github/workflows/deploy.yml}\n",
        DEPLOY: "on: workflow_call\njobs:\n"
        "  vars: {steps: [{uses: o/get-pr@v1}]}\n"
        "  up: {needs: vars, environment: production, steps: [{uses: o/thing@v1}]}\n",
    }
    stages = only(read(texts)).stages
    assert [(each.name, bool(each.deploy)) for each in stages] == [
        ("deploy-prod/vars", False),
        ("deploy-prod/up", True),
    ]


@pytest.mark.parametrize(
    ("condition", "runs"),
    [
        ("inputs.where == ''", False),
        ("inputs.where != 'DEV'", True),
        ("${{ inputs.seed }}", False),
        ("inputs.where == '' && always()", True),
        ("inputs.unheard == ''", True),
    ],
)
def test_a_job_that_the_inputs_of_a_call_rule_out_is_not_there(
    condition: str, *, runs: bool
) -> None:
    texts = {
        ROOT: "on: push\njobs:\n  prod:\n    uses: ./.github/workflows/deploy.yml\n"
        "    with: {where: production, seed: false}\n",
        DEPLOY: "on: {workflow_call: {inputs: {where: {type: string}}}}\njobs:\n"
        "  up: {steps: [{run: helm upgrade a b}]}\n"
        f'  seed: {{if: "{condition}", steps: [{{run: helm upgrade c d}}]}}\n',
    }
    assert (len(only(read(texts)).stages) == 2) is runs
