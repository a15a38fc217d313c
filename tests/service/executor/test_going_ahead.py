"""Pins, emergencies and skips: who goes ahead of whom, and what that does not spare them."""

from datetime import timedelta

import pytest

from service.errors import Conflict, NotFound
from service.promotions.commands import Command, Override, Pause, Resume, Skip
from tests.service.executor.conftest import ORGANIZATION, Field
from tests.service.executor.test_people import WHY, held
from tests.service.executor.test_promotion import told
from tests.twins.ports import digest_of


def do(field: Field, command: Command) -> str:
    made = field.executor.carry_out(command, "lee")
    field.settle()
    return made


def test_a_pinned_stage_lets_one_release_in_and_no_other(field: Field) -> None:
    first = field.submit("a")
    pinned = field.submit("b")
    pin = do(field, Pause("the fair is on", "shop", "one-box", release=pinned))
    newer = field.submit("c")
    # The newer one does not supersede what the stage is pinned to.
    assert field.state(pinned, "one-box") == "waiting"
    assert field.state(newer, "one-box") == "waiting"
    assert ("paused", f"one-box is pinned to {pinned} by lee: the fair is on") in held(field, newer)
    field.passing(70)
    assert field.state(first, "one-box") == "succeeded"
    assert field.state(pinned, "one-box") == "baking"
    field.passing(70)
    assert field.state(pinned, "one-box") == "succeeded"
    assert field.state(newer, "one-box") == "waiting"
    (shown,) = field.executor.pipeline("shop").pauses
    assert (shown.id, shown.release, shown.stage) == (pin, pinned, "one-box")
    do(field, Resume(pin))
    assert field.state(newer, "one-box") == "baking"


def test_a_pin_that_fits_to_nothing(field: Field) -> None:
    release = field.submit("a")
    wrong: dict[Command, str] = {
        Pause("x", "shop", release=release): "name its pipeline and the stage",
        Pause("x", "shop", "one-box", release="shop:9"): "there is no release of shop 'shop:9'",
    }
    for command, sentence in wrong.items():
        with pytest.raises((Conflict, NotFound), match=sentence):
            do(field, command)


def test_a_normal_release_does_not_take_an_emergency_along(field: Field) -> None:
    """As a part of it the emergency would wait for windows and a whole bake."""
    field.submit("a")
    field.passing(30)
    why = {"reason": "orders are lost", "incident": "INC-31"}
    urgent = field.executor.submit("shop", "b" * 40, "lee", kind="emergency", **why)
    field.settle()
    later = field.submit("c")
    assert field.state(urgent, "one-box") == "waiting"
    assert field.state(later, "one-box") == "waiting"
    field.passing(40)
    assert field.state(urgent, "one-box") == "baking"
    # A newer emergency does take it along.
    another = field.executor.submit("shop", "d" * 40, "lee", kind="emergency", **why)
    field.settle()
    assert field.state(later, "one-box") == "superseded"
    assert field.state(another, "one-box") == "waiting"


@pytest.mark.parametrize("level", ["block", "warn"])
def test_an_emergency_bakes_a_quarter_whoever_asks_for_the_bake(field: Field, level: str) -> None:
    """The ruleset, or the pipeline file alone where the ruleset only warns."""
    rules = ORGANIZATION["rules.yaml"].replace("enforcement: block", f"enforcement: {level}")
    field.executor.register_organization(ORGANIZATION | {"rules.yaml": rules}, "tester")
    why = {"reason": "orders are lost", "incident": "INC-31"}
    urgent = field.executor.submit("shop", "a" * 40, "lee", kind="emergency", **why)
    field.settle()
    run = next(run for run in field.release(urgent).runs if run.stage == "one-box")
    assert run.bake is not None
    assert (run.bake.needed, run.bake.positive_needed) == (timedelta(seconds=15), 3)
    field.passing(20)
    assert field.state(urgent, "one-box") == "succeeded"


@pytest.mark.served
@pytest.mark.both_databases
def test_a_release_skips_forward_by_an_override_of_its_artifact(field: Field) -> None:
    release = field.submit("b")
    assert field.state(release, "cell-1") == ""
    wrong: dict[Command, str] = {
        Skip(release, "cell-1", "now", 4, digest_of("a" * 40)): "holds for one artifact",
        Skip(release, "cell-1", " ", 4): "say why you skip it",
        Skip(release, "cell-1", "now", 25): "lasts 1 to 24 hours, not 25",
        Skip(release, "cell-1", "now", 4): "the reason has 3 characters; write at least 20",
        Skip(release, "one-box", "now", 4): "is baking at one-box; there is nothing to skip",
        Skip("shop:1", "cell-1", "now", 4): "is succeeded; it goes nowhere",
    }
    for command, sentence in wrong.items():
        with pytest.raises(Conflict, match=sentence):
            do(field, command)
    assert do(field, Skip(release, "cell-1", WHY, 4, digest_of("b" * 40))) == "ov-1"
    # The order alone is overridden: what the gate asks for is asked all the same.
    assert field.state(release, "cell-1") == "waiting"
    assert told(field, release, "cell-1", "bake-time")[0] == "fail"
    for rule in ("bake-time", "min-data-points"):
        do(field, Override(release, "cell-1", rule, WHY, 4))
    assert field.state(release, "cell-1") == "baking"
    assert field.release(release).overrides[0].rule == "stage-order"
    # What it skipped is still ahead of it, and it ends when all is passed.
    field.passing(140)
    assert field.release(release).outcome == "succeeded"


@pytest.mark.served
def test_a_skip_ends_for_what_still_waits(field: Field) -> None:
    release = field.submit("b")
    do(field, Skip(release, "cell-1", "It is meant for that cell.", 1))
    assert "manual-transition" not in [name for name, _ in held(field, release, "cell-1")]
    field.clock.move(timedelta(hours=1))
    field.executor.sweep.once()
    sentence = "one-box has not been passed, and nobody lets it go on any more"
    assert ("manual-transition", sentence) in held(field, release, "cell-1")
