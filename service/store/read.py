"""Read models for pages, API and terminal, made from the tables in one reading transaction."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime

from sqlmodel import Session, col, select

from policies.findings import Result
from policies.pipeline import Pipeline, Stage
from service.errors import NotFound
from service.promotions.views import (
    BakeView,
    ChangeView,
    DecisionView,
    EventView,
    EvidenceView,
    FindingView,
    PauseView,
    PipelineView,
    ReleaseView,
    RunView,
    SourceView,
    StageView,
    TargetView,
)
from service.store import reported, said
from service.store.left import left
from service.store.snapshot import Snapshot
from service.store.tables import (
    Blob,
    DecisionRow,
    EventRow,
    EvidenceRow,
    LintRow,
    PipelineRow,
    ReleaseRow,
    RunRow,
    SourceRow,
    StageRow,
)

#: How many of the newest events a pipeline's page shows.
_EVENTS = 20

BakeOf = Callable[[RunRow], BakeView | None]
"""Gives the progress of a run's bake; the executor knows what a bake needs."""


WaivedOf = Callable[[LintRow], str]
"""Gives what sets aside the findings of a rule, in words; empty where nothing does."""


def events(session: Session, pipeline: str, after: int, limit: int) -> tuple[EventView, ...]:
    """Events of a pipeline after a sequence number, oldest first."""
    asked = (
        select(EventRow)
        .where(EventRow.pipeline == pipeline, EventRow.sequence > after)
        .order_by(col(EventRow.sequence))
        .limit(limit)
    )
    return tuple(event_view(each) for each in session.exec(asked))


def decision(session: Session, name: str) -> DecisionView:
    return decision_view(_decision_row(session, name))


def decision_inputs(session: Session, name: str) -> str:
    """The stored inputs of a decision as JSON text, for recomputing it."""
    row = _decision_row(session, name)
    return session.get_one(Blob, row.inputs).text


def _decision_row(session: Session, name: str) -> DecisionRow:
    number = name.removeprefix("d-")
    row = session.get(DecisionRow, int(number)) if number.isdecimal() else None
    if row is None:
        raise NotFound("decision", name)
    return row


def release_view(session: Session, name: str, pipeline: Pipeline, bake: BakeOf) -> ReleaseView:
    row = release_row(session, name)
    runs = _runs(session, RunRow.release == name)
    order = {stage.name: place for place, stage in enumerate(pipeline.stages)}
    decisions = _decisions(session, name)
    shown = tuple(
        run_view(run, row.number, decisions, bake)
        for run in sorted(runs, key=lambda run: order.get(run.stage, len(order)))
    )
    return ReleaseView(
        id=row.id,
        pipeline=row.pipeline,
        number=row.number,
        kind=row.kind,
        commit=row.commit,
        digest=row.digest or None,
        created_at=row.created_at,
        created_by=row.created_by,
        outcome=row.outcome or None,
        ended_at=row.ended_at,
        changes=tuple(
            ChangeView(
                each["commit"],
                each["author"],
                each["subject"],
                datetime.fromisoformat(each["at"]),
                each.get("rides_from"),
            )
            for each in row.changes
        ),
        evidence=_evidence(session, name),
        packages=_packages(session, row),
        runs=shown,
        decisions=tuple(decision_view(each) for each in decisions),
        events=tuple(event_view(each) for each in _release_events(session, name)),
        superseded_by=row.superseded_by or None,
        approvals=said.approvals(session, name),
        overrides=said.overrides(session, name),
        checklist=said.checklist(session, name, pipeline, shown),
        problems=said.problems(session, name),
        reason=row.reason,
        incident=row.incident,
        confirmed_by=_confirmed(session, row, pipeline),
        removed_at=row.removed_at,
    )


def _confirmed(session: Session, row: ReleaseRow, pipeline: Pipeline) -> str:
    owner = pipeline_row(session, row.pipeline)
    seen = reported.confirming(Snapshot(session, [owner]), owner, pipeline, row.incident)
    return seen.by if seen else ""


def release_row(session: Session, name: str) -> ReleaseRow:
    row = session.get(ReleaseRow, name)
    if row is None:
        raise NotFound("release", name)
    return row


