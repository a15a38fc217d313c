"""What pages and API rely on, of the service and of its twin alike.

Pages are looked at over the service; the twin serves the tests of API and templates that need
states which no run here leads to. Exceptions have their own file.
"""

from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from policies.rule import BlocklistEntry
from service.api.backend import Backend
from service.errors import Conflict, Invalid, NotFound
from service.executor.executor import Executor
from service.promotions.commands import Abort, Pause
from service.promotions.reported import Reach, Report, Said
from service.store.engines import open_engines
from tests.service.executor.conftest import ORGANIZATION, PIPELINE, prepare
from tests.twins.backend import MemoryBackend
from tests.twins.ports import (
    MemoryBuilder,
    MemoryDeployer,
    MemoryTester,
    MovableClock,
    memory_ports,
)
from tests.twins.sights import NOW

COMMIT = "7a" * 20


@pytest.fixture(params=["service", "twin"])
def given(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[tuple[Backend, str]]:
    """A backend with the name of a pipeline that it knows."""
    if request.param == "twin":
        yield MemoryBackend(), "payments-api"
        return
    url = f"sqlite:///{tmp_path / 'bakegate.db'}"
    prepare(url)
    engines = open_engines(url)
    effects = MemoryBuilder(), MemoryDeployer(), MemoryTester()
    executor = Executor(engines, memory_ports(MovableClock(NOW), *effects))
    executor.register_organization(ORGANIZATION, "tester")
    executor.register_pipeline(PIPELINE, "pipeline.yaml", ".", "tester")
    yield executor, "shop"
    engines.dispose()


class TestBackend:
    def test_what_is_submitted_is_found_everywhere(self, given: tuple[Backend, str]) -> None:
        backend, pipeline = given
        before = backend.version(pipeline)
        name = backend.submit(pipeline, COMMIT, "kim")
        assert backend.version(pipeline) > before
        view = backend.release(name)
        assert (view.id, view.pipeline, view.commit, view.created_by, view.outcome) == (
            name,
            pipeline,
            COMMIT,
            "kim",
            None,
        )
        assert [run.stage for run in view.runs][:1] == ["build"]
        assert "release.created" in [event.kind for event in view.events]
        assert name in {run.release for run in backend.pipeline(pipeline).in_flight}
        assert name in {line.id for line in backend.releases(pipeline, 10)}
        assert pipeline in {row.name for row in backend.pipelines()}

    def test_the_view_of_a_pipeline_names_its_version(self, given: tuple[Backend, str]) -> None:
        backend, pipeline = given
        backend.submit(pipeline, COMMIT, "kim")
        assert backend.pipeline(pipeline).version == backend.version(pipeline)

    def test_data_points_are_kept_by_operation(self, given: tuple[Backend, str]) -> None:
        backend, pipeline = given
        digest = "sha256:" + "4c" * 32
        for operation in ("", "buy"):
            place = (pipeline, "one-box", "one-box", digest)
            backend.record_data_points(*place, 3, 1, operation)
        found = backend.data_points(pipeline, "one-box", timedelta(hours=1))
        assert [(each.operation, each.positive, each.negative) for each in found] == [
            ("", 3, 1),
            ("buy", 3, 1),
        ]
        with pytest.raises(NotFound):
            backend.data_points(pipeline, "nowhere", timedelta(hours=1))

    def test_alarms_are_reported_and_taken_back(self, given: tuple[Backend, str]) -> None:
        backend, pipeline = given
        fires = Report("latency", Said.ALARM, Reach.SERVICE, pipeline, message="p99 of 2.1 s")
        assert backend.report_alarm(fires, "watcher").now == "alarm"
        (shown,) = backend.reported_alarms()
        assert (shown.name, shown.level, shown.by) == ("latency", "alarm", "watcher")
        heard = backend.report_alarm(replace(fires, said=Said.ENDED), "watcher")
        assert (heard.was, heard.now) == ("alarm", "")
        assert backend.reported_alarms() == ()
        with pytest.raises(NotFound):
            backend.report_alarm(replace(fires, pipeline="nope"), "watcher")
        with pytest.raises(Conflict):
            backend.report_alarm(replace(fires, pipeline=""), "watcher")

    def test_a_transition_is_automatic_again_only_with_a_reason(
        self, given: tuple[Backend, str]
    ) -> None:
        backend, pipeline = given

        def beta() -> tuple[str, str]:
            stages = {each.name: each for each in backend.pipeline(pipeline).stages}
            return stages["beta"].transition, stages["beta"].transition_reason

        backend.switch_transition(pipeline, "beta", "manual", "look first", "kim")
        assert beta() == ("manual", "look first")
        with pytest.raises(Conflict, match="say why"):
            backend.switch_transition(pipeline, "beta", "automatic", "  ", "kim")
        backend.switch_transition(pipeline, "beta", "automatic", "looked", "kim")
        assert beta()[0] == "automatic"

    def test_the_blocklist_keeps_what_was_removed(self, given: tuple[Backend, str]) -> None:
        backend, _ = given
        package = BlocklistEntry("", "slow", "security", "pkg:pypi/acme", "vers:pypi/<2")
        name = backend.add_blocklist(package, "kim").id
        assert [(each.entry.id, each.state) for each in backend.blocklist()] == [(name, "active")]
        with pytest.raises(Conflict, match="say why"):
            backend.remove_blocklist(name, "", "kim")
        backend.remove_blocklist(name, "mended", "ada")
        assert [(each.removed_by, each.removal) for each in backend.blocklist()] == [
            ("ada", "mended")
        ]
        with pytest.raises(Conflict, match="removed already"):
            backend.remove_blocklist(name, "mended", "ada")

    def test_what_is_not_there_is_said(self, given: tuple[Backend, str]) -> None:
        backend, pipeline = given
        for ask in (
            lambda: backend.pipeline("nope"),
            lambda: backend.version("nope"),
            lambda: backend.release("nope:1"),
            lambda: backend.decision("d-99999"),
            lambda: backend.submit("nope", COMMIT, "kim"),
            lambda: backend.switch_transition(pipeline, "nope", "manual", "", "kim"),
            lambda: backend.remove_blocklist("bl-9", "gone", "kim"),
            lambda: backend.effective("no/where", None, None),
            lambda: backend.carry_out(Abort("nope:1", "bad"), "kim"),
            lambda: backend.carry_out(Pause("moves", "nope", ""), "kim"),
        ):
            with pytest.raises(NotFound):
                ask()

    def test_files_that_cannot_be_used_are_refused(self, given: tuple[Backend, str]) -> None:
        backend, _ = given
        with pytest.raises(Invalid):
            backend.register_pipeline("schema: bakegate/pipeline/v1\n", "p.yaml", ".", "kim")
        assert backend.register_pipeline(PIPELINE, "pipeline.yaml", ".", "kim") == "shop"

    def test_compliance_counts_what_the_pipelines_behind_it_have(
        self, given: tuple[Backend, str]
    ) -> None:
        backend, pipeline = given
        rows = {row["rule"]: row for row in backend.compliance(None)}
        assert rows["unit-tests"]["pipelines"][pipeline] == "pass"
        assert rows["unit-tests"]["pass"] >= 1
        assert backend.compliance("no/where") == []

    def test_nobody_was_told_of_a_rule_that_was_not_announced(
        self, given: tuple[Backend, str]
    ) -> None:
        backend, _ = given
        assert backend.told("bake-time") == ()
