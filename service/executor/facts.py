"""What a gate sees of one of our own releases: the tables as a release record."""

from collections.abc import Iterable, Iterator
from dataclasses import replace
from typing import Any, Final

from policies.alarm import Alarm
from policies.pipeline import Pipeline
from policies.plain import parse_instant
from policies.release import (
    AlarmState,
    Approval,
    Artifact,
    Change,
    Component,
    Context,
    DataPoints,
    Incident,
    InFlight,
    Release,
    ReleaseKind,
    Running,
    Sbom,
    StageRun,
)
from service.executor.earlier import (
    OURSELVES,
    Back,
    earlier,
    evidence,
    rollbacks,
)
from service.executor.said import approvals, overrides
from service.executor.scans import findings_of
from service.executor.turn import Turn
from service.executor.watch import Bake, bake, targets
from service.promotions.alarms import AlarmLevel, places
from service.promotions.authors import wrote
from service.promotions.model import Moving, Outcome, State
from service.store import reported
from service.store.blocklist import ancestors
from service.store.identities import latest, rolled_back
from service.store.snapshot import Snapshot
from service.store.tables import (
    AlarmRow,
    PipelineRow,
    ReleaseRow,
    ReportedRow,
    RunRow,
    StageRow,
)

#: Whether a stored list of packages says that it holds packages of packages.
_REACH: Final = {"complete": True, "incomplete": False}


def record(turn: Turn, release: ReleaseRow) -> Release:
    """Everything that is known of the release at this instant."""
    said = approvals(turn, release)
    return Release(
        id=release.id,
        pipeline=release.pipeline,
        kind=ReleaseKind(release.kind),
        created_at=release.created_at,
        created_by=release.created_by,
        artifact=artifact(turn.known, turn.pipeline, release),
        base=release.base,
        changes=tuple(_change(each, said) for each in release.changes),
        evidence=evidence(turn, release),
        stages=_stages(turn, release),
        approvals=said,
        incident=release.incident,
        overrides=overrides(turn, release),
        context=_context(turn, release),
    )


def sbom_of(text: str | None) -> Sbom | None:
    """The stored form: one line for the format and its reach, then a package URL a line."""
    if text is None:
        return None
    head, *purls = text.splitlines()
    kind, _, reach = head.partition(" ")
    return Sbom(kind, tuple(Component(each) for each in purls), complete=_REACH.get(reach))


def sbom_text(sbom: Sbom) -> str:
    reach = "" if sbom.complete is None else " complete" if sbom.complete else " incomplete"
    return "\n".join((sbom.format + reach, *(each.purl for each in sbom.components)))


def artifact(known: Snapshot, pipeline: PipelineRow, release: ReleaseRow) -> Artifact:
    return Artifact(
        digest=release.digest,
        commit=release.commit,
        repository=pipeline.repository,
        built_at=release.built_at,
        builder="" if release.pushed else OURSELVES,
        sbom=sbom_of(known.text(release.sbom) if release.sbom else None),
        findings=findings_of(known, release),
    )


def _change(data: dict[str, Any], said: Iterable[Approval]) -> Change:
    """A change; an author who approved is named as the one who did, for rules to see it."""
    own = (each.by for each in said if wrote(data, each.by))
    return Change(
        commit=data["commit"],
        author=next(own, data["author"]),
        subject=data["subject"],
        authored_at=parse_instant(data["at"]),
        merged_at=parse_instant(data["at"]),
    )


def _stages(turn: Turn, release: ReleaseRow) -> tuple[StageRun, ...]:
    runs = turn.all_runs(release.id)
    back = any(run.outcome == Outcome.ROLLED_BACK for run in runs)
    backs = rollbacks(turn, [release.id] if back else [])
    return tuple(_stage(turn, release, run, backs.get((release.id, run.stage))) for run in runs)


def _stage(turn: Turn, release: ReleaseRow, run: RunRow, told: Back | None) -> StageRun:
    stage = turn.planned(release, run.stage)
    seen = bake(turn, run, release) if stage.is_prod and run.deployed_at else None
    back = run.outcome == "rolled_back"
    return StageRun(
        stage=run.stage,
        state=run.outcome or run.state,
        targets=targets(stage),
        started_at=run.started_at,
        deployed_at=run.deployed_at,
        baked_s=seen.time.total_seconds() if seen else None,
        bake_observed_at=turn.now if seen else None,
        ended_at=run.ended_at,
        outcome=run.outcome,
        exposure=stage.exposure.or_else(None),
        capacity_min=_capacity(run),
        data_points=_points(turn, seen),
        rolled_back_at=run.ended_at if back else None,
        rolled_back_auto=back,
        rolled_back_to=told.digest if back and told else "",
        rolled_back_cause=told.cause if back and told else "",
    )


def _capacity(run: RunRow) -> float | None:
    """The lowest share of hosts that served in any target; None where no deployer told."""
    moved = [Moving(**each) for each in run.progress]
    shares = [each.in_service / each.hosts for each in moved if each.in_service is not None]
    return min(shares, default=None)


def _points(turn: Turn, seen: Bake | None) -> DataPoints | None:
    if seen is None or seen.last_data is None:
        return None
    at = min(seen.last_data, turn.now)
    return DataPoints(seen.positive, seen.negative, at, per_operation=seen.operations)


