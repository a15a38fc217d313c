"""Rulesets from a real git repository and a real web server, kept by their digest."""

import subprocess
import threading
from collections.abc import Callable, Iterator
from functools import partial
from hashlib import sha256
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from shutil import rmtree

import pytest
from typer.testing import Result

BASE = "schema: bakegate/ruleset/v1\nname: base\nrules: {no-soft-fail-tests: observe}\n"
DIGEST = sha256(BASE.encode()).hexdigest()

Call = Callable[..., Result]
Write = Callable[[str, str], Path]


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    return tmp_path / "cache" / "bakegate" / "rulesets"


@pytest.fixture
def repository(tmp_path: Path) -> tuple[Path, str]:
    """A git repository whose second commit removed the ruleset, and its first commit."""
    folder = tmp_path / "company"
    folder.mkdir()
    (folder / "base.yaml").write_text(BASE, encoding="utf-8")
    git = partial(subprocess.run, cwd=folder, check=True, capture_output=True, text=True)
    who = ["-c", "user.name=kim", "-c", "user.email=kim@shop.example"]
    git(["git", "init", "--quiet", "--initial-branch=main"])
    git(["git", "add", "base.yaml"])
    git(["git", *who, "commit", "--quiet", "--message=one"])
    commit = git(["git", "rev-parse", "HEAD"]).stdout.strip()
    git(["git", "rm", "--quiet", "base.yaml"])
    git(["git", *who, "commit", "--quiet", "--message=two"])
    return folder, commit


@pytest.fixture
def site(tmp_path: Path) -> Iterator[str]:
    """The address of a web server on this machine that serves ``base.yaml``."""
    folder = tmp_path / "site"
    folder.mkdir()
    (folder / "base.yaml").write_text(BASE, encoding="utf-8")
    handler = partial(_Silent, directory=str(folder))
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        yield f"http://127.0.0.1:{server.server_address[1]}"
        server.shutdown()
        thread.join()


class _Silent(SimpleHTTPRequestHandler):
    def log_message(self, *_: object) -> None:
        """Say nothing into the output of the tests."""


def ruleset(write: Write, reference: str, digest: str = DIGEST) -> None:
    entry = f"{{from: '{reference}', sha256: {digest}}}"
    head = "schema: bakegate/ruleset/v1\nname: ours\n"
    write("ours.yaml", f"{head}extends: [recommended, {entry}]\n")


def test_a_ruleset_of_one_commit_is_read_and_kept(
    bakegate: Call, write: Write, soft: Path, repository: tuple[Path, str], cache: Path
) -> None:
    folder, commit = repository
    ruleset(write, f"git+file://{folder}@{commit}#base.yaml")
    assert bakegate("lint", str(soft), "--ruleset", "ours.yaml").exit_code == 0
    assert [each.name for each in cache.iterdir()] == [DIGEST]
    rmtree(folder)
    assert bakegate("lint", str(soft), "--ruleset", "ours.yaml").exit_code == 0


def test_a_file_that_the_commit_does_not_have_says_what_git_says(
    bakegate: Call, write: Write, soft: Path, repository: tuple[Path, str]
) -> None:
    folder, commit = repository
    ruleset(write, f"git+file://{folder}@{commit}#rules.yaml")
    done = bakegate("lint", str(soft), "--ruleset", "ours.yaml")
    assert done.exit_code == 2
    assert done.stderr.startswith("ours.yaml:3:24: ")
    assert "git cat-file: " in done.stderr


def test_a_ruleset_of_a_web_server_is_read_and_kept(
    bakegate: Call, write: Write, soft: Path, site: str, cache: Path
) -> None:
    ruleset(write, f"{site}/base.yaml")
    assert bakegate("lint", str(soft), "--ruleset", "ours.yaml").exit_code == 0
    assert [each.name for each in cache.iterdir()] == [DIGEST]


def test_what_is_kept_is_fetched_again_where_it_was_changed(
    bakegate: Call, write: Write, soft: Path, site: str, cache: Path
) -> None:
    cache.mkdir(parents=True)
    (cache / DIGEST).write_text("name: other\n", encoding="utf-8")
    ruleset(write, f"{site}/base.yaml")
    assert bakegate("lint", str(soft), "--ruleset", "ours.yaml").exit_code == 0
    assert (cache / DIGEST).read_text(encoding="utf-8") == BASE


def test_other_bytes_are_refused_and_not_kept(
    bakegate: Call, write: Write, soft: Path, site: str, cache: Path
) -> None:
    ruleset(write, f"{site}/base.yaml", "0" * 64)
    done = bakegate("lint", str(soft), "--ruleset", "ours.yaml")
    assert done.exit_code == 2
    assert f"has the digest {DIGEST}, not {'0' * 64}" in done.stderr
    assert not cache.exists()


def test_an_address_that_is_not_there_says_so(
    bakegate: Call, write: Write, soft: Path, site: str
) -> None:
    ruleset(write, f"{site}/other.yaml")
    done = bakegate("lint", str(soft), "--ruleset", "ours.yaml")
    assert done.exit_code == 2
    assert f"cannot be read ({site}/other.yaml answers 404)" in done.stderr
