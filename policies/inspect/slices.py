"""Whether a file lets a part of the customers have a new version first."""

import re
from collections.abc import Iterable, Iterator
from typing import Final

from policies.classify import places, words
from policies.facts import SURE
from policies.inspect.answers import Answer, above, elsewhere, no, unknown, yes
from policies.patterns import pattern
from policies.pipeline import Pipeline, Stage, Step, StepKind

_SLICES: Final = frozenset({"canary", "onebox"})
_COLOURS: Final = frozenset({"blue", "green"})
#: Strategies of an engine that reach a part of customers first.
_SLICING: Final = frozenset({"canary", "linear", "one-box"})
#: Tools whose second colour cannot be tried before the switch: they replace everything at once.
_AT_ONCE: Final = frozenset({"spinnaker"})
#: Commands, settings and actions that give a new version a share of the traffic.
_SHIFTS: Final = pattern(
    r"--routing-config|AdditionalVersionWeights|canary-weight|traffic-(?:shift|percent)"
    r"|update-traffic\b.*=\d{1,2}\b"
)
#: Words of two versions side by side.
_HINTS: Final = pattern(
    r"(?<![a-z])(?:blue[-_ ]?green|canary[-_ ]?(?:deploy|release|rollout)|slots?|slot[-_ ]swap)"
    r"(?![a-z])",
    re.IGNORECASE,
)
_Commands = tuple[tuple[str | None, str | None], ...]


def slices(pipeline: Pipeline, goals: list[Stage]) -> Answer:
    """Whether production is reached in parts, or in two colours between which it is switched."""
    parts = _parts(goals)
    if parts["value"] == "yes":
        return parts
    for stage in _chained(pipeline, goals):
        return yes(stage.span.line)
    for stage in goals if pipeline.format not in _AT_ONCE else ():
        if stage.deploy and _two_colours(stage):
            return yes(stage.span.line)
    if parts["value"] == "no" and any(_unseen(stage) for stage in goals):
        for step in _hints(pipeline, goals):
            return unknown(step.name.span.line)
    return parts


def _unseen(stage: Stage) -> bool:
    """Whether how a stage replaces what runs stands in a script or an action that is not seen."""
    return stage.deploy is not None and not stage.deploy.strategy.known


def _hints(pipeline: Pipeline, goals: list[Stage]) -> Iterator[Step]:
    """Steps whose words speak of parts or colours that no command of the file makes."""
    for stage in (*above(pipeline, goals), *goals):
        for step in stage.steps:
            text = f"{step.name.value} {step.run.or_else('')} {step.uses.or_else('')}"
            if _HINTS.search(text):
                yield step


def _parts(goals: list[Stage]) -> Answer:
    """Whether a part of customers comes first: a share, several waves, a canary by name."""
    hidden = no()
    for stage in goals:
        if stage.exposure.known and stage.exposure.value:
            return yes(stage.exposure.span.line)
        if stage.deploy and stage.deploy.exposures.known and stage.deploy.exposures.value:
            return yes(stage.deploy.exposures.span.line)
        if stage.deploy and stage.deploy.strategy.value in _SLICING:
            return yes(stage.deploy.strategy.span.line)
        if _named_slice(stage):
            return yes(stage.span.line)
        for step in stage.steps if stage.deploy else ():
            if _SHIFTS.search(f"{step.run.or_else(None)} {step.uses.or_else(None)}"):
                return yes(step.name.span.line)
        if stage.deploy and elsewhere(stage.deploy.exposures):
            hidden = unknown(stage.deploy.exposures.span.line)
    waves = {stage.wave.value for stage in goals if stage.wave.known and stage.wave.value}
    return yes(goals[-1].wave.span.line) if len(waves) > 1 else hidden


def _named_slice(stage: Stage) -> bool:
    """Whether a name says canary, where the engine does not say which shares it moves."""
    if stage.deploy is None or stage.deploy.exposures.known:
        return False
    return bool(_SLICES & {*words(stage.name), *words(stage.environment)})


def _two_colours(stage: Stage) -> bool:
    """Whether a stage switches between two full copies, by its strategy or by its names."""
    if stage.deploy and stage.deploy.strategy.known:
        return stage.deploy.strategy.value == "blue-green"
    # What only gets a tool ready says nothing of what is done with it.
    steps = [step for step in stage.steps if not _prepares(step)]
    names = (stage.name, stage.environment, *(str(step.name.value) for step in steps))
    if any("bluegreen" in "".join(words(name)) for name in names):
        return True
    runs = " ".join(step.run.or_else(None) or "" for step in steps).lower()
    return "blue" in runs and set(words(runs)) >= _COLOURS


def _prepares(step: Step) -> bool:
    return step.kind.value is StepKind.OTHER and step.kind.confidence >= SURE


def canary(goals: list[Stage]) -> Answer:
    parts = _parts(goals)
    return parts if parts["value"] == "yes" else no()


def _chained(pipeline: Pipeline, goals: Iterable[Stage]) -> Iterator[Stage]:
    """The same deployment of one place after another, as waves are written without the word."""
    placed = [stage for stage in goals if stage.is_prod and places(stage.name)]
    alike: dict[_Commands, list[Stage]] = {}
    for stage in placed:
        alike.setdefault(_commands(stage), []).append(stage)
    for several in alike.values():
        among = pipeline.bits(several) if len(several) > 1 else 0
        for stage in several if among else ():
            yield from pipeline.of_bits(pipeline.above(stage) & among)


def _commands(stage: Stage) -> _Commands:
    return tuple((step.run.or_else(None), step.uses.or_else(None)) for step in stage.steps)
