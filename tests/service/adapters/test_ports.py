"""One contract for each port, kept by what is real and by its twin in memory alike.

Those of deployers and notifiers are shipped, for adapters of other packages: here they are kept in
files of their own. Engines of Rego are held to one set of cases in ``tests/policies/rego``.
"""

import hashlib
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from sqlmodel import Session

from service.adapters.artifacts import ArtifactStore
from service.adapters.builder import LocalBuilder
from service.adapters.calendars import HttpCalendars
from service.adapters.clock import SystemClock
from service.adapters.git import GitRepository
from service.adapters.tester import CommandTester
from service.promotions import ports
from tests.service.adapters import test_builder as building
from tests.service.adapters import test_git as git
from tests.service.adapters import test_tester as testing
from tests.service.adapters.test_calendars import CALENDAR
from tests.twins.ports import (
    MemoryArtifacts,
    MemoryBuilder,
    MemoryCalendars,
    MemoryDeployer,
    MemoryRepository,
    MemoryTester,
    MovableClock,
)
from tests.twins.serving import served

#: A repository on disk, once with reports to copy and once without commits.
source = building.source
folder = git.folder


class ArtifactsContract:
    artifacts: ports.Artifacts

    def test_a_digest_leads_to_what_was_put(self, tmp_path: Path) -> None:
        file = tmp_path / "app"
        file.write_bytes(b"content")
        digest = self.artifacts.put(file)
        assert digest == f"sha256:{hashlib.sha256(b'content').hexdigest()}"
        assert self.artifacts.put(file) == digest
        file.write_bytes(b"changed since")
        assert self.artifacts.path(digest).read_bytes() == b"content"

    def test_an_unknown_digest_is_no_artifact(self) -> None:
        with pytest.raises(ports.NoArtifact, match="there is no artifact sha256:0"):
            self.artifacts.path(f"sha256:{'0' * 64}")


class TestArtifactStore(ArtifactsContract):
    @pytest.fixture(autouse=True)
    def _made(self, tmp_path: Path) -> None:
        self.artifacts = ArtifactStore(tmp_path / "artifacts")


class TestMemoryArtifacts(ArtifactsContract):
    @pytest.fixture(autouse=True)
    def _made(self, tmp_path: Path) -> None:
        self.artifacts = MemoryArtifacts(tmp_path / "memory")


class BuilderContract:
    builder: ports.Builder
    passing: ports.BuildOrder
    failing: ports.BuildOrder

    def test_a_build_gives_an_artifact_and_evidence(self) -> None:
        built = self.builder.build(self.passing)
        assert built.ok
        assert built.artifact is not None
        assert len(built.artifact.digest) == len("sha256:") + 64
        (evidence,) = built.evidence
        assert (evidence.kind, evidence.result, evidence.failed) == ("unit", "pass", 0)
        assert evidence.commit == self.passing.commit

    def test_a_known_key_has_its_stored_result(self) -> None:
        first = self.builder.build(self.passing)
        assert self.builder.build(self.passing) == first
        # Not even another commit under the same key is built.
        assert self.builder.build(replace(self.failing, key=self.passing.key)) == first

    def test_a_failure_is_a_result_and_leaves_no_artifact(self) -> None:
        built = self.builder.build(self.failing)
        assert (built.ok, built.artifact) == (False, None)
        assert "unit" in built.message
        assert [each.result for each in built.evidence] == ["fail"]
        assert self.builder.build(self.failing) == built


class TestLocalBuilder(BuilderContract):
    @pytest.fixture(autouse=True)
    def _made(self, source: Path, tmp_path: Path) -> None:
        store = ArtifactStore(tmp_path / "artifacts")
        folder = tmp_path / "builds"
        self.builder = LocalBuilder(folder, store, GitRepository(), MovableClock())
        step = "{name: unit, kind: unit, run: cp %s.xml r.xml, reports: {junit: r.xml}}"
        self.passing = building.order_of(source, step % "passing")
        self.failing = replace(building.order_of(source, step % "failing"), key="shop:2:build")


class TestMemoryBuilder(BuilderContract):
    @pytest.fixture(autouse=True)
    def _made(self, source: Path) -> None:
        self.passing = building.order_of(source, "{name: unit, kind: unit, run: ./unit}")
        self.failing = replace(self.passing, key="shop:2:build", commit="f" * 40)
        self.builder = MemoryBuilder(failing={"f" * 40})


class CalendarsContract:
    calendars: ports.Calendars
    address: str
    absent: str

    def test_a_version_is_fetched_once(self) -> None:
        fetched = self.calendars.fetch(self.address, "")
        assert fetched is not None
        assert fetched.text == CALENDAR
        assert fetched.etag
        assert self.calendars.fetch(self.address, fetched.etag) is None
        assert self.calendars.fetch(self.address, '"another"') == fetched

    def test_what_cannot_be_had_says_why(self) -> None:
        with pytest.raises(ports.Unfetched, match="absent"):
            self.calendars.fetch(self.absent, "")


@pytest.fixture
def site() -> Iterator[str]:
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            known = self.headers.get("If-None-Match") == '"one"'
            status = 404 if "absent" in self.path else 304 if known else 200
            body = CALENDAR.encode() if status == 200 else b""
            self.send_response(status)
            self.send_header("ETag", '"one"')
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: Any) -> None:
            """Say nothing."""

    with served(Handler) as url:
        yield url


class TestHttpCalendars(CalendarsContract):
    @pytest.fixture(autouse=True)
    def _made(self, site: str) -> None:
        self.calendars = HttpCalendars()
        self.address, self.absent = f"{site}/sale.ics", f"{site}/absent.ics"


