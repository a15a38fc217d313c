"""One contract for each port, kept by what is real and by its twin in memory alike.

Those of builders, deployers, testers, probers and notifiers are shipped, for adapters of other
packages: they are kept in files of their own. Engines of Rego are held to one set of
cases in ``tests/policies/rego``.
"""

import hashlib
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from sqlmodel import Session

from service.adapters.artifacts import ArtifactStore
from service.adapters.calendars import HttpCalendars
from service.adapters.clock import SystemClock
from service.adapters.git import GitRepository
from service.promotions import ports
from tests.service.adapters import test_git as git
from tests.service.adapters.test_calendars import CALENDAR
from tests.twins.ports import (
    MemoryArtifacts,
    MemoryCalendars,
    MemoryRepository,
    MovableClock,
)
from tests.twins.web import served

#: A repository on disk without commits.
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