def in_flight(session: Session, pipeline: str, bake: BakeOf) -> tuple[RunView, ...]:
    """Every run of a pipeline that has not ended, the newest first."""
    open_ = RunRow.pipeline == pipeline, RunRow.outcome == ""
    asked = select(RunRow).where(*open_).order_by(col(RunRow.id).desc())
    return tuple(
        run_view(
            run,
            int(run.release.rpartition(":")[2]),
            _decisions(session, run.release),
            bake,
        )
        for run in session.exec(asked)
    )


def pipeline_row(session: Session, name: str) -> PipelineRow:
    row = session.get(PipelineRow, name)
    if row is None:
        raise NotFound("pipeline", name)
    return row


def pipeline_view(
    session: Session,
    name: str,
    pipeline: Pipeline,
    now: datetime,
    *,
    bake: BakeOf,
    waived: WaivedOf,
) -> PipelineView:
    row = pipeline_row(session, name)
    pauses = said.pauses(session, row, now)
    reading = _Reading(session, name, pauses, bake)
    newest = max((each.sequence for each in reading.newest), default=0)
    trouble = session.get(SourceRow, name)
    return PipelineView(
        name=name,
        organization=row.organization,
        team=pipeline.owner.team.or_else(None) or "",
        tier=pipeline.tier.or_else(None),
        version=newest,
        now=now,
        stages=tuple(reading.stage(each) for each in pipeline.stages),
        in_flight=tuple(reading.view(each) for each in reversed(reading.runs)),
        events=tuple(event_view(each) for each in reading.newest),
        findings=_findings(session, name, waived),
        path=row.path,
        pauses=pauses,
        source=SourceView(trouble.error, trouble.failed_at) if trouble else None,
        left=left(reading.stages.values(), pipeline, reading.by_digest),
    )


class _Reading:
    """What all stages of one pipeline's view are cut from, read once."""

    def __init__(
        self, session: Session, pipeline: str, pauses: tuple[PauseView, ...], bake: BakeOf
    ) -> None:
        self.session = session
        self.bake = bake
        open_runs = select(RunRow).where(RunRow.pipeline == pipeline, RunRow.outcome == "")
        self.runs = list(session.exec(open_runs.order_by(col(RunRow.id))))
        kept = session.exec(select(StageRow).where(StageRow.pipeline == pipeline))
        self.stages = {each.stage: each for each in kept}
        self.by_digest = _by_digest(session, pipeline, self.stages.values())
        self.pipeline = pipeline
        asked = select(EventRow).where(EventRow.pipeline == pipeline)
        newest = asked.order_by(col(EventRow.sequence).desc()).limit(_EVENTS)
        self.newest = list(session.exec(newest))
        self.pauses = pauses

    def view(self, run: RunRow) -> RunView:
        asked = select(DecisionRow).where(
            DecisionRow.release == run.release, DecisionRow.stage == run.stage
        )
        newest = asked.order_by(col(DecisionRow.id).desc()).limit(1)
        number = self.session.get_one(ReleaseRow, run.release).number
        return run_view(run, number, list(self.session.exec(newest)), self.bake)

    def last(self, stage: str) -> RunRow | None:
        """The run that entered the stage last and has ended."""
        asked = select(RunRow).where(
            RunRow.pipeline == self.pipeline,
            RunRow.stage == stage,
            RunRow.outcome != "",
            col(RunRow.started_at).is_not(None),
        )
        return self.session.exec(asked.order_by(col(RunRow.id).desc()).limit(1)).first()

    def stage(self, stage: Stage) -> StageView:
        kept = self.stages.get(stage.name)
        runs = [run for run in self.runs if run.stage == stage.name]
        active = next((run for run in runs if kept and run.id == kept.active), None)
        waiting = next((run for run in reversed(runs) if run.state == "waiting"), None)
        last = self.last(stage.name)
        kind = stage.kind.value
        return StageView(
            name=stage.name,
            kind=str(kind) if kind else "unknown",
            wave=stage.wave.or_else(None),
            exposure=stage.exposure.or_else(None),
            deploys=stage.deploy is not None,
            transition=kept.transition if kept else "automatic",
            transition_reason=kept.reason if kept else "",
            paused_reason="; ".join(
                each.reason for each in self.pauses if each.stage in {"", stage.name}
            ),
            active=self.view(active) if active else None,
            waiting=self.view(waiting) if waiting else None,
            last=self.view(last) if last else None,
            last_good=self.by_digest.get(kept.good) if kept else None,
            targets=self._targets(stage, kept),
        )

    def _targets(self, stage: Stage, kept: StageRow | None) -> tuple[TargetView, ...]:
        if stage.deploy is None:
            return ()
        names = [target.name for target in stage.targets] or [stage.name]
        hosts = stage.deploy.hosts.or_else(None) or 0
        views = []
        for name in names:
            digest = kept.running.get(name) if kept else None
            known = self.by_digest.get(digest) if digest else None
            views.append(TargetView(name, digest, known, hosts, hosts if digest else 0))
        return tuple(views)


