"""Our frozen dataclasses do what those of the standard library do."""

import copy
import dataclasses
import pickle

import pytest

from policies.frozen import dataclass, field, replace


@dataclass(frozen=True, slots=True)
class Place:
    name: str
    wave: int = 1
    tags: list[str] = field(default_factory=list)
    note: str = field(default="", compare=False, repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Cell(Place):
    zone: str = "a"
    label: str = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "label", f"{self.name}-{self.zone}")


@dataclasses.dataclass(frozen=True, slots=True)
class Standard:
    name: str
    wave: int = 1
    tags: list[str] = dataclasses.field(default_factory=list)
    note: str = dataclasses.field(default="", compare=False, repr=False)


def test_values_are_shown_and_compared_as_those_of_the_standard_library() -> None:
    assert repr(Place("a", note="x")) == repr(Standard("a", note="x")).replace("Standard", "Place")
    assert Place("a", note="x") == Place("a", note="y")
    assert Place("a") != Place("b")
    other: object = Standard("a")
    assert Place("a") != other
    assert Place("a").tags is not Place("a").tags


def test_a_subclass_takes_the_fields_of_its_parent() -> None:
    cell = Cell("a", 2, zone="b")
    assert cell.label == "a-b"
    assert [each.name for each in dataclasses.fields(cell)][-2:] == ["zone", "label"]
    assert dataclasses.replace(cell, wave=3).wave == 3
    assert dataclasses.asdict(cell)["zone"] == "b"


def test_values_cannot_change_and_take_no_other_attributes() -> None:
    place = Place("a")
    for name in ("name", "other"):
        with pytest.raises(dataclasses.FrozenInstanceError, match=name):
            setattr(place, name, "b")
    with pytest.raises(dataclasses.FrozenInstanceError, match="name"):
        delattr(place, "name")
    assert not hasattr(place, "__dict__")


@dataclass(frozen=True, slots=True)
class Nothing:
    """Such as the parameters of a rule that has none."""


def test_values_survive_copies_and_other_processes() -> None:
    assert pickle.loads(pickle.dumps(Nothing())) == Nothing()  # noqa: S301 - our own bytes
    cell = Cell("a", tags=["x"], note="y", zone="b")
    for other in (copy.deepcopy(cell), pickle.loads(pickle.dumps(cell))):  # noqa: S301 - our own bytes
        assert (other, other.note, other.label) == (cell, "y", "a-b")
    place = Place("a", tags=["x"], note="y")
    for same in (copy.deepcopy(place), pickle.loads(pickle.dumps(place))):  # noqa: S301
        assert (same, same.tags, same.note) == (place, ["x"], "y")


def test_values_of_hashable_fields_are_keys() -> None:
    @dataclass(frozen=True, slots=True)
    class Pair:
        first: str
        second: int

    assert {Pair("a", 1): "found"}[Pair("a", 1)] == "found"


def test_what_is_not_frozen_can_change_and_is_no_key() -> None:
    @dataclass(slots=True)
    class Count:
        name: str
        found: list[str] = field(default_factory=list)

    counts = [Count(str(number)) for number in range(20)]  # The first are made another way.
    for each in counts:
        each.name = "changed"
        assert (each, each.found) == (Count("changed"), [])
        with pytest.raises(TypeError, match="unhashable"):
            hash(each)
        with pytest.raises(AttributeError):
            each.other = "b"  # type: ignore[attr-defined]


def test_values_are_changed_as_those_of_the_standard_library() -> None:
    assert replace(Nothing()) == Nothing()
    assert replace(Place("a"), note="x") == Place("a", note="x")
    with pytest.raises(TypeError, match="unexpected keyword argument 'other'"):
        replace(Nothing(), other=1)  # type: ignore[call-arg]


def test_fields_say_to_the_standard_library_what_its_own_say() -> None:
    ours, theirs = dataclasses.fields(Place), dataclasses.fields(Standard)
    assert [repr(each) for each in ours] == [repr(each) for each in theirs]
    assert dataclasses.is_dataclass(Place)


def test_fields_of_the_standard_library_are_refused() -> None:
    with pytest.raises(TypeError, match="tags: use the function field"):

        @dataclass(frozen=True, slots=True)
        class Mixed:
            tags: list[str] = dataclasses.field(default_factory=list)


@pytest.mark.parametrize("wrong", [{"frozen": True}, {"frozen": True, "slots": False}])
def test_other_dataclasses_are_refused(wrong: dict[str, bool]) -> None:
    with pytest.raises(TypeError, match="only dataclasses with slots"):
        dataclass(**wrong)
