"""What runs before a stage, worked out once for all stages that wait for the same.

Thousands of deployments of one pipeline may wait for the same thousands of tests. Rules ask about
each of them, so what they look through must not be looked through again for each.
"""

from collections import deque
from collections.abc import Callable, Hashable, Iterable
from typing import Any, TypeVar

from policies.facts import UNKNOWN, Unknown
from policies.frozen import dataclass, replace
from policies.graphs import kept
from policies.pipeline import Pipeline, Stage, Step, StepKind
from policies.steps import Search, deploys, joined, search, steps_before_end, tests_elsewhere

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Ahead:
    """The stages that a stage depends on, directly or not, as bits of its pipeline."""

    pipeline: Pipeline
    bits: int
    known: dict[Hashable, Any]

    @property
    def stages(self) -> tuple[Stage, ...]:
        """All of them, in file order."""
        return self.once("stages", lambda: self.pipeline.of_bits(self.bits))

    @property
    def steps(self) -> tuple[Step, ...]:
        return self.once("steps", lambda: _steps(self.stages))

    def having(self, kinds: frozenset[StepKind]) -> tuple[Stage, ...]:
        """Those of the stages that have steps of these kinds."""
        return self.pipeline.of_bits(self.bits & _having(self.pipeline, kinds))

    def search(self, kinds: frozenset[StepKind]) -> Search:
        return self.once(kinds, lambda: self._search(kinds))

    def _search(self, kinds: frozenset[StepKind]) -> Search:
        """Most stages have no such step, so only the others are looked through."""
        unclear = _having(self.pipeline, frozenset({UNKNOWN}))
        some = self.bits & (_having(self.pipeline, kinds) | unclear)
        found = search(_steps(self.pipeline.of_bits(some)), kinds)
        return replace(found, guessed=bool(self.bits & _guessed(self.pipeline)))

    def once(self, key: Hashable, work: Callable[[], T]) -> T:
        """What ``work`` gives, which depends on these stages and on ``key`` only."""
        return kept(self.known, key, work)


@dataclass(frozen=True, slots=True)
class Path:
    """What runs before a stage publishes or deploys: ahead of it, and its own first steps."""

    ahead: Ahead
    own: tuple[Step, ...]

    @property
    def steps(self) -> tuple[Step, ...]:
        return self.ahead.steps + self.own

    def search(self, kinds: frozenset[StepKind]) -> Search:
        return joined(self.ahead.search(kinds), search(self.own, kinds))

    def of_kind(self, kind: StepKind) -> tuple[Step, ...]:
        """The steps of one kind, whether they block or not."""
        ahead = self.ahead.once(kind, lambda: _steps(self.ahead.having(frozenset({kind}))))
        return tuple(step for step in (*ahead, *self.own) if step.kind.value is kind)


def once(pipeline: Pipeline, key: Hashable, work: Callable[[], T]) -> T:
    """What ``work`` gives, which depends on the pipeline and on ``key`` only."""
    return pipeline.order.once(key, work)


def _steps(stages: Iterable[Stage]) -> tuple[Step, ...]:
    return tuple(step for stage in stages for step in stage.steps)


def _having(pipeline: Pipeline, kinds: frozenset[StepKind | Unknown]) -> int:
    """The stages with steps of these kinds, as bits."""
    stages = pipeline.stages
    return once(
        pipeline,
        kinds,
        lambda: pipeline.bits(each for each in stages if not kinds.isdisjoint(each.kinds)),
    )


def _guessed(pipeline: Pipeline) -> int:
    """The stages of which some step was only inferred to be what it is, as bits."""
    return once(
        pipeline,
        _guessed,
        lambda: pipeline.bits(
            each for each in pipeline.stages if any(step.kind.inferred for step in each.steps)
        ),
    )


def ahead(pipeline: Pipeline, stage: Stage) -> Ahead:
    """What ``stage`` depends on."""
    bits = pipeline.above(stage)
    return Ahead(pipeline, bits, once(pipeline, bits, dict[Hashable, Any]))


def path_to(pipeline: Pipeline, point: Stage) -> Path:
    """What runs before ``point`` publishes or deploys.

    The steps of a stage with a typed deployment run after it, so they come too late.
    """
    return Path(ahead(pipeline, point), steps_before_end(point))


def none_here(pipeline: Pipeline, kinds: frozenset[StepKind]) -> bool:
    """Whether tests of these kinds seem to stand in another file: in this one are none at all."""
    return once(
        pipeline,
        (none_here, kinds),
        lambda: tests_elsewhere(pipeline, _steps(pipeline.stages), kinds),
    )


def ahead_of_all(pipeline: Pipeline, stages: Iterable[Stage]) -> tuple[Stage, ...]:
    """Every stage that one of the stages depends on, in file order."""
    bits = 0
    for stage in stages:
        bits |= pipeline.above(stage)
    return pipeline.of_bits(bits)


def last_stops(pipeline: Pipeline, stage: Stage) -> tuple[tuple[Stage, ...], tuple[Stage, ...]]:
    """The nearest deploying stages in front of ``stage``, and what stands between.

    Stages that deploy nothing (tests, approvals, waits) are looked through.
    """
    return once(pipeline, stage.needs, lambda: _last_stops(pipeline, stage))


def all_last_stops(
    pipeline: Pipeline, stages: Iterable[Stage]
) -> tuple[tuple[Stage, ...], tuple[Stage, ...]]:
    """The last stops of several stages, and what stands between, each of them once."""
    different = {stage.needs: stage for stage in stages}
    found = [last_stops(pipeline, stage) for stage in different.values()]
    stops = {stop.name: stop for each, _ in found for stop in each}
    between = {stage.name: stage for _, each in found for stage in each}
    return tuple(stops.values()), tuple(between.values())


def _last_stops(pipeline: Pipeline, stage: Stage) -> tuple[tuple[Stage, ...], tuple[Stage, ...]]:
    stops: list[Stage] = []
    between: list[Stage] = []
    todo = deque(stage.needs)
    seen: set[str] = set()
    # Thousands of jobs of one stage share what they wait for; it is looked at once.
    walked = {id(stage.needs)}
    while todo:
        name = todo.popleft()
        found = pipeline.stage(name)
        if found is None or name in seen:
            continue
        seen.add(name)
        if deploys(found):
            stops.append(found)
        else:
            between.append(found)
            if id(found.needs) not in walked:
                walked.add(id(found.needs))
                todo.extend(found.needs)
    return tuple(stops), tuple(between)
