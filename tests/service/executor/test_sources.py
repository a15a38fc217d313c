"""Releases that start by themselves: from pushes, from a poll of real git, and from artifacts."""

import logging
import subprocess
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from service.adapters.git import GitRepository
from service.adapters.mirrors import Mirrors
from service.errors import Conflict
from service.executor import facts
from service.executor.ground import Ground
from service.executor.sources import poll
from service.promotions.pushes import Push, Taken
from service.promotions.views import SourceView
from service.store.tables import ReleaseRow
from tests.service.executor.conftest import PIPELINE, Field
from tests.twins.ports import START, digest_of


def push(letter: str, delivery: str, branch: str = "main") -> Push:
    return Push(delivery, branch, letter * 40, "ada")


@pytest.mark.both_databases
def test_a_delivery_starts_one_release_however_often_it_comes(field: Field) -> None:
    take = field.executor.take_push
    assert take("shop", push("a", "d-1")) == Taken("shop:1")
    assert take("shop", push("a", "d-1")) == Taken("shop:1")
    # The same commit by another message, as when two hooks are set up.
    assert take("shop", push("a", "d-2")) == Taken("shop:1")
    assert take("shop", push("b", "d-3")) == Taken("shop:2")
    assert take("shop", push("a", "d-2")) == Taken("shop:1")
    field.settle()
    assert field.release("shop:1").created_by == "ada"
    assert len(field.executor.releases("shop", 10)) == 2


def test_other_branches_and_pipelines_by_hand_are_left_alone(field: Field) -> None:
    told = field.executor.take_push("shop", push("a", "d-1", "feature"))
    assert told == Taken(ignored="shop releases main, not feature")
    text = PIPELINE.replace("start: push", "start: manual")
    field.executor.register_pipeline(text, "pipeline.yaml", ".", "tester")
    told = field.executor.take_push("shop", push("a", "d-1"))
    assert told == Taken(ignored="releases of shop are started by hand")
    assert field.executor.releases("shop", 10) == ()


def test_a_pushed_artifact_is_released_as_it_is(field: Field, tmp_path: Path) -> None:
    (tmp_path / "app").write_bytes(b"built elsewhere")
    digest = field.executor.keep_artifact(tmp_path / "app")
    name = field.executor.submit("shop", "a" * 40, "tester", artifact=digest)
    field.settle()
    release = field.release(name)
    build = next(run for run in release.runs if run.stage == "build")
    assert (release.digest, build.outcome) == (digest, "succeeded")
    assert build.message == f"{digest[7:19]} was pushed; nothing is built"
    assert field.builder.built == []
    assert field.deployer.placed["shop", "beta", "beta"] == [digest] * 3
    with field.executor.ground.turn("shop", "tester") as turn:
        artifact = facts.record(turn, turn.release(name)).artifact
    assert (artifact.builder, artifact.built_at, artifact.digest) == ("", None, digest)


def test_an_artifact_that_nobody_pushed(field: Field) -> None:
    with pytest.raises(Conflict, match=r"^there is no artifact sha256:aaaa"):
        field.executor.submit("shop", "a" * 40, "tester", artifact=digest_of("a" * 40))
    assert field.executor.releases("shop", 10) == ()


class Source:
    """A bare repository at an address, and a clone of it to push from."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder / "origin.git"
        self.address = f"file://{self.folder}"
        self.work = folder / "work"
        self.git("init", "-q", "--bare", "-b", "main", str(self.folder), at=folder)
        self.git("clone", "-q", self.address, str(self.work), at=folder)

    def git(self, *arguments: str, at: Path | None = None) -> str:
        identity = ("-c", "user.name=Ada", "-c", "user.email=ada@localhost")
        command = ["git", *identity, *arguments]
        done = subprocess.run(
            command, cwd=at or self.work, check=True, capture_output=True, text=True
        )
        return done.stdout.strip()

    def push(self, subject: str, *, amend: bool = False) -> str:
        again = ("--amend",) if amend else ()
        self.git("commit", "-q", "--allow-empty", "-m", subject, *again)
        self.git("push", "-q", "--force", "origin", "HEAD:main")
        return self.git("rev-parse", "HEAD")


@pytest.fixture
def source(tmp_path: Path) -> Source:
    return Source(tmp_path)


@pytest.fixture
def polled(field: Field, source: Source, tmp_path: Path) -> Ground:
    """The pipeline polls a real repository that is elsewhere."""
    repository = GitRepository(Mirrors(tmp_path / "mirrors"))
    ports = replace(field.executor.ground.ports, repository=repository)
    text = PIPELINE.replace("start: push", "start: poll")
    field.executor.register_pipeline(text, "pipeline.yaml", source.address, "tester")
    return replace(field.executor.ground, ports=ports)


def test_a_poll_releases_each_new_commit_once(field: Field, polled: Ground, source: Source) -> None:
    source.push("One")
    assert poll(polled) == ("shop:1",)
    assert poll(polled) == ()
    field.settle()
    with field.engines.transaction() as session:
        session.get_one(ReleaseRow, "shop:1").outcome = "succeeded"
    source.push("Two")
    third = source.push("Three")
    assert poll(polled) == ("shop:2",)
    release = field.release("shop:2")
    assert (release.commit, release.created_by) == (third, "poll")
    assert [each.subject for each in release.changes] == ["Three", "Two"]
    # The branch is rewritten, and the base is no longer in anybody's history.
    source.git("checkout", "-q", "--orphan", "fresh")
    source.push("Other")
    assert poll(polled) == ("shop:3",)
    field.settle()


def test_a_repository_that_cannot_be_read_is_told_and_asked_again(
    field: Field, polled: Ground, source: Source, caplog: pytest.LogCaptureFixture
) -> None:
    told = f"{source.address} has no branch 'main'"
    for _ in range(2):
        with caplog.at_level(logging.WARNING, "service.executor.sources"):
            assert poll(polled) == ()
        # Since when it fails is what counts, however often it is asked.
        assert field.executor.pipeline("shop").source == SourceView(told, START)
        field.clock.move(timedelta(minutes=1))
    assert f"shop: {told}; asked again" in caplog.text
    source.push("One")
    assert poll(polled) == ("shop:1",)
    assert field.executor.pipeline("shop").source is None
    field.settle()
    # Who is not polled any more has no trouble with it either.
    source.folder.rename(source.folder.with_suffix(".gone"))
    assert poll(polled) == ()
    assert field.executor.pipeline("shop").source is not None
    field.executor.register_pipeline(PIPELINE, "pipeline.yaml", source.address, "tester")
    assert poll(polled) == ()
    assert field.executor.pipeline("shop").source is None
