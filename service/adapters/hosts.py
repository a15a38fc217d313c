"""A deployer whose hosts are processes of this machine and outlive the service."""

import secrets
import shutil
import socket
import subprocess
import sys
import tarfile
import time
from dataclasses import asdict, dataclass, replace
from datetime import timedelta
from pathlib import Path

from service.adapters import host_process
from service.adapters.artifacts import ArtifactError, ArtifactStore
from service.adapters.clock import SystemClock
from service.adapters.host_files import (
    HostRecord,
    TargetRecord,
    claim_path,
    end_host,
    host_paths,
    locked,
    process_of,
    read_host,
    read_hosts,
    read_result,
    read_target,
    target_folder,
    write_host,
    write_result,
    write_target,
)
from service.adapters.processes import end_process, environment_of, run, tail_of
from service.promotions.ports import DeployOrder, DeployProgress, Fenced, Host

_DEADLINE = timedelta(seconds=60)
"""How long a hook or a start may take when the pipeline does not say."""
_VALIDATE = timedelta(seconds=10)
_POLL = 0.02
_STARTS = 5
"""Launches of one host under one key; a server that keeps ending must not be started for ever."""
_PORTS = range(20_000, 32_000)
"""Below the range from which the kernel takes the ports of outgoing connections."""


class _DeploymentError(Exception):
    """A business failure: the deployment ends with this message."""


class LocalDeployer:
    """Implements ``service.promotions.ports.Deployer``."""

    def __init__(self, folder: Path, artifacts: ArtifactStore) -> None:
        self.folder = folder.resolve()
        self._artifacts = artifacts

    def advance(self, order: DeployOrder) -> DeployProgress:
        folder = target_folder(self.folder, order.pipeline, order.stage, order.target)
        with locked(folder):
            known = read_target(folder)
            if known is not None and order.epoch < known.epoch:
                raise Fenced(
                    f"{order.key} has epoch {order.epoch}; target {order.target} of stage "
                    f"{order.stage} has seen {known.epoch}"
                )
            result = read_result(folder, order.key)
            if result is None:
                return _Rollout(folder, self.folder / "starts.jsonl", order).batch(self._artifacts)
            if known is not None and order.epoch > known.epoch:
                write_target(folder, replace(known, epoch=order.epoch))
            return DeployProgress(**result)

    def hosts(self, pipeline: str, stage: str, target: str) -> tuple[Host, ...]:
        folder = target_folder(self.folder, pipeline, stage, target)
        return tuple(
            Host(host.name, host.url, host.digest, host.pid)
            for host in read_hosts(folder)
            # By the record alone: a host that died in service must be asked, and not answer.
            if host.state == "in_service"
        )

    def end_all(self) -> None:
        """End the processes that the records name, and no others; mark their hosts stopped."""
        for folder in sorted({path.parent for path in self.folder.glob("*/*/*/hosts")}):
            with locked(folder):
                for path in host_paths(folder):
                    end_host(path)


