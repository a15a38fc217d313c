"""Lists a page at a time, of the service and of its twin: joined they are the whole, none twice."""

from collections.abc import Callable, Iterator, Sequence
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given as sampled
from hypothesis import strategies as st

from policies.exceptions import Subject
from policies.rule import BlocklistEntry
from service.api.backend import Backend
from service.errors import Conflict
from service.executor.executor import Executor
from service.promotions.exceptions import Filter, Verb, Wanted
from service.promotions.places import Place, place_of, told
from service.promotions.views import NoticeView
from service.store.engines import Engines, open_engines
from service.store.schema import upgrade
from service.store.tables import NoticeRow
from tests.service.executor.conftest import ORGANIZATION, PIPELINE
from tests.twins.backend import MemoryBackend
from tests.twins.ports import (
    MemoryBuilder,
    MemoryDeployer,
    MemoryTester,
    MovableClock,
    memory_ports,
)
from tests.twins.sights import NOW

UNTIL = NOW + timedelta(days=30)
RULES = ("bake-time", "canary-first", "unit-tests")
FILES = ORGANIZATION | {
    "organization.yaml": ORGANIZATION["organization.yaml"] + "exceptions: ex.yaml\n",
    "ex.yaml": """\
schema: bakegate/exceptions/v1
exemptions: [
  {id: "ex:2", pipeline: shop, rule: load-test, reason: soon, approved_by: ada, from: 2026-11-01,
    until: 2026-12-01},
  {id: ex-1, pipeline: shop, rule: load-test, reason: soon, approved_by: ada, from: 2026-11-01,
    until: 2026-12-01}]
opt_outs: [{id: oo-1, pipeline: shop, rule: sbom-present, reason: none is made, approved_by: ada,
  review_by: 2027-01-01}]
blocklist: [{id: bl-9, package: pkg:pypi/one, reason: slow, owner: security},
  {id: bl-1, package: pkg:pypi/two, reason: slow, owner: security}]
""",
}

Ask = Callable[[Backend, str, int | None], Sequence[Any]]


def _place(row: Any) -> str:
    said: str = row["rule"] if isinstance(row, dict) else row.place
    return said


LISTS: dict[str, Ask] = {
    "exceptions": lambda at, after, limit: at.exceptions(Filter(), after, limit),
    "exceptions that are over": (
        lambda at, after, limit: at.exceptions(Filter(over=True), after, limit)
    ),
    "exceptions of a rule": (
        lambda at, after, limit: at.exceptions(Filter(rule="bake-time"), after, limit)
    ),
    "blocklist": lambda at, after, limit: at.blocklist(after, limit),
    "blocklist in force": lambda at, after, limit: at.blocklist(after, limit, over=False),
    "announcements": lambda at, after, limit: at.told(None, after, limit),
    "announcements of a rule": lambda at, after, limit: at.told("bake-time", after, limit),
    "compliance": lambda at, after, limit: at.compliance(None, after, limit),
    "compliance of a node": lambda at, after, limit: at.compliance(
        at.pipelines()[0].organization, after, limit
    ),
}


def notices() -> Iterator[NoticeRow]:
    """Some of one instant, told apart by their keys, and others before them."""
    for number in range(7):
        yield NoticeRow(
            key=f"k{number}",
            rule=RULES[number % 2],
            moment="date",
            day="2026-12-08",
            team="orders",
            channel="orders",
            via="mail",
            pipelines=["shop"],
            subject="s",
            text="t",
            message={},
            ordered_at=NOW - timedelta(microseconds=number // 3),
        )


def _service(engines: Engines) -> Executor:
    upgrade(engines.write)
    effects = MemoryBuilder(), MemoryDeployer(), MemoryTester()
    executor = Executor(engines, memory_ports(MovableClock(NOW), *effects))
    executor.register_organization(FILES, "tester")
    executor.register_pipeline(PIPELINE, "pipeline.yaml", ".", "tester")
    with engines.transaction() as session:
        session.add_all(notices())
    return executor


def _twin() -> MemoryBackend:
    made = MemoryBackend()
    for each in notices():
        said = (each.key, each.rule, each.moment, each.day, each.team, each.via)
        made.notices += (NoticeView(*said, tuple(each.pipelines), each.ordered_at, None, ""),)
    return made


@pytest.fixture(scope="module", params=["service", "twin"])
def given(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Backend]:
    """A backend with some of everything, of files and asked for."""
    folder: Path = tmp_path_factory.mktemp("pages")
    engines = open_engines(f"sqlite:///{folder / 'bakegate.db'}")
    backend: Backend = _twin() if request.param == "twin" else _service(engines)
    pipeline = backend.pipelines()[0].name
    for number in range(7):
        wanted = Wanted(Subject.EXEMPTION, pipeline, RULES[number % 3], "soon", UNTIL)
        name = backend.request_exception(wanted, "kim")
        # Nobody asks twice for the same while it stands.
        if number < 4:
            backend.decide_exception(name, Verb.DENY, "no", "ada")
        package = f"pkg:pypi/package-{number}"
        listed = backend.add_blocklist(BlocklistEntry("", "slow", "sec", package), "kim").id
        if number % 3 == 0:
            backend.remove_blocklist(listed, "mended", "ada")
    yield backend
    engines.dispose()


@pytest.mark.parametrize("name", LISTS)
def test_pages_joined_are_the_whole_and_nothing_stands_twice(given: Backend, name: str) -> None:
    ask = LISTS[name]
    whole = list(ask(given, "", None))
    assert len(whole) >= 3
    for limit in {1, 2, 3, len(whole) - 1, len(whole), len(whole) + 1}:
        joined: list[Any] = []
        after = ""
        while page := ask(given, after, limit):
            assert len(page) <= limit
            joined += page
            after = _place(page[-1])
        assert joined == whole
    places = [_place(each) for each in whole]
    assert len(set(places)) == len(places)


def test_what_comes_between_two_pages_moves_nothing(given: Backend) -> None:
    before = list(given.blocklist())
    first = list(given.blocklist("", 4))
    given.add_blocklist(BlocklistEntry("aa-1", "slow", "sec", "pkg:pypi/new"), "kim")
    rest = list(given.blocklist(first[-1].place, None))
    assert [each for each in (*first, *rest) if each.entry.id != "aa-1"] == before
    assert [each.entry.id for each in (*first, *rest)].count("aa-1") <= 1


@pytest.mark.parametrize("name", [name for name in LISTS if not name.startswith("compliance")])
def test_a_place_that_no_page_named_is_refused(given: Backend, name: str) -> None:
    with pytest.raises(Conflict, match="is no place in this list"):
        LISTS[name](given, "nowhere", 3)


@sampled(st.text(min_size=1), st.text(min_size=1), st.integers(1, 10_000))
def test_every_place_is_read_as_it_was_told(name: str, path: str, line: int) -> None:
    assert place_of(told("service", name)) == Place(id=name, in_files=False)
    assert place_of(told(f"{path}:{line}", name)) == Place(path, name)
