"""A release that a web service deploys: it is told when a person ends what it does."""

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from shutil import copy

import pytest

from service.adapters.webhook_deployer import WebhookDeployer
from service.executor.executor import Executor
from service.promotions.commands import Abort
from service.store.engines import open_engines
from tests.service.executor.conftest import ORGANIZATION, PACE, PATIENCE_S
from tests.twins.far_side import KEY, Far, serving
from tests.twins.ports import (
    MemoryBuilder,
    MemoryDeployer,
    MemoryTester,
    MovableClock,
    digest_of,
    memory_ports,
)

PIPELINE = """\
schema: bakegate/pipeline/v1
name: shop
organization: corner
source: {{repository: ., branch: main, start: push}}
environment: [DEPLOY_KEY]
build:
  steps: [{{name: unit, kind: unit, run: ./unit}}]
  artifact: app.tar.gz
deployers:
  site: {{type: webhook, hosts: 2, url: {url}, secret: DEPLOY_KEY, deadline: 10m}}
stages:
  - {{name: beta, kind: test, deploy: site}}
"""


@dataclass
class Site:
    executor: Executor
    far: Far

    def submit(self, letter: str) -> str:
        return self.executor.submit("shop", letter * 40, "tester")

    def ended(self, release: str) -> str:
        _until(lambda: bool(self.executor.release(release).outcome))
        return self.executor.release(release).outcome or ""


@pytest.fixture
def site(tmp_path: Path, sqlite_template: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Site]:
    monkeypatch.setenv("DEPLOY_KEY", KEY)
    engines = open_engines(f"sqlite:///{copy(sqlite_template, tmp_path / 'bakegate.db')}")
    twins = memory_ports(MovableClock(), MemoryBuilder(), MemoryDeployer(), MemoryTester())
    hooked = WebhookDeployer(tmp_path / "hooked", patience=0.5)
    executor = Executor(engines, replace(twins, deployer=hooked), PACE)
    executor.register_organization(ORGANIZATION, "tester")
    far = Far(rounds=0, endless=digest_of("b" * 40))
    with serving(far):
        executor.register_pipeline(PIPELINE.format(url=far.url), "p.yaml", ".", "tester")
        executor.ground.durable.launch(executor)
        yield Site(executor, far)
        executor.ground.durable.stop(10)
    engines.dispose()


def test_it_is_told_of_an_abort_before_the_way_back(site: Site) -> None:
    assert site.ended(site.submit("a")) == "succeeded"
    bad = site.submit("b")
    _until(lambda: len(site.far.started) == 2)
    site.executor.carry_out(Abort(bad, "it takes too long"), "lee")
    assert site.ended(bad) == "rolled_back"
    deployed, back = f"{bad}/beta/beta:deploy", f"{bad}/beta/beta:rollback"
    assert set(site.far.aborted) == {deployed}
    assert site.far.started[1:] == [deployed, back]
    # What begins the way back comes after what ends the way forward, and nothing after that.
    asked = site.far.asked
    assert "abort" not in asked[asked.index("abort") + len(site.far.aborted) :]
    assert asked[-1] in {"start", "progress"}


def test_where_nothing_was_before_it_is_told_and_the_release_is_aborted(site: Site) -> None:
    bad = site.submit("b")
    _until(lambda: len(site.far.started) == 1)
    site.executor.carry_out(Abort(bad, "it takes too long"), "lee")
    assert site.ended(bad) == "aborted"
    assert site.far.aborted[0] == f"{bad}/beta/beta:deploy"
    run = next(run for run in site.executor.release(bad).runs if run.stage == "beta")
    assert run.message.endswith("beta: it was told to abort: stopped")
    # Nobody asks for it any more.
    assert site.far.asked[-1] == "abort"


def _until(true: Callable[[], bool]) -> None:
    patience = time.monotonic() + PATIENCE_S
    while not true():
        assert time.monotonic() < patience
        time.sleep(0.02)
