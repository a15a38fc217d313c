"""What runs before a stage, worked out once for all stages that wait for the same.

Thousands of deployments of one pipeline may wait for the same thousands of tests. Rules ask about
each of them, so what they look through must not be looked through again for each.
"""

from collections.abc import Callable, Hashable, Iterable, Sequence
from functools import cache
from typing import Any, Final, TypeVar

from policies.facts import UNKNOWN, Unknown
from policies.frozen import dataclass
from policies.graphs import decoded, kept
from policies.pipeline import Pipeline, Stage, Step, StepKind
from policies.steps import (
    Search,
    built_elsewhere,
    deploys,
    has_kind,
    joined,
    search,
    steps_before_end,
    tests_elsewhere,
)

T = TypeVar("T")
#: Which steps of a stage count for a question.
StepsOf = Callable[[Pipeline, Stage], Sequence[Step]]
_UNKNOWN: Final = frozenset({UNKNOWN})

#: Answers for so many sets of stages are kept; where every stage waits for others, more would only
#: take memory.
_KEPT: Final = 64


def every(_pipeline: Pipeline, stage: Stage) -> tuple[Step, ...]:
    """All steps of a stage."""
    return stage.steps


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
        return self.once(
            "steps", lambda: tuple(step for each in self.stages for step in each.steps)
        )

    def having(self, kinds: frozenset[StepKind]) -> tuple[Stage, ...]:
        """Those of the stages that have steps of these kinds."""
        return self.pipeline.of_bits(self.bits & having(self.pipeline, kinds))

    def has(self, kinds: frozenset[StepKind]) -> bool:
        return bool(self.bits & having(self.pipeline, kinds))

    def those(self, fits: Callable[[Stage], bool]) -> int:
        """Those of the stages that fit, as bits; each stage of the pipeline is asked once."""
        return self.bits & fitting(self.pipeline, fits)

    def search(self, kinds: frozenset[StepKind], of: StepsOf = every) -> Search:
        """What ``search`` finds in the steps of these stages, as far as a rule asks for it.

        ``of`` says which steps of a stage count. Of the blocking and of the unclear steps those of
        the first stage are told, and soft ones where none blocks: thousands of deployments that
        each wait for other thousands of tests would else be looked through test by test.
        """
        return self.once((kinds, of), lambda: self._search(kinds, of))

    def _search(self, kinds: frozenset[StepKind], of: StepsOf) -> Search:
        sorts = _sorts(self.pipeline, kinds, of)
        blocking = self.bits & sorts.blocking
        soft = 0 if blocking else self.bits & sorts.soft
        unclear = self.bits & sorts.unclear
        some = lowest(blocking) | soft | lowest(unclear)
        found = [sorts.found[number] for number in decoded(some)]
        return Search(
            tuple(step for each in found for step in each.blocking),
            tuple(step for each in found for step in each.soft),
            tuple(step for each in found for step in each.unclear),
            bool(self.bits & _guessed(self.pipeline, of)),
        )

    def once(self, key: Hashable, work: Callable[[], T]) -> T:
        """What ``work`` gives, which depends on these stages and on ``key`` only."""
        return kept(self.known, key, work)


@dataclass(frozen=True, slots=True)
class Path:
    """What runs before a stage publishes or deploys: ahead of it, and its own first steps."""

    ahead: Ahead
    own: tuple[Step, ...]

    def search(
        self, kinds: frozenset[StepKind], only: Callable[[Step], bool] | None = None
    ) -> Search:
        """Of all steps before the point, or of those that ``only`` lets pass."""
        found = self.ahead.search(kinds, _passing(only) if only else every)
        own = [step for step in self.own if not only or only(step)]
        return joined(found, search(own, kinds)) if own else found

    def has(self, kinds: frozenset[StepKind]) -> bool:
        return self.ahead.has(kinds) or any(has_kind(step, kinds) for step in self.own)


def once(pipeline: Pipeline, key: Hashable, work: Callable[[], T]) -> T:
    """What ``work`` gives, which depends on the pipeline and on ``key`` only."""
    # As ``Order.once``, without the call: rules ask a hundred times for a file.
    known = pipeline.order.known
    if key not in known:
        known[key] = work()
    value: T = known[key]
    return value


@cache
def _passing(only: Callable[[Step], bool]) -> StepsOf:
    """The steps of a stage that pass; one function for each ``only``, so that answers are kept."""
    return lambda _pipeline, stage: tuple(step for step in stage.steps if only(step))


def lowest(bits: int) -> int:
    """The first of a set, alone."""
    return bits & -bits


def fitting(pipeline: Pipeline, fits: Callable[[Stage], bool]) -> int:
    """The stages that fit, as bits; ``fits`` is asked once for each."""
    return once(
        pipeline,
        (fitting, fits),
        lambda: pipeline.bits(stage for stage in pipeline.stages if fits(stage)),
    )


@dataclass(frozen=True, slots=True)
class _Sorts:
    """The stages with blocking, soft and unclear steps of some kinds, as bits, and those steps.

    ``found`` has what was found in each of these stages by its number.
    """

    blocking: int
    soft: int
    unclear: int
    found: dict[int, Search]


def _sorts(pipeline: Pipeline, kinds: frozenset[StepKind], of: StepsOf) -> _Sorts:
    return once(pipeline, (_sorts, kinds, of), lambda: _sorted(pipeline, kinds, of))


