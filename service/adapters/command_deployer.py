"""A deployer that runs the pipeline's own command for each target, and keeps what came of it.

The artifact is unpacked into a folder of the attempt, and there ``hooks.start`` brings it to the
target, then ``hooks.validate`` asks the new version something. A command that was killed runs again
under the same ``BAKEGATE_IDEMPOTENCY_KEY`` with a higher ``BAKEGATE_EPOCH``: the far side may fence
by them as we do here. What it writes into the file ``url`` is where the target answers.
"""

import json
import shutil
from dataclasses import asdict, replace
from datetime import timedelta
from pathlib import Path

from service.adapters.artifacts import ArtifactError, ArtifactStore
from service.adapters.host_change import DeploymentError, since_boot, unpack
from service.adapters.host_fence import Fence, kept_answer
from service.adapters.host_files import TargetRecord, read_target, target_folder
from service.adapters.processes import run
from service.promotions.ports import DEPLOY_WITHIN, DeployOrder, DeployProgress, Host


class CommandDeployer:
    """Implements ``service.promotions.ports.Deployer``; one call is the whole deployment."""

    def __init__(self, folder: Path, artifacts: ArtifactStore) -> None:
        self.folder = folder.resolve()
        self._artifacts = artifacts

    def advance(self, order: DeployOrder) -> DeployProgress:
        fence = self._fence(order)
        kept = kept_answer(fence)
        if kept is not None:
            return kept
        known = read_target(fence.folder)
        again = known is not None and known.key == order.key
        begun = known.begun if known is not None and again else since_boot()
        record = TargetRecord(order.epoch, order.key, order.digest, "running", "", begun)
        fence.put_target(record)
        return _keep(fence, record, self._deploy(order, fence, begun))

    def abort(self, order: DeployOrder) -> DeployProgress:
        """The epoch alone ends a hook that runs: whoever runs it asks all the time."""
        fence = self._fence(order)
        kept = kept_answer(fence)
        if kept is not None:
            return kept
        record = TargetRecord(order.epoch, order.key, order.digest, "running", "", since_boot())
        fence.put_target(record)
        told = "aborted before its commands had ended"
        return _keep(fence, record, DeployProgress("failed", 0, 1, 0, told, "abort"))

    def hosts(self, pipeline: str, stage: str, target: str) -> tuple[Host, ...]:
        """The target itself, where its last deployment said that it answers."""
        served = target_folder(self.folder, pipeline, stage, target) / "served.json"
        if not served.exists():
            return ()
        said = json.loads(served.read_text(encoding="utf-8"))
        return (Host(target, said["url"], said["digest"]),) if said["url"] else ()

    def _fence(self, order: DeployOrder) -> Fence:
        folder = target_folder(self.folder, order.pipeline, order.stage, order.target)
        place = f"target {order.target} of stage {order.stage}"
        return Fence(folder, order.epoch, order.key, place)

    def _deploy(self, order: DeployOrder, fence: Fence, begun: float) -> DeployProgress:
        within = order.deploy.deadline.or_else(None) or DEPLOY_WITHIN
        until = begun + within.total_seconds()
        work = _work(fence)
        hooks = order.deploy.hooks
        try:
            artifact = self._artifacts.path(order.digest)
            unpack(artifact, work, order.digest)
            for name in ("start", "validate"):
                command = getattr(hooks, name).or_else(None) if hooks else None
                if command:
                    self._hook(name, command, order, fence, until)
            self._serve(order, fence, work)
        except (DeploymentError, ArtifactError) as error:
            cause = "deadline" if since_boot() >= until else "failure"
            return DeployProgress("failed", 0, 1, 0, str(error), cause)
        finally:
            shutil.rmtree(work, ignore_errors=True)
        return DeployProgress("succeeded", 1, 1, 0)

    def _hook(
        self, name: str, command: str, order: DeployOrder, fence: Fence, until: float
    ) -> None:
        work = _work(fence)
        finished = run(
            command,
            folder=work,
            environment={
                "BAKEGATE_RELEASE": order.release,
                "BAKEGATE_STAGE": order.stage,
                "BAKEGATE_TARGET": order.target,
                "BAKEGATE_DIGEST": order.digest,
                "BAKEGATE_ARTIFACT": str(self._artifacts.path(order.digest).resolve()),
                "BAKEGATE_IDEMPOTENCY_KEY": order.key,
                "BAKEGATE_EPOCH": str(order.epoch),
            },
            inherit=order.environment,
            timeout=timedelta(seconds=max(0.1, until - since_boot())),
            output=work.with_name(f"{name}.log"),
            may_run=fence.check,
        )
        if not finished.ok:
            ending = "ran out of time" if finished.timed_out else f"ended with {finished.code}"
            told = f"hook {name} of {order.target} {ending}: {finished.tail}"
            raise DeploymentError(told.removesuffix(": "))

    def _serve(self, order: DeployOrder, fence: Fence, work: Path) -> None:
        url = work / "url"
        text = url.read_text(encoding="utf-8").strip() if url.is_file() else ""
        fence.put(fence.folder / "served.json", {"url": text, "digest": order.digest})


def _work(fence: Fence) -> Path:
    return fence.folder / f"work-{fence.epoch}"


def _keep(fence: Fence, record: TargetRecord, progress: DeployProgress) -> DeployProgress:
    fence.put_target(replace(record, state=progress.state, message=progress.message))
    fence.put_result(record.key, asdict(progress))
    return progress
