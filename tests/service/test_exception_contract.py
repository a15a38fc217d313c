"""What the pages and the API rely on about exceptions, of the service and of its twin alike."""

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest

from policies.exceptions import Subject
from service.api.backend import Backend
from service.errors import Conflict, NotFound
from service.executor.executor import Executor
from service.promotions.exceptions import Filter, Verb, Wanted
from service.store.engines import open_engines
from service.store.schema import upgrade
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


@pytest.fixture(params=["service", "twin"])
def given(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[tuple[Backend, str]]:
    """A backend with the name of a pipeline that it knows."""
    if request.param == "twin":
        yield MemoryBackend(), "payments-api"
        return
    engines = open_engines(f"sqlite:///{tmp_path / 'bakegate.db'}")
    upgrade(engines.write)
    effects = MemoryBuilder(), MemoryDeployer(), MemoryTester()
    executor = Executor(engines, memory_ports(MovableClock(NOW), *effects))
    executor.register_organization(ORGANIZATION, "tester")
    executor.register_pipeline(PIPELINE, "pipeline.yaml", ".", "tester")
    yield executor, "shop"
    engines.dispose()


def test_one_goes_its_way_once(given: tuple[Backend, str]) -> None:
    backend, pipeline = given
    wanted = Wanted(Subject.EXEMPTION, pipeline, "bake-time", " the hosts arrive ", UNTIL)
    name = backend.request_exception(wanted, "kim")
    asked = backend.exception(name)
    assert (name, asked.state, asked.reason, asked.requested_by, asked.approvers) == (
        "ex-1",
        "requested",
        "the hosts arrive",
        "kim",
        None,
    )
    backend.decide_exception(name, Verb.APPROVE, "", "ada")
    approved = backend.exception(name)
    assert (approved.state, approved.approved_by, approved.until) == ("approved", "ada", UNTIL)
    with pytest.raises(Conflict, match="ex-1 is approved already; ask for another one"):
        backend.decide_exception(name, Verb.DENY, "late", "ada")
    with pytest.raises(Conflict, match="say why you revoke it"):
        backend.decide_exception(name, Verb.REVOKE, "", "ada")
    backend.decide_exception(name, Verb.REVOKE, "the hosts are there", "kim")
    revoked = backend.exception(name)
    assert (revoked.state, revoked.decided_by, revoked.decision) == (
        "revoked",
        "kim",
        "the hosts are there",
    )
    with pytest.raises(Conflict, match="nothing to revoke"):
        backend.decide_exception(name, Verb.REVOKE, "again", "kim")


def test_they_are_found_by_what_is_asked(given: tuple[Backend, str]) -> None:
    backend, pipeline = given
    for kind, rule in ((Subject.EXEMPTION, "bake-time"), (Subject.OPT_OUT, "canary-first")):
        backend.request_exception(Wanted(kind, pipeline, rule, "x", UNTIL), "kim")

    def ids(wanted: Filter) -> list[str]:
        return [each.id for each in backend.exceptions(wanted)]

    assert ids(Filter()) == ["ex-1", "oo-2"]
    assert ids(Filter(pipeline=pipeline, rule="canary-first")) == ["oo-2"]
    assert ids(Filter(state="approved")) == []
    assert ids(Filter(node="nowhere")) == []


def test_what_is_not_there_is_said(given: tuple[Backend, str]) -> None:
    backend, _ = given
    with pytest.raises(NotFound):
        backend.exception("ex-9")
    with pytest.raises(NotFound):
        backend.decide_exception("ex-9", Verb.APPROVE, "", "ada")
    with pytest.raises(NotFound):
        backend.request_exception(Wanted(Subject.EXEMPTION, "nope", "bake-time", "x", UNTIL), "kim")
