"""Scheduled changes of rules in the service: each activation is an event of the pipelines it meets.

A pipeline's row keeps the levels that its log has told, so that none is lost or logged twice,
however long the process was down. A step whose readiness is asked for comes early once enough
pipelines of its subtree comply; that moment is kept, because no file tells it.
"""

from collections.abc import Iterator
from datetime import datetime
from typing import Final

from sqlalchemy import exists
from sqlmodel import Session, col, select

from policies.findings import Result
from policies.ruleset import Effective, Resolved, Setting, Step, StepKey
from policies.tree import Tree
from policies.windows import zone as zone_of
from service.executor.definitions import claim_organization, has_organization, organization
from service.executor.excepted import judged
from service.executor.ground import Ground
from service.executor.linting import lint_again
from service.executor.transition import reconsider
from service.executor.turn import Turn
from service.reports.compliance import Judged, below
from service.store.schedules import make_ready
from service.store.tables import PipelineRow, ScheduleRow

#: Results that count as compliance: what is excused holds up no date.
_COMPLIES: Final = frozenset({Result.PASS.value, Result.WAIVED.value})
_JUDGED: Final = frozenset({*_COMPLIES, Result.FAIL.value, Result.UNKNOWN.value})


def follow(turn: Turn) -> bool:
    """Log every level that is another one than before; true where there was any.

    The levels that a pipeline begins with are no activation.
    """
    resolved = _resolved(turn)
    rules = resolved.rules if resolved else {}
    levels = {name: each.enforcement.word for name, each in rules.items()}
    row = turn.session.get(ScheduleRow, turn.pipeline.name)
    if row is None:
        row = ScheduleRow(pipeline=turn.pipeline.name, levels=levels)
        turn.session.add(row)
    changed = [name for name, level in levels.items() if row.levels.get(name, level) != level]
    for name in changed:
        _log(turn, rules[name], row.levels[name])
    row.levels, row.due = levels, _next(turn)
    return bool(changed)


def adopt(ground: Ground) -> int:
    """Follow pipelines whose levels nobody has kept: those that an older version registered."""
    unknown = ~exists().where(col(ScheduleRow.pipeline) == col(PipelineRow.name))
    with ground.engines.reading() as session:
        names = list(session.exec(select(PipelineRow.name).where(unknown)))
    for name in names:
        with ground.turn(name) as turn:
            follow(turn)
    return len(names)


def activate(ground: Ground) -> int:
    """Log every activation that is due and ask the gates again; gives how many pipelines."""
    with ground.engines.reading() as session:
        now = ground.ports.clock.within(session)
        due = list(session.exec(select(ScheduleRow.pipeline).where(col(ScheduleRow.due) <= now)))
    for name in due:
        with ground.turn(name) as turn:
            _activate(turn)
    return len(due)


def ripen(ground: Ground) -> list[StepKey]:
    """Let steps come early for which enough pipelines are ready; gives those steps."""
    with ground.engines.reading() as session:
        if not _ripe(session, ground.ports.clock.within(session)):
            return []
    with ground.engines.transaction() as session:
        claim_organization(session)
        now = ground.ports.clock.within(session)
        found = _ripe(session, now)
        for key, share in found:
            make_ready(session, key, now, share)
            _wake(session, key, now)
    return [key for key, _ in found]


def _ripe(session: Session, now: datetime) -> list[tuple[StepKey, float]]:
    """Steps for which enough pipelines are ready, with their share; almost always there is none."""
    if not has_organization(session):
        return []
    waiting = list(_waiting(organization(session), now))
    pipelines = judged(session, now, {key.rule for key, _, _ in waiting}) if waiting else ()
    return [
        (key, share)
        for key, setting, step in waiting
        if (share := _compliance(key, step, pipelines)) is not None
        and share >= (setting.ready_when or 0)
    ]


def _activate(turn: Turn) -> None:
    row = turn.session.get_one(ScheduleRow, turn.pipeline.name)
    if row.due is None or row.due > turn.now:
        return
    if follow(turn):
        lint_again(turn.session, turn.pipeline, turn.now, turn.rego)
        reconsider(turn)


def _resolved(turn: Turn) -> Resolved | None:
    """What holds for the pipeline now; None where its node is gone."""
    node, tree = turn.pipeline.organization, turn.tree()
    return tree.resolved(node, turn.now) if tree.has(node) else None


def _log(turn: Turn, effective: Effective, before: str) -> None:
    turn.log(
        "ruleset.activated",
        rule=effective.rule.id,
        enforcement=effective.enforcement.word,
        before=before,
        set_by=effective.set_by,
        reason=effective.reason,
        debate=effective.debate,
    )


def _next(turn: Turn) -> datetime | None:
    node, tree = turn.pipeline.organization, turn.tree()
    if not tree.has(node):
        return None
    changes = tree.place(node).chain.changes(tree.asked(node, turn.now))
    return min(changes, default=None)


def _waiting(tree: Tree, now: datetime) -> Iterator[tuple[StepKey, Setting, Step]]:
    """Steps that were announced, wait for their date, and may come early."""
    for node in tree.rulesets:
        asked = tree.asked(node, now)
        today = now.astimezone(zone_of(asked.zone)).date()
        for key, setting, step, start in tree.place(node).chain.every_step(asked):
            late = start is not None and start <= now
            said = setting.announced is not None and setting.announced <= today
            asks = key.node == node and setting.ready_when is not None
            if asks and said and not late and key not in tree.ready:
                yield key, setting, step


def _compliance(key: StepKey, step: Step, pipelines: tuple[Judged, ...]) -> float | None:
    """The share of pipelines in the step's subtree that comply; None where it meets none."""
    results = [
        result
        for each in pipelines
        if below(each.organization, key.node) and step.covers(each.organization)
        for rule, result in each.results
        if rule == key.rule and result in _JUDGED
    ]
    return sum(each in _COMPLIES for each in results) / len(results) if results else None


def _wake(session: Session, key: StepKey, now: datetime) -> None:
    """Let the next sweep activate the step for every pipeline that it may cover.

    The pipelines are locked, in ascending order as everywhere: a turn that is under way would
    write back what was due without the step.
    """
    asked = select(PipelineRow).order_by(col(PipelineRow.name)).with_for_update()
    for pipeline in session.exec(asked):
        row = session.get(ScheduleRow, pipeline.name)
        if row and below(pipeline.organization, key.node):
            row.due = now
