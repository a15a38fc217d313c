"""The whole service in one process; alone knows which adapter stands behind a port."""

import fcntl
import socket
import threading
from collections.abc import Sequence
from datetime import timedelta
from pathlib import Path
from typing import IO, Final

import uvicorn

from policies.rego.choice import ChosenRego
from service.adapters.artifacts import ArtifactStore
from service.adapters.builder import LocalBuilder
from service.adapters.calendars import HttpCalendars
from service.adapters.clock import SystemClock
from service.adapters.git import GitRepository
from service.adapters.hosts import LocalDeployer
from service.adapters.mail import Mail, MailError
from service.adapters.prober import Prober, Watched
from service.adapters.tester import CommandTester
from service.adapters.webhook import Webhook
from service.app import create_app
from service.errors import Conflict
from service.executor.executor import Executor
from service.executor.watching import Place, places
from service.identity import actor
from service.promotions.ports import Notifier, Ports
from service.settings import Settings
from service.store.engines import open_engines
from service.store.schema import upgrade

#: How long a probe waits where a stage declares no synthetic of its own.
_PROBE_EVERY: Final = timedelta(seconds=10)
_LOOPBACK: Final = frozenset({"127.0.0.1", "::1", "localhost"})


class Server:
    """Executor, prober and HTTP in one process, started and stopped together."""

    def __init__(self, settings: Settings) -> None:
        """Open the database and bring it up to date; raises Conflict for an open address."""
        if settings.host not in _LOOPBACK:
            told = (
                f"refusing to listen on {settings.host}: until Bakegate knows who you are it "
                "serves this machine only; use --host 127.0.0.1"
            )
            raise Conflict(told)
        self.settings = settings
        settings.data_folder.mkdir(parents=True, exist_ok=True)
        self.lock = _only_one(settings.data_folder / "service.lock")
        self.engines = open_engines(settings.database)
        upgrade(self.engines.write)
        folder = settings.data_folder.absolute()
        artifacts = ArtifactStore(folder / "artifacts")
        self.deployer = LocalDeployer(folder / "hosts", artifacts)
        repository, clock = GitRepository(), SystemClock()
        self.rego = ChosenRego(settings.rego)
        self.executor = Executor(
            self.engines,
            Ports(
                builder=LocalBuilder(folder / "builds", artifacts, repository, clock),
                deployer=self.deployer,
                tester=CommandTester(
                    folder / "tests", self.deployer, repository, self._source, clock
                ),
                repository=repository,
                clock=clock,
                rego=self.rego,
                notifiers=_notifiers(settings, clock),
                calendars=HttpCalendars(),
            ),
        )
        self.prober = Prober(self.deployer, self._watched, self.executor.record_data_points)
        config = uvicorn.Config(
            create_app(self.executor, actor),
            log_level="warning",
            access_log=False,
            timeout_graceful_shutdown=1,
        )
        self.http = uvicorn.Server(config)
        self.socket = _listen(settings.host, settings.port)

    @property
    def url(self) -> str:
        host = "[::1]" if self.settings.host == "::1" else self.settings.host
        return f"http://{host}:{self.socket.getsockname()[1]}"

    def start(self) -> None:
        self.executor.start()
        self.prober.start()

    def serve(self) -> None:
        """Answer requests until the process is told to end."""
        self.http.run(sockets=[self.socket])

    def serve_in_thread(self) -> threading.Thread:
        """The same beside other work of this process; ``stop`` ends it."""
        thread = threading.Thread(target=self.serve, name="http", daemon=True)
        thread.start()
        return thread

    def stop(self) -> None:
        """End in the order in which things depend on each other; hosts outlive the service."""
        self.http.should_exit = True
        self.prober.stop()
        self.executor.stop()
        self.rego.close()
        self.engines.dispose()
        self.socket.close()
        self.lock.close()

    def _source(self, pipeline: str) -> str:
        return self.executor.repository(pipeline)

    def _watched(self) -> Sequence[Watched]:
        return [_as_watched(each) for each in places(self.executor.ground)]


def _as_watched(place: Place) -> Watched:
    return Watched(
        place.pipeline, place.stage, place.target, place.every or _PROBE_EVERY, place.requests
    )


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
    return tuple(found)


def _only_one(path: Path) -> IO[str]:
    """Hold the folder: its hosts and, on SQLite, its unfinished effects have one owner.

    The lock ends with the process, however it ends.
    """
    held = path.open("w")
    try:
        fcntl.flock(held, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        held.close()
        told = f"another process serves {path.parent}; end it, or use another folder with --data"
        raise Conflict(told) from error
    return held


def _listen(host: str, port: int) -> socket.socket:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listening = socket.socket(family, socket.SOCK_STREAM)
    listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listening.bind((host, port))
    except OSError as error:
        listening.close()
        told = f"cannot listen on {host}:{port} ({error.strerror}); choose another with --port"
        raise Conflict(told) from error
    listening.listen()
    return listening