@dataclass(frozen=True, slots=True)
class _Rollout:
    """One order at one target; the caller holds the target's lock."""

    folder: Path
    log: Path
    order: DeployOrder

    @property
    def count(self) -> int:
        return self.order.deploy.hosts.or_else(None) or 1

    def batch(self, artifacts: ArtifactStore) -> DeployProgress:
        record = self._begin()
        try:
            # Before any host is touched: a missing artifact must not cost one.
            artifact = artifacts.path(self.order.digest)
            for path in self._chosen():
                record = self._lowered(record, path)
                _Change(path, self.log, self.order, artifact).make()
            if self._replaced() < self.count:
                return self._progress(record)
            self._drop_surplus()
        except (_DeploymentError, ArtifactError) as error:
            return self._finish(replace(record, state="failed", message=str(error)))
        return self._finish(replace(record, state="succeeded"))

    def _begin(self) -> TargetRecord:
        known = read_target(self.folder)
        if known is not None and known.key == self.order.key:
            record = replace(known, epoch=self.order.epoch, state="running", message="")
        else:
            record = TargetRecord(
                epoch=self.order.epoch,
                key=self.order.key,
                digest=self.order.digest,
                state="running",
                message="",
                started_at=SystemClock().now().isoformat(),
                lowest=len(self._serving()),
            )
        write_target(self.folder, record)
        return record

    def _lowered(self, record: TargetRecord, path: Path) -> TargetRecord:
        """The record once the host of ``path`` is taken out."""
        record = replace(record, lowest=min(record.lowest, len(self._serving() - {path})))
        write_target(self.folder, record)
        return record

    def _paths(self) -> list[Path]:
        return [self.folder / "hosts" / f"{number}.json" for number in range(1, self.count + 1)]

    def _serving(self) -> set[Path]:
        hosts = {path: read_host(path) for path in host_paths(self.folder)}
        return {path for path, host in hosts.items() if host is not None and host.in_service}

    def _runs(self, path: Path) -> bool:
        host = read_host(path)
        return (
            host is not None
            and host.in_service
            and host.digest == self.order.digest
            # The way back leaves alone what still runs the good version.
            and (self.order.rollback or host.key == self.order.key)
        )

    def _replaced(self) -> int:
        return sum(self._runs(path) for path in self._paths())

    def _chosen(self) -> list[Path]:
        """The hosts of this batch; those out of service come first, as they cost nobody a host."""
        waiting = [path for path in self._paths() if not self._runs(path)]
        serving = self._serving()
        least = self.order.deploy.min_healthy.or_else(None) or 0
        spare = max(0, len(serving) - least)
        idle = [path for path in waiting if path not in serving]
        busy = [path for path in waiting if path in serving]
        chosen = (idle + busy[:spare])[: self._size()]
        if waiting and not chosen:
            raise _DeploymentError(
                f"{len(serving)} hosts are in service and {least} must stay, so none can be "
                "replaced; lower min_healthy or raise hosts"
            )
        return chosen

    def _size(self) -> int:
        batch = self.order.deploy.batch.or_else(None) or 1
        # On the way back speed counts more than caution; min_healthy holds all the same.
        return max(batch, self.count // 3) if self.order.rollback else batch

    def _drop_surplus(self) -> None:
        """End the hosts that a smaller ``hosts`` no longer has room for."""
        for path in set(host_paths(self.folder)) - set(self._paths()):
            end_host(path)

    def _progress(self, record: TargetRecord) -> DeployProgress:
        return DeployProgress(
            record.state, self._replaced(), self.count, record.lowest, record.message
        )

    def _finish(self, record: TargetRecord) -> DeployProgress:
        write_target(self.folder, record)
        progress = self._progress(record)
        # Last: until this is written a repeated call does the rest again, afterwards nothing.
        write_result(self.folder, self.order.key, asdict(progress))
        return progress


@dataclass(frozen=True, slots=True)
class _Change:
    """Brings one host to the order's digest; may be begun again after a kill at any line."""

    path: Path
    log: Path
    order: DeployOrder
    artifact: Path

    @property
    def home(self) -> Path:
        return self.path.with_suffix("")

    @property
    def app(self) -> Path:
        return self.home / "app"

    def make(self) -> None:
        host = read_host(self.path)
        if host is None or host.state != "starting" or host.key != self.order.key:
            self._unpack()
            if host is not None:
                self._stop(host)
            host = self._swap(host)
        try:
            host = self._start(host)
            self._validate(host)
        except _DeploymentError:
            # It never was in service; left alone it would only hold its port.
            end_host(self.path)
            raise
        write_host(self.path, replace(host, state="in_service"))
        for claim in set(self.home.glob("*.claim")) - {claim_path(self.path, host.key)}:
            claim.unlink()

    def _unpack(self) -> None:
        """Into a folder beside the running one: a broken archive must not cost a host."""
        incoming = self.home / "incoming"
        shutil.rmtree(incoming, ignore_errors=True)
        incoming.mkdir(parents=True)
        try:
            with tarfile.open(self.artifact, "r:gz") as archive:
                archive.extractall(incoming, filter="data")
        except (tarfile.TarError, EOFError, OSError) as error:
            raise _DeploymentError(
                f"the artifact {self.order.digest} does not unpack: {error}"
            ) from error

    def _stop(self, host: HostRecord) -> None:
        # Before the claim is read, as in end_host.
        write_host(self.path, replace(host, state="stopping"))
        process = process_of(self.path, host)
        if process is None:
            return
        hooks = self.order.deploy.hooks
        command = hooks.stop.or_else(None) if hooks else None
        if command is not None:
            self._hook("stop", command, host.port, self._deadline())
        end_process(*process)

    def _swap(self, host: HostRecord | None) -> HostRecord:
        """Put the new version in place of the old one and record that it is about to start."""
        shutil.rmtree(self.app, ignore_errors=True)
        (self.home / "incoming").rename(self.app)
        (self.home / "output.log").unlink(missing_ok=True)
        order = self.order
        again = host is not None and host.key == order.key
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
            starts=host.starts if host is not None and again else 0,
        )
        write_host(self.path, record)
        return record

    def _start(self, host: HostRecord) -> HostRecord:
        """Launch the server, or find the one that an earlier call launched; wait for its port."""
        claim = str(claim_path(self.path, host.key))
        former = host_process.read_claim(claim)
        if not host_process.alive(*former):
            host = self._launch(host, claim)
        else:
            former = (0, 0)
        deadline = time.monotonic() + self._deadline().total_seconds()
        while time.monotonic() < deadline:
            process = host_process.read_claim(claim)
            if host_process.alive(*process):
                if process != (host.pid, host.start_time):
                    host = replace(host, pid=process[0], start_time=process[1])
                    write_host(self.path, host)
                if _accepts(host.port):
                    return host
            elif process not in (former, (0, 0)):
                raise _DeploymentError(self._words(host, "ended before it listened"))
            time.sleep(_POLL)
        raise _DeploymentError(self._words(host, f"did not listen within {self._deadline()}"))

    def _launch(self, host: HostRecord, claim: str) -> HostRecord:
        if host.starts >= _STARTS:
            raise _DeploymentError(self._words(host, f"ended after each of {_STARTS} starts"))
        host = replace(host, starts=host.starts + 1)
        write_host(self.path, host)
        hooks = self.order.deploy.hooks
        command = (hooks.start.or_else(None) if hooks else None) or "exec ./start"
        # -P: a folder ``service`` in the artifact must not stand for ours.
        wrapper = [sys.executable, "-P", "-m", host_process.__name__]
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
        return host

    def _validate(self, host: HostRecord) -> None:
        hooks = self.order.deploy.hooks
        command = hooks.validate.or_else(None) if hooks else None
        if command is None:
            return
        deadline = time.monotonic() + min(_VALIDATE, self._deadline()).total_seconds()
        while True:
            left = timedelta(seconds=max(0.1, deadline - time.monotonic()))
            try:
                self._hook("validate", command, host.port, left)
            except _DeploymentError:
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
        )
        if not finished.ok:
            ending = "ran out of time" if finished.timed_out else f"ended with {finished.code}"
            raise _DeploymentError(
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

    def _deadline(self) -> timedelta:
        return self.order.deploy.deadline.or_else(None) or _DEADLINE

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
    raise _DeploymentError(f"no free port between {_PORTS.start} and {_PORTS.stop} was found")
