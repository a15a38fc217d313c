"""Where people hold a stage: approvals, manual transitions, checklists and steps done by hand."""

from collections.abc import Iterable, Iterator
from typing import Final, NamedTuple

from policies.findings import Problem, Span
from policies.phrases import listed
from policies.pipeline import Stage, Step, StepKind
from policies.steps import unclear

#: Steps that a person does.
BY_HAND: Final = frozenset({StepKind.APPROVAL, StepKind.MANUAL_TEST})


class Hold(NamedTuple):
    """One thing that waits for a person."""

    span: Span
    words: str
    guessed: bool
    """Whether it was only inferred."""


def holds(stage: Stage, steps: Iterable[Step]) -> list[Hold]:
    """What in a stage waits for people, ``steps`` being those of its steps that do."""
    found: dict[Span, Hold] = {}
    for each in _holds(stage, steps):
        # A pause of a Rollout is a transition, an approval and a step: people wait once for it.
        found.setdefault(each.span, each)
    return list(found.values())


def _holds(stage: Stage, steps: Iterable[Step]) -> Iterator[Hold]:
    approvals, transition = stage.approvals, stage.transition
    if transition.value == "manual":
        yield Hold(transition.span, "a manual transition", transition.inferred)
    found = approvals.or_else(None)
    if found and found.count:
        words = "an approval" if found.count == 1 else f"{found.count} approvals"
        yield Hold(approvals.span, words, approvals.inferred)
    if stage.checklist:
        yield Hold(stage.span, "a checklist", guessed=False)
    for step in steps:
        words = str(step.name.or_else("a manual step"))
        yield Hold(step.name.span, words, step.kind.inferred)


def told(found: Iterable[Hold]) -> str:
    return listed(dict.fromkeys(each.words for each in found))


def unseen(stage: Stage, where: str) -> Iterator[Problem]:
    """What cannot be told about people, because it stands in settings."""
    if stage.approvals.known and stage.transition.known:
        return
    fact = stage.transition if stage.approvals.known else stage.approvals
    why = fact.note or "it is set elsewhere"
    yield unclear(fact.span, where, f"whether people hold {stage.name} cannot be told: {why}")
