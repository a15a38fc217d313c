"""Taking over organizations, pipeline files and blocklist entries."""

from collections.abc import Mapping

from sqlmodel import Session

from policies.documents import DocumentError, Issue
from policies.formats import Read, read_pipelines
from policies.pipeline import Pipeline
from service.errors import Conflict, Invalid, Refused
from service.executor.ancestry import learn
from service.executor.calendars import refresh
from service.executor.definitions import ROOT, definition, tree
from service.executor.ground import Ground
from service.executor.halting import halt_blocked
from service.executor.linting import linted, node_of, store_lint
from service.executor.schedules import follow
from service.executor.transition import reconsider
from service.executor.turn import Turn, keep
from service.store.tables import OrganizationRow, PipelineRow, StageRow


def register_organization(ground: Ground, files: Mapping[str, str], actor: str) -> None:
    """Take over an organization file and its rulesets; raises Invalid with every error.

    Raises Conflict where the files hold none.

    Every gate that holds a release is asked again, because the rules may have changed.
    """
    if ROOT not in files:
        raise Conflict(f"the files hold no {ROOT}")
    try:
        tree(tuple(sorted(files.items())))
    except DocumentError as error:
        raise Invalid(error.issues) from error
    with ground.engines.transaction() as session:
        now = ground.ports.clock.within(session)
        session.add(OrganizationRow(files=dict(files), at=now, actor=actor))
    learn(ground)
    refresh(ground)
    for name in ground.pipelines():
        with ground.turn(name, actor) as turn:
            turn.log("ruleset.activated")
            follow(turn)
            reconsider(turn)
            # The files may name something on the blocklist that is on its way here.
            halt_blocked(turn)


def register_pipeline(ground: Ground, text: str, path: str, repository: str, actor: str) -> str:
    """Take over a pipeline file after linting it; gives the pipeline's name.

    Raises Invalid where it cannot be read and Refused where a rule at ``block`` fails.
    """
    read = read_pipelines(text.encode(), path)
    pipeline = _only_one(read)
    with ground.engines.reading() as session:
        now, rego = ground.ports.clock.within(session), ground.ports.rego
        report = linted(session, read, now, rego, excepted=True)
    if report.blocks:
        raise Refused(pipeline.name, report.findings)
    with ground.engines.transaction() as session:
        row = session.get(PipelineRow, pipeline.name, with_for_update=True)
        known = row is not None
        before = definition(session, row.definition, row.path, row.name) if row else None
        now = ground.ports.clock.within(session)
        _store_pipeline(session, pipeline, text, path, repository)
        store_lint(session, pipeline.name, read, now, rego)
        if row and before:
            _switch(ground.turn_in(session, row, actor, now), before, pipeline)
    with ground.turn(pipeline.name, actor) as turn:
        follow(turn)
        if known:
            reconsider(turn)
    return pipeline.name


def _switch(turn: Turn, before: Pipeline, pipeline: Pipeline) -> None:
    """Switch the transitions that the file says otherwise now.

    What it says as before leaves a switch alone that people or a rollback made since.
    """
    for stage in pipeline.stages:
        old = before.stage(stage.name)
        wanted = stage.transition.or_else(None) or "automatic"
        if old is None or (old.transition.or_else(None) or "automatic") == wanted:
            continue
        kept = turn.stage(stage.name)
        kept.transition, kept.reason = wanted, "the pipeline file says so"
        turn.log("transition.switched", None, stage.name, to=wanted, reason=kept.reason)


def _only_one(read: Read) -> Pipeline:
    if read.problems:
        raise Invalid(tuple(Issue(each.span, each.message) for each in read.problems))
    if len(read.pipelines) != 1:
        told = f"{read.path} holds {len(read.pipelines)} pipelines; register one file for each"
        raise Conflict(told)
    return read.pipelines[0]


def _store_pipeline(
    session: Session, pipeline: Pipeline, text: str, path: str, repository: str
) -> None:
    said = PipelineRow(
        name=pipeline.name,
        organization=node_of(pipeline),
        repository=repository,
        path=path,
        definition=keep(session, text),
    )
    row = session.get(PipelineRow, pipeline.name)
    if row is None:
        session.add(said)
    else:
        for name in ("organization", "repository", "path", "definition"):
            setattr(row, name, getattr(said, name))
    session.flush()
    for stage in pipeline.stages:
        if session.get(StageRow, (pipeline.name, stage.name)) is None:
            switch = stage.transition.or_else(None) or "automatic"
            kept = StageRow(pipeline=pipeline.name, stage=stage.name, transition=switch, running={})
            session.add(kept)
