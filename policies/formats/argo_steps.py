"""The steps of an Argo canary: weights, pauses, inline analyses and experiments, in order.

A pause without a duration waits for a person. A weight of which the engine has only pods to make it
is rounded up to whole pods: 10 % of two pods is one of them, a half.
"""

import math
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Final

from policies.facts import Fact, unknown
from policies.findings import Span
from policies.formats.argo_analysis import Templates
from policies.formats.kubernetes import at, duration, group, listed, whole
from policies.guards import Analysis
from policies.pipeline import Step, StepKind
from policies.source import Mapping, Scalar

_WHOLE: Final = 100


@dataclass(slots=True)
class Canary:
    """What the steps of a canary say, filled while they are read.

    ``weights`` are shares in order, the first at ``weighed``; ``held`` is the first pause that
    waits for a person.
    """

    steps: list[Step] = field(default_factory=list)
    weights: list[float] = field(default_factory=list)
    analyses: list[Analysis] = field(default_factory=list)
    weighed: Span | None = None
    held: Span | None = None

    def read(self, node: Mapping, templates: Templates) -> None:
        """Read one step, which is a mapping of one key."""
        weight = whole(node, "setWeight")
        if weight is not None and weight <= _WHOLE:
            self.weights.append(weight / _WHOLE)
            self.weighed = self.weighed or node.entries["setWeight"].value.span
        if "pause" in node.entries:
            pause = _pause(node)
            self.steps.append(pause)
            if pause.kind.value is StepKind.APPROVAL:
                self.held = self.held or pause.name.span
        run, trial = group(node, "analysis"), group(node, "experiment")
        if run is not None:
            self._judged(run, node.entries["analysis"].key.span, templates)
        if trial is not None and "duration" in trial.entries:
            self.steps.append(_lasting(trial, node.entries["experiment"].key.span))
        for each in listed(trial, "analyses"):
            self._judged(each, node.entries["experiment"].key.span, templates)

    def _judged(self, run: Mapping, span: Span, templates: Templates) -> None:
        found = templates.analyses(run, span, background=False)
        self.analyses += found
        self.steps += [judging(each) for each in found]
        self.steps += templates.steps(run, span)


def canary_of(canary: Mapping, name: str, span: Span, templates: Templates) -> Canary:
    found = Canary([deploying(name, span)])
    for node in listed(canary, "steps"):
        found.read(node, templates)
    return found


def deploying(name: str, span: Span) -> Step:
    return _step(name, Fact(StepKind.DEPLOY, span), "Rollout", Fact(None, span))


def judging(analysis: Analysis) -> Step:
    span = analysis.span
    return _step(analysis.name, Fact(StepKind.OTHER, span), "analysis", Fact(None, span))


def waiting(length: timedelta | None, span: Span) -> Step:
    """A pause of a length, else one that a person ends."""
    kind = StepKind.WAIT if length else StepKind.APPROVAL
    return _step("pause", Fact(kind, span), "pause", Fact(length or None, span))


def _pause(node: Mapping) -> Step:
    """``duration`` beside the pause instead of in it is a slip that still says what is meant."""
    span = node.entries["pause"].key.span
    written = at(node, "pause", "duration") or at(node, "duration")
    if written is None or (isinstance(written, Scalar) and not written.text):
        return waiting(None, span)
    length = duration(written)
    if length is not None and not length:
        return waiting(None, span)
    time: Fact[timedelta | None] = Fact(length, written.span)
    if length is None:
        time = unknown(written.span, "the duration is filled in elsewhere")
    return _step("pause", Fact(StepKind.WAIT, span), "pause", time)


def _lasting(trial: Mapping, span: Span) -> Step:
    """An experiment runs for its duration before the next step."""
    written = trial.entries["duration"].value
    time: Fact[timedelta | None] = Fact(duration(written), written.span)
    return _step("experiment", Fact(StepKind.WAIT, span), "experiment", time)


def _step(name: str, kind: Fact[StepKind], uses: str, timeout: Fact[timedelta | None]) -> Step:
    span = kind.span
    return Step(
        name=Fact(name, span),
        kind=kind,
        run=Fact(None, span),
        uses=Fact(uses, span),
        soft=Fact(None, span),
        timeout=timeout,
    )


def rounded(weights: Iterable[float], replicas: int) -> tuple[float, ...]:
    """Weights as whole pods make them."""
    return tuple(math.ceil(weight * replicas) / replicas for weight in weights)
