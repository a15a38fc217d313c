"""Azure templates: conditions, loops and files put in their places, and what stays unseen."""

import pytest

from policies.findings import Span
from policies.formats import Read, read_pipelines
from policies.formats.azure_expressions import Names, evaluate, filled, truth
from policies.pipeline import Pipeline, StageKind
from policies.source import Scalar
from tests.twins.tree import tree

ROOT = "azure-pipelines.yml"
NOWHERE = Span("", 1, 1, 1, 1)


def read(texts: dict[str, str], home: str = ROOT) -> Read:
    return read_pipelines(texts[home].encode(), home, files=tree(home, texts))


def only(found: Read) -> Pipeline:
    assert found.problems == ()
    (pipeline,) = found.pipelines
    return pipeline


def names(pipeline: Pipeline) -> list[str]:
    return [each.name for each in pipeline.stages]


def test_templates_are_put_in_with_what_they_are_given() -> None:
    found = read(
        {
            ROOT: "trigger: none\nstages:\n- stage: prod\n  jobs:\n"
            "  - template: ci/ship.yml\n    parameters: {environment: production}\n",
            "ci/ship.yml": "parameters:\n- {name: environment, type: string}\n"
            "- {name: suffix, default: eu}\njobs:\n"
            "- deployment: ship_${{ parameters.suffix }}\n"
            "  environment: ${{ parameters.environment }}\n"
            "  strategy: {runOnce: {deploy: {steps: [{template: /steps/up.yml}]}}}\n",
            "steps/up.yml": "steps: [{script: helm upgrade a b}]\n",
        }
    )
    pipeline = only(found)
    assert pipeline.complete.value is True
    (ship,) = pipeline.stages
    assert (ship.name, ship.environment, ship.kind.value) == (
        "prod/ship_eu",
        "production",
        StageKind.PROD,
    )
    assert ship.steps[0].name.span.path == "steps/up.yml"
    assert [each.path for each in found.parts] == ["ci/ship.yml", "steps/up.yml"]


def test_paths_are_relative_to_the_file_that_names_them() -> None:
    found = read(
        {
            ROOT: "trigger: none\njobs: [{template: ci/a.yml@self}]\n",
            "ci/a.yml": "jobs: [{template: b.yml}]\n",
            "ci/b.yml": "jobs: [{job: b, steps: [{script: make}]}]\n",
        }
    )
    assert names(only(found)) == ["b"]


def test_an_extended_template_is_the_pipeline() -> None:
    found = read(
        {
            ROOT: "trigger: none\nextends: {template: t.yml, parameters: {go: make test}}\n",
            "t.yml": "parameters: {go: ''}\nsteps: [{script: '${{ parameters.go }}'}]\n",
        }
    )
    (job,) = only(found).stages
    assert job.steps[0].run.value == "make test"


def test_a_template_elsewhere_that_wraps_stages_lets_them_be_seen() -> None:
    text = (
        "trigger: none\nextends:\n  template: v1/official.yml@shared\n  parameters:\n"
        "    stages: [{stage: build, jobs: [{job: a, steps: [{script: pytest}]}]}]\n"
    )
    pipeline = only(read({ROOT: text}))
    assert names(pipeline) == ["build/a"]
    assert pipeline.complete.note == "the template v1/official.yml@shared is not read"


def test_what_a_template_elsewhere_is_given_may_name_templates_of_its_repository() -> None:
    text = (
        "trigger: none\nextends:\n  template: stages/wrapper.yml@%s\n  parameters:\n"
        "    stages: [{stage: prod, jobs: [{job: ship, steps: [{template: ../steps/swap.yml}]}]}]\n"
    )
    found = read({ROOT: text % "shared"})
    assert found.problems == ()
    assert [step.name.value for step in found.pipelines[0].stages[0].steps] == ["swap"]
    assert read({ROOT: text % "self"}).problems != ()


@pytest.mark.parametrize(
    ("template", "message"),
    [
        ("gone.yml", "there is no file gone.yml in this repository; correct it"),
        ("../../x.yml", "../../x.yml leads out of the repository; name a file in it"),
        ("/azure-pipelines.yml", f"files name one another in a circle: {ROOT} -> {ROOT}; break it"),
    ],
)
def test_wrong_templates_are_told_where_they_stand(template: str, message: str) -> None:
    found = read({ROOT: f"trigger: none\nstages:\n- template: {template}\n"})
    (problem,) = found.problems
    assert (problem.span.line, problem.span.column, problem.message) == (3, 13, message)
    assert not found.pipelines[0].complete.known


def test_a_template_that_names_itself_twice_comes_to_an_end() -> None:
    double = "jobs: [{template: %s}, {template: %s}]\n"
    texts = {f"{n}.yml": double % (f"{n + 1}.yml", f"{n + 1}.yml") for n in range(40)}
    found = read({ROOT: "trigger: none\njobs: [{template: 0.yml}]\n", **texts})
    assert any("more than 150 files" in each.message for each in found.problems)


def test_hidden_steps_and_jobs_keep_their_places() -> None:
    text = (
        "trigger: none\nstages:\n- template: build.yml@shared\n- stage: prod\n  jobs:\n"
        "  - job: ship\n    steps: [{template: deploy-prod.yml@shared}]\n"
    )
    hidden, ship = only(read({ROOT: text})).stages
    assert hidden.name == "build"
    assert hidden.steps[0].kind.note == "the template build.yml@shared is not read"
    assert ship.needs == ("build",)
    assert ship.deploy is not None
    assert ship.deploy.engine.note == "the template deploy-prod.yml@shared is not read"


