"""What a GitLab file brings in from other files, and what it cannot see of them."""

import pytest

from policies.formats import Read, read_pipelines
from policies.formats.files import matches
from policies.formats.gitlab_steps import REPORTS
from policies.formats.gitlab_templates import templates
from policies.pipeline import Pipeline, StepKind
from policies.references import Pin
from tests.twins.tree import tree

ROOT = ".gitlab-ci.yml"


def read(texts: dict[str, str], home: str = ROOT) -> Read:
    return read_pipelines(texts[home].encode(), home, files=tree(home, texts))


def only(found: Read) -> Pipeline:
    assert found.problems == ()
    (pipeline,) = found.pipelines
    return pipeline


def test_local_files_are_followed_and_the_including_file_wins() -> None:
    found = read(
        {
            ROOT: "include: [/ci/base.yml, {local: ci/ship.yml}]\n"
            "ship: {environment: {name: staging}}\n",
            "ci/base.yml": ".ship: {script: [helm upgrade a b]}\n",
            "ci/ship.yml": "ship: {extends: .ship, environment: {name: dev, url: x}}\n",
        }
    )
    pipeline = only(found)
    assert pipeline.complete.value is True
    (ship,) = pipeline.stages
    assert (ship.environment, ship.span.path) == ("staging", ROOT)
    assert ship.steps[0].name.span.path == "ci/base.yml"
    assert [each.path for each in found.parts] == ["ci/base.yml", "ci/ship.yml"]


def test_includes_of_includes_are_paths_from_the_root() -> None:
    found = read(
        {
            ROOT: "include: ci/a.yml\n",
            "ci/a.yml": "include: {local: ci/b.yml}\na: {script: [pytest]}\n",
            "ci/b.yml": "spec: {inputs: {x: }}\n---\nb: {script: [ruff check]}\n",
        }
    )
    assert [each.name for each in only(found).stages] == ["b", "a"]


@pytest.mark.parametrize(
    ("include", "message"),
    [
        ("ci/gone.yml", "there is no file ci/gone.yml in this repository; correct it"),
        ("../x.yml", "../x.yml leads out of the repository; name a file in it"),
        ("/.gitlab-ci.yml",
         f"files name one another in a circle: {ROOT} -> {ROOT}; break it"),
    ],
)  # fmt: skip
def test_wrong_includes_are_told_where_they_stand(include: str, message: str) -> None:
    found = read({ROOT: f"a: {{script: [x]}}\ninclude:\n  - local: {include}\n"})
    (problem,) = found.problems
    assert (problem.span.line, problem.span.column, problem.message) == (3, 12, message)
    assert not found.pipelines[0].complete.known
    assert [each.name for each in found.pipelines[0].stages] == ["a"]


@pytest.mark.parametrize(
    ("include", "note", "pin"),
    [
        ("{project: group/ci, file: a.yml, ref: main}",
         "the included project group/ci is not in this repository", Pin.MUTABLE),
        ("{project: group/ci, file: a.yml}",
         "the included project group/ci is not in this repository", Pin.MISSING),
        ("{component: example.com/c/lint@1.2.3}",
         "the included component example.com/c/lint@1.2.3 is not in this repository", Pin.VERSION),
        ("https://example.com/a.yml",
         "the included remote https://example.com/a.yml is not in this repository", Pin.MUTABLE),
        ("{remote: https://example.com/a.yml, integrity: sha256-x}",
         "the included remote https://example.com/a.yml is not in this repository", Pin.DIGEST),
    ],
)  # fmt: skip
def test_what_lies_elsewhere_is_unknown(include: str, note: str, pin: Pin) -> None:
    pipeline = only(read({ROOT: f"include: [{include}]\na: {{script: [x]}}\n"}))
    assert (pipeline.complete.known, pipeline.complete.note) == (False, note)
    assert [each.pin for each in pipeline.references] == [pin]


@pytest.mark.parametrize("include", ["$WHERE.yml", "{template: Auto-DevOps.gitlab-ci.yml}"])
def test_includes_that_are_not_one_file_are_unknown(include: str) -> None:
    assert not only(read({ROOT: f"include: ['{include}']\n" if include[0] != "{" else
                          f"include: [{include}]\n"})).complete.known  # fmt: skip


def test_a_pattern_brings_in_the_files_that_it_names() -> None:
    texts = {
        ROOT: "include: ['ci/*.yml', {local: /deep/**.yml}, {local: /none/*.yml}, '*.yml']\n",
        "ci/a.yml": "a: {script: [pytest]}\n",
        "ci/b.yaml": "no: {script: [x]}\n",
        "ci/sub/c.yml": "no: {script: [x]}\n",
        "deep/d/e.yml": "d: {script: [ruff check]}\n",
    }
    pipeline = only(read(texts))
    assert [each.name for each in pipeline.stages] == ["a", "d"]
    assert pipeline.complete.value is True


