"""Stored texts as what they mean: pipeline definitions and the organization tree.

A text is stored by its digest and never changes, so reading it once per process is enough.
"""

from collections.abc import Callable
from functools import lru_cache, partial
from threading import Lock
from typing import Final

from sqlalchemy import exists
from sqlmodel import Session, col, select

from policies.decision import Definition
from policies.engine.gate import read_definition
from policies.pipeline import Pipeline
from policies.ruleset import Pinned
from policies.tree import Tree, read_tree
from service.errors import Conflict, NotFound
from service.store.schedules import ready
from service.store.tables import (
    Blob,
    CalendarRow,
    OrganizationRow,
    PipelineRow,
    ReadyRow,
    ReleaseRow,
    RunRow,
    StageRow,
)

#: Pipelines that were read already, by digest, path and name, and most of them.
_known: Final[dict[tuple[str, str, str], Pipeline]] = {}
_MOST: Final = 512
_keeping: Final = Lock()
#: The newest organization, and whether anything stands beside it; mostly nothing does.
_NEWEST: Final = (
    select(OrganizationRow, exists(select(CalendarRow)), exists(select(ReadyRow)))
    .order_by(col(OrganizationRow.id).desc())
    .limit(1)
)
#: The name under which an organization file is registered.
ROOT = "organization.yaml"


def definition(
    session: Session,
    digest: str,
    path: str,
    name: str,
    text: Callable[[str], str | None] | None = None,
) -> Pipeline:
    """The pipeline ``name`` of the stored file with this digest, which ``text`` may give."""
    key = (digest, path, name)
    known = _known.get(key)
    if known is None:
        known = _read((text or partial(_text, session))(digest), *key)
        with _keeping:
            if len(_known) >= _MOST:
                del _known[next(iter(_known))]
            _known[key] = known
    return known


def _text(session: Session, digest: str) -> str | None:
    kept = session.get(Blob, digest)
    return kept.text if kept else None


def _read(text: str | None, digest: str, path: str, name: str) -> Pipeline:
    if text is None:
        raise NotFound("definition", digest)
    # Read as gates read it, so that a file is read once for both.
    for pipeline in read_definition(Definition(text, path)).pipelines:
        if pipeline.name == name:
            return pipeline
    raise NotFound("pipeline in this file", name)


def acting(session: Session, row: PipelineRow, stage: str) -> Pipeline:
    """The pipeline as the release that acts in the stage knows it, else as it is registered.

    Of a stage that the file no longer has, releases in flight may still want to know something.
    """
    kept = session.get(StageRow, (row.name, stage))
    run = session.get(RunRow, kept.active) if kept and kept.active is not None else None
    now = definition(session, row.definition, row.path, row.name)
    if run is None and now.stage(stage) is not None:
        return now
    asked = (
        select(ReleaseRow)
        .where(ReleaseRow.pipeline == row.name)
        .where(ReleaseRow.id == run.release if run else ReleaseRow.outcome == "")
        .order_by(col(ReleaseRow.number).desc())
    )
    known = (
        definition(session, each.definition, row.path, row.name) for each in session.exec(asked)
    )
    return next((each for each in known if each.stage(stage)), now)


def organization(session: Session) -> Tree:
    """The organization tree as it was registered last, with the steps that came early."""
    # Nothing of it is ever changed before it is asked for.
    with session.no_autoflush:
        row = session.exec(_NEWEST).first()
    if row is None:
        told = "no organization is published here yet; do it with: bakegate ruleset publish"
        raise Conflict(told)
    newest, calendars, early = row
    rows = session.exec(select(CalendarRow)) if calendars else ()
    copies = {each.address: each.text for each in rows if each.text}
    known = tree(tuple(sorted((copies | newest.files).items())))
    return known.when(ready(session) if early else {})


def has_organization(session: Session) -> bool:
    return session.exec(select(OrganizationRow.id).limit(1)).first() is not None


def claim_organization(session: Session) -> None:
    """Let one process at a time look after scheduled rules."""
    newest = select(OrganizationRow).order_by(col(OrganizationRow.id).desc()).limit(1)
    session.exec(newest.with_for_update()).first()


@lru_cache(maxsize=8)
def tree(files: tuple[tuple[str, str], ...]) -> Tree:
    """The tree in these files (path and text); raises DocumentError.

    The service fetches nothing: a pinned ruleset elsewhere is registered under its reference, so
    that what holds here never depends on another machine.
    """
    texts = dict(files)

    def load(path: str) -> str:
        if path not in texts:
            raise FileNotFoundError(2, "is not among the registered files", path)
        return texts[path]

    def fetch(pinned: Pinned) -> bytes:
        return load(pinned.text).encode()

    return read_tree(texts[ROOT], ROOT, load, fetch)
