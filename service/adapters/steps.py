"""Runs the steps and tests of a stage and turns what they did into evidence."""

import time
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import timedelta
from pathlib import Path
from typing import Final

import httpx
from pydantic import ByteSize

from policies.pipeline import Step, StepKind
from policies.release import Evidence
from policies.steps import TESTS
from service.adapters.junit import Counts
from service.adapters.kept import OUTPUT, PROCESSES, ROOM, Ended, Limits, Room, run_kept
from service.adapters.report_files import UnreadableReportError
from service.adapters.reports import NOTHING, Told, read_reports
from service.adapters.sbom import SbomError
from service.adapters.script_player import play
from service.promotions.ports import Answered, Clock

#: For a step, and for a stage, that declares no time.
_STEP_TIMEOUT: Final = timedelta(minutes=20)
_STAGE_TIMEOUT: Final = timedelta(hours=2)
#: Seconds for the answer to one request of a suite.
_ANSWER_S: Final = 30.0
#: Why we ended a step, or could not look after it any more.
_REASONS: Final = {
    "time": "it was ended because its time was up",
    "output": f"it was ended because it printed more than {OUTPUT // 1_000_000} MB",
    "processes": f"it was ended because it ran more than {PROCESSES} processes at once",
    "keeper": "it ended the process that looked after it",
}


@dataclass(frozen=True, slots=True)
class Outcome:
    """What one step did. ``problem`` is empty when it passed."""

    problem: str
    told: Told = NOTHING
    retries: int = 0


@dataclass(slots=True)
class StepRunner:
    """Runs steps one after the other in ``checkout`` until ``timeout`` is used up.

    ``environment`` holds the variables of ours that a step sees, ``inherit`` the names that it may
    have from the service; all output is appended to ``log``. ``room`` is what each step may take.
    """

    checkout: Path
    inherit: tuple[str, ...]
    log: Path
    timeout: timedelta | None = None
    room: Room = ROOM
    started: float = field(default_factory=time.monotonic)

    def run(self, step: Step, environment: Mapping[str, str], url: str = "") -> Outcome:
        """Run a step, again where it may be retried, and read the reports that it promised.

        A suite of requests asks what answers at ``url``.
        """

        def once(attempt: int) -> Outcome:
            if step.requests:
                return self._suite(step, url, attempt)
            return self._attempt(step, environment, attempt)

        outcome = once(0)
        for attempt in range(1, step.retries + 1):
            if not outcome.problem:
                break
            outcome = once(attempt)
        return outcome

    def _suite(self, step: Step, url: str, attempt: int) -> Outcome:
        """Ask each request of the step once; each is a test."""
        if not url:
            return Outcome("it asks what is deployed, and nothing is here (requests)")
        deadline = time.monotonic() + self._allowed(step).total_seconds()
        answered: list[Answered] = []
        problem = ""
        # trust_env off: a proxy of the machine must not stand between the test and the hosts.
        with httpx.Client(timeout=_ANSWER_S, trust_env=False) as client:
            for each in play(client, url, step.requests, _ANSWER_S):
                answered.append(each)
                if time.monotonic() > deadline:
                    problem = _REASONS["time"]
                    break
        bad = [each for each in answered if each.problem]
        problem = "; ".join(filter(None, [*(f"{e.operation}: {e.problem}" for e in bad), problem]))
        lines = "".join(f"{each.operation}: {each.problem or 'ok'}\n" for each in answered)
        with self.log.open("ab") as log:
            log.write(f"--- {name_of(step)}: {url}\n{lines}\n".encode())
        counts = Counts(len(answered), len(bad))
        return Outcome(problem or _count_problem(step, counts), Told(counts), attempt)

    def _attempt(self, step: Step, environment: Mapping[str, str], attempt: int) -> Outcome:
        command = step.run.or_else(None)
        if command is None:
            return Outcome("it has no command to run here (run)")
        reports = dict(step.reports)
        for path in reports.values():
            # A report that is already there would pass for one of this run.
            self.place(path).unlink(missing_ok=True)
        problem = _ending(self._run(step, command, environment), self.room)
        try:
            told = read_reports({kind: self.place(path) for kind, path in reports.items()})
        except (UnreadableReportError, SbomError) as error:
            # A step that failed often writes no report; then its own failure is what matters.
            return Outcome(problem or str(error), retries=attempt)
        return Outcome(problem or _count_problem(step, told.counts), told, attempt)

    def _run(self, step: Step, command: str, environment: Mapping[str, str]) -> Ended:
        output = self.log.with_suffix(".step")
        ended = run_kept(
            command,
            folder=self.checkout,
            environment=environment,
            inherit=self.inherit,
            limits=Limits(self._allowed(step), room=self.room),
            output=output,
        )
        with self.log.open("ab") as log:
            log.write(f"--- {name_of(step)}: {command}\n".encode() + output.read_bytes() + b"\n")
        output.unlink()
        return ended

    def _allowed(self, step: Step) -> timedelta:
        """What is left of the stage's time, or the step's own."""
        left = (self.timeout or _STAGE_TIMEOUT) - timedelta(seconds=time.monotonic() - self.started)
        return min(step.timeout.or_else(None) or _STEP_TIMEOUT, max(left, timedelta()))

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
) -> tuple[Evidence, ...]:
    """What is kept of a step that ran to its end, by kind; the clock is read now.

    A test counts as what it is. What it measured besides counts as coverage too, and what a step
    that is no test tells in SARIF counts as static analysis.
    """
    kind, told = step.kind.or_else(StepKind.OTHER), outcome.told
    said = Evidence(
        kind=kind.value,
        stage=stage,
        digest=digest,
        commit=commit,
        result="fail" if outcome.problem else "pass",
        ended_at=clock.now(),
        retries=outcome.retries,
        soft_failed=bool(outcome.problem) and is_soft(step),
        name=name_of(step),
    )
    found: list[Evidence] = []
    if is_test(step) or told.scan:
        own = kind if is_test(step) else StepKind.SAST
        found.append(_judged(replace(said, kind=own.value), told))
    if told.coverage is not None and kind is not StepKind.COVERAGE:
        found.append(replace(said, kind=StepKind.COVERAGE.value, coverage=told.coverage))
    return tuple(found)


