"""Strategies of Argo Rollouts: canary with its steps, rolling update, blue/green.

What is not written has the controller's defaults: 25 % may be missing and 25 % more may run, and a
blue/green is promoted by itself.
"""

from datetime import timedelta
from typing import Any, Final

from policies.facts import Fact, Provenance, elsewhere
from policies.findings import Span
from policies.formats.argo_analysis import Templates
from policies.formats.argo_steps import Canary, canary_of, deploying, judging, rounded, waiting
from policies.formats.kubernetes import at, duration, group, listed, on, part_of, place, whole, word
from policies.frozen import dataclass
from policies.guards import Analysis
from policies.pipeline import Bake, OnAlarm, Step, StepKind
from policies.source import Mapping

#: Defaults of the controller's code; the comment in its specification says 1.
_QUARTER: Final = 0.25
#: Seconds that the old side of a switch stays after it.
_SCALE_DOWN: Final = 30


@dataclass(frozen=True, slots=True)
class Strategy:
    """How a rollout replaces its pods.

    ``before`` are analyses that run before customers are reached, ``judged`` is where the first
    analysis stands, ``held`` where a person is waited for, ``rolls_back`` on what it goes back.
    """

    name: str | None
    span: Span
    steps: tuple[Step, ...]
    exposures: Fact[tuple[float, ...] | None]
    max_unavailable: Fact[float | None]
    surge: Fact[float | None]
    analyses: tuple[Analysis, ...] = ()
    before: tuple[Analysis, ...] = ()
    judged: Span | None = None
    held: Span | None = None
    bake: Bake | None = None
    drain: Fact[timedelta | None] | None = None

    @property
    def rolls_back(self) -> frozenset[str]:
        """An analysis that fails aborts the rollout, and traffic returns to the stable version."""
        return frozenset({"failure", "alarm"}) if self.analyses else frozenset()


def strategy_of(
    spec: Mapping, name: str, replicas: int | None, span: Span, templates: Templates
) -> Strategy:
    strategy = group(spec, "strategy")
    for key in ("blueGreen", "canary"):
        if strategy and key in strategy.entries:
            at_key = strategy.entries[key].key.span
            node = group(strategy, key) or Mapping(at_key, {})
            if key == "blueGreen":
                return _blue_green(node, name, at_key, templates)
            return _canary(node, name, replicas, at_key, templates)
    away: Fact[Any] = elsewhere(span, "the strategy stands in what this manifest patches")
    return Strategy(None, span, (deploying(name, span),), away, away, away)


def _canary(
    node: Mapping, name: str, replicas: int | None, span: Span, templates: Templates
) -> Strategy:
    found = canary_of(node, name, span, templates)
    background = _run(node, "analysis", templates, background=True)
    routed = group(node, "trafficRouting") is not None
    unavailable, surge = _capacity(node, replicas or 1, span, routed=routed)
    analyses = (*background, *found.analyses)
    return Strategy(
        name="canary" if list(listed(node, "steps")) else "rolling",
        span=span,
        steps=tuple(found.steps),
        exposures=_exposures(found, replicas, span, routed=routed),
        max_unavailable=unavailable,
        surge=surge,
        analyses=analyses,
        judged=_judged(node, background, tuple(found.analyses)),
        held=found.held,
        bake=_bake(tuple(found.steps), background, span),
        drain=_old_side(node, span) if routed else None,
    )


def _run(
    node: Mapping, key: str, templates: Templates, *, background: bool
) -> tuple[Analysis, ...]:
    run = group(node, key)
    return (
        templates.analyses(run, place(node, key, node.span), background=background) if run else ()
    )


def _judged(
    node: Mapping, background: tuple[Analysis, ...], inline: tuple[Analysis, ...]
) -> Span | None:
    if background:
        return place(node, "analysis", node.span)
    return inline[0].span if inline else None


