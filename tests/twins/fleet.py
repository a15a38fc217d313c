"""Hosts behind a real SSH server, orders for them, and what became of them."""

from dataclasses import replace
from datetime import timedelta
from pathlib import Path

from policies.pipeline import Deploy
from policies.remote import Remote, Ssh
from service.adapters.ssh_deployer import SshDeployer
from service.promotions.ports import DeployOrder, DeployProgress
from tests.service.adapters.conftest import Ground, deploy, fact
from tests.twins.sshd import HOSTS, Sshd


class Fleet:
    """Hosts behind the server, in a folder that no other test has."""

    def __init__(self, ground: Ground, sshd: Sshd) -> None:
        self.ground = ground
        self.sshd = sshd
        # One folder on each host for a test, and one for the other target of the contract.
        self.name = ground.folder.name
        self.deployer = SshDeployer(ground.folder / "reached", ground.artifacts)

    def how(self, count: int = 2, batch: int = 1, healthy: int = 0, **hooks: str) -> Deploy:
        made = deploy(hosts=count, batch=batch, min_healthy=healthy, **hooks)
        return replace(made, remote=Remote(ssh=(self.access(HOSTS[:count]),)))

    def access(self, hosts: tuple[str, ...], target: str = "eu-1") -> Ssh:
        return Ssh(
            target=target,
            hosts=fact(hosts),
            folder=fact(f"~/{self.name}/{target}"),
            known_hosts=fact(str(self.sshd.known_hosts)),
            identity=fact(str(self.sshd.identity)),
            user=fact(None),
            port=fact(self.sshd.port),
            connect_timeout=fact(timedelta(seconds=30)),
        )

    def order(self, key: str, version: str, how: Deploy, epoch: int = 1) -> DeployOrder:
        return self.ground.order(key, self.ground.built(version), how, epoch=epoch)

    def finish(self, order: DeployOrder) -> DeployProgress:
        while (progress := self.deployer.advance(order)).state == "running":
            pass
        return progress

    def folder(self, host: str = HOSTS[0], target: str = "eu-1") -> Path:
        return self.sshd.home(host) / self.name / target

    def versions(self, count: int = 2) -> list[str]:
        """What ``current`` leads to on each host."""
        paths = [self.folder(host) / "current" / "version" for host in HOSTS[:count]]
        return [path.read_text() if path.exists() else "" for path in paths]

    def did(self, host: str = HOSTS[0]) -> list[str]:
        """What hooks wrote into the file ``did`` of a host."""
        path = self.sshd.home(host) / self.name / "did"
        return path.read_text().splitlines() if path.exists() else []

    def write(self, words: str) -> str:
        """A command that adds a line to ``did``."""
        return f'echo "{words}" >> ~/{self.name}/did'
