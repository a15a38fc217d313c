"""Bringing one host of a target to the artifact of an order."""

import logging
import secrets
import shutil
import socket
import subprocess
import sys
import tarfile
import time
from dataclasses import dataclass, replace
from datetime import timedelta
from pathlib import Path
from typing import Final

from service.adapters import host_process
from service.adapters.host_fence import Fence
from service.adapters.host_files import HostRecord, claim_path, process_of, read_host
from service.adapters.processes import end_process, environment_of, run, tail_of
from service.promotions.ports import DeployOrder

_log: Final = logging.getLogger(__name__)

_VALIDATE = timedelta(seconds=10)
#: The longest that a stop hook may take on the way back; ours.
_STOP_BACK: Final = timedelta(minutes=1)
_POLL = 0.02
_PORTS = range(20_000, 32_000)
"""Below the range from which the kernel takes the ports of outgoing connections."""


class DeploymentError(Exception):
    """A business failure: the deployment ends with this message."""


class Unreached(Exception):
    """The other side cannot answer now and may later; the message says why."""


class TooLate(DeploymentError):
    """The deadline ended it; what failed by itself shortly before is no such case."""


def since_boot() -> float:
    """Seconds that no jump of a clock changes and that every process of this machine agrees on."""
    return time.clock_gettime(time.CLOCK_BOOTTIME)


def stop_within(left: timedelta) -> timedelta:
    """What a stop hook may take of the time that is left on the way back."""
    return min(left / 4, _STOP_BACK)


