"""Laws of forecasts, over any pipeline with any releases in flight."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from policies.findings import Span
from policies.windows import Effect, OpenTime, Window, WindowSet
from policies.windows.model import Weekly, WeeklyHours
from service.promotions.forecast import earliest, forecasts
from service.promotions.model import State
from service.promotions.views import ForecastView
from service.promotions.way import Here, Step, Traveller, Usual

NOW = datetime(2026, 11, 24, 10, 0, tzinfo=UTC)
SPANS = st.integers(0, 200).map(lambda minutes: timedelta(minutes=minutes))
PAST = st.integers(-300, 0).map(lambda minutes: NOW + timedelta(minutes=minutes))
FUTURE = st.integers(1, 3000).map(lambda minutes: NOW + timedelta(minutes=minutes))
DAYS = st.sampled_from([frozenset(range(7)), frozenset(range(5)), frozenset({2}), frozenset()])
#: Most of what is drawn is known and free: else few releases would get anywhere.
RARELY = st.integers(0, 7).map(lambda number: not number)


@st.composite
def open_times(draw: st.DrawFn, stage: str) -> OpenTime:
    """No window, or one that is open for some hours of some days (of no day: never)."""
    if not draw(RARELY):
        return OpenTime(stage, ())
    first, last = draw(st.integers(0, 86_399)), draw(st.integers(1, 86_400))
    hours = Weekly((WeeklyHours(draw(DAYS), first, last),))
    window = Window("hours", Effect.ALLOW, "UTC", hours, Span("pipeline.yaml", 1, 1, 1, 2))
    return OpenTime(stage, (WindowSet("pipeline shop", (window,)),))


@st.composite
def ways(draw: st.DrawFn) -> tuple[Step, ...]:
    """Up to five stages; each needs one or two of those before it."""
    steps: list[Step] = []
    for place in range(draw(st.integers(2, 5))):
        name = f"stage-{place}"
        names = [each.stage for each in steps]
        other = draw(st.sets(st.sampled_from(names), max_size=1)) if draw(RARELY) and names else []
        needs = {*names[-1:], *other}
        usual = None if draw(RARELY) else draw(st.builds(Usual, SPANS, SPANS, SPANS))
        pause = "moves" if draw(RARELY) else ""
        steps.append(
            Step(
                name,
                tuple(sorted(needs)),
                draw(st.booleans()) or place == 0,
                usual,
                draw(SPANS),
                draw(open_times(name)),
                staffed=draw(st.booleans()),
                person=draw(st.booleans()),
                paused=pause,
                paused_until=draw(st.none() | FUTURE) if pause else None,
            )
        )
    return tuple(steps)


@st.composite
def places(draw: st.DrawFn, stage: str, *, waiting: bool) -> Here:
    acting = [
        *([State.BUILDING, State.DEPLOYING, State.TESTING, State.BAKING] * 2),
        State.ROLLING_BACK,
    ]
    state = State.WAITING if waiting else draw(st.sampled_from(acting))
    since = draw(PAST)
    late = state in {State.TESTING, State.BAKING}
    sure = draw(st.none() | PAST | FUTURE)
    more = draw(st.none() | SPANS) if sure else None
    stuck = "nobody knows" if draw(RARELY) else ""
    return Here(
        stage,
        state,
        since,
        draw(st.sampled_from([since, NOW])) if late else None,
        sure,
        sure + more if sure and more is not None else sure,
        stuck,
        blocked=bool(stuck) and state is State.WAITING and draw(st.booleans()),
        person=draw(st.booleans()),
    )


@st.composite
def flights(draw: st.DrawFn) -> list[Traveller]:
    """Releases of one pipeline: one in a stage at a time and one before it, as the executor has."""
    steps = draw(ways())
    found, inside, before = [], set[str](), set[str]()
    for number in range(draw(st.integers(1, 6)), 0, -1):
        place = draw(st.integers(0, len(steps) - 1))
        stage, waiting = steps[place].stage, draw(st.booleans())
        if stage in (before if waiting else inside):
            waiting = not waiting
        if stage in (before if waiting else inside):
            continue
        (before if waiting else inside).add(stage)
        done = frozenset(each.stage for each in steps[:place])
        here = draw(places(stage, waiting=waiting))
        found.append(Traveller(f"shop:{number}", steps, done, (here,)))
    return found


@given(flights())
def test_nothing_is_expected_before_it_can_be(flight: list[Traveller]) -> None:
    for traveller, seen in zip(flight, forecasts(flight, NOW), strict=True):
        bounds = earliest(traveller, NOW)
        for each in seen.arrivals:
            assert each.earliest == bounds[each.stage]
            if each.entered:
                assert each.earliest is not None
                assert NOW <= each.earliest <= each.entered
            if each.reached and each.entered:
                assert each.entered <= each.reached
        if seen.all_customers:
            assert seen.earliest is not None
            assert seen.earliest <= seen.all_customers


@given(flights())
def test_what_cannot_be_told_is_told_to_be_so(flight: list[Traveller]) -> None:
    for traveller, seen in zip(flight, forecasts(flight, NOW), strict=True):
        ahead = any(step.prod and step.stage not in traveller.done for step in traveller.steps)
        said = [bool(seen.all_customers), bool(seen.unknown), bool(seen.superseded_by)]
        assert not ahead or any(said)
        assert not (seen.all_customers and seen.unknown)


@given(flights())
def test_a_stage_has_one_release_at_a_time(flight: list[Traveller]) -> None:
    inside: dict[str, list[tuple[datetime, datetime]]] = {}
    for seen in forecasts(flight, NOW):
        for each in seen.stretches:
            if each.kind in {"work", "bake"}:
                inside.setdefault(each.stage, []).append((each.start, each.end))
    for stretches in inside.values():
        for one, other in pairwise(sorted(stretches)):
            assert one[1] <= other[0]


@given(flights())
def test_only_a_newer_release_supersedes(flight: list[Traveller]) -> None:
    numbers = {each.release: each.number for each in flight}
    for seen in forecasts(flight, NOW):
        if seen.superseded_by:
            assert numbers[seen.superseded_by] > numbers[seen.release]
            assert seen.superseded_at is not None
            assert seen.superseded_at >= NOW


@given(flights())
def test_stretches_of_a_stage_follow_each_other(flight: list[Traveller]) -> None:
    for seen in forecasts(flight, NOW):
        for stage in {each.stage for each in seen.stretches}:
            mine = [each for each in seen.stretches if each.stage == stage]
            assert all(NOW <= each.start < each.end for each in mine)
            assert all(one.end == other.start for one, other in pairwise(mine))


@given(flights(), st.integers(1, 600))
def test_a_longer_bake_brings_no_release_that_travels_alone_earlier(
    flight: list[Traveller], more: int
) -> None:
    for traveller in flight:
        alone = _alone(traveller)
        longer = timedelta(minutes=more)
        slower = tuple(replace(step, bake=step.bake + longer) for step in traveller.steps)
        late = _alone(replace(traveller, steps=slower))
        if alone.all_customers and late.all_customers:
            assert alone.all_customers <= late.all_customers


def _alone(traveller: Traveller) -> ForecastView:
    return forecasts([traveller], NOW)[0]
