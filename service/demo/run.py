"""The demonstration as one object: folder, repository, service, customers, and the four releases.

It goes on where it was when it is started again in the same folder: commits, registrations and
releases that are there already are not made twice, and hosts of an earlier process are found again.
"""

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from importlib.resources import files
from pathlib import Path
from secrets import token_hex
from types import TracebackType
from typing import Any, Final, Self

from policies.pipeline import Pipeline
from service.demo import scenario
from service.demo.changes import BLOCKLIST, REQUESTS
from service.demo.repository import DemoRepository
from service.demo.scenario import PIPELINE, SCENES, Fate, Scene
from service.executor.watch import targets
from service.identity import actor
from service.promotions.ports import DeployOrder
from service.promotions.views import PipelineView, ReleaseView
from service.server import Server
from service.settings import Settings

#: Requests that customers send to each target in a second.
_RATE: Final = 25
#: The longest that one release may take, in seconds; after it the demonstration says what it waits
#: for.
_PATIENCE_S: Final = 150.0

Wait = Callable[[str, Callable[[ReleaseView], bool]], None]


class Demonstration:
    """A context manager: entering starts everything, leaving stops all but the hosts."""

    scenes = SCENES

    def __init__(self, folder: Path, port: int) -> None:
        self.folder = folder.absolute()
        self.repository = DemoRepository(self.folder / "repository")
        # Build steps say python3 and bakegate; both must be those of this installation.
        os.environ["PATH"] = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
        self.server = Server(Settings(data_folder=self.folder / "service", port=port))
        self.customers: subprocess.Popen[bytes] | None = None
        self.brought: tuple[str, ...] = ()
        """What was said of each target whose hosts an earlier demonstration had ended."""

    @property
    def url(self) -> str:
        return self.server.url

    def __enter__(self) -> Self:
        self.repository.create()
        self.brought = tuple(self._bring_back())
        self.server.start()
        self.server.serve_in_thread()
        self._register()
        self._send_customers()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self.customers:
            self.customers.terminate()
            self.customers.wait()
        self.server.stop()

    def end_hosts(self) -> None:
        """End the hosts that this folder's state files name, and nothing else."""
        self.server.deployer.end_all()

    def play(self, scene: Scene, wait: Wait) -> Fate:
        return scenario.play(scene, self.repository, self, wait)

    def refuse(self) -> Fate:
        return scenario.refuse(self.folder, self)

    def follow(
        self, release: str, over: Callable[[ReleaseView], bool], every_s: float
    ) -> Iterator[tuple[ReleaseView, PipelineView]]:
        """The release as it goes, until it is over or has taken longer than it should."""
        end = time.monotonic() + _PATIENCE_S
        while True:
            view = self.release(release)
            yield view, self.pipeline(PIPELINE)
            if over(view) or time.monotonic() > end:
                return
            time.sleep(every_s)

    def submit(self, pipeline: str, commit: str) -> str:
        return self.server.executor.submit(pipeline, commit, actor())

    def register(self, text: str, path: str) -> None:
        repository = str(self.repository.folder)
        self.server.executor.register_pipeline(text, path, repository, actor())

    def pipeline(self, name: str) -> PipelineView:
        return self.server.executor.pipeline(name)

    def release(self, name: str) -> ReleaseView:
        return self.server.executor.release(name)

    def release_of(self, commit: str) -> str | None:
        return self.server.executor.release_of(PIPELINE, commit)

    def _register(self) -> None:
        if self._registered():
            return
        folder = files("service.demo") / "organization"
        organization = {
            each.name: each.read_text(encoding="utf-8")
            for each in folder.iterdir()
            if each.name.endswith(".yaml")
        }
        self.server.executor.register_organization(organization, actor())
        for entry in BLOCKLIST:
            self.server.executor.add_blocklist(entry, actor())
        text = (self.repository.folder / "pipeline.yaml").read_text(encoding="utf-8")
        self.register(text, "pipeline.yaml")

    def _bring_back(self) -> Iterator[str]:
        """Start the hosts again that were ended with an earlier demonstration of this folder.

        Each under a key of its own, for the records know the old ones as ended. Where a deployment
        was under way the executor goes on with it.
        """
        executor, deployer = self.server.executor, self.server.deployer
        if not self._registered():
            return
        declared = executor.definition(PIPELINE)
        for seen in executor.pipeline(PIPELINE).stages:
            stage = declared.stage(seen.name)
            for each in seen.targets:
                epoch = deployer.ended(PIPELINE, seen.name, each.name)
                if epoch is None or not each.digest or stage is None or stage.deploy is None:
                    continue
                order = DeployOrder(
                    key=f"{PIPELINE}/{seen.name}/{each.name}:again:{token_hex(4)}",
                    epoch=epoch,
                    release=each.release or "",
                    pipeline=PIPELINE,
                    stage=seen.name,
                    target=each.name,
                    digest=each.digest,
                    deploy=stage.deploy,
                    rollback=True,
                    environment=declared.environment,
                )
                while (progress := deployer.advance(order)).state == "running":
                    pass
                told = f"{progress.replaced} of {progress.hosts} hosts run again"
                yield f"{each.name}: {progress.message or told}"

    def _registered(self) -> bool:
        return any(each.name == PIPELINE for each in self.server.executor.pipelines())

    def _send_customers(self) -> None:
        """A process of its own stands for the customers of every production target."""
        profile = self.folder / "customers.json"
        profile.write_text(json.dumps(self._profile()), encoding="utf-8")
        self.customers = subprocess.Popen(  # noqa: S603 - our own module with our own file
            [sys.executable, "-m", "service.adapters.load", str(profile), str(os.getpid())],
            stdin=subprocess.DEVNULL,
        )

    def _profile(self) -> dict[str, Any]:
        pipeline: Pipeline = self.server.executor.definition(PIPELINE)
        return {
            "url": self.url,
            "pipeline": PIPELINE,
            "rate_per_s": _RATE,
            "state_folder": str(self.server.deployer.folder),
            "targets": [
                {"stage": stage.name, "target": target}
                for stage in pipeline.prod
                for target in targets(stage)
            ],
            "requests": [
                {"path": path, "weight": weight, "status": 200} for path, weight in REQUESTS.items()
            ],
        }
