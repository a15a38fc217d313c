"""The steps of an Argo canary: weights, pauses, inline analyses and experiments, in order.

A pause without a duration waits for a person. A weight of which the engine has only pods to make it
is rounded up to whole pods: 10 % of two pods is one of them, a half.
"""

import math
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Final

from policies.classify import NAMED, named
from policies.facts import Fact, Provenance, unknown
from policies.findings import Span
from policies.formats.argo_analysis import Templates
from policies.formats.kubernetes import at, duration, group, listed, whole, word
from policies.guards import Analysis
from policies.pipeline import Step, StepKind
from policies.source import Mapping, Scalar

_WHOLE: Final = 100
#: Steps from which on customers meet a new version.
_SHOWING: Final = frozenset({"setWeight", "pause", "setCanaryScale", "setHeaderRoute"})
#: Tests that ask what runs; an analysis can be one.
_ASKING: Final = frozenset({StepKind.LOAD, StepKind.SMOKE, StepKind.INTEGRATION})


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
        told = list(templates.steps(run, span))
        title = "" if told else word(run, "name")
        self.steps += [judging(each, title) for each in found]
        self.steps += told


def canary_of(canary: Mapping, name: str, span: Span, templates: Templates) -> Canary:
    found = Canary()
    nodes = list(listed(canary, "steps"))
    shown = next(
        (index for index, node in enumerate(nodes) if _SHOWING & set(node.entries)), len(nodes)
    )
    # An experiment in front of the first weight tries a version that no customer meets.
    tried = shown if any("experiment" in node.entries for node in nodes[:shown]) else 0
    for index, node in enumerate((*nodes, None)):
        if index == tried:
            found.steps.append(deploying(name, span))
        if node:
            found.read(node, templates)
    return found


def deploying(name: str, span: Span) -> Step:
    return _step(name, Fact(StepKind.DEPLOY, span), "Rollout", Fact(None, span))


def judging(analysis: Analysis, title: str = "") -> Step:
    """The step that waits for an analysis whose template is not in sight may tell a test by name.

    An experiment gives each of its analyses a ``title``.
    """
    span = analysis.span
    said = None if analysis.metrics_known else named(title) or named(analysis.name)
    kind = (
        Fact(said, span, Provenance.INFERRED, NAMED)
        if said in _ASKING
        else Fact(StepKind.OTHER, span)
    )
    return _step(analysis.name, kind, "analysis", Fact(None, span))


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
