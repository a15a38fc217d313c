"""One transaction under one pipeline's lock: the only place where state is written."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, Final, TypeVar

from sqlalchemy import bindparam
from sqlmodel import Session, and_, col, select

from policies.exceptions import ExceptionPolicy
from policies.phrases import listed
from policies.pipeline import Pipeline, Stage
from policies.plain import nearest
from policies.rego.port import Rego
from policies.tree import Tree
from service.errors import NotFound
from service.executor.definitions import acting, definition, organization
from service.promotions.model import Effect
from service.promotions.notices import Letter
from service.store.pauses import reaching, standing
from service.store.people_tables import PauseRow
from service.store.snapshot import Snapshot
from service.store.tables import Blob, EventRow, PipelineRow, ReleaseRow, RunRow, StageRow
from service.store.writing import adding, digest_of, write_together

T = TypeVar("T")

#: Written once: putting it together takes as long as asking it.
_RUN: Final = (
    select(RunRow, ReleaseRow, StageRow)
    .join(ReleaseRow, col(ReleaseRow.id) == RunRow.release, isouter=True)
    .join(
        StageRow,
        and_(col(StageRow.pipeline) == RunRow.pipeline, col(StageRow.stage) == RunRow.stage),
        isouter=True,
    )
    .where(RunRow.id == bindparam("number"))
)


@dataclass(slots=True)
class Turn:
    """``clock`` is read once for the whole transaction, when its instant is needed first.

    ``order`` enqueues an effect inside it, ``back`` a rollback that waits for no other effect, and
    ``post`` a message to a team.
    """

    session: Session
    pipeline: PipelineRow
    clock: Callable[[], datetime]
    actor: str
    order: Callable[[Session, RunRow, Effect], None]
    back: Callable[[Session, RunRow], None]
    post: Callable[[Session, Letter, datetime], None]
    known: Snapshot
    """What the transaction has read, of this pipeline and of those that it decides with it."""
    rego: Rego | None = None
    _now: datetime | None = None

    @property
    def now(self) -> datetime:
        if self._now is None:
            self._now = self.clock()
        return self._now

    def at(self, instant: datetime) -> "Turn":
        """The same turn as it would be at another moment."""
        return replace(self, _now=instant)

    def log(
        self, kind: str, release: str | None = None, stage: str | None = None, **data: Any
    ) -> None:
        """Append to the event log; the pipeline's lock keeps its sequence without gaps."""
        self.pipeline.sequence += 1
        event = {
            "pipeline": self.pipeline.name,
            "sequence": self.pipeline.sequence,
            "at": self.now,
            "release": release,
            "stage": stage,
            "kind": kind,
            "actor": self.actor,
            "data": data,
        }
        write_together(self.session, EventRow, event)

    def tell(self, letter: Letter) -> None:
        """Let a team know, by every way that is set up."""
        self.post(self.session, letter, self.now)

    def release(self, name: str) -> ReleaseRow:
        return found(self.session.get(ReleaseRow, name), "release", name)

    def run(self, number: int | None) -> RunRow | None:
        """A run. Its release and stage come with it, as whoever acts on it asks for them next."""
        if known := self.known.open_run(self.pipeline.name, number):
            return known
        row = self.session.exec(_RUN, params={"number": number}).first()
        return row[0] if row else None

    def stage(self, name: str) -> StageRow:
        row = self.session.get(StageRow, (self.pipeline.name, name))
        return found(row, "stage", f"{self.pipeline.name}/{name}")

    def definition(self, release: ReleaseRow) -> Pipeline:
        """The pipeline as the release knew it when it was created."""
        row, text = self.pipeline, self.known.text
        return definition(self.session, release.definition, row.path, release.pipeline, text)

    def registered(self) -> Pipeline:
        """The pipeline as it is registered now."""
        row = self.pipeline
        return definition(self.session, row.definition, row.path, row.name)

    def acting(self, stage: str) -> Pipeline:
        """The pipeline as it is meant in one stage; see ``definitions.acting``."""
        return acting(self.session, self.pipeline, stage)

    def planned(self, release: ReleaseRow, stage: str) -> Stage:
        pipeline = self.definition(release)
        planned = pipeline.stage(stage)
        if planned is None:
            known = [each.name for each in pipeline.stages]
            told = f"{nearest(stage, known) or ';'} {release.id} goes to {listed(known)}"
            raise NotFound("stage", stage, told)
        return planned

    def tree(self) -> Tree:
        """The organization as it is for the whole transaction: every gate sees one snapshot."""
        return self.known.once(Tree, lambda: organization(self.session))

    def exception_policy(self) -> ExceptionPolicy:
        """The organization's limits on exceptions and overrides."""
        return self.tree().place(self.pipeline.organization).chain.limits

    def pauses(self, stage: str, release: str = "") -> list[PauseRow]:
        """The pauses that keep the release out of the stage now, without one those of all."""
        return reaching(standing(self.known, self.pipeline, self.now), stage, release)

    def runs(self, stage: str | None = None, release: str | None = None) -> list[RunRow]:
        """Runs of this pipeline that have not ended, oldest first."""
        return [
            each
            for each in self.known.open_runs(self.pipeline.name)
            if stage in {None, each.stage} and release in {None, each.release}
        ]

    def all_runs(self, release: str) -> list[RunRow]:
        """Every run of a release, ended or not, oldest first."""
        return self.known.of_release(RunRow, release)

    def keep(self, text: str) -> str:
        """Store a text once, by its digest, and give the digest."""
        return keep(self.session, text)


def keep(session: Session, text: str) -> str:
    """Store a text once, though several pipelines may do so at the same time."""
    digest = digest_of(text)
    session.connection().execute(adding(session, Blob), {"digest": digest, "text": text})
    return digest


def found(row: T | None, kind: str, name: str) -> T:
    if row is None:
        raise NotFound(kind, name)
    return row
