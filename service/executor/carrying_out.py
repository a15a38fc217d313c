"""Carrying out what a person asks for: each command is one transaction of its own."""

from collections.abc import Callable
from typing import assert_never

from service.errors import NotFound
from service.executor.ground import Ground
from service.executor.pausing import pause, resume
from service.executor.people import approve, override, tick
from service.executor.turn import Turn
from service.promotions.commands import Approve, Command, Override, Pause, Resume, Tick
from service.store.tables import ReleaseRow


def carry_out(ground: Ground, command: Command, actor: str) -> str:
    """Give the name of what was made, such as ``ov-3``; empty where nothing has a name."""
    match command:
        case Pause():
            return pause(ground, command, actor)
        case Resume():
            return resume(ground, command, actor)
        case Approve():
            return _at(ground, command.release, actor, lambda turn: approve(turn, command))
        case Tick():
            return _at(ground, command.release, actor, lambda turn: tick(turn, command))
        case Override():
            return _at(ground, command.release, actor, lambda turn: override(turn, command))
        case _:
            assert_never(command)


def _at(ground: Ground, release: str, actor: str, act: Callable[[Turn], str]) -> str:
    with ground.engines.reading() as session:
        row = session.get(ReleaseRow, release)
    if row is None:
        raise NotFound("release", release)
    with ground.turn(row.pipeline, actor) as turn:
        return act(turn)
