"""What shell steps say of a deployment: its engine, waits of known length, ways back."""

import re
from collections.abc import Iterable
from datetime import timedelta
from typing import Any, Final

from policies.classify import commands
from policies.facts import Fact, Provenance, unknown
from policies.findings import Span
from policies.pipeline import Bake, Deploy, Step, StepKind

#: A wait at least this long is meant to let time pass; shorter ones poll.
LONG: Final = timedelta(minutes=2)
_UNITS: Final = {"m": 60, "h": 3600, "d": 86_400}
_NUMBER: Final = re.compile(r"[0-9]{1,6}")
#: Switches by which Helm goes back by itself.
_ATOMIC: Final = ("--atomic", "--rollback-on-failure")
_UNDO: Final = re.compile(r"rollout undo|helm rollback|roll-?_?back", re.IGNORECASE)


def engine(step: Step | None) -> str:
    """The tool that a deploying step uses: its action or task, else its first command."""
    if step is None:
        return "script"
    uses, run = step.uses.or_else(None), step.run.or_else(None)
    if uses:
        return uses.partition("@")[0]
    return next((word for word, rest in commands(run or "") if rest), "script")


def goes_back(run: str) -> bool:
    """Whether a command undoes its own failure."""
    return "helm" in run and any(word in run for word in _ATOMIC)


def undoes(text: str) -> bool:
    """Whether words or commands bring an earlier version back."""
    return bool(_UNDO.search(text))


def sleep(step: Step) -> timedelta | None:
    """How long a step of kind ``wait`` sleeps; None where that is not written as a number."""
    if step.kind.value is not StepKind.WAIT:
        return None
    for word, rest in commands(step.run.or_else(None) or ""):
        if word == "sleep":
            digits, unit = rest.rstrip("smhd"), rest[-1:]
            seconds = _UNITS.get(unit, 1) * int(digits) if _NUMBER.fullmatch(digits) else None
            return None if seconds is None else timedelta(seconds=seconds)
    return None


def timer(place: Span, length: timedelta) -> Bake:
    """A bake that lets time pass and watches nothing."""
    nothing: Fact[Any] = Fact(None, place)
    return Bake(place, Fact(length, place), nothing, nothing, nothing, nothing)


def slept(steps: Iterable[Step]) -> Bake | None:
    """A long sleep of known length after the deployment of a stage."""
    deployed = False
    for step in steps:
        deployed = deployed or step.kind.value is StepKind.DEPLOY
        length = sleep(step) if deployed else None
        if length and length >= LONG:
            return timer(step.name.span, length)
    return None


def deployment(
    place: Span,
    by: Fact[str],
    *,
    beyond: str,
    rollback: Span | None = None,
) -> Deploy:
    """A deployment by commands, of which the file shows the call and not the inside.

    ``beyond`` says why the rest is unknown; ``rollback`` is where it goes back by itself.
    """
    hidden: Fact[Any] = unknown(place, beyond)
    return Deploy(
        span=place,
        engine=by,
        hosts=hidden,
        batch=hidden,
        min_healthy=hidden,
        deadline=hidden,
        rollback_on=Fact(frozenset({"failure"}), rollback, Provenance.INFERRED, 0.85)
        if rollback
        else hidden,
        rollback_alarms=hidden,
        checks=hidden,
        strategy=hidden,
        max_unavailable=hidden,
        surge=hidden,
        on_deadline=hidden,
        drain=hidden,
        retained=hidden,
        rollback_batch=hidden,
        artifact=hidden,
        exposures=hidden,
    )
