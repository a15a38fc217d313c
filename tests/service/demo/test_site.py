"""The demonstration's site: built, started and asked for real; its releases are what they claim."""

import json
import os
import socket
import subprocess
import sys
import tarfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from importlib.resources import files
from pathlib import Path
from typing import Final

import httpx
import pytest
from typer.testing import CliRunner

from cli.exits import Exit
from cli.lint import app as lint
from policies.blocklist import matches
from policies.formats import read_pipelines
from policies.pipeline import Pipeline
from policies.release import Artifact as ReleaseArtifact
from policies.release import Component, Release, ReleaseKind, Sbom
from service.adapters.artifacts import ArtifactStore
from service.adapters.builder import LocalBuilder
from service.adapters.git import GitRepository
from service.adapters.tester import CommandTester
from service.demo.changes import (
    BLOCKED_PACKAGE,
    BLOCKLIST,
    DEFECT,
    GOOD,
    REFUSED_PIPELINE,
    REQUESTS,
)
from service.demo.repository import DemoRepository
from service.promotions import ports
from service.promotions.ports import Artifact, BuildOrder, BuildResult, Host
from tests.twins.ports import START, MemoryDeployer, MovableClock

DEMO: Final = Path(str(files("service.demo")))
YEN: Final = "/price?item=cocoa&currency=JPY"


@dataclass(frozen=True, slots=True)
class Built:
    """One release of the site: its commit and what the build made of it."""

    commit: str
    result: BuildResult

    @property
    def artifact(self) -> Artifact:
        assert self.result.artifact is not None, self.result.message
        return self.result.artifact


@dataclass(frozen=True, slots=True)
class Site:
    """The repository with its commits, and the builds of three of them."""

    folder: Path
    pipeline: Pipeline
    builds: dict[str, Built]


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    folder = tmp_path_factory.mktemp("demo")
    repository = DemoRepository(folder / "repository")
    repository.create()
    text = (repository.folder / "pipeline.yaml").read_bytes()
    (pipeline,) = read_pipelines(text, "pipeline.yaml").pipelines
    store = ArtifactStore(folder / "artifacts")
    builder = LocalBuilder(folder / "builds", store, GitRepository(), MovableClock())
    builds = {}
    with pytest.MonkeyPatch.context() as patch:
        # As the demonstration does: steps must find this Python and this bakegate.
        patch.setenv("PATH", f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}")
        releases = (("good", GOOD), ("defect", DEFECT), ("blocked", BLOCKED_PACKAGE))
        for number, (name, changes) in enumerate(releases, 1):
            commit = repository.commit(name, name, changes)
            release = f"price-service:{number}"
            order = BuildOrder(
                f"{release}:build",
                release,
                pipeline,
                pipeline.stages[0],
                str(repository.folder),
                commit,
            )
            builds[name] = Built(commit, builder.build(order))
        yield Site(folder, pipeline, builds)


def test_the_pipeline_has_nothing_at_block() -> None:
    ruleset = str(DEMO / "organization" / "ruleset.yaml")
    path = str(DEMO / "site" / "pipeline.yaml")
    done = CliRunner().invoke(lint, [path, "--ruleset", ruleset, "--format", "json"])
    assert (done.exit_code, json.loads(done.stdout)["summary"]["block"]) == (Exit.CLEAN, 0)


def test_the_refused_pipeline_breaks_rules_at_block(tmp_path: Path) -> None:
    path = tmp_path / "pipeline.yaml"
    path.write_text(REFUSED_PIPELINE, encoding="utf-8")
    ruleset = str(DEMO / "organization" / "ruleset.yaml")
    done = CliRunner().invoke(lint, [str(path), "--ruleset", ruleset, "--format", "json"])
    (report,) = json.loads(done.stdout)["files"]
    blocking = [each["rule"] for each in report["findings"] if each["enforcement"] == "block"]
    assert done.exit_code == Exit.FINDINGS
    assert sorted(blocking) == ["bake-time", "rollback-on-alarm", "unit-tests"]


def test_every_release_builds_with_its_unit_tests(site: Site) -> None:
    for built in site.builds.values():
        assert built.result.ok, built.result.message
        (unit,) = built.result.evidence
        assert (unit.kind, unit.result, unit.executed, unit.failed) == ("unit", "pass", 7, 0)


def test_the_list_of_packages_tells_the_version_that_was_installed(site: Site) -> None:
    versions = {name: built.artifact.sbom for name, built in site.builds.items()}
    old, new = Component("pkg:pypi/tiny-rates@1.2.0"), Component("pkg:pypi/tiny-rates@1.3.0")
    assert versions == {
        "good": Sbom("cyclonedx", (old,), complete=True),
        "defect": Sbom("cyclonedx", (old,), complete=True),
        "blocked": Sbom("cyclonedx", (new,), complete=True),
    }