def test_loops_write_out_their_rounds() -> None:
    text = (
        "trigger: none\nparameters:\n- name: where\n  type: object\n"
        "  default: [{name: test, up: true}, {name: prod, up: false}]\n"
        "stages:\n- ${{ each one in parameters.where }}:\n"
        "  - stage: to_${{ one.name }}\n    jobs:\n    - job: ship\n      steps:\n"
        "      - ${{ if eq(one.up, true) }}:\n        - script: pytest\n"
        "      - script: helm upgrade a b\n"
    )
    test, prod = only(read({ROOT: text})).stages
    assert (test.name, prod.name) == ("to_test/ship", "to_prod/ship")
    assert (len(test.steps), len(prod.steps)) == (2, 1)


def test_of_undecided_values_the_one_of_production_is_judged() -> None:
    text = (
        "trigger: none\nvariables:\n  ${{ if eq(variables['Build.SourceBranch'], 'x') }}:\n"
        "    where: dev\n  ${{ else }}:\n    where: production\n"
        "jobs:\n- deployment: ship\n  environment: $(where)\n"
        "  strategy: {runOnce: {deploy: {steps: [{script: helm upgrade a b}]}}}\n"
    )
    (ship,) = only(read({ROOT: text})).stages
    # Each run chooses, so the name stays open and the kind is inferred.
    assert (ship.environment, ship.kind.value) == ("$(where)", StageKind.PROD)
    assert ship.kind.inferred


def test_decided_conditions_leave_one_branch() -> None:
    texts = {
        ROOT: "trigger: none\nsteps: [{template: t.yml, parameters: {fast: yes}}]\n",
        "t.yml": "parameters: {fast: no}\nsteps:\n- ${{ if eq(parameters.fast, 'yes') }}:\n"
        "  - script: a\n- ${{ elseif eq(parameters.fast, 'yes') }}:\n  - script: b\n"
        "- ${{ else }}:\n  - script: c\n- script: d\n",
    }
    (job,) = only(read(texts)).stages
    assert [step.run.value for step in job.steps] == ["a", "d"]


def test_a_pipelines_own_parameters_are_chosen_by_a_person() -> None:
    text = (
        "trigger: none\nparameters: [{name: where, default: prod, values: [test, prod]}]\n"
        "jobs:\n- deployment: ship\n  environment: ${{ parameters.where }}\n"
        "  strategy: {runOnce: {deploy: {steps: [{script: helm upgrade a b}]}}}\n"
    )
    (ship,) = only(read({ROOT: text})).stages
    assert ship.kind.note == "its environment is the expression ${{ parameters.where }}"


def test_a_file_of_a_template_does_not_know_who_uses_it() -> None:
    pipeline = only(read({"t.yml": "parameters: {a: b}\nsteps: [{script: make}]\n"}, "t.yml"))
    assert pipeline.complete.note == (
        "this template is used by other files, which are not seen here"
    )


def test_loops_in_loops_come_to_an_end() -> None:
    items = ", ".join(["x"] * 100)
    inner = "".join(
        f"{'  ' * level}- ${{{{ each i{level} in parameters.all }}}}:\n" for level in range(5)
    )
    text = (
        f"trigger: none\nparameters: [{{name: all, type: object, default: [{items}]}}]\n"
        f"steps:\n{inner}{'  ' * 5}- script: make\n"
    )
    pipeline = only(read({ROOT: text}))
    assert pipeline.complete.note == (
        "loops and templates write out more than 50,000 values; the rest is not read"
    )


KNOWN = Names(parameters={"env": Scalar(NOWHERE, "Prod", plain=True)}, variables={"a.b": "x"})


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("eq(parameters.env, 'prod')", True),
        ("ne(parameters['ENV'], 'prod')", False),
        ("and(true, not(eq('a', 'b')))", True),
        ("or(eq(variables['c'], 'x'), true)", True),
        ("and(eq(variables['c'], 'x'), true)", None),
        ("in(parameters.env, 'test', 'prod')", True),
        ("notIn(parameters.env, 'test')", None),
        ("startsWith(variables['a.b'], 'x')", True),
        ("contains(parameters.env, 'it''s')", False),
        ("eq(", None),
        ("eq(1, 1) 2", None),
        ("'" + "x" * 3000 + "'", None),
        ("not(" * 60 + "true" + ")" * 60, None),
        ("", None),
        ("eq()", None),
    ],
)
def test_conditions(text: str, value: bool | None) -> None:  # noqa: FBT001 - a value to expect
    assert truth(evaluate(text, KNOWN)) is value


def test_texts_are_filled_where_a_value_is_known() -> None:
    assert filled("${{ parameters.env }}-${{ parameters.b }}", KNOWN) == "Prod-${{ parameters.b }}"
    assert filled("${{ eq(1, 1) }}", KNOWN) == "True"


def test_outside_of_a_repository_a_template_above_is_only_not_there() -> None:
    texts = {ROOT: "trigger: none\nstages: [{template: ../build.yml}]\n"}
    found = read_pipelines(texts[ROOT].encode(), ROOT, files=tree(ROOT, texts, rooted=False))
    assert found.problems == ()
    note = found.pipelines[0].complete.note
    assert note == "../build.yml is not beside this file"


def test_a_template_may_end_the_deployment_that_it_hides() -> None:
    text = "trigger: none\njobs: [{template: deploy-prod.yml@shared}]\n"
    (hidden,) = only(read({ROOT: text})).stages
    assert hidden.deploy is not None
    assert hidden.deploy.deadline.note == "the template may end what it does itself"
