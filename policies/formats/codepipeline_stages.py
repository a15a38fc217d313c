"""Stages of a CodePipeline: one of ours for each, or several where one deploys to several places.

Actions of one run order run side by side, those of the next wait for all of them. Where a stage
deploys to more than one environment, each deployment is a stage of its own, named
``Stage/Action``; what comes after it belongs to it, up to the next deployment.
"""

from collections.abc import Sequence
from itertools import groupby
from typing import Any, Final

from policies.facts import UNSAID, Fact, Provenance, elsewhere, placed, unknown
from policies.findings import Span
from policies.formats.cloudformation import Template
from policies.formats.codepipeline_actions import (
    Action,
    Kind,
    environment,
    read_steps,
)
from policies.formats.codepipeline_conditions import Conditions
from policies.formats.codepipeline_deploys import deployment
from policies.formats.naming import without_stage
from policies.frozen import dataclass, replace
from policies.guards import Mutex, Queue
from policies.pipeline import Approvals, Bake, Deploy, Stage, StageKind, Step, StepKind, Target
from policies.source import Scalar

_BUILDS: Final = frozenset({StepKind.BUILD, StepKind.PUBLISH})


@dataclass(frozen=True, slots=True)
class Place:
    """What every stage of a pipeline is read with."""

    template: Template
    pipeline: str
    """The names that the template gives the pipeline, with what a deployment fills in."""
    queue: Queue | None
    queue_span: Span
    branches: Fact[tuple[str, ...] | None]
    """All stages get what the source action or the triggers let in."""
    suffixed: bool
    """Whether several stages have "stage" at the end of their names."""


@dataclass(frozen=True, slots=True)
class Told:
    """One stage as the file says it: its visible name, its actions in order, its conditions."""

    name: str
    span: Span
    actions: tuple[Action, ...]
    conditions: Conditions
    closed: Span | None
    """Where its inbound transition is switched off."""


@dataclass(frozen=True, slots=True)
class _Work:
    """An action with its steps, and where it deploys to if it does."""

    action: Action
    steps: tuple[Step, ...]
    kind: Kind
    environment: str

    @property
    def deploys(self) -> bool:
        return any(step.kind.value is StepKind.DEPLOY for step in self.steps)


def stages_of(place: Place, told: Told, needs: tuple[str, ...], *, deployed: bool) -> list[Stage]:
    """The stages of ours that one stage is read into; the last ones lead on."""
    works: list[_Work] = []
    for action in told.actions:
        done = deployed or any(work.deploys for work in works)
        works.append(_work(place, told.name, action, deployed=done))
    if not _splits(works):
        return [_stage(place, told, told.name, works, needs)]
    return _split(place, told, works, needs)


def _work(place: Place, name: str, action: Action, *, deployed: bool) -> _Work:
    steps = read_steps(place.template, action, name, deployed=deployed)
    shown = without_stage(name, everywhere=place.suffixed)
    named = replace(action, name=without_stage(action.name, everywhere=place.suffixed))
    kind, where = environment(named, shown, place.pipeline)
    return _Work(action, steps, kind, where)


def _splits(works: Sequence[_Work]) -> bool:
    """Whether the deployments of a stage reach several places, or a person stands between them."""
    numbers = [index for index, work in enumerate(works) if work.deploys]
    places = {(works[index].kind.value, _region(works[index])) for index in numbers}
    inner = works[numbers[0] : numbers[-1]] if numbers else ()
    return len(places) > 1 or any(_approval(work.steps) for work in inner)


def _region(work: _Work) -> str:
    region = work.action.node.get("Region") or work.action.node.get("region")
    return region.text if isinstance(region, Scalar) else ""


def _split(place: Place, told: Told, works: Sequence[_Work], needs: tuple[str, ...]) -> list[Stage]:
    stages: list[Stage] = []
    waiting: list[_Work] = []
    for _, group in groupby(works, key=lambda work: work.action.order):
        members = list(group)
        opening = [work for work in members if work.deploys]
        waiting += [work for work in members if not work.deploys]
        if not opening:
            continue
        if stages and waiting and len(opening) > 1:
            stages[-1] = _longer(stages[-1], waiting)
            waiting = []
        for work in opening:
            name = f"{told.name}/{work.action.name}"
            stages.append(_stage(place, told, name, [*waiting, work], needs))
        needs = tuple(stage.name for stage in stages[-len(opening) :])
        waiting = []
    if waiting:
        stages[-1] = _longer(stages[-1], waiting)
    return stages


