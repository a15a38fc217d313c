"""What one event does to one run: cases that the laws of tests/properties do not single out."""

from dataclasses import replace

import pytest

from service.promotions.decide import decide
from service.promotions.model import Effect, Moved, Moving, Outcome, Plan, State

PLAN = Plan(
    builds=False, deploys=True, tests=False, bakes=False, targets=("cell",), good="sha256:good"
)


@pytest.mark.parametrize("cause", ["failure", "deadline"])
def test_what_the_pipeline_does_not_name_halts_instead_of_going_back(cause: str) -> None:
    failed = Moved((Moving("cell", "failed", 1, 3, "too slow", cause),))
    begun = (Moving("cell"),)
    back = decide(State.DEPLOYING, failed, PLAN, begun)
    assert back is not None
    assert (back.state, back.effect) == (State.ROLLING_BACK, Effect.ROLLBACK)
    named = replace(PLAN, back_on=PLAN.back_on - {cause})
    halted = decide(State.DEPLOYING, failed, named, begun)
    assert halted is not None
    assert (halted.state, halted.outcome) == (None, Outcome.FAILED)
    assert halted.manual == "halted: deployment to cell failed: too slow"
