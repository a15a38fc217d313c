"""Builds on this machine: a fresh clone of the commit, the build steps, the artifact by digest."""

from collections.abc import Iterable
from pathlib import Path

from policies.phrases import counted
from policies.pipeline import Step
from policies.release import Evidence, Sbom, Vulnerability
from service.adapters.artifacts import ArtifactStore
from service.adapters.git import GitRepository, UnknownCommitError
from service.adapters.kept import ROOM, Room
from service.adapters.results import KeptResults
from service.adapters.steps import Outcome, StepRunner, as_evidence, is_soft, name_of
from service.promotions.ports import Artifact, BuildOrder, BuildResult, Clock


class LocalBuilder:
    """``folder`` keeps results and logs; each build has a work folder there while it runs.

    ``room`` is what each of its steps may take of the machine.
    """

    def __init__(
        self,
        folder: Path,
        artifacts: ArtifactStore,
        repository: GitRepository,
        clock: Clock,
        *,
        room: Room = ROOM,
    ) -> None:
        self._room = room
        self._artifacts = artifacts
        self._repository = repository
        self._clock = clock
        self._results = KeptResults(folder, BuildResult)

    def build(self, order: BuildOrder) -> BuildResult:
        """Build, unless ``order.key`` was built before: what is promoted is never built twice."""
        return self._results.once(order.key, lambda work: self._build(order, work))

    def _build(self, order: BuildOrder, work: Path) -> BuildResult:
        log = self._results.log(order.key)
        log.write_bytes(b"")
        checkout = work / "checkout"
        try:
            self._repository.checkout(order.repository, order.commit, checkout)
        except UnknownCommitError as error:
            return BuildResult(
                ok=False, message=str(error), artifact=None, evidence=(), log=str(log)
            )
        runner = StepRunner(
            checkout, order.pipeline.environment, log, order.stage.timeout, self._room
        )
        return _Build(order, runner, self._artifacts, self._clock).run()


class _Build:
    """One build in its checkout."""

    def __init__(
        self, order: BuildOrder, runner: StepRunner, artifacts: ArtifactStore, clock: Clock
    ) -> None:
        self.order = order
        self.runner = runner
        self.artifacts = artifacts
        self.clock = clock
        self.evidence: list[Evidence] = []
        self.sbom: Sbom | None = None
        self.findings: tuple[Vulnerability, ...] | None = None

    def run(self) -> BuildResult:
        for step in self.order.stage.steps:
            outcome = self._step(step)
            if outcome.problem and not is_soft(step):
                return self._result(f"step {name_of(step)} failed: {outcome.problem}")
        return self._package()

    def _step(self, step: Step) -> Outcome:
        order = self.order
        environment = {
            "BAKEGATE_RELEASE": order.release,
            "BAKEGATE_STAGE": order.stage.name,
            "BAKEGATE_IDEMPOTENCY_KEY": order.key,
        }
        try:
            outcome = self.runner.run(step, environment)
        except ValueError as error:
            outcome = Outcome(str(error))
        told = outcome.told
        self.sbom = told.sbom or self.sbom
        if told.weaknesses is not None:
            self.findings = (*(self.findings or ()), *told.weaknesses)
        self.evidence += as_evidence(
            step, outcome, self.clock, stage=order.stage.name, commit=order.commit
        )
        return outcome

    def _package(self) -> BuildResult:
        declared = self.order.pipeline.artifact.or_else(None)
        if declared is None:
            return self._result("the pipeline declares no artifact (build.artifact)")
        try:
            path = self.runner.place(declared)
        except ValueError as error:
            return self._result(f"artifact: {error}")
        if not path.is_file():
            return self._result(f"the build steps passed but left no file {declared}")
        size = path.stat().st_size
        digest = self.artifacts.put(path)
        stored = str(self.artifacts.path(digest))
        return self._result("", Artifact(digest, stored, size, self.sbom, self.findings))

    def _result(self, problem: str, artifact: Artifact | None = None) -> BuildResult:
        return BuildResult(
            ok=not problem,
            message=problem or f"built {self.order.commit[:12]}; {_tests(self.evidence)}",
            artifact=artifact,
            evidence=tuple(self.evidence),
            log=str(self.runner.log),
        )


def _tests(evidence: Iterable[Evidence]) -> str:
    """How many tests ran, as reports tell; that none did is not known where none tells."""
    counts = [each.executed for each in evidence if each.executed is not None]
    return f"{counted(sum(counts), 'test')} ran" if counts else "no report told how many tests ran"
