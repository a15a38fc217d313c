"""What one transaction reads of the pipelines that it decides: each table once, for all of them.

A session holds what it has read or added until it ends, as objects that change in place. So it is
enough to know of which pipelines and releases a table was read in full; who filters by what may
change, does so each time. What comes as plain values is kept by ``once``, and only where no
transaction reads it before it changes it.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, Final, TypeVar

import sqlalchemy as sa
from sqlalchemy.orm import aliased
from sqlmodel import Session, SQLModel, col, select

from service.store.keeping import kept
from service.store.people_tables import ApprovalRow, OverrideRow, PauseRow, ProblemRow, TickRow
from service.store.tables import (
    AlarmRow,
    AncestryRow,
    Blob,
    BlocklistRow,
    DecisionRow,
    EvidenceRow,
    ExceptionRow,
    PipelineRow,
    ReleaseRow,
    ReportedRow,
    RunRow,
    StageRow,
)

R = TypeVar("R", bound=SQLModel)

#: How many releases a gate looks back.
NEWEST: Final = 20
T = TypeVar("T")

_KEYS: Final[Any] = sa.bindparam("keys", expanding=True)
#: Written once: putting a question together takes as long as asking it.
_OF_PIPELINE: Final[Mapping[type[SQLModel], Any]] = {
    StageRow: select(StageRow).where(col(StageRow.pipeline).in_(_KEYS)),
    AlarmRow: select(AlarmRow).where(col(AlarmRow.pipeline).in_(_KEYS)),
    ExceptionRow: select(ExceptionRow).where(col(ExceptionRow.pipeline).in_(_KEYS)),
}
_OF_RELEASE: Final[Mapping[type[SQLModel], Any]] = {
    RunRow: select(RunRow).where(col(RunRow.release).in_(_KEYS)),
    ApprovalRow: select(ApprovalRow).where(col(ApprovalRow.release).in_(_KEYS)),
    OverrideRow: select(OverrideRow).where(col(OverrideRow.release).in_(_KEYS)),
    ProblemRow: select(ProblemRow).where(col(ProblemRow.release).in_(_KEYS)),
    TickRow: select(TickRow).where(col(TickRow.release).in_(_KEYS)),
    EvidenceRow: select(EvidenceRow).where(col(EvidenceRow.release).in_(_KEYS)),
}
_ON_THEIR_WAY: Final = (
    sa.select(col(RunRow.release))
    .where(col(RunRow.pipeline).in_(_KEYS), col(RunRow.outcome) == "")
    .distinct()
    .scalar_subquery()
)
_OPEN_RUNS: Final = select(RunRow).where(col(RunRow.release).in_(_ON_THEIR_WAY))
_OPEN_RELEASES: Final = select(ReleaseRow).where(col(ReleaseRow.id).in_(_ON_THEIR_WAY))
_BLOCKLIST: Final = select(BlocklistRow)
_PAUSES: Final = select(PauseRow).where(
    col(PauseRow.ended_at).is_(None),
    sa.or_(
        col(PauseRow.pipeline).in_(_KEYS),
        col(PauseRow.organization).in_(sa.bindparam("nodes", expanding=True)),
    ),
)
_REPORTED: Final = select(ReportedRow).where(
    col(ReportedRow.pipeline).in_(_KEYS),
    col(ReportedRow.organization).in_(sa.bindparam("nodes", expanding=True)),
)
_ANCESTRY: Final = select(AncestryRow).where(col(AncestryRow.commit).in_(_KEYS))
_NEWEST_DECISIONS: Final = (
    sa.select(col(DecisionRow.release), col(DecisionRow.stage), sa.func.max(col(DecisionRow.id)))
    .where(col(DecisionRow.release).in_(_KEYS))
    .group_by(col(DecisionRow.release), col(DecisionRow.stage))
)
_LATER: Final = aliased(ReleaseRow)
_BUILT: Final = aliased(ReleaseRow)
_LAST: Final = (
    sa.select(col(_BUILT.number))
    .where(
        col(_BUILT.pipeline) == col(_LATER.pipeline),
        col(_BUILT.number) < col(_LATER.number),
        col(_BUILT.digest) != "",
    )
    .order_by(col(_BUILT.number).desc())
    .offset(NEWEST - 1)
    .limit(1)
    .scalar_subquery()
)
_BEFORE: Final = (
    select(col(_LATER.id), ReleaseRow)
    .join(ReleaseRow, col(ReleaseRow.pipeline) == col(_LATER.pipeline))
    .where(
        col(_LATER.id).in_(_KEYS),
        col(ReleaseRow.number) < col(_LATER.number),
        col(ReleaseRow.number) >= sa.func.coalesce(_LAST, 0),
        col(ReleaseRow.digest) != "",
    )
)
_TEXTS: Final = select(Blob).where(col(Blob.digest).in_(_KEYS))


class Snapshot:
    """What is known in full of some pipelines; ``pipelines`` are those that are asked together."""

    def __init__(self, session: Session, pipelines: Sequence[PipelineRow]) -> None:
        self.session = session
        self.names = sorted(each.name for each in pipelines)
        self.nodes = sorted({node for each in pipelines for node in above(each.organization)})
        self._whole: set[tuple[object, str]] = set()
        self._once: dict[object, Any] = {}

    def of_pipeline(self, table: type[R], name: str) -> list[R]:
        """Every row of a table about a pipeline, oldest first where rows have numbers."""
        self._complete(table, _OF_PIPELINE[table], name, self.names)
        return sorted(kept(self.session, table, "pipeline", name), key=_age)

    def of_release(self, table: type[R], release: str) -> list[R]:
        """Every row of a table about a release, oldest first where rows have numbers."""
        self._complete(table, _OF_RELEASE[table], release, self._on_their_way())
        return sorted(kept(self.session, table, "release", release), key=_age)

    def open_runs(self, name: str) -> list[RunRow]:
        """Runs of a pipeline that have not ended, oldest first."""
        self.read_open()
        rows = kept(self.session, RunRow, "pipeline", name)
        return sorted((each for each in rows if not each.outcome), key=_age)

    def open_run(self, name: str, number: int | None) -> RunRow | None:
        """One of the runs of a pipeline that have not ended, where these are known."""
        if (RunRow, "open") not in self._whole:
            return None
        rows = kept(self.session, RunRow, "pipeline", name)
        return next((each for each in rows if each.id == number), None)

    def read_open(self) -> None:
        """Read the releases on their way with all of their runs, of all pipelines at once."""
        if self._mark(RunRow, "open"):
            for row in self.ask(_OPEN_RUNS, keys=self.names):
                self._mark(RunRow, row.release)

    def read_runs(self, releases: Iterable[str]) -> None:
        """Read every run of these releases at once."""
        self._complete(RunRow, _OF_RELEASE[RunRow], "", releases)

    def open_releases(self) -> list[ReleaseRow]:
        """Releases on their way, of all pipelines, where these are known."""
        if (RunRow, "open") not in self._whole:
            return []
        if self._mark(ReleaseRow, "open"):
            self.ask(_OPEN_RELEASES, keys=self.names)
        names = self._on_their_way()
        rows = (kept(self.session, ReleaseRow, "pipeline", name) for name in self.names)
        return [each for some in rows for each in some if each.id in names]

    def blocklist(self) -> list[BlocklistRow]:
        """Every entry that there ever was, in the order of the ids."""
        if self._mark(BlocklistRow, ""):
            self.ask(_BLOCKLIST)
        return sorted(kept(self.session, BlocklistRow), key=lambda each: each.id)

    def pauses(self) -> list[PauseRow]:
        """Pauses that nobody has ended, of the pipelines and all above them, the oldest first."""
        if self._mark(PauseRow, ""):
            self.ask(_PAUSES, keys=self.names, nodes=self.nodes)
        rows = kept(self.session, PauseRow)
        return sorted((each for each in rows if each.ended_at is None), key=_age)

    def reported(self) -> list[ReportedRow]:
        """Reported alarms of the pipelines, of all above them, and of every place."""
        if self._mark(ReportedRow, ""):
            self.ask(_REPORTED, keys=["", *self.names], nodes=["", *self.nodes])
        return sorted(kept(self.session, ReportedRow), key=lambda each: (each.name, each.place))

    def before(self, release: ReleaseRow) -> list[ReleaseRow]:
        """The newest releases before one that were built, at most ``NEWEST`` of them."""
        stored = self.once(_BEFORE, dict[str, list[ReleaseRow]])
        for name, row in self._unread(_BEFORE, _BEFORE, {release.id, *self._on_their_way()}):
            stored.setdefault(name, []).append(row)
        return stored.get(release.id, [])

    def newest_decision(self, release: str, stage: str) -> DecisionRow | None:
        rows = kept(self.session, DecisionRow, "release", release)
        if here := [each for each in rows if each.stage == stage]:
            return max(here, key=_age)
        keys = {release, *self._on_their_way()}
        stored = self.once(DecisionRow, dict[tuple[str, str], int])
        for name, of, number in self._unread(DecisionRow, _NEWEST_DECISIONS, keys):
            stored[name, of] = number
        number = stored.get((release, stage))
        return self.session.get(DecisionRow, number) if number is not None else None

    def text(self, digest: str) -> str | None:
        """A stored text; those that gates need of the releases on their way come together."""
        if (Blob, digest) not in self._whole:
            rows = self.open_releases()
            named = {name for each in rows for name in (each.definition, each.sbom, each.findings)}
            self._unread(Blob, _TEXTS, {digest, *(each for each in named if each)})
        row = self.session.get(Blob, digest)
        return row.text if row else None

    def ancestry(self, commit: str) -> list[AncestryRow]:
        """What is known of a commit in any repository, in the order of the others."""
        together = (each.commit for each in self.open_releases())
        self._complete(AncestryRow, _ANCESTRY, commit, together)
        rows = [each for each in kept(self.session, AncestryRow) if each.commit == commit]
        return sorted(rows, key=lambda each: each.ancestor)

    def once(self, key: object, ask: Callable[[], T]) -> T:
        """What ``ask`` gives, asked once."""
        if key not in self._once:
            self._once[key] = ask()
        found: T = self._once[key]
        return found

    def _on_their_way(self) -> set[str]:
        """Releases that are asked about together with one of them, where they are known."""
        if (RunRow, "open") not in self._whole:
            return set()
        runs = (kept(self.session, RunRow, "pipeline", name) for name in self.names)
        return {each.release for some in runs for each in some if not each.outcome}

    def _complete(
        self, table: type[SQLModel], question: Any, key: str, together: Iterable[str]
    ) -> None:
        if (table, key) not in self._whole:
            self._unread(table, question, {key, *together} - {""})

    def _unread(self, table: object, question: Any, keys: Iterable[str]) -> Sequence[Any]:
        """Ask about those keys that were not asked about before."""
        new = [each for each in sorted(keys) if self._mark(table, each)]
        return self.ask(question, keys=new) if new else ()

    def _mark(self, table: object, key: str) -> bool:
        """Note that a table will be known in full; False where it was before."""
        if (table, key) in self._whole:
            return False
        self._whole.add((table, key))
        return True

    def ask(self, question: Any, **parameters: Any) -> Sequence[Any]:
        """Ask for what this transaction has not changed, or holds as objects."""
        # What was changed and not yet written is the same object, and what was added is kept too.
        with self.session.no_autoflush:
            found: Sequence[Any] = self.session.exec(question, params=parameters).all()
        return found


def above(node: str) -> list[str]:
    """The node and every node above it: ``retail/shop`` gives ``retail`` and ``retail/shop``."""
    parts = node.split("/")
    return ["/".join(parts[: count + 1]) for count in range(len(parts))]


def _age(row: Any) -> tuple[bool, int]:
    """Rows by their numbers; one that has none yet is the newest."""
    number = getattr(row, "id", 0)
    return number is None, number or 0
