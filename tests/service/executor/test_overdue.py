"""No hold ends by time alone, but who owns the pipeline is told of one that lasts, once."""

import time
from datetime import timedelta

import pytest

from service.promotions.notices import Letter
from service.promotions.wording import event_sentence, release_answer
from tests.service.executor.conftest import PATIENCE_S, Field
from tests.service.executor.test_notices import settled

DAY = timedelta(days=1)
MINUTE = timedelta(minutes=1)


def letters(field: Field, count: int) -> list[Letter]:
    """What went out, once so many did and nothing more is on its way."""
    end = time.monotonic() + PATIENCE_S
    while len(field.notifier.letters) < count and time.monotonic() < end:
        time.sleep(0.02)
    settled(field)
    return field.notifier.letters


def pass_by(field: Field, time: timedelta) -> None:
    field.clock.move(time)
    field.executor.sweep.once()
    field.settle()


def exceeded(field: Field, release: str) -> list[str]:
    events = field.release(release).events
    return [event_sentence(each) for each in events if each.kind == "hold.exceeded"]


@pytest.mark.both_databases
def test_the_owner_is_told_once_of_a_release_that_waits_for_a_day(field: Field) -> None:
    field.executor.switch_transition("shop", "beta", "manual", "the host moves", "lee")
    release = field.submit("a")
    pass_by(field, DAY - MINUTE)
    assert letters(field, 0) == []
    assert "lasts" not in release_answer(field.release(release), field.clock.now()).detail
    pass_by(field, MINUTE)
    pass_by(field, DAY)
    (letter,) = letters(field, 1)
    assert (letter.key, letter.team) == (f"hold:{release}/beta:waiting:1:memory", "orders")
    assert letter.subject == f"{release} waits before beta for longer than 1d"
    first, reason, *_ = letter.text.splitlines()
    assert first == f"{release} waits before beta since 2026-11-24 09:00 UTC:"
    assert "the transition into beta is manual: the host moves" in reason
    assert letter.message["moment"] == "hold"
    assert exceeded(field, release) == ["1 held at beta for longer than 1d"]
    detail = release_answer(field.release(release), field.clock.now()).detail
    assert detail.endswith(" This lasts for longer than 1d, since 2026-11-24 09:00.")


def test_a_bake_that_lasts_is_told_of_apart_from_the_wait_before_it(field: Field) -> None:
    field.executor.switch_transition("shop", "one-box", "manual", "the fair is on", "lee")
    release = field.submit("a")
    pass_by(field, DAY)
    field.executor.switch_transition("shop", "one-box", "automatic", "it is over", "lee")
    field.settle()
    assert field.state(release, "one-box") == "baking"
    pass_by(field, DAY - MINUTE)
    assert len(letters(field, 1)) == 1
    pass_by(field, MINUTE)
    pass_by(field, DAY)
    wait, bake = letters(field, 2)
    assert wait.subject == f"{release} waits before one-box for longer than 1d"
    assert bake.subject == f"{release} bakes in one-box for longer than 1d"
    assert "the clock stands still" in bake.text
    assert len(exceeded(field, release)) == 2