def _context(turn: Turn, release: ReleaseRow) -> Context:
    running = _running(turn, release)
    return Context(
        alarms=_alarms(turn, release),
        running=tuple(each for each, _ in running),
        rolled_back=tuple(
            sorted({each.digest for each in rolled_back(turn.known, release.pipeline)})
        ),
        ancestors=ancestors(turn.known, turn.pipeline.repository, release.commit),
        descendants=tuple(
            sorted({each.commit: _later(release, each, number) for each, number in running}.items())
        ),
        in_flight=tuple(
            InFlight(each.release, each.stage)
            for each in turn.runs()
            if each.release != release.id and each.state != State.WAITING
        ),
        captured_at=turn.now,
        source=OURSELVES,
        incidents=_incidents(turn, release),
        earlier=earlier(turn, release),
    )


def _incidents(turn: Turn, release: ReleaseRow) -> tuple[Incident, ...]:
    """This installation is told of no incidents but the one that an emergency names.

    Whoever names it says that it is open, or another system does that reports it by its name; how
    bad it is nobody asked, so it counts as the worst.
    """
    if not release.incident:
        return ()
    seen = _confirming(turn, release)
    since, source = (seen.since, seen.by) if seen else (release.created_at, release.created_by)
    return (Incident(release.incident, 1, since=since, source=source),)


def _confirming(turn: Turn, release: ReleaseRow) -> ReportedRow | None:
    pipeline = turn.definition(release)
    return reported.confirming(turn.known, turn.pipeline, pipeline, release.incident)


def _later(release: ReleaseRow, running: Running, number: int) -> bool:
    """Whether what runs came after the release's commit.

    The changes since the base were read from the repository, and are none where the base contains
    the commit. Elsewhere releases count: their numbers follow the check-ins.
    """
    if running.commit == release.base:
        return not release.changes and release.commit != release.base
    return number > release.number


def _running(turn: Turn, release: ReleaseRow) -> list[tuple[Running, int]]:
    """What runs in each stage, and the number of the latest release of that digest."""
    rows = turn.known.of_pipeline(StageRow, release.pipeline)
    pairs = sorted((row.stage, digest) for row in rows for digest in set(row.running.values()))
    built = latest(turn.known, release.pipeline, {digest for _, digest in pairs})
    return [
        (Running(stage, digest, commit=built[digest].commit), built[digest].number)
        for stage, digest in pairs
        if digest in built
    ]


def _alarms(turn: Turn, release: ReleaseRow) -> tuple[AlarmState, ...]:
    """Every declared alarm in every production stage; one never judged has the state unknown.

    Beside them stands what others report and the pipeline does not declare.
    """
    pipeline = turn.definition(release)
    rows = turn.known.of_pipeline(AlarmRow, release.pipeline)
    known = {(each.stage, each.name, each.place): each for each in rows}
    declared = pipeline.alarms.or_else(()) or ()
    judged = tuple(
        _state(turn, alarm, stage.name, place, known.get((stage.name, alarm.name, place)))
        for stage in pipeline.prod
        for alarm in declared
        for place in ([""] if alarm.reported else places(alarm, stage.name, stage.targets))
    )
    judged = _once(declared, judged)
    names = {each.name for each in declared if each.reported}
    mended = _confirming(turn, release)
    # The incident that the release mends stands among the incidents.
    names |= {mended.name} if mended else set()
    return (*judged, *_others(turn, pipeline, names))


def _state(turn: Turn, alarm: Alarm, stage: str, place: str, row: AlarmRow | None) -> AlarmState:
    level = row.level if row else AlarmLevel.UNKNOWN
    return AlarmState(
        name=alarm.name,
        # One of a stage concerns whoever enters the stage, as one of its own target does.
        scope="target" if alarm.scope == "stage" else alarm.scope,
        state=str(level),
        since=row.since if row else turn.now,
        # Alarms are judged in this very transaction, so what is known is known now.
        observed_at=turn.now,
        target=place or stage,
        had_data_at=row.had_data_at if row else None,
    )


def _once(declared: Iterable[Alarm], judged: tuple[AlarmState, ...]) -> tuple[AlarmState, ...]:
    """What others say of the service as a whole is one alarm, the worst of its stages."""
    whole = {each.name for each in declared if each.reported and each.scope == "service"}
    apart = tuple(each for each in judged if each.name not in whole)
    order = [AlarmLevel.ALARM, AlarmLevel.UNKNOWN, AlarmLevel.OK]
    ranked = sorted(judged, key=lambda each: order.index(AlarmLevel(each.state)))
    first = {each.name: each for each in reversed(ranked) if each.name in whole}
    return (*apart, *(replace(each, target="") for each in first.values()))


def _others(turn: Turn, pipeline: Pipeline, known: set[str]) -> Iterator[AlarmState]:
    """Alarms that nobody here asked for. That all was well once needs nobody to say so again."""
    for each in reported.concerning(turn.known, turn.pipeline, pipeline):
        quiet = each.level == AlarmLevel.OK and reported.stale(each, turn.now)
        if each.name not in known and not quiet:
            yield AlarmState(
                name=each.name,
                scope=each.reach,
                state=each.level,
                since=each.since,
                observed_at=each.reported_at,
                severity=each.severity,
                target=each.place,
                had_data_at=each.reported_at,
                source=each.by,
            )