def _exposures(
    found: Canary, replicas: int | None, span: Span, *, routed: bool
) -> Fact[tuple[float, ...] | None]:
    if not found.weights:
        return Fact(None, span)
    place_of = found.weighed or span
    weights = (*found.weights, 1.0) if found.weights[-1] < 1 else tuple(found.weights)
    if routed:
        return Fact(weights, place_of)
    if replicas is None or replicas < 1:
        return Fact(weights, place_of, Provenance.INFERRED, note="pods are counted, not requests")
    note = f"without traffic routing a weight is rounded up to whole pods of {replicas}"
    return Fact(rounded(weights, replicas), place_of, Provenance.INFERRED, note=note)


def _capacity(
    node: Mapping, replicas: int, span: Span, *, routed: bool
) -> tuple[Fact[float | None], Fact[float | None]]:
    """Shares that may be missing and that may be added, as whole pods.

    With traffic routing the stable version keeps all of its pods, unless it shrinks with its share.
    """
    if routed and not on(node, "dynamicStableScale"):
        return Fact(0.0, span), Fact(1.0, span)
    surge = part_of(at(node, "maxSurge"), replicas, up=True)
    missing = part_of(at(node, "maxUnavailable"), replicas, up=False)
    extra = int(-(-replicas * _QUARTER // 1)) / replicas if surge is None else surge
    out = int(replicas * _QUARTER) / replicas if missing is None else missing
    if not extra and not out:
        # Nothing could ever be replaced; the controller takes one pod out.
        out = 1 / replicas
    return (
        Fact(out, place(node, "maxUnavailable", span)),
        Fact(extra, place(node, "maxSurge", span)),
    )


def _old_side(node: Mapping, span: Span) -> Fact[timedelta | None]:
    seconds = whole(node, "scaleDownDelaySeconds")
    length = timedelta(seconds=_SCALE_DOWN if seconds is None else seconds)
    return Fact(length, place(node, "scaleDownDelaySeconds", span))


def _bake(steps: tuple[Step, ...], background: tuple[Analysis, ...], span: Span) -> Bake | None:
    """All pauses together; a background analysis watches them, an inline one only its own step."""
    waits = [step.timeout for step in steps if step.kind.value is StepKind.WAIT]
    if not waits and not background:
        return None
    first = waits[0].span if waits else background[0].span
    time = next((wait for wait in waits if not wait.known), None)
    total = sum((wait.or_else(None) or timedelta() for wait in waits), timedelta())
    nothing: Fact[Any] = Fact(None, span)
    names = tuple(each.name for each in background)
    watched = background[0].span if background else span
    return Bake(
        span=first,
        time=time or Fact(total or None, first),
        positive=nothing,
        negative=nothing,
        alarms=Fact(names or None, watched),
        on_alarm=Fact(OnAlarm.ROLLBACK if background else None, watched),
    )


def _blue_green(node: Mapping, name: str, span: Span, templates: Templates) -> Strategy:
    before = _run(node, "prePromotionAnalysis", templates, background=False)
    after = _run(node, "postPromotionAnalysis", templates, background=True)
    run = group(node, "prePromotionAnalysis")
    jobs = templates.steps(run, place(node, "prePromotionAnalysis", span)) if run else ()
    manual = word(node, "autoPromotionEnabled").lower() == "false"
    wait = duration(at(node, "autoPromotionSeconds")) if manual else None
    key = place(node, "autoPromotionEnabled", span)
    held = key if manual and not wait else None
    pause = (waiting(wait, place(node, "autoPromotionSeconds", span)),) if wait else ()
    approval = (waiting(None, held),) if held else ()
    steps = (*(judging(each) for each in before), *jobs, *approval, *pause, deploying(name, span))
    return Strategy(
        name="blue-green",
        span=span,
        steps=(*steps, *(judging(each) for each in after)),
        exposures=Fact(None, span),
        max_unavailable=Fact(0.0, span),
        surge=Fact(1.0, span),
        analyses=(*before, *after),
        before=before,
        judged=(before or after)[0].span if before or after else None,
        held=held,
        bake=_bake((), after, span),
        drain=_old_side(node, span),
    )
