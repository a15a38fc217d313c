"""A deployer whose hosts are processes of this machine and outlive the service."""

from dataclasses import asdict, dataclass, replace
from pathlib import Path

from policies.durations import format_duration
from service.adapters.artifacts import ArtifactError, ArtifactStore
from service.adapters.batches import next_batch
from service.adapters.host_change import Change, DeploymentError, TooLate, since_boot
from service.adapters.host_fence import Fence, kept_answer
from service.adapters.host_files import (
    TargetRecord,
    host_paths,
    process_of,
    read_host,
    read_hosts,
    read_target,
    target_folder,
)
from service.promotions.ports import DEPLOY_WITHIN, DeployOrder, DeployProgress, Host


class LocalDeployer:
    """Implements ``service.promotions.ports.Deployer``."""

    def __init__(self, folder: Path, artifacts: ArtifactStore) -> None:
        self.folder = folder.resolve()
        self._artifacts = artifacts

    def advance(self, order: DeployOrder) -> DeployProgress:
        rollout = self._rollout(order)
        return rollout.kept() or rollout.batch(self._artifacts)

    def abort(self, order: DeployOrder) -> DeployProgress:
        rollout = self._rollout(order)
        return rollout.kept() or rollout.abort()

    def hosts(self, pipeline: str, stage: str, target: str) -> tuple[Host, ...]:
        folder = target_folder(self.folder, pipeline, stage, target)
        return tuple(
            Host(host.name, host.url, host.digest, host.pid)
            for host in read_hosts(folder)
            # By the record alone: a host that died in service must be asked, and not answer.
            if host.state == "in_service"
        )

    def _rollout(self, order: DeployOrder) -> "_Rollout":
        folder = target_folder(self.folder, order.pipeline, order.stage, order.target)
        place = f"target {order.target} of stage {order.stage}"
        fence = Fence(folder, order.epoch, order.key, place)
        return _Rollout(fence, self.folder / "starts.jsonl", order)

    def ended(self, pipeline: str, stage: str, target: str) -> int | None:
        """The epoch of a target where no host lives any more and nobody deploys; else None."""
        folder = target_folder(self.folder, pipeline, stage, target)
        known = read_target(folder)
        if known is None or known.state == "running":
            return None
        living = (path for path in host_paths(folder) if _lives(path))
        return None if any(living) else known.epoch

    def end_all(self) -> None:
        """End the processes that the records name, and no others; mark their hosts stopped."""
        for folder in sorted({path.parent for path in self.folder.glob("*/*/*/hosts")}):
            known = read_target(folder)
            fence = Fence(folder, known.epoch if known else 0)
            for path in host_paths(folder):
                fence.end_host(path)


def _lives(path: Path) -> bool:
    host = read_host(path)
    return host is not None and process_of(path, host) is not None


@dataclass(frozen=True, slots=True)
class _Rollout:
    """One order at one target."""

    fence: Fence
    log: Path
    order: DeployOrder

    @property
    def folder(self) -> Path:
        return self.fence.folder

    @property
    def count(self) -> int:
        return self.order.deploy.hosts.or_else(None) or 1

    def kept(self) -> DeployProgress | None:
        return kept_answer(self.fence)

    def abort(self) -> DeployProgress:
        """A host that is about to start never was in service, and ends; the others stay."""
        record = self._begin()
        for path in host_paths(self.folder):
            host = read_host(path)
            if host is not None and host.key == self.order.key and host.state == "starting":
                self.fence.end_host(path)
        told = f"aborted when {self._replaced()} of {self.count} hosts were replaced"
        return self._finish(replace(record, state="failed", message=told), "abort")

    def batch(self, artifacts: ArtifactStore) -> DeployProgress:
        record = self._begin()
        within = self.order.deploy.deadline.or_else(None) or DEPLOY_WITHIN
        until = record.begun + within.total_seconds()
        try:
            chosen = self._chosen()
            # Before any host is touched: a missing artifact must not cost one. Where none has to
            # be, as on the way back from what no host took, nobody needs it.
            artifact = artifacts.path(self.order.digest) if chosen else Path()
            for path in chosen:
                if since_boot() >= until:
                    done = f"{self._replaced()} of {self.count} hosts were replaced"
                    raise TooLate(f"{done} within {format_duration(within)}")
                record = self._lowered(record, path)
                Change(path, self.log, self.order, artifact, self.fence, until).make()
            if self._replaced() < self.count:
                return self._progress(record)
            self._drop_surplus()
        except (DeploymentError, ArtifactError) as error:
            failed = replace(record, state="failed", message=str(error))
            return self._finish(failed, "deadline" if isinstance(error, TooLate) else "failure")
        return self._finish(replace(record, state="succeeded"))

    def _begin(self) -> TargetRecord:
        """Take the target for this attempt; raises Fenced where a newer one has it."""
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
                begun=since_boot(),
                lowest=len(self._serving()),
            )
        self.fence.put_target(record)
        return record

    def _lowered(self, record: TargetRecord, path: Path) -> TargetRecord:
        """The record once the host of ``path`` is taken out."""
        record = replace(record, lowest=min(record.lowest, len(self._serving() - {path})))
        self.fence.put_target(record)
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
        waiting = [path for path in self._paths() if not self._runs(path)]
        return next_batch(self.order, self.count, waiting, self._serving())

    def _drop_surplus(self) -> None:
        """End the hosts that a smaller ``hosts`` no longer has room for."""
        for path in set(host_paths(self.folder)) - set(self._paths()):
            self.fence.end_host(path)

    def _progress(self, record: TargetRecord, cause: str = "") -> DeployProgress:
        return DeployProgress(
            record.state, self._replaced(), self.count, record.lowest, record.message, cause
        )

    def _finish(self, record: TargetRecord, cause: str = "") -> DeployProgress:
        self.fence.put_target(record)
        progress = self._progress(record, cause)
        # Last: until this is written a repeated call does the rest again, afterwards nothing.
        self.fence.put_result(self.order.key, asdict(progress))
        return progress