def _sorted(pipeline: Pipeline, kinds: frozenset[StepKind], of: StepsOf) -> _Sorts:
    blocking = soft = unclear = 0
    found: dict[int, Search] = {}
    # Most stages have no such step, so only the others are looked through.
    for number in decoded(having(pipeline, kinds) | having(pipeline, _UNKNOWN)):
        here = found[number] = search(of(pipeline, pipeline.stages[number]), kinds)
        bit = 1 << number
        blocking |= bit if here.blocking else 0
        soft |= bit if here.soft else 0
        unclear |= bit if here.unclear else 0
    return _Sorts(blocking, soft, unclear, found)


def having(pipeline: Pipeline, kinds: frozenset[StepKind | Unknown]) -> int:
    """The stages with steps of these kinds, as bits."""
    return once(pipeline, kinds, lambda: _having(pipeline, kinds))


def _having(pipeline: Pipeline, kinds: frozenset[StepKind | Unknown]) -> int:
    by_kind = once(pipeline, _by_kind, lambda: _by_kind(pipeline))
    bits = 0
    for kind in kinds:
        bits |= by_kind.get(kind, 0)
    return bits


def _by_kind(pipeline: Pipeline) -> dict[StepKind | Unknown | None, int]:
    """The stages with steps of each kind: a dozen rules ask, each for other kinds."""
    index = pipeline.order.index
    found: dict[StepKind | Unknown | None, int] = {}
    for stage in pipeline.stages:
        bit = 1 << index[stage.name]
        for kind in stage.kinds:
            found[kind] = found.get(kind, 0) | bit
    return found


def _guessed(pipeline: Pipeline, of: StepsOf) -> int:
    """The stages of which some step was only inferred to be what it is, as bits."""
    return once(
        pipeline,
        (_guessed, of),
        lambda: pipeline.bits(
            each for each in pipeline.stages if _some_inferred(of(pipeline, each))
        ),
    )


def _some_inferred(steps: Sequence[Step]) -> bool:
    # A loop, because this is asked of every step and a generator costs twice as much.
    for step in steps:  # noqa: SIM110 - see above
        if step.kind.inferred:
            return True
    return False


def ahead(pipeline: Pipeline, stage: Stage) -> Ahead:
    """What ``stage`` depends on."""
    bits = pipeline.above(stage)
    answers = once(pipeline, ahead, dict[Hashable, dict[Hashable, Any]])
    if bits not in answers and len(answers) >= _KEPT:
        answers.clear()
    return Ahead(pipeline, bits, answers.setdefault(bits, {}))


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
        lambda: tests_elsewhere(pipeline, here=bool(having(pipeline, kinds))),
    )


def ahead_of_all(pipeline: Pipeline, stages: Iterable[Stage]) -> tuple[Stage, ...]:
    """Every stage that one of the stages depends on, in file order."""
    bits = 0
    for stage in stages:
        bits |= pipeline.above(stage)
    return pipeline.of_bits(bits)


#: Formats of which a repository often holds one file for each environment.
_SEVERAL: Final = frozenset({"github-actions", "azure-pipelines"})


def of_another_run(pipeline: Pipeline, first: Stage) -> str:
    """Why what comes before ``first`` may be another run; empty where it is in this one.

    Where each branch has its environment, what was deployed and tested for one of them has run
    before its commits came to the next. A file that builds nothing goes on where another one ended.
    """
    if chosen_by_run(first):
        return f"which environment {first.name} goes to, each run chooses"
    own = first.branches.or_else(None)
    beside = fitting(pipeline, _early) & ~pipeline.above(first) if own else 0
    for stage in pipeline.each_of_bits(beside):
        other = stage.branches.or_else(None)
        if own and other and not set(own) & set(other):
            return f"{stage.name} is deployed from another branch"
    return built_elsewhere(pipeline) if pipeline.format in _SEVERAL else ""


def chosen_by_run(stage: Stage) -> bool:
    """Whether a stage goes to production in some runs only: an expression names its environment."""
    return stage.kind.known and any(mark in stage.environment for mark in ("${{", "$("))


def _early(stage: Stage) -> bool:
    return deploys(stage) and not stage.is_prod


def last_stops(pipeline: Pipeline, stage: Stage) -> tuple[tuple[Stage, ...], tuple[Stage, ...]]:
    """The nearest deploying stages in front of ``stage``, and what stands between, in file order.

    Stages that deploy nothing (tests, approvals, waits) are looked through.
    """
    stops, between = last_stops_bits(pipeline, [stage])
    return pipeline.of_bits(stops), pipeline.of_bits(between)


def all_last_stops(
    pipeline: Pipeline, stages: Iterable[Stage]
) -> tuple[tuple[Stage, ...], tuple[Stage, ...]]:
    """The last stops of several stages, and what stands between, each of them once."""
    stops, between = last_stops_bits(pipeline, stages)
    return pipeline.of_bits(stops), pipeline.of_bits(between)


def last_stops_bits(pipeline: Pipeline, stages: Iterable[Stage]) -> tuple[int, int]:
    """The same as bits of the pipeline."""
    deploying = fitting(pipeline, deploys)
    reached = once(pipeline, last_stops, lambda: pipeline.order.reached(deploying))
    bits = 0
    for stage in stages:
        bits |= reached[pipeline.order.index[stage.name]]
    return bits & deploying, bits & ~deploying
