"""Which releases a pipeline had, without all that is known of them."""

from collections import defaultdict
from collections.abc import Set as AbstractSet
from typing import Any, Final, NamedTuple

import sqlalchemy as sa
from sqlmodel import col

from service.promotions.model import Outcome
from service.store.keeping import kept
from service.store.snapshot import Snapshot
from service.store.tables import ReleaseRow, RunRow, StageRow


class Identity(NamedTuple):
    """What tells one release of a pipeline from the others."""

    release: str
    digest: str
    commit: str
    number: int


_PIPELINES: Final[Any] = sa.bindparam("pipelines", expanding=True)
_COLUMNS: Final[tuple[Any, ...]] = (
    col(ReleaseRow.id),
    col(ReleaseRow.digest),
    col(ReleaseRow.commit),
    col(ReleaseRow.number),
)
_BACK: Final = (
    sa.select(col(RunRow.pipeline), col(RunRow.id), *_COLUMNS)
    .join(ReleaseRow, col(ReleaseRow.id) == RunRow.release)
    .where(col(RunRow.pipeline).in_(_PIPELINES), col(RunRow.outcome) == Outcome.ROLLED_BACK)
)
_OF_DIGESTS: Final = sa.select(col(ReleaseRow.pipeline), *_COLUMNS).where(
    col(ReleaseRow.pipeline).in_(_PIPELINES),
    col(ReleaseRow.digest).in_(sa.bindparam("digests", expanding=True)),
)


def rolled_back(known: Snapshot, pipeline: str) -> list[Identity]:
    """Releases of a pipeline that were rolled back in some stage, also a moment ago."""
    stored = known.once(_BACK, lambda: _back(known)).get(pipeline, {})
    runs = {run.id: run for run in kept(known.session, RunRow, "pipeline", pipeline)}
    back = [run for run in runs.values() if run.outcome == Outcome.ROLLED_BACK]
    new = (known.session.get_one(ReleaseRow, run.release) for run in back if run.id not in stored)
    still = (each for run, each in stored.items() if run not in runs or runs[run] in back)
    return [*still, *map(_identity, new)]


def latest(known: Snapshot, pipeline: str, digests: AbstractSet[str]) -> dict[str, Identity]:
    """The latest release of each of these digests of a pipeline."""
    stored = known.once(_OF_DIGESTS, lambda: _running(known))
    asked, found = stored.setdefault(pipeline, (set(), []))
    if missing := digests - asked:
        # Something began to run since, or nobody asked for all of them together.
        asked |= missing
        rows = known.ask(_OF_DIGESTS, pipelines=[pipeline], digests=sorted(missing))
        found += [Identity(*row[1:]) for row in rows]
    # What was built in this transaction may not be written yet.
    here = map(_identity, kept(known.session, ReleaseRow, "pipeline", pipeline))
    ordered = sorted((*found, *here), key=lambda each: each.number)
    return {each.digest: each for each in ordered if each.digest in digests}


def _back(known: Snapshot) -> dict[str, dict[int, Identity]]:
    found: dict[str, dict[int, Identity]] = defaultdict(dict)
    for pipeline, run, *columns in known.ask(_BACK, pipelines=known.names):
        found[pipeline][run] = Identity(*columns)
    return found


def _running(known: Snapshot) -> dict[str, tuple[set[str], list[Identity]]]:
    """What runs in the stages of each pipeline, and the releases of these digests."""
    found: dict[str, tuple[set[str], list[Identity]]] = {}
    for name in known.names:
        stages = known.of_pipeline(StageRow, name)
        found[name] = ({each for stage in stages for each in stage.running.values()}, [])
    digests = sorted({each for asked, _ in found.values() for each in asked})
    for pipeline, *columns in known.ask(_OF_DIGESTS, pipelines=known.names, digests=digests):
        if columns[1] in found[pipeline][0]:
            found[pipeline][1].append(Identity(*columns))
    return found


def _identity(row: ReleaseRow) -> Identity:
    return Identity(row.id, row.digest, row.commit, row.number)
