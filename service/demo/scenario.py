"""The four releases of the demonstration and how each must come out.

Nothing here shortens or fakes anything: the scenario makes commits, submits them like anybody else
and reads what became of them. Every step looks at what is already there, so a demonstration that
was killed goes on where it was when it is started again in the same folder.
"""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Protocol

from policies.phrases import counted
from service.demo.changes import BLOCKED_PACKAGE, DEFECT, GOOD, REFUSED_PIPELINE
from service.demo.repository import DemoRepository
from service.errors import Refused
from service.promotions.views import DecisionView, PipelineView, ReleaseView, RunView

PIPELINE: Final = "price-service"
ONE_BOX: Final = "one-box"
#: The first stage after the one-box: a bad release must never get there.
CELL: Final = "cell-1"


@dataclass(frozen=True, slots=True)
class Fate:
    """What became of one release; ``ok`` says whether it came out as described."""

    name: str
    release: str
    ok: bool
    sentence: str
    details: tuple[str, ...] = ()


class Promotions(Protocol):
    """What the scenario asks of the service."""

    def submit(self, pipeline: str, commit: str) -> str: ...

    def register(self, text: str, path: str) -> None: ...

    def pipeline(self, name: str) -> PipelineView: ...

    def release(self, name: str) -> ReleaseView: ...

    def release_of(self, commit: str) -> str | None: ...


@dataclass(frozen=True, slots=True)
class Scene:
    """One release: the files that its commit changes, when it is over, and what must be true."""

    name: str
    subject: str
    changes: dict[str, str]
    over: Callable[[ReleaseView], bool]
    judge: Callable[[ReleaseView, PipelineView], Fate]


def play(
    scene: Scene,
    repository: DemoRepository,
    promotions: Promotions,
    wait: Callable[[str, Callable[[ReleaseView], bool]], None],
) -> Fate:
    """Commit, submit, wait until it is over, judge; each part only if it is not done yet."""
    commit = repository.commit(scene.name, scene.subject, scene.changes)
    release = promotions.release_of(commit) or promotions.submit(PIPELINE, commit)
    wait(release, scene.over)
    return scene.judge(promotions.release(release), promotions.pipeline(PIPELINE))


def refuse(folder: Path, promotions: Promotions) -> Fate:
    """Hand in a pipeline file that breaks a rule at ``block``; it must be refused."""
    path = folder / "refused" / "pipeline.yaml"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(REFUSED_PIPELINE, encoding="utf-8")
    try:
        promotions.register(REFUSED_PIPELINE, str(path))
    except Refused as refused:
        blocking = [each for each in refused.findings if each.enforcement.word == "block"]
        told = tuple(f"{each.rule}, line {each.span.line}: {each.message}" for each in blocking)
        sentence = f"refused with {len(blocking)} blocking findings, as bakegate lint gives them"
        return Fate("refused pipeline file", "", bool(blocking), sentence, told)
    sentence = "was accepted although a rule at block fails"
    return Fate("refused pipeline file", "", ok=False, sentence=sentence)


def _good(release: ReleaseView, pipeline: PipelineView) -> Fate:
    prod = [stage for stage in pipeline.stages if stage.kind == "prod"]
    targets = [target for stage in prod for target in stage.targets]
    reached = sum(target.digest == release.digest for target in targets)
    bakes = sum(run.bake is not None for run in release.runs)
    ok = release.outcome == "succeeded" and reached == len(targets)
    sentence = f"{release.outcome}: runs in {reached} of {len(targets)} customer targets"
    return Fate("good release", release.id, ok, sentence, (f"baked in {bakes} stages",))


def _defect(release: ReleaseView, _: PipelineView) -> Fate:
    run = _run(release, ONE_BOX)
    entered = _run(release, CELL)
    escaped = entered is not None and entered.started_at is not None
    passed = [
        f"{each.kind} tests passed in {each.stage}: {each.executed} ran, none had the bad request"
        for each in release.evidence
        if each.stage in {"beta", "gamma"} and each.result == "pass"
    ]
    ok = run is not None and run.outcome == "rolled_back" and not escaped and bool(passed)
    sentence = f"{run.outcome if run else 'absent'} at the one-box; {_reason(run)}"
    customers = "a cell got it" if escaped else "no cell got it"
    return Fate("defect", release.id, ok, sentence, (*passed, customers))


def _blocked(release: ReleaseView, _: PipelineView) -> Fate:
    decision = _decision(release, ONE_BOX)
    results = decision.message["results"] if decision else []
    blocking = [
        each
        for each in results
        if each["rule"] == "artifact-blocklist" and each["verdict"] == "block"
    ]
    run = _run(release, ONE_BOX)
    entered = run is not None and run.started_at is not None
    ok = bool(blocking) and not entered
    reason = blocking[0]["message"] if blocking else "nothing blocked it"
    sentence = f"stopped at the gate of the one-box: {reason}"
    seen = f"{counted(release.packages or 0, 'package')} seen"
    return Fate("blocked package", release.id, ok, sentence, (seen,))


def _run(release: ReleaseView, stage: str) -> RunView | None:
    return next((run for run in release.runs if run.stage == stage), None)


def _decision(release: ReleaseView, stage: str) -> DecisionView | None:
    found = [each for each in release.decisions if each.message["subject"]["stage"] == stage]
    return max(found, key=lambda each: each.checked_at, default=None)


def _reason(run: RunView | None) -> str:
    return run.message if run else "the release never came there"


def _ended(release: ReleaseView) -> bool:
    return release.outcome is not None


def _stopped_at_gate(release: ReleaseView) -> bool:
    decision = _decision(release, ONE_BOX)
    return release.outcome is not None or (decision is not None and decision.verdict == "block")


SCENES: Final = (
    Scene("good", "Answer prices in three currencies", GOOD, _ended, _good),
    Scene("defect", "Round prices by currency", DEFECT, _ended, _defect),
    Scene("blocked", "Take tiny-rates 1.3.0", BLOCKED_PACKAGE, _stopped_at_gate, _blocked),
)
