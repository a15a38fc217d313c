"""Which format a file has, and what is said about files that have none."""

import pytest

from policies.formats import FORMATS, read_pipelines
from policies.overlay import read_overlay


@pytest.mark.parametrize("text", [b"a: 1", b"[]", b"word", b"schema: bakegate/ruleset/v1\nname: r"])
def test_a_readable_file_of_no_known_format(text: bytes) -> None:
    found = read_pipelines(text, "x.yml")
    assert (found.format, found.pipelines) == ("", ())
    (problem,) = found.problems
    known = ", ".join(each.title for each in FORMATS)
    assert problem.message == f"not a pipeline file of a known format; known are {known}"
    assert known.startswith("Bakegate pipeline (bakegate/pipeline/v1), GitHub Actions workflow")
    assert (problem.span.line, problem.span.column) == (1, 1)


def test_a_template_is_told_from_a_broken_file() -> None:
    (template,) = read_pipelines(b"{{ if a }}\nb: c\n", "x.yml").problems
    (broken,) = read_pipelines(b"a: b: c\n", "x.yml").problems
    assert (template.templated, broken.templated) == (True, False)


def test_every_document_is_a_pipeline() -> None:
    text = b"---\non: push\nname: a\njobs: {}\n---\non: push\nname: b\njobs: {}\n"
    found = read_pipelines(text, "x.yml")
    assert [each.name for each in found.pipelines] == ["a", "b"]


@pytest.mark.parametrize(
    ("text", "tool"),
    [
        ("apiVersion: tekton.dev/v1\nkind: Pipeline\n", "Tekton"),
        ("apiVersion: kargo.akuity.io/v1alpha1\nkind: Stage\n", "Kargo"),
        ("apiVersion: argoproj.io/v1alpha1\nkind: Application\n", "Argo CD or Argo Workflows"),
        ("version: 2.1\norbs: {aws: circleci/aws@1}\n", "CircleCI"),
        ("image: x\npipelines: {default: []}\n", "Bitbucket Pipelines"),
        ("version: 0.2\nphases: {build: {commands: [make]}}\n", "CodeBuild (buildspec)"),
        (
            "pipeline {\n  agent any\n  stages { stage('x') { steps { sh 'a: b' } } }\n}\n",
            "Jenkins",
        ),
        ("@Library('x') _\nnode('linux') {\n  sh 'a'\n}\n", "Jenkins"),
    ],
)
def test_files_of_other_tools_are_named(text: str, tool: str) -> None:
    found = read_pipelines(text.encode(), "x.yml")
    (problem,) = found.problems
    assert (found.format, found.pipelines) == ("", ())
    assert problem.message.startswith(f"a file of {tool}, which is not read; known are Bakegate")


def test_an_overlay_names_one_of_several_pipelines_of_a_file() -> None:
    text = b"""[{"name": "a", "application": "shop", "stages": [{"type": "deploy", "name": "Out"}]},
 {"name": "b", "application": "shop", "stages": [{"type": "deploy", "name": "Out"}]}]"""
    overlay = read_overlay(
        "schema: bakegate/overlay/v1\npipelines:\n"
        "  shop.json#b: {name: shop, stages: {Out: {kind: prod}}}\n",
        "bakegate.yaml",
    )
    found = read_pipelines(text, "shop.json", overlay)
    assert found.problems == ()
    assert [(each.name, len(each.prod)) for each in found.pipelines] == [("a", 0), ("shop", 1)]
