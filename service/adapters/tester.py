"""Runs a stage's tests, from the release's own commit, against what is deployed there."""

from dataclasses import replace
from pathlib import Path
from urllib.parse import urlsplit

from policies.pipeline import Step
from policies.release import Evidence
from service.adapters.git import GitRepository, UnknownCommitError
from service.adapters.junit import Counts
from service.adapters.kept import ROOM, Room
from service.adapters.results import KeptResults
from service.adapters.steps import Outcome, StepRunner, as_evidence, is_soft, name_of
from service.promotions.ports import Clock, Deployer, Host, TestOrder, TestResult


class CommandTester:
    """``folder`` keeps results and logs; ``room`` is what each test may take of the machine."""

    def __init__(
        self,
        folder: Path,
        deployer: Deployer,
        repository: GitRepository,
        clock: Clock,
        *,
        room: Room = ROOM,
    ) -> None:
        self._room = room
        self._deployer = deployer
        self._repository = repository
        self._clock = clock
        self._results = KeptResults(folder, TestResult)

    def run(self, order: TestOrder) -> TestResult:
        """Run each test against each host in service, unless ``order.key`` has a result."""
        return self._results.once(order.key, lambda work: self._run(order, work))

    def _run(self, order: TestOrder, work: Path) -> TestResult:
        log = self._results.log(order.key)
        log.write_bytes(b"")
        hosts = self._deployer.hosts(order.pipeline, order.stage, order.target)
        others = [host for host in hosts if host.digest != order.digest]
        if not hosts or others:
            wrong = (
                f"{others[0].name} runs {others[0].digest}" if others else "no host is in service"
            )
            return TestResult(ok=False, message=f"{order.target}: {wrong}", evidence=())
        checkout = work / "checkout"
        try:
            self._repository.checkout(order.repository, order.commit, checkout)
        except UnknownCommitError as error:
            return TestResult(ok=False, message=str(error), evidence=())
        runner = StepRunner(checkout, order.environment, log, room=self._room)
        return self._tests(order, hosts, runner)

    def _tests(self, order: TestOrder, hosts: tuple[Host, ...], runner: StepRunner) -> TestResult:
        evidence: list[Evidence] = []
        for step in order.steps:
            outcomes = [_against(order, step, host, runner) for host in hosts]
            outcome = _together(outcomes)
            evidence += as_evidence(
                step,
                outcome,
                self._clock,
                stage=order.stage,
                commit=order.commit,
                digest=order.digest,
            )
            if outcome.problem and not is_soft(step):
                message = f"test {name_of(step)} failed in {order.target}: {outcome.problem}"
                return TestResult(ok=False, message=message, evidence=tuple(evidence))
        passed = sum(each.result == "pass" for each in evidence)
        message = (
            f"{passed} of {len(evidence)} tests passed against {len(hosts)} hosts of {order.target}"
        )
        return TestResult(ok=True, message=message, evidence=tuple(evidence))


def _against(order: TestOrder, step: Step, host: Host, runner: StepRunner) -> Outcome:
    """Run one test against one host; a problem names the host."""
    environment = {
        "BAKEGATE_RELEASE": order.release,
        "BAKEGATE_STAGE": order.stage,
        "BAKEGATE_TARGET": order.target,
        "BAKEGATE_DIGEST": order.digest,
        "BAKEGATE_URL": host.url,
        "BAKEGATE_PORT": str(urlsplit(host.url).port or ""),
        "BAKEGATE_IDEMPOTENCY_KEY": order.key,
    }
    try:
        outcome = runner.run(step, environment, host.url)
    except ValueError as error:
        outcome = Outcome(str(error))
    return (
        replace(outcome, problem=f"{host.name}: {outcome.problem}") if outcome.problem else outcome
    )


def _together(outcomes: list[Outcome]) -> Outcome:
    """The outcomes of one test on several hosts as one; counts add up where all were reported.

    Coverage and findings are about the artifact, so those of the first host stand for all.
    """
    counts = [each.told.counts for each in outcomes]
    known = [each for each in counts if each is not None]
    total = Counts(sum(each.executed for each in known), sum(each.failed for each in known))
    return Outcome(
        problem="; ".join(each.problem for each in outcomes if each.problem),
        told=replace(outcomes[0].told, counts=total if len(known) == len(counts) else None),
        retries=max(each.retries for each in outcomes),
    )