def _by_digest(session: Session, pipeline: str, stages: Iterable[StageRow]) -> dict[str, str]:
    """The latest release of each digest that runs somewhere or would be restored."""
    digests = {digest for each in stages for digest in (each.good, *each.running.values())}
    asked = select(ReleaseRow).where(
        ReleaseRow.pipeline == pipeline, col(ReleaseRow.digest).in_(digests - {""})
    )
    return {each.digest: each.id for each in session.exec(asked.order_by(col(ReleaseRow.number)))}


@dataclass(frozen=True, slots=True)
class Registered:
    """One registered pipeline with what lint said of it, by rule."""

    name: str
    organization: str
    results: tuple[tuple[str, str], ...]


def _runs(session: Session, which: object) -> list[RunRow]:
    return list(session.exec(select(RunRow).where(which).order_by(col(RunRow.id))))  # type: ignore[arg-type]  # SQLModel types a comparison as bool


def run_view(row: RunRow, number: int, decisions: list[DecisionRow], bake: BakeOf) -> RunView:
    mine = [each for each in decisions if each.stage == row.stage]
    return RunView(
        release=row.release,
        number=number,
        stage=row.stage,
        state=row.state,
        outcome=row.outcome or None,
        entered_at=row.entered_at,
        started_at=row.started_at,
        deployed_at=row.deployed_at,
        ended_at=row.ended_at,
        message=row.message,
        progress=_progress(row),
        bake=bake(row),
        decision=decision_view(mine[-1]) if mine else None,
        superseded_by=row.message.removeprefix("superseded by ")
        if row.outcome == "superseded"
        else None,
    )


def _progress(row: RunRow) -> tuple[int, int] | None:
    """Hosts replaced, of all hosts of the targets that were begun."""
    replaced = sum(each["replaced"] for each in row.progress)
    hosts = sum(each["hosts"] for each in row.progress)
    return (replaced, hosts) if hosts else None


def _decisions(session: Session, release: str) -> list[DecisionRow]:
    asked = select(DecisionRow).where(DecisionRow.release == release)
    return list(session.exec(asked.order_by(col(DecisionRow.id))))


def decision_view(row: DecisionRow) -> DecisionView:
    return DecisionView(
        id=f"d-{row.id}",
        verdict=row.verdict,
        at=row.at,
        checked_at=row.checked_at,
        until=row.until,
        message=row.message,
    )


def _release_events(session: Session, release: str) -> list[EventRow]:
    asked = select(EventRow).where(EventRow.release == release)
    return list(session.exec(asked.order_by(col(EventRow.sequence))))


def event_view(row: EventRow) -> EventView:
    return EventView(
        id=row.id or 0,
        pipeline=row.pipeline,
        sequence=row.sequence,
        at=row.at,
        release=row.release,
        stage=row.stage,
        kind=row.kind,
        actor=row.actor,
        data=row.data,
    )


def _evidence(session: Session, release: str) -> tuple[EvidenceView, ...]:
    asked = select(EvidenceRow).where(EvidenceRow.release == release)
    return tuple(
        EvidenceView(
            row.kind,
            row.name,
            row.stage,
            row.result,
            row.executed,
            row.failed,
            row.ended_at,
            row.retries,
            row.coverage,
            row.findings,
        )
        for row in session.exec(asked.order_by(col(EvidenceRow.id)))
    )


def _packages(session: Session, release: ReleaseRow) -> int | None:
    if release.sbom is None:
        return None
    return len(session.get_one(Blob, release.sbom).text.splitlines()) - 1


def _findings(session: Session, pipeline: str, waived: WaivedOf) -> tuple[FindingView, ...]:
    asked = select(LintRow).where(LintRow.pipeline == pipeline).order_by(LintRow.rule)
    return tuple(_finding(row, waived(row)) for row in session.exec(asked))


def _finding(row: LintRow, by: str) -> FindingView:
    result = Result.WAIVED if by else row.result
    return FindingView(row.rule, result, row.enforcement, by or row.message, row.line)
