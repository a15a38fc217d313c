"""What a process that works is made of; alone knows which adapter stands behind a port."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from policies.rego.choice import ChosenRego
from service.adapters.artifacts import ArtifactStore
from service.adapters.builder import LocalBuilder
from service.adapters.calendars import HttpCalendars
from service.adapters.clock import SystemClock
from service.adapters.command_deployer import CommandDeployer
from service.adapters.deployers import Deployers
from service.adapters.git import GitRepository
from service.adapters.hosts import LocalDeployer
from service.adapters.installed import (
    BUILDERS,
    NOTIFIERS,
    PROBERS,
    TESTERS,
    Place,
    UnusableAdapter,
    make,
)
from service.adapters.kept import Room
from service.adapters.mail import Mail, MailError
from service.adapters.mirrors import Mirrors
from service.adapters.object_store import AddressError, ObjectStore
from service.adapters.prober import HttpProber
from service.adapters.ssh_deployer import SshDeployer
from service.adapters.storage import FolderStorage
from service.adapters.tester import CommandTester
from service.adapters.webhook import Webhook
from service.adapters.webhook_deployer import WebhookDeployer
from service.errors import Conflict
from service.executor.executor import Executor
from service.promotions.ports import Builder, Notifier, Ports, Prober, Tester
from service.promotions.retention import Retention
from service.settings import Settings
from service.store.engines import Engines, open_engines
from service.store.schema import upgrade


@dataclass(frozen=True, slots=True)
class Parts:
    """The executor and what it stands on; nothing of it runs yet."""

    engines: Engines
    executor: Executor
    deployer: LocalDeployer
    """Of the processes on this machine, which can be ended."""
    deployers: Deployers
    prober: Prober
    rego: ChosenRego

    def close(self) -> None:
        self.rego.close()
        self.engines.dispose()


def open_parts(settings: Settings) -> Parts:
    """Open the database and bring it up to date; raises Conflict for what cannot be used."""
    engines = open_engines(settings.database)
    with engines.noticing():
        upgrade(engines.write)
    folder = settings.data_folder.absolute()
    artifacts = ArtifactStore(folder / "artifacts", _shared(settings.artifacts))
    deployer = LocalDeployer(folder / "hosts", artifacts)
    commanded = CommandDeployer(folder / "commanded", artifacts)
    hooked = WebhookDeployer(folder / "hooked")
    reached = SshDeployer(folder / "reached", artifacts)
    deployers = Deployers(
        {"local": deployer, "command": commanded, "ssh": reached, "webhook": hooked},
        folder / "installed",
        artifacts,
    )
    mirrors = Mirrors(folder / "mirrors")
    repository = GitRepository(mirrors)
    clock, rego = SystemClock(), ChosenRego(settings.rego)
    room = Room(settings.step_memory, settings.step_disk)
    others = _Others(folder / "others", artifacts, deployers)
    prober = others.one(PROBERS, settings.prober, Prober) or HttpProber()
    ports = Ports(
        builder=others.one(BUILDERS, settings.builder, Builder)
        or LocalBuilder(folder / "builds", artifacts, repository, clock, room=room),
        deployer=deployers,
        tester=others.one(TESTERS, settings.tester, Tester)
        or CommandTester(folder / "tests", deployers, repository, clock, room=room),
        repository=repository,
        clock=clock,
        rego=rego,
        notifiers=_notifiers(settings, clock),
        calendars=HttpCalendars(),
        artifacts=artifacts,
        storage=FolderStorage(artifacts, (folder / "builds", folder / "tests"), mirrors),
        prober=prober,
    )
    executor = Executor(engines, ports, retention=Retention(settings.keep_days, settings.keep_good))
    return Parts(engines, executor, deployer, deployers, prober, rego)


@dataclass(frozen=True, slots=True)
class _Others:
    """Adapters of other packages that the settings choose; each has a folder in ``folder``."""

    folder: Path
    artifacts: ArtifactStore
    deployers: Deployers

    def one(self, group: str, name: str, port: type) -> Any:
        """None where the settings name none; raises Conflict for one that cannot be used."""
        if not name:
            return None
        folder = self.folder / group.removeprefix("bakegate.") / name
        try:
            made = make(group, name, port, Place(folder, self.artifacts, self.deployers.hosts))
        except UnusableAdapter as error:
            raise Conflict(str(error)) from error
        folder.mkdir(parents=True, exist_ok=True)
        return made


def _shared(address: str) -> ObjectStore | None:
    """The store that workers share, where there is one; raises Conflict where it cannot be used."""
    try:
        return ObjectStore(address) if address else None
    except AddressError as error:
        raise Conflict(str(error)) from error


def _notifiers(settings: Settings, clock: SystemClock) -> tuple[Notifier, ...]:
    """The ways of telling teams that are set up; raises Conflict for one that cannot be used."""
    found: list[Notifier] = []
    mail, webhook = (each.get_secret_value() for each in (settings.smtp_url, settings.webhook_url))
    try:
        if mail:
            found.append(Mail(mail, settings.mail_from, settings.mail_to, clock))
    except MailError as error:
        raise Conflict(str(error)) from error
    if webhook:
        found.append(Webhook(webhook, settings.webhook_token.get_secret_value()))
    names = settings.notifiers.replace(",", " ").split()
    try:
        found += (make(NOTIFIERS, name, Notifier) for name in names)
    except UnusableAdapter as error:
        raise Conflict(str(error)) from error
    return tuple(found)