def test_only_the_third_release_is_on_the_blocklist(site: Site) -> None:
    hit = {}
    for name, built in site.builds.items():
        artifact = ReleaseArtifact(built.artifact.digest, built.commit, sbom=built.artifact.sbom)
        release = Release(name, "price-service", ReleaseKind.NORMAL, START, "a", artifact)
        hit[name] = [each.message for each in matches(BLOCKLIST, release, "price-service", START)]
    assert hit == {"good": [], "defect": [], "blocked": ["pkg:pypi/tiny-rates@1.3.0"]}


def test_equal_sources_give_equal_bytes(site: Site) -> None:
    good = site.builds["good"]
    builder = LocalBuilder(
        site.folder / "again",
        ArtifactStore(site.folder / "artifacts"),
        GitRepository(),
        MovableClock(),
    )
    order = BuildOrder(
        "again",
        "price-service:9",
        site.pipeline,
        site.pipeline.stages[0],
        str(site.folder / "repository"),
        good.commit,
    )
    again = builder.build(order).artifact
    assert again is not None
    assert again.digest == good.artifact.digest


def test_customers_of_the_good_release_are_all_answered(site: Site, tmp_path: Path) -> None:
    with running(site, "good", tmp_path) as url:
        assert {path: status(url + path) for path in REQUESTS} == dict.fromkeys(REQUESTS, 200)
        assert httpx.get(url + YEN).json() == {"item": "cocoa", "currency": "JPY", "price": "1040"}


def test_the_defect_passes_every_test_and_answers_500_for_yen(site: Site, tmp_path: Path) -> None:
    with running(site, "defect", tmp_path) as url:
        passed = {}
        for name in ("beta", "gamma"):
            stage = site.pipeline.stage(name)
            assert stage is not None
            defect = site.builds["defect"]
            order = ports.TestOrder(
                key=name,
                release="price-service:2",
                pipeline="price-service",
                stage=name,
                target=name,
                digest=defect.artifact.digest,
                commit=defect.commit,
                steps=stage.steps,
                repository=str(site.folder / "repository"),
            )
            result = site_tester(tmp_path, order, url).run(order)
            assert result.ok, result.message
            passed[name] = [(each.kind, each.executed) for each in result.evidence]
        assert passed == {
            "beta": [("integration", 4)],
            "gamma": [("load", 2), ("integration", 4)],
        }
        bad = [path for path in REQUESTS if status(url + path) != 200]
        assert bad == [YEN]
        assert status(url + YEN) == 500


def test_what_the_service_does_not_know_is_the_client_s_error(site: Site, tmp_path: Path) -> None:
    with running(site, "good", tmp_path) as url:
        assert status(url + "/price?item=gold&currency=EUR") == 400
        assert status(url + "/price?item=tea&currency=XXX") == 400
        assert status(url + "/elsewhere") == 404


class OneHost(MemoryDeployer):
    """A deployer whose only host is a process that the test started."""

    def __init__(self, order: ports.TestOrder, url: str) -> None:
        place = (order.pipeline, order.stage, order.target)
        super().__init__(placed={place: [order.digest]})
        self.url = url

    def hosts(self, pipeline: str, stage: str, target: str) -> tuple[Host, ...]:
        listed = super().hosts(pipeline, stage, target)
        return tuple(replace(each, url=self.url) for each in listed)


def site_tester(folder: Path, order: ports.TestOrder, url: str) -> CommandTester:
    return CommandTester(folder / "tests", OneHost(order, url), GitRepository(), MovableClock())


@contextmanager
def running(site: Site, name: str, folder: Path) -> Iterator[str]:
    """The unpacked artifact, started, validated and in the end stopped by its own hooks."""
    app = folder / "app"
    with tarfile.open(site.builds[name].artifact.path) as archive:
        archive.extractall(app, filter="data")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    url = f"http://127.0.0.1:{port}"
    told = os.environ | {"BAKEGATE_PORT": str(port), "BAKEGATE_URL": url}
    with (folder / "output.log").open("wb") as output:
        server = subprocess.Popen(
            ["sh", "./start"], cwd=app, env=told, stdout=output, stderr=subprocess.STDOUT
        )
    try:
        subprocess.run(["sh", "./validate"], cwd=app, env=told, check=True, capture_output=True)
        yield url
        subprocess.run(["sh", "./stop"], cwd=app, env=told, check=True)
        server.wait(timeout=60)
    finally:
        server.kill()
        server.wait()


def status(url: str) -> int:
    return httpx.get(url).status_code
