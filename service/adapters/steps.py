"""Runs the steps and tests of a stage and turns what they did into evidence."""

import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Final

from policies.pipeline import Step, StepKind
from policies.release import Evidence, Sbom
from policies.steps import TESTS
from service.adapters.junit import Counts, UnreadableReportError, read_junit
from service.adapters.processes import Finished, run
from service.adapters.sbom import SbomError, read_sbom
from service.promotions.ports import Clock

#: For a step, and for a stage, that declares no time.
_STEP_TIMEOUT: Final = timedelta(minutes=20)
_STAGE_TIMEOUT: Final = timedelta(hours=2)


@dataclass(frozen=True, slots=True)
class Outcome:
    """What one step did. ``problem`` is empty when it passed."""

    problem: str
    counts: Counts | None = None
    sbom: Sbom | None = None
    retries: int = 0


@dataclass(slots=True)
class StepRunner:
    """Runs steps one after the other in ``checkout`` until ``timeout`` is used up.

    ``environment`` holds the variables of ours that a step sees, ``inherit`` the names that it may
    have from the service; all output is appended to ``log``.
    """

    checkout: Path
    inherit: tuple[str, ...]
    log: Path
    timeout: timedelta | None = None
    started: float = field(default_factory=time.monotonic)

    def run(self, step: Step, environment: Mapping[str, str]) -> Outcome:
        """Run a step, again where it may be retried, and read the reports that it promised."""
        outcome = self._attempt(step, environment, 0)
        for attempt in range(1, step.retries + 1):
            if not outcome.problem:
                break
            outcome = self._attempt(step, environment, attempt)
        return outcome

    def _attempt(self, step: Step, environment: Mapping[str, str], attempt: int) -> Outcome:
        command = step.run.or_else(None)
        if command is None:
            return Outcome("it has no command to run here (run)")
        reports = dict(step.reports)
        for path in reports.values():
            # A report that is already there would pass for one of this run.
            self.place(path).unlink(missing_ok=True)
        finished = self._run(step, command, environment)
        problem = _ending(finished)
        try:
            counts = read_junit(self.place(reports["junit"])) if "junit" in reports else None
            sbom = read_sbom(self.place(reports["sbom"])) if "sbom" in reports else None
        except (UnreadableReportError, SbomError) as error:
            # A step that failed often writes no report; then its own failure is what matters.
            return Outcome(problem or str(error), retries=attempt)
        return Outcome(problem or _count_problem(step, counts), counts, sbom, attempt)

    def _run(self, step: Step, command: str, environment: Mapping[str, str]) -> Finished:
        left = (self.timeout or _STAGE_TIMEOUT) - timedelta(seconds=time.monotonic() - self.started)
        allowed = min(step.timeout.or_else(None) or _STEP_TIMEOUT, max(left, timedelta()))
        output = self.log.with_suffix(".step")
        finished = run(
            command,
            folder=self.checkout,
            environment=environment,
            inherit=self.inherit,
            timeout=allowed,
            output=output,
        )
        with self.log.open("ab") as log:
            log.write(f"--- {name_of(step)}: {command}\n".encode() + output.read_bytes() + b"\n")
        output.unlink()
        return finished

    def place(self, path: str) -> Path:
        """A path of the pipeline file in the checkout; raises ValueError for one outside of it."""
        found = (self.checkout / path).resolve()
        if not found.is_relative_to(self.checkout.resolve()):
            raise ValueError(f"{path} is outside of the checkout")
        return found


def name_of(step: Step) -> str:
    return step.name.or_else("")


def is_soft(step: Step) -> bool:
    return bool(step.soft.or_else(None))


def is_test(step: Step) -> bool:
    return step.kind.or_else(StepKind.OTHER) in TESTS


def as_evidence(
    step: Step, outcome: Outcome, clock: Clock, *, stage: str, commit: str, digest: str = ""
) -> Evidence:
    """What is kept of a test that ran to its end; the clock is read now."""
    return Evidence(
        kind=step.kind.or_else(StepKind.OTHER).value,
        stage=stage,
        digest=digest,
        commit=commit,
        result="fail" if outcome.problem else "pass",
        ended_at=clock.now(),
        executed=outcome.counts.executed if outcome.counts else None,
        failed=outcome.counts.failed if outcome.counts else None,
        retries=outcome.retries,
        soft_failed=bool(outcome.problem) and is_soft(step),
        name=name_of(step),
    )


def _ending(finished: Finished) -> str:
    if finished.timed_out:
        problem = "it was ended because its time was up"
    elif finished.cut:
        problem = "it was ended because it printed too much"
    elif finished.code != 0:
        problem = f"it ended with exit code {finished.code}"
    else:
        return ""
    return f"{problem}; it last printed: {finished.tail}" if finished.tail else problem


def _count_problem(step: Step, counts: Counts | None) -> str:
    """A report of failures counts, and so does one of no tests at all, whatever the exit code."""
    if counts is None:
        return ""
    if counts.failed:
        return f"{counts.failed} of {counts.executed} tests failed"
    if not counts.executed and is_test(step):
        return "no test was executed"
    return ""
