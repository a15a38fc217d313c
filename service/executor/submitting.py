"""Starting releases: by hand, of a commit that a forge or a poll told, or of a pushed artifact."""

from dataclasses import dataclass
from pathlib import Path
from typing import Final

from sqlmodel import Session, col, select

from policies.phrases import listed
from policies.plain import instant_text
from policies.release import ReleaseKind
from service.errors import Conflict
from service.executor.ancestry import learn
from service.executor.blocking import decide_again
from service.executor.ground import Ground
from service.executor.transition import create_runs
from service.executor.turn import Turn, found
from service.promotions.ports import Artifacts, Commit, NoArtifact, UnknownCommit, Unreadable
from service.promotions.reported import require_incident
from service.store.retained import mark_kept
from service.store.tables import DeliveryRow, PipelineRow, ReleaseRow

#: As what a release may start; the first one and a rollback come about by themselves.
SUBMITTED: Final = (ReleaseKind.NORMAL, ReleaseKind.EMERGENCY, ReleaseKind.CONFIG)


@dataclass(frozen=True, slots=True)
class Start:
    """What is to be released.

    ``artifact`` is the digest of one that was pushed; without it the commit is built. ``told`` says
    that a source told of the commit, which starts one release at most; ``delivery`` is the number
    of its message, where it has one.
    """

    commit: str
    kind: str = "normal"
    reason: str = ""
    incident: str = ""
    artifact: str = ""
    told: bool = False
    delivery: str = ""


def submit(ground: Ground, pipeline: str, start: Start, actor: str) -> str:
    """Start a release from a commit of the pipeline's repository; gives its id.

    An emergency needs a reason and the incident that it mends. A normal release without an earlier
    one is the first. Raises Conflict for a commit or an artifact that is not there.
    """
    if start.kind not in SUBMITTED:
        raise Conflict(f"a release is submitted as {listed(SUBMITTED)}, not {start.kind!r}")
    if start.kind == ReleaseKind.EMERGENCY:
        if not start.reason.strip():
            raise Conflict("say why it is an emergency")
        if not start.incident.strip():
            raise Conflict("name the incident that the emergency mends")
        require_incident(start.incident)
    with ground.engines.reading() as session:
        row = found(session.get(PipelineRow, pipeline), "pipeline", pipeline)
        repository, base = row.repository, _last_good(session, pipeline)
    changes = _changes(ground, repository, base, start.commit)
    _require_artifact(ground, start.artifact)
    with ground.turn(pipeline, actor) as turn:
        known = _known(turn, start)
        if known:
            return known
        release = _create(turn, start, base, changes)
    for name in learn(ground):
        decide_again(ground, name, actor)
    return release


def _create(turn: Turn, start: Start, base: str | None, changes: tuple[Commit, ...]) -> str:
    turn.pipeline.releases += 1
    number = turn.pipeline.releases
    release = ReleaseRow(
        id=f"{turn.pipeline.name}:{number}",
        pipeline=turn.pipeline.name,
        number=number,
        kind="first" if start.kind == ReleaseKind.NORMAL and not base else start.kind,
        reason=start.reason.strip(),
        incident=start.incident.strip(),
        commit=start.commit,
        definition=turn.pipeline.definition,
        digest=start.artifact,
        pushed=bool(start.artifact),
        base=base or "",
        changes=[_change(each) for each in changes],
        created_at=turn.now,
        created_by=turn.actor,
    )
    turn.session.add(release)
    turn.session.flush()
    if start.artifact:
        mark_kept(turn.session, start.artifact)
    _remember(turn, start, release.id)
    told = {"commit": start.commit, "changes": len(changes), "reason": release.reason}
    named = {"incident": release.incident, "artifact": start.artifact}
    more = {name: text for name, text in named.items() if text}
    turn.log("release.created", release.id, None, release_kind=release.kind, **told, **more)
    create_runs(turn, release)
    return release.id


def _known(turn: Turn, start: Start) -> str:
    """The release that a source's message has started already, however often it is told."""
    if not start.told:
        return ""
    delivered = turn.session.get(DeliveryRow, (turn.pipeline.name, start.delivery))
    if start.delivery and delivered:
        return delivered.release
    asked = select(ReleaseRow.id).where(
        ReleaseRow.pipeline == turn.pipeline.name, ReleaseRow.commit == start.commit
    )
    known = turn.session.exec(asked.order_by(col(ReleaseRow.number).desc()).limit(1)).first()
    if known:
        _remember(turn, start, known)
    return known or ""


def _remember(turn: Turn, start: Start, release: str) -> None:
    if start.delivery:
        turn.session.add(
            DeliveryRow(
                pipeline=turn.pipeline.name, id=start.delivery, release=release, at=turn.now
            )
        )


def _changes(ground: Ground, repository: str, base: str | None, commit: str) -> tuple[Commit, ...]:
    """The commits since the base; of a base that the repository lost, the newest one alone."""
    source = ground.ports.repository
    try:
        try:
            return source.changes(repository, base, commit)
        except UnknownCommit:
            return source.changes(repository, None, commit)
    except Unreadable as error:
        raise Conflict(str(error)) from error


def keep_artifact(ground: Ground, path: Path) -> str:
    """Keep the file as an artifact; gives its digest."""
    return _store(ground).put(path)


def _store(ground: Ground) -> Artifacts:
    if ground.ports.artifacts is None:
        raise Conflict("this service keeps no artifacts")
    return ground.ports.artifacts


def _require_artifact(ground: Ground, digest: str) -> None:
    """Read it, so that a missing or damaged one is told now and not at the first deployment."""
    if not digest:
        return
    try:
        _store(ground).path(digest)
    except NoArtifact as error:
        raise Conflict(str(error)) from error


def _last_good(session: Session, pipeline: str) -> str | None:
    """The commit that reached all stages last: what the new changes are counted from."""
    asked = (
        select(ReleaseRow.commit)
        .where(ReleaseRow.pipeline == pipeline, ReleaseRow.outcome == "succeeded")
        .order_by(col(ReleaseRow.number).desc())
        .limit(1)
    )
    return session.exec(asked).first()


def _change(commit: Commit) -> dict[str, str]:
    return {
        "commit": commit.commit,
        "author": commit.author,
        "email": commit.email,
        "subject": commit.subject,
        "at": instant_text(commit.at),
    }
