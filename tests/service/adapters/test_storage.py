"""What a data folder keeps, as what may be removed: results, leftovers, copies of repositories."""

import subprocess
import threading
from pathlib import Path

from service.adapters.artifacts import ArtifactStore
from service.adapters.mirrors import Mirrors
from service.adapters.results import KeptResults
from service.adapters.storage import FolderStorage
from service.promotions.retention import Kind, Stored

KEY = "shop:1:build"


def storage_of(folder: Path) -> FolderStorage:
    mirrors = Mirrors(folder / "mirrors")
    return FolderStorage(ArtifactStore(folder / "artifacts"), (folder / "builds",), mirrors)


def by_suffix(listed: list[Stored]) -> dict[str, Stored]:
    return {Path(each.place).suffix: each for each in listed}


def test_results_go_and_what_was_answered_is_asked_anew(tmp_path: Path) -> None:
    storage, results = storage_of(tmp_path), KeptResults(tmp_path / "builds", int)
    results.log(KEY).write_text("told\n", encoding="utf-8") if results.once(KEY, lambda _: 1) else 0
    listed = by_suffix(list(storage.listing(())))
    assert {suffix: each.kind for suffix, each in listed.items()} == {
        ".json": Kind.LOG,
        ".log": Kind.LOG,
        ".lock": Kind.LOG,
    }
    assert (listed[".log"].size, listed[".log"].digest) == (5, "")
    assert all(storage.remove(each) for each in listed.values())
    assert all(storage.remove(each) for each in listed.values())
    assert not list(storage.listing(()))
    assert results.once(KEY, lambda _: 2) == 2


def test_what_a_killed_build_left_goes_and_that_of_a_living_one_stays(tmp_path: Path) -> None:
    storage, results = storage_of(tmp_path), KeptResults(tmp_path / "builds", int)
    begun, go_on = threading.Event(), threading.Event()

    def build(work: Path) -> int:
        (work / "large").write_bytes(b"1" * 10_000)
        begun.set()
        go_on.wait(120)
        return len(list(work.iterdir()))

    answers: list[int] = []
    living = threading.Thread(target=lambda: answers.append(results.once(KEY, build)))
    living.start()
    begun.wait(120)
    left = by_suffix(list(storage.listing(())))[".work"]
    assert left.kind is Kind.LEFTOVER
    assert left.size >= 10_000
    assert not storage.remove(left)
    go_on.set()
    living.join()
    assert answers == [1]
    (Path(left.place) / "checkout").mkdir(parents=True)
    assert storage.remove(left)
    assert not Path(left.place).exists()


def test_copies_of_repositories_that_no_pipeline_names_go(tmp_path: Path) -> None:
    storage, source = storage_of(tmp_path), tmp_path / "source"
    subprocess.run(["git", "init", "-q", "-b", "main", source], check=True)
    one, other = f"file://{source}", f"file://{source}/.git"
    for each in (one, other):
        storage.mirrors.of(each)
    (listed,) = (each for each in storage.listing({one}) if each.kind is Kind.COPY)
    assert listed.size > 0
    assert storage.remove(listed)
    assert Path(storage.mirrors.of(one)) != Path(listed.place)
    assert not [each for each in storage.listing({one}) if each.kind is Kind.COPY]