class TestMemoryCalendars(CalendarsContract):
    @pytest.fixture(autouse=True)
    def _made(self) -> None:
        self.address, self.absent = "memory://sale.ics", "memory://absent.ics"
        self.calendars = MemoryCalendars({self.address: CALENDAR})


class ClockContract:
    clock: ports.Clock

    def test_it_tells_aware_utc_and_does_not_run_backwards(self) -> None:
        first = self.clock.now()
        with Session(sa.create_engine("sqlite://")) as session:
            within = self.clock.within(session)
        assert first.utcoffset() == within.utcoffset() == timedelta()
        assert first <= within <= self.clock.now()


class TestSystemClock(ClockContract):
    clock = SystemClock()


class TestMovableClock(ClockContract):
    clock = MovableClock()


class RepositoryContract:
    repository: ports.Repository
    name: str
    commits: tuple[str, str, str]
    """Of the branch ``main``, oldest first; each writes one more file."""

    def test_its_head_and_its_changes(self) -> None:
        first, second, third = self.commits
        assert self.repository.head(self.name, "main") == third
        found = self.repository.changes(self.name, first, third)
        assert [(each.commit, each.subject) for each in found] == [
            (third, "Three"),
            (second, "Two"),
        ]
        assert {each.at.utcoffset() for each in found} == {timedelta()}
        assert [each.commit for each in self.repository.changes(self.name, None, third)] == [third]
        assert self.repository.changes(self.name, third, third) == ()

    def test_ancestors(self) -> None:
        first, _, third = self.commits
        assert self.repository.is_ancestor(self.name, first, third)
        assert self.repository.is_ancestor(self.name, third, third)
        assert not self.repository.is_ancestor(self.name, third, first)

    def test_files_are_those_of_the_commit(self) -> None:
        first, second, _ = self.commits
        assert self.repository.file(self.name, first, "file.txt") == b"1"
        assert self.repository.file(self.name, second, "file.txt") == b"2"
        with pytest.raises(ports.Unreadable, match=r"absent\.txt"):
            self.repository.file(self.name, first, "absent.txt")

    def test_what_is_not_there(self) -> None:
        with pytest.raises(ports.UnknownCommit, match="other"):
            self.repository.head(self.name, "other")
        with pytest.raises(ports.UnknownCommit, match="0" * 40):
            self.repository.changes(self.name, None, "0" * 40)
        with pytest.raises(ports.UnknownCommit, match="0" * 40):
            self.repository.is_ancestor(self.name, "0" * 40, self.commits[0])


class TestGitRepository(RepositoryContract):
    @pytest.fixture(autouse=True)
    def _made(self, folder: Path) -> None:
        self.repository, self.name = GitRepository(), str(folder)
        one, two, three = (
            git.commit(folder, subject, str(number))
            for number, subject in enumerate(("One", "Two", "Three"), 1)
        )
        self.commits = (one, two, three)


class TestMemoryRepository(RepositoryContract):
    @pytest.fixture(autouse=True)
    def _made(self) -> None:
        self.commits, self.name = ("a" * 40, "b" * 40, "c" * 40), "shop"
        at = datetime(2026, 11, 24, 8, 0, tzinfo=UTC)
        words = ("One", "Two", "Three")
        self.repository = MemoryRepository(
            history=tuple(
                ports.Commit(each, "Ada", subject, at)
                for each, subject in zip(self.commits, words, strict=True)
            ),
            files={
                (each, "file.txt"): str(number).encode()
                for number, each in enumerate(self.commits, 1)
            },
        )


class SuitesContract:
    tester: ports.Tester
    passing: ports.TestOrder
    failing: ports.TestOrder

    def test_every_test_gives_evidence_about_the_digest(self) -> None:
        result = self.tester.run(self.passing)
        assert result.ok
        (evidence,) = result.evidence
        assert (evidence.result, evidence.digest) == ("pass", self.passing.digest)
        assert (evidence.kind, evidence.stage) == ("integration", self.passing.stage)

    def test_a_known_key_has_its_stored_result(self) -> None:
        first = self.tester.run(self.passing)
        assert self.tester.run(replace(self.failing, key=self.passing.key)) == first

    def test_a_failure_is_a_result(self) -> None:
        result = self.tester.run(self.failing)
        assert (result.ok, result.message != "") == (False, True)
        assert [each.result for each in result.evidence] == ["fail"]
        assert self.tester.run(self.failing) == result


def _orders(source: Path, run: str) -> ports.TestOrder:
    return testing.order_of(source, f"{{name: api, kind: integration, run: {run}}}")


class TestCommandTester(SuitesContract):
    @pytest.fixture(autouse=True)
    def _made(self, source: Path, tmp_path: Path) -> None:
        hosts = MemoryDeployer(placed={("shop", "beta", "beta"): [testing.DIGEST]})
        names = {"shop": str(source)}.__getitem__
        self.tester = CommandTester(
            tmp_path / "tests", hosts, GitRepository(), names, MovableClock()
        )
        self.passing = _orders(source, "'true'")
        self.failing = replace(_orders(source, "'false'"), key="k2")


class TestMemoryTester(SuitesContract):
    @pytest.fixture(autouse=True)
    def _made(self, source: Path) -> None:
        bad = f"sha256:{'b' * 64}"
        self.tester = MemoryTester(failing={("beta", bad)})
        self.passing = _orders(source, "'true'")
        self.failing = replace(self.passing, key="k2", digest=bad)
