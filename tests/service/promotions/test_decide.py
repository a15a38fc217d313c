"""What one event does to one run: cases that the laws of tests/properties do not single out."""

from dataclasses import replace

import pytest

from policies.pipeline import Target
from policies.rules.fault_domain_isolation import FaultDomainIsolation
from service.promotions.decide import batch, decide, targets_now
from service.promotions.domains import Domains
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


WIDE = (
    Target("eu-a-1", "eu", "a"),
    Target("eu-b-1", "eu", "b"),
    Target("eu-a-2", "eu", "a"),
    Target("us-a-1", "us", "a"),
)
NAMES = tuple(each.name for each in WIDE)


@pytest.mark.parametrize(
    ("wave", "limits", "turn"),
    [
        # Two regions may not meet in the first two waves, two zones of one never.
        (1, FaultDomainIsolation(), ("eu-a-1", "eu-a-2")),
        (3, FaultDomainIsolation(), ("eu-a-1", "eu-a-2", "us-a-1")),
        (3, FaultDomainIsolation(parallel_az_per_region=2), NAMES),
        (1, None, NAMES),
    ],
)
def test_no_two_fault_domains_change_at_once_unless_allowed(
    wave: int, limits: FaultDomainIsolation | None, turn: tuple[str, ...]
) -> None:
    plan = replace(PLAN, targets=NAMES, parallel=4, domains=Domains(WIDE, wave, limits))
    assert targets_now(plan, (), Effect.DEPLOY) == turn
    # The way back is in nobody's way.
    assert targets_now(plan, (), Effect.ROLLBACK) == NAMES


def test_a_batch_that_was_ordered_does_not_grow_when_more_becomes_allowed() -> None:
    plan = replace(PLAN, targets=NAMES, parallel=4, domains=Domains(WIDE, 1, None))
    begun = (Moving("eu-a-1", "succeeded"), Moving("eu-a-2"))
    assert batch(plan, begun, Effect.DEPLOY) == ("eu-a-2",)
    assert targets_now(plan, begun, Effect.DEPLOY)[0] == "eu-a-2"
    assert batch(plan, begun, Effect.ROLLBACK) == targets_now(plan, begun, Effect.ROLLBACK)


def test_what_was_begun_goes_on_before_a_target_that_stands_earlier() -> None:
    domains = Domains(WIDE, 1, FaultDomainIsolation())
    plan = replace(PLAN, targets=NAMES, parallel=2, domains=domains)
    begun = (Moving("eu-a-1", "succeeded"), Moving("eu-a-2"))
    assert targets_now(plan, begun, Effect.DEPLOY) == ("eu-a-2",)
    done = (Moving("eu-a-1", "succeeded"), Moving("eu-a-2", "succeeded"))
    assert targets_now(plan, done, Effect.DEPLOY) == ("eu-b-1",)