def unpack(artifact: Path, folder: Path, digest: str) -> None:
    """Unpack an artifact into a new folder; raises DeploymentError for what is no archive."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    try:
        with tarfile.open(artifact, "r:gz") as archive:
            archive.extractall(folder, filter="data")
    except (tarfile.TarError, EOFError, OSError) as error:
        raise DeploymentError(f"the artifact {digest} does not unpack: {error}") from error


@dataclass(frozen=True, slots=True)
class Change:
    """Brings one host to the order's digest; may be begun again after a kill at any line.

    ``until`` is the end of the whole deployment, in seconds since boot. Every change goes through
    ``fence``: an attempt that was replaced stops with Fenced at its next one.
    """

    path: Path
    log: Path
    order: DeployOrder
    artifact: Path
    fence: Fence
    until: float

    @property
    def home(self) -> Path:
        return self.path.with_suffix("")

    @property
    def app(self) -> Path:
        return self.home / "app"

    def make(self) -> None:
        host = read_host(self.path)
        if host is not None and host.key == self.order.key and host.state == "in_service":
            # It is replaced a second time only because its process is gone.
            raise DeploymentError(self._words(host, "ended while its deployment went on"))
        if host is None or host.state != "starting" or host.key != self.order.key:
            incoming = self._unpack()
            if host is not None:
                self._stop(host)
            host = self._swap(incoming)
        try:
            host = self._start(host)
            self._validate(host)
        except DeploymentError:
            # It never was in service; left alone it would only hold its port.
            self.fence.end_host(self.path)
            raise
        self.fence.mark(self.path, host, "in_service")
        self._clean(host)

    def _unpack(self) -> Path:
        """Into a folder of this attempt: a broken archive must not cost a host."""
        incoming = self.home / f"incoming-{self.fence.epoch}"
        unpack(self.artifact, incoming, self.order.digest)
        return incoming

    def _stop(self, host: HostRecord) -> None:
        # Before the claim is read, as in end_host.
        self.fence.mark(self.path, host, "stopping")
        process = process_of(self.path, host)
        if process is None:
            return
        self._drain()
        hooks = self.order.deploy.hooks
        command = hooks.stop.or_else(None) if hooks else None
        if command is not None:
            self._stop_hook(command, host)
        end_process(*process, self.fence.held)

    def _stop_hook(self, command: str, host: HostRecord) -> None:
        """On the way back one that fails or hangs is passed over: it is the bad version's own."""
        left = self._left()
        if not self.order.rollback:
            self._hook("stop", command, host.port, left)
            return
        try:
            self._hook("stop", command, host.port, stop_within(left))
        except DeploymentError as error:
            _log.warning("the way back goes on: %s", error)

    def _drain(self) -> None:
        """Let requests end that came before the records said that the host stops.

        The way back waits for nobody.
        """
        drain = None if self.order.rollback else self.order.deploy.drain.or_else(None)
        if drain is None:
            return
        until = min(self.until, since_boot() + drain.total_seconds())
        while since_boot() < until:
            self.fence.check()
            time.sleep(max(0.0, min(_POLL, until - since_boot())))

    def _swap(self, incoming: Path) -> HostRecord:
        """Put the new version in place of the old one and record that it is about to start."""
        with self.fence.held():
            if self.app.exists():
                self.app.rename(self.home / f"old-{self.fence.epoch}-{time.time_ns()}")
            incoming.rename(self.app)
        (self.home / "output.log").unlink(missing_ok=True)
        order = self.order
        record = HostRecord(
            pipeline=order.pipeline,
            stage=order.stage,
            target=order.target,
            name=f"{order.target}-{self.path.stem}",
            pid=0,
            start_time=0,
            port=_free_port(),
            digest=order.digest,
            key=order.key,
            epoch=order.epoch,
            state="starting",
        )
        self.fence.put_host(self.path, record)
        return record

    def _start(self, host: HostRecord) -> HostRecord:
        """Launch the server, or find the one that an earlier call launched; wait for its port."""
        claim = str(claim_path(self.path, host.key))
        if host_process.read_claim(claim) == (0, 0):
            self._launch(host, claim)
        while self._left() > timedelta():
            self.fence.check()
            process = host_process.read_claim(claim)
            if host_process.alive(*process):
                if process != (host.pid, host.start_time):
                    host = replace(host, pid=process[0], start_time=process[1])
                    self.fence.put_host(self.path, host)
                if _accepts(host.port):
                    return host
            elif process != (0, 0):
                raise DeploymentError(self._words(host, "ended before it listened"))
            time.sleep(_POLL)
        raise TooLate(self._words(host, "did not listen before the deadline"))

    def _launch(self, host: HostRecord, claim: str) -> None:
        hooks = self.order.deploy.hooks
        command = (hooks.start.or_else(None) if hooks else None) or "exec ./start"
        # -P: a folder ``service`` in the artifact must not stand for ours.
        wrapper = [sys.executable, "-P", "-m", host_process.__name__]
        # Not under the fence: the wrapper itself looks whether the host is still to be started.
        with (self.home / "output.log").open("ab") as output:
            subprocess.run(  # noqa: S603 - our own wrapper and the pipeline's own command
                [*wrapper, claim, str(self.log), str(self.path), "--", command],
                cwd=self.app,
                env=environment_of(self._environment(host.port), self.order.environment),
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                # A Ctrl-C at the service's terminal is not meant for the hosts.
                start_new_session=True,
                check=True,
            )

    def _validate(self, host: HostRecord) -> None:
        hooks = self.order.deploy.hooks
        command = hooks.validate.or_else(None) if hooks else None
        if command is None:
            return
        deadline = time.monotonic() + min(_VALIDATE, self._left()).total_seconds()
        while True:
            self.fence.check()
            left = timedelta(seconds=max(0.1, deadline - time.monotonic()))
            try:
                self._hook("validate", command, host.port, left)
            except DeploymentError:
                if time.monotonic() + _POLL * 10 >= deadline:
                    raise
                time.sleep(_POLL * 10)
            else:
                return

    def _hook(self, name: str, command: str, port: int, timeout: timedelta) -> None:
        finished = run(
            command,
            folder=self.app,
            environment=self._environment(port),
            inherit=self.order.environment,
            timeout=timeout,
            output=self.home / f"{name}.log",
            # A hook that hangs must not hold up whoever ends its deployment.
            may_run=self.fence.check,
        )
        if not finished.ok:
            ending = "ran out of time" if finished.timed_out else f"ended with {finished.code}"
            late = finished.timed_out and self._left() <= timedelta()
            raise (TooLate if late else DeploymentError)(
                f"hook {name} of host {self.order.target}-{self.path.stem} {ending}: "
                f"{finished.tail}".removesuffix(": ")
            )

    def _environment(self, port: int) -> dict[str, str]:
        order = self.order
        return {
            "BAKEGATE_STAGE": order.stage,
            "BAKEGATE_TARGET": order.target,
            "BAKEGATE_DIGEST": order.digest,
            "BAKEGATE_PORT": str(port),
            "BAKEGATE_URL": f"http://127.0.0.1:{port}",
            "BAKEGATE_ARTIFACT": str(self.artifact.resolve()),
            "BAKEGATE_RELEASE": order.release,
            "BAKEGATE_IDEMPOTENCY_KEY": order.key,
            "BAKEGATE_EPOCH": str(order.epoch),
        }

    def _left(self) -> timedelta:
        """What is left of the time of the whole deployment."""
        return timedelta(seconds=max(0.0, self.until - since_boot()))

    def _clean(self, host: HostRecord) -> None:
        """Remove what earlier attempts and versions left beside the running one."""
        for claim in set(self.home.glob("*.claim")) - {claim_path(self.path, host.key)}:
            claim.unlink(missing_ok=True)
        for pattern in ("old-*", "incoming-*"):
            for folder in self.home.glob(pattern):
                shutil.rmtree(folder, ignore_errors=True)

    def _words(self, host: HostRecord, what: str) -> str:
        return f"host {host.name} {what}: {tail_of(self.home / 'output.log')}".removesuffix(": ")


def _accepts(port: int) -> bool:
    try:
        with socket.create_connection(("127.0.0.1", port), timeout=0.5):
            return True
    except OSError:
        return False


def _free_port() -> int:
    for _ in range(100):
        port = secrets.choice(_PORTS)
        with socket.socket() as probe:
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
        return port
    raise DeploymentError(f"no free port between {_PORTS.start} and {_PORTS.stop} was found")
