"""Laws of release records: whatever is known is written, and read back as it was."""

import json
import types
from dataclasses import MISSING, fields, is_dataclass, replace
from datetime import UTC, datetime, timedelta
from enum import Enum
from typing import Any, Final, Union, get_args, get_origin, get_type_hints

from hypothesis import given
from hypothesis import strategies as st

from policies.canonical import canonical
from policies.record import release_from_json, release_to_json
from policies.release import Approval, Context, Release, Reported, StageRun

WORDS: Final = st.text("abc:/-1é \n'", min_size=1, max_size=6)
TIMES: Final = st.datetimes(datetime(2020, 1, 1), datetime(2030, 1, 1), timezones=st.just(UTC))  # noqa: DTZ001 - the bounds of a strategy have none
#: Shares as a record can say them: to a millionth of a percent, read as the reader reads them.
SHARES: Final = st.integers(0, 10_000).map(lambda n: float(f"{n / 100}") / 100)
#: Fields whose type alone does not say what may stand in them.
NARROW: Final[dict[str, st.SearchStrategy[Any]]] = {
    **dict.fromkeys(("exposure", "exposure_hosts", "capacity_min"), SHARES),
    **dict.fromkeys(("target", "remaining", "excluded"), SHARES),
    **dict.fromkeys(("coverage", "coverage_base", "coverage_changed"), SHARES),
    "baked_s": st.integers(0, 10**6).map(float),
    "sev": st.integers(1, 5),
}


def kind_of(hint: Any) -> st.SearchStrategy[Any]:
    """Values of one type, as far as records use types."""
    if hint in SIMPLE:
        return SIMPLE[hint]
    if get_origin(hint) is Reported:
        return reported(hint)
    if get_origin(hint) is tuple:
        return many(get_args(hint))
    if isinstance(hint, type) and issubclass(hint, Enum):
        return st.sampled_from(hint)
    assert is_dataclass(hint)
    return SPECIAL[hint] if hint in SPECIAL else whole(hint)


def many(inner: tuple[Any, ...]) -> st.SearchStrategy[Any]:
    if inner[-1] is ...:
        item = inner[0]
        if get_origin(item) is tuple:
            pairs = st.dictionaries(WORDS, pair_value(get_args(item)[1]), max_size=2)
            # An object has no order of its own; stored, it has that of its names.
            return pairs.map(lambda found: tuple(sorted(found.items())))
        return st.lists(kind_of(item), max_size=2).map(tuple)
    return st.tuples(*map(kind_of, inner))


def pair_value(hint: Any) -> st.SearchStrategy[Any]:
    # The only pairs of names and numbers that are no counts are shares of traffic.
    return SHARES if hint is float else kind_of(hint)


def whole(cls: Any) -> st.SearchStrategy[Any]:
    """A dataclass with each field; what may be missing sometimes is."""
    hints = get_type_hints(cls)
    return st.builds(cls, **{each.name: part(each, hints[each.name]) for each in fields(cls)})


def part(field: Any, hint: Any) -> st.SearchStrategy[Any]:
    inner = hint
    if get_origin(hint) in (Union, types.UnionType):
        (inner,) = (each for each in get_args(hint) if each is not type(None))
    narrowed = inner in (int, float) and field.name in NARROW
    values = NARROW[field.name] if narrowed else kind_of(inner)
    return values if field.default is MISSING else st.just(field.default) | values


def reported(hint: Any) -> st.SearchStrategy[Any]:
    (inner,) = get_args(hint)
    return st.builds(Reported, kind_of(inner), st.none() | TIMES, st.just("") | WORDS)


def settled(run: StageRun) -> StageRun:
    """What is written under ``rolled_back`` is there only where a run went back."""
    if run.rolled_back_at is not None:
        return run
    return replace(
        run,
        rolled_back_auto=False,
        rolled_back_to="",
        rolled_back_done_at=None,
        rolled_back_cause="",
        retry=None,
    )


SIMPLE: Final[dict[Any, st.SearchStrategy[Any]]] = {
    str: WORDS,
    bool: st.booleans(),
    int: st.integers(0, 10**6),
    float: st.floats(0, 10**6),
    datetime: TIMES,
    timedelta: st.integers(1, 10**6).map(lambda seconds: timedelta(seconds=seconds)),
}
SPECIAL: Final[dict[Any, st.SearchStrategy[Any]]] = {
    StageRun: st.deferred(lambda: whole(StageRun).map(settled)),
    Approval: st.deferred(
        lambda: st.builds(
            replace, whole(Approval), decision=st.sampled_from(["approved", "rejected"])
        )
    ),
    Context: st.deferred(lambda: whole(Context).map(one_a_stage)),
}


def one_a_stage(context: Context) -> Context:
    by_stage = {each.stage: each for each in context.running}
    return replace(context, running=tuple(by_stage[name] for name in sorted(by_stage)))


@given(whole(Release))
def test_a_record_is_read_as_it_was_written(release: Release) -> None:
    message = release_to_json(release)
    stored = json.loads(canonical(message))
    assert release_from_json(stored, "record") == release
    assert canonical(release_to_json(release_from_json(stored, "record"))) == canonical(message)