def _longer(stage: Stage, works: Sequence[_Work]) -> Stage:
    return replace(stage, steps=(*stage.steps, *(step for work in works for step in work.steps)))


def _stage(
    place: Place, told: Told, name: str, works: Sequence[_Work], needs: tuple[str, ...]
) -> Stage:
    main = next((work for work in reversed(works) if work.deploys), None)
    span = main.action.span if main and name != told.name else told.span
    steps = _softened(told, [step for work in works for step in work.steps])
    deploy, bake, held = _deploy(place, told, main)
    absent: Fact[Any] = Fact(None, span)
    approval = _approval(steps) if deploy else None
    asks = approval.name.span if approval else held
    return Stage(
        name=name,
        span=span,
        kind=main.kind if main else Fact(_quiet(steps), span, Provenance.INFERRED, 0.9),
        needs=needs,
        steps=steps,
        deploy=deploy,
        wave=unknown(span, "CodePipeline has no word for waves; say it in bakegate.yaml")
        if main
        else absent,
        exposure=_exposure(deploy, span),
        bake=bake,
        bake_known=Fact(value=True, span=span),
        transition=_transition(told, asks),
        approvals=Fact(Approvals(1, (), forbid_author=False), asks) if asks else absent,
        configuration=placed(UNSAID, span),
        targets=_targets(main),
        synthetics_known=False,
        windows=told.conditions.windows,
        environment=main.environment if main else "",
        mutex=_mutex(place, told.name),
        branches=place.branches,
        analyses=Fact(told.conditions.entry or None, span),
    )


def _mutex(place: Place, name: str) -> Fact[Mutex | None]:
    """Executions wait in front of a stage, unless the mode lets all of them run at once."""
    here = place.queue_span
    return Fact(Mutex(name, place.queue, here) if place.queue else None, here)


def _softened(told: Told, steps: list[Step]) -> tuple[Step, ...]:
    if told.conditions.skipped is None:
        return tuple(steps)
    soft: Fact[str | None] = Fact("OnFailure SKIP", told.conditions.skipped)
    return tuple(replace(step, soft=soft) for step in steps)


def _deploy(
    place: Place, told: Told, main: _Work | None
) -> tuple[Deploy | None, Bake | None, Span | None]:
    if main is None:
        return None, None, None
    deploy, watched, held = deployment(place.template, main.action)
    conditions = told.conditions
    events = set(deploy.rollback_on.or_else(frozenset()) or ())
    if conditions.back:
        events.add("failure")
    if conditions.watching:
        events.add("alarm")
        named: Fact[tuple[str, ...] | None] = Fact(
            conditions.watching, conditions.bake.span if conditions.bake else told.span
        )
        deploy = replace(deploy, rollback_alarms=named)
    if conditions.back or conditions.watching:
        at = conditions.back or deploy.rollback_alarms.span
        deploy = replace(deploy, rollback_on=Fact(frozenset(events), at))
    return deploy, conditions.bake or watched, held


def _exposure(deploy: Deploy | None, span: Span) -> Fact[float | None]:
    """A stage reaches all of its environment in the end; slices on the way are the engine's."""
    if deploy is None or deploy.exposures.known:
        return Fact(None, span)
    return unknown(deploy.exposures.span, deploy.exposures.note)


def _approval(steps: Sequence[Step]) -> Step | None:
    """The approval in front of the deployment of a stage."""
    for step in steps:
        if step.kind.value is StepKind.DEPLOY:
            return None
        if step.kind.value is StepKind.APPROVAL:
            return step
    return None


def _transition(told: Told, asks: Span | None) -> Fact[str | None]:
    by_hand = told.closed or asks
    return Fact("manual", by_hand) if by_hand else Fact("automatic", told.span)


def _quiet(steps: Sequence[Step]) -> StageKind:
    builds = not steps or any(step.kind.value in _BUILDS or not step.kind.known for step in steps)
    return StageKind.BUILD if builds else StageKind.TEST


def _targets(main: _Work | None) -> tuple[Target, ...]:
    region = _region(main) if main else ""
    return (Target(region, region),) if region else ()


def note_windows(told: Sequence[Told], span: Span) -> Fact[Any]:
    """The windows of the pipeline as a whole: none, unless an entry rule could not be read."""
    for each in told:
        for place in each.conditions.unreadable:
            note = f"the cron expression of {each.name}'s deployment window is no weekly one"
            return elsewhere(place, note)
    return Fact(None, span)
