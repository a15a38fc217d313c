"""What the service refuses, lint refuses: the same file gets the very same findings from both."""

import json
from importlib.resources import files
from pathlib import Path

import pytest
from typer.testing import CliRunner

from cli.commands import app
from policies.plain import instant_text
from service.app import create_app
from service.demo.changes import REFUSED_PIPELINE
from service.executor.executor import Executor
from service.store.engines import open_engines
from service.store.schema import upgrade
from tests.twins.client import Client
from tests.twins.ports import (
    START,
    MemoryBuilder,
    MemoryDeployer,
    MemoryTester,
    MovableClock,
    memory_ports,
)


def test_the_refused_pipeline_has_the_findings_of_lint(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    organization = {
        each.name: each.read_text(encoding="utf-8")
        for each in (files("service.demo") / "organization").iterdir()
        if each.name.endswith(".yaml")
    }
    engines = open_engines(f"sqlite:///{tmp_path / 'bakegate.db'}")
    upgrade(engines.write)
    twins = memory_ports(MovableClock(), MemoryBuilder(), MemoryDeployer(), MemoryTester())
    executor = Executor(engines, twins)
    executor.register_organization(organization, "tester")
    given = {"text": REFUSED_PIPELINE, "path": "pipeline.yaml", "repository": "."}
    name = next(line for line in REFUSED_PIPELINE.splitlines() if line.startswith("name: "))
    client = Client(create_app(executor, lambda: "tester"))
    answer = client.put(f"/v1/pipelines/{name.removeprefix('name: ')}", json=given)
    engines.dispose()

    for path, text in organization.items() | {("pipeline.yaml", REFUSED_PIPELINE)}:
        (tmp_path / path).write_text(text, encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    words = ["lint", "pipeline.yaml", "--at", instant_text(START), "--format", "json"]
    said = json.loads(CliRunner().invoke(app, words).stdout)
    assert answer.status_code == 422
    assert answer.json()["findings"] == said["files"][0]["findings"]
    assert said["summary"]["block"] > 0
