"""What shell steps say of a deployment: its engine, waits of known length, ways back."""

import re
from collections.abc import Iterable
from datetime import timedelta
from typing import Any, Final

from policies.classify import commands
from policies.facts import Fact, Provenance, inferred, unknown
from policies.findings import Span
from policies.formats.unsaid import unsaid_deploy
from policies.frozen import replace
from policies.patterns import pattern
from policies.pipeline import Bake, Deploy, Step, StepKind
from policies.references import Reference

#: A wait at least this long is meant to let time pass; shorter ones poll.
LONG: Final = timedelta(minutes=2)
_UNITS: Final = {"s": 1, "m": 60, "h": 3600, "d": 86_400}
_NUMBER: Final = pattern(r"[0-9]{1,6}")
#: The bound that helm, kubectl and oc put on a deployment that they wait for.
_BOUND: Final = pattern(r"--timeout[= ]\"?([0-9]{1,6})([smh])\b")
#: Switches by which Helm goes back by itself.
_ATOMIC: Final = ("--atomic", "--rollback-on-failure")
_SHARE: Final = pattern(
    r"\b(\d{1,2})\s?%|(?:rollout|canary|traffic|weight)[ _-]?(\d{1,2})\b(?!\d)", re.IGNORECASE
)
_UNDO: Final = pattern(r"rollout undo|helm rollback|roll-?_?back", re.IGNORECASE)


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


def bound(step: Step | None, of_job: Fact[timedelta | None]) -> Fact[timedelta | None]:
    """The nearest end of a deployment: of its command, of its step, or of its job."""
    found = _BOUND.search((step.run.or_else(None) if step else None) or "")
    if step and found:
        length = timedelta(seconds=int(found[1]) * _UNITS[found[2]])
        return inferred(length, step.run.span)
    return step.timeout if step and step.timeout.value is not None else of_job


def deployment(
    place: Span,
    by: Fact[str],
    *,
    beyond: str,
    rollback: Span | None = None,
    deadline: Fact[timedelta | None],
    artifact: Fact[Reference | None],
) -> Deploy:
    """A deployment by commands, of which the file shows the call and not the inside.

    ``beyond`` says why the rest is unknown; ``rollback`` is where it goes back by itself, and a
    tool that ends a job after its ``deadline`` ends the deployment with it.
    """
    hidden: Fact[Any] = unknown(place, beyond)
    made = replace(unsaid_deploy(place, "", hidden), engine=by, artifact=artifact)
    if rollback:
        event = frozenset({"failure"})
        made = replace(made, rollback_on=Fact(event, rollback, Provenance.INFERRED, 0.85))
    return replace(made, deadline=deadline, on_deadline=Fact("abort", deadline.span))


def share(name: str) -> float | None:
    """The part of customers that a name tells, such as ``rollout 10%`` or ``blue_rollout_50``."""
    found = _SHARE.search(name)
    return int(found[1] or found[2]) / 100 if found else None


def said(name: str, steps: Iterable[Step]) -> str:
    """The words of a job: its name, and the names and commands of its steps."""
    words = (f"{step.name.value} {step.run.or_else(None) or ''}" for step in steps)
    return " ".join((name, *words))
