"""The contract of deployers, kept by every one of ours and by the twin in memory."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from policies.remote import Remote
from service.adapters.command_deployer import CommandDeployer
from service.adapters.contract import BrokenContract
from service.adapters.deployer_contract import DeployerContract, Version
from service.adapters.hosts import LocalDeployer
from service.adapters.webhook_deployer import WebhookDeployer
from service.promotions.ports import Deployer, DeployOrder, DeployProgress
from tests.service.adapters.conftest import Ground, deploy, fact
from tests.twins.far_side import KEY, Far, serving
from tests.twins.ports import MemoryDeployer


def digest_of(version: Version) -> str:
    return f"sha256:{ {'one': '1', 'two': '2', 'ill': '3', 'endless': '4'}[version] * 64 }"


#: A hook that says what the version that it looks at does.
CHECK = 'case "$(cat version)" in ill) exit 1 ;; endless) sleep 600 ;; esac'


class TestLocal(DeployerContract):
    @pytest.fixture(autouse=True)
    def _ground(self, ground: Ground) -> Iterator[None]:
        self.ground = ground
        yield
        LocalDeployer(ground.folder / "hosts", ground.artifacts).end_all()

    def deployer(self) -> Deployer:
        return LocalDeployer(self.ground.folder / "hosts", self.ground.artifacts)

    def order(self, version: Version) -> DeployOrder:
        # One ends at once, the other never listens.
        broken = {"ill": "exit 1", "endless": "exec sleep 600"}.get(version)
        files = {"start": f"#!/bin/sh\n{broken}\n"} if broken else {}
        digest = self.ground.built(version, **files)
        return self.ground.order("k", digest, deploy(hosts=2, min_healthy=1))


class TestCommand(DeployerContract):
    @pytest.fixture(autouse=True)
    def _ground(self, ground: Ground) -> None:
        self.ground = ground

    def deployer(self) -> Deployer:
        return CommandDeployer(self.ground.folder / "commanded", self.ground.artifacts)

    def order(self, version: Version) -> DeployOrder:
        how = deploy(start="echo http://shop.test > url", validate=CHECK)
        return self.ground.order("k", self.ground.built(version), how)


class TestWebhook(DeployerContract):
    @pytest.fixture(autouse=True)
    def _far(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
        monkeypatch.setenv("DEPLOY_KEY", KEY)
        self.folder = tmp_path / "hooked"
        self.far = Far(rounds=0, ill=digest_of("ill"), endless=digest_of("endless"))
        with serving(self.far):
            yield

    def deployer(self) -> Deployer:
        return WebhookDeployer(self.folder, patience=1)

    def order(self, version: Version) -> DeployOrder:
        how = replace(deploy(hosts=2), remote=Remote(fact(self.far.url), fact("DEPLOY_KEY")))
        order = DeployOrder(
            "k", 1, "r1", "shop", "prod", "eu-1", digest_of(version), how, rollback=False
        )
        return replace(order, environment=("DEPLOY_KEY",))


class TestMemory(DeployerContract):
    @pytest.fixture(autouse=True)
    def _twin(self) -> None:
        # Its records are its own memory, so that the same one stands for a new process.
        self.twin = MemoryDeployer(failing={digest_of("ill")}, endless={digest_of("endless")})

    def deployer(self) -> Deployer:
        return self.twin

    def order(self, version: Version) -> DeployOrder:
        return DeployOrder(
            "k",
            1,
            "r1",
            "shop",
            "prod",
            "eu-1",
            digest_of(version),
            deploy(hosts=2),
            rollback=False,
        )


class Forgetful(MemoryDeployer):
    """A deployer that keeps neither epochs nor results."""

    def advance(self, order: DeployOrder) -> DeployProgress:
        self.highest.clear()
        self.results.clear()
        return super().advance(order)


def test_a_deployer_that_forgets_breaks_the_contract() -> None:
    broken = TestMemory()
    broken.twin = Forgetful()
    with pytest.raises(BrokenContract, match="epoch 4 was not fenced"):
        broken.test_an_older_attempt_is_fenced()
    broken.twin = Forgetful()
    with pytest.raises(BrokenContract, match="epoch 2 was not fenced"):
        broken.test_a_finished_key_fences_too()
    broken.twin = Forgetful()
    with pytest.raises(BrokenContract, match="first it said"):
        broken.test_a_known_key_has_its_stored_answer()
