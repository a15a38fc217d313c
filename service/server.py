"""The whole service in one process: executor, probing, API and pages."""

import fcntl
import socket
import threading
from pathlib import Path
from typing import IO, Final

import uvicorn

from service.app import create_app
from service.errors import Conflict
from service.executor.probing import Probing
from service.executor.watching import Places
from service.identity import actor
from service.parts import open_parts
from service.settings import Settings

_LOOPBACK: Final = frozenset({"127.0.0.1", "::1", "localhost"})


class Server:
    """Executor, probing and HTTP in one process, started and stopped together."""

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
        self.parts = open_parts(settings)
        self.engines, self.executor = self.parts.engines, self.parts.executor
        self.deployer = self.parts.deployer
        self.probing = Probing(
            self.parts.deployers,
            self.parts.prober,
            Places(self.executor.ground).now,
            self.executor.record_data_points,
        )
        config = uvicorn.Config(
            create_app(self.executor, actor, settings.hook_secret.get_secret_value()),
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
        self.probing.start()

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
        self.probing.stop()
        self.executor.stop()
        self.parts.close()
        self.socket.close()
        self.lock.close()


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