def test_a_pattern_that_leads_out_or_that_nobody_can_look_up() -> None:
    found = read({ROOT: "include: '../*.yml'\na: {script: [x]}\n"})
    (problem,) = found.problems
    assert problem.message == "../*.yml leads out of the repository; name files in it"
    text = b"include: 'ci/*.yml'\na: {script: [x]}\n"
    alone = only(read_pipelines(text, ROOT, files=tree(ROOT, {}, rooted=False)))
    assert alone.complete.note == "ci/*.yml matches files that are not seen here"


@pytest.mark.parametrize(
    ("pattern", "path", "fits"),
    [
        ("ci/*.yml", "ci/a.yml", True),
        ("ci/*.yml", "ci/a/b.yml", False),
        ("ci/**.yml", "ci/a/b.yml", True),
        ("ci/**.yml", "ci/a.yml", True),
        ("ci/**/*.yml", "ci/a.yml", False),
        ("ci/**/*.yml", "ci/a/b.yml", True),
        ("*", "", True),
        ("a+(b", "a+(b", True),
        ("**a" * 40, "a" * 3000, True),
        ("**a" * 40 + "b", "a" * 3000, False),
    ],
)
def test_patterns(pattern: str, path: str, fits: bool) -> None:  # noqa: FBT001 - a row
    assert matches(pattern, path) is fits


def test_a_fragment_does_not_know_what_stands_around_it() -> None:
    pipeline = only(read({"ci/x.yml": "a: {script: [x]}\n"}, "ci/x.yml"))
    assert pipeline.complete.note == (
        "this file is included by another one, whose jobs are not seen here"
    )


def test_security_templates_bring_typed_jobs_that_let_failures_pass() -> None:
    text = (
        "include:\n  - template: Jobs/SAST.gitlab-ci.yml\n"
        "  - template: Security/Secret-Detection.gitlab-ci.yml\n"
        "secret_detection: {allow_failure: false}\n"
    )
    pipeline = only(read({ROOT: text}))
    assert pipeline.complete.value is True
    found = {each.name: each.steps[-1] for each in pipeline.stages}
    sast, secrets = found["semgrep-sast"], found["secret_detection"]
    assert (sast.kind.value, sast.soft.value, sast.kind.span.line) == (
        StepKind.SAST,
        "allow_failure",
        2,
    )
    assert (secrets.kind.value, secrets.soft.value) == (StepKind.SECRETS, None)


def test_templates_name_reports_that_mean_something() -> None:
    assert {each.report for each in templates().values()} <= set(REPORTS)


def test_a_base_that_no_file_defines_leaves_its_job_unknown() -> None:
    text = "include: [{project: p, file: f}]\nship-prod: {extends: .ship}\nproduction: {}\n"
    ship, production = only(read({ROOT: text})).stages
    assert ship.steps[0].kind.note == ".ship is defined in no file in sight"
    assert ship.transition.note == ".ship, defined in no file in sight, may say when"
    assert production.deploy is not None
    assert production.deploy.engine.note == (
        "the rest of production is defined in no file in sight"
    )


def test_circles_of_jobs_are_told() -> None:
    found = read({ROOT: "a: {extends: b, script: [x]}\nb: {extends: a}\n"})
    (problem,) = found.problems
    assert problem.message == "jobs extend one another in a circle: a -> b -> a; break it"
    assert (problem.span.line, problem.span.column) == (2, 14)
    deep = "".join(f"j{number}: {{extends: j{number + 1}}}\n" for number in range(20))
    (told,) = read({ROOT: f"{deep}j20: {{script: [x]}}\n"}).problems
    assert told.message == "more than 11 levels of extends, which GitLab refuses; flatten them"


def test_anchors_mean_what_was_defined_last_before_them() -> None:
    text = (
        ".one: &run {script: [pytest]}\na: {<<: *run}\n"
        ".two: &run {script: [ruff check]}\nb: {<<: *run}\n"
    )
    a, b = only(read({ROOT: text})).stages
    assert (a.steps[0].kind.value, b.steps[0].kind.value) == (StepKind.UNIT, StepKind.LINT)


def test_duplicate_keys_are_no_error_of_gitlab_and_the_last_counts() -> None:
    (a,) = only(read({ROOT: "a: {script: [pytest]}\na: {script: [ruff check]}\n"})).stages
    assert a.steps[0].kind.value is StepKind.LINT
