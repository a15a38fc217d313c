"""Carrying out what a person asks for: each command is one transaction of its own."""

from collections.abc import Callable, Mapping
from typing import Any, Final

from service.errors import NotFound
from service.executor.ground import Ground
from service.executor.intervening import abort, retry, roll_back
from service.executor.pausing import pause, resume
from service.executor.people import approve, override, tick
from service.executor.problems import clear_problem, report_problem
from service.executor.skipping import skip
from service.executor.turn import Turn
from service.promotions.commands import (
    Abort,
    Approve,
    ClearProblem,
    Command,
    Override,
    Pause,
    ReportProblem,
    Resume,
    Retry,
    RollBack,
    Skip,
    Tick,
)
from service.store.people_tables import ProblemRow
from service.store.tables import ReleaseRow

#: What is done to one release, under the lock of its pipeline.
_TO_A_RELEASE: Final[Mapping[type, Callable[[Turn, Any], str]]] = {
    Approve: approve,
    Tick: tick,
    Override: override,
    Skip: skip,
    RollBack: roll_back,
    Abort: abort,
    Retry: retry,
    ReportProblem: report_problem,
}


def carry_out(ground: Ground, command: Command, actor: str) -> str:
    """Give the name of what was made, such as ``ov-3``; empty where nothing has a name."""
    match command:
        case Pause():
            return pause(ground, command, actor)
        case Resume():
            return resume(ground, command, actor)
        case ClearProblem():
            return _cleared(ground, command, actor)
        case _:
            act = _TO_A_RELEASE[type(command)]
            return _at(ground, command.release, actor, lambda turn: act(turn, command))


def _cleared(ground: Ground, command: ClearProblem, actor: str) -> str:
    with ground.engines.reading() as session:
        row = session.get(ProblemRow, ProblemRow.number(command.problem))
    if row is None or row.id is None:
        raise NotFound("problem", command.problem)
    key = row.id
    return _at(ground, row.release, actor, lambda turn: clear_problem(turn, key, command))


def _at(ground: Ground, release: str, actor: str, act: Callable[[Turn], str]) -> str:
    with ground.engines.reading() as session:
        row = session.get(ReleaseRow, release)
    if row is None:
        raise NotFound("release", release)
    with ground.turn(row.pipeline, actor) as turn:
        return act(turn)