def _judged(said: Evidence, told: Told) -> Evidence:
    """The evidence with what the reports count."""
    return replace(
        said,
        executed=told.counts.executed if told.counts else None,
        failed=told.counts.failed if told.counts else None,
        coverage=told.coverage if said.kind == StepKind.COVERAGE else None,
        findings=told.scan.findings if told.scan else None,
        new_findings=told.scan.new if told.scan else None,
    )


def _ending(ended: Ended, room: Room) -> str:
    """What is wrong with how a step ended; empty where nothing is."""
    problem = _reason(ended, room)
    if ended.resisting:
        problem += f"; {ended.resisting} of its processes could not be ended"
    elif not ended.reason and ended.code == 0:
        return ""
    return f"{problem}; it last printed: {ended.tail}" if ended.tail else problem


def _reason(ended: Ended, room: Room) -> str:
    limits = {"memory": room.memory, "disk": room.disk}
    if ended.reason in limits:
        size = ByteSize(limits[ended.reason]).human_readable(separator=" ")
        more = f"BAKEGATE_STEP_{ended.reason.upper()}"
        return f"it used more than {size} of {ended.reason}; set {more} to allow more"
    return _REASONS.get(ended.reason, f"it ended with exit code {ended.code}")


def _count_problem(step: Step, counts: Counts | None) -> str:
    """A report of failures counts, and so does one of no tests at all, whatever the exit code."""
    if counts is None:
        return ""
    if counts.failed:
        return f"{counts.failed} of {counts.executed} tests failed"
    if not counts.executed and is_test(step):
        return "no test was executed"
    return ""
