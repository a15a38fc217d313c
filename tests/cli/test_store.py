"""``bakegate store prune`` on a real folder: it says what would go, removes it, and only once."""

import json
import os
from collections.abc import Callable
from pathlib import Path

import pytest
from typer.testing import Result

Bakegate = Callable[..., Result]

OLD, NEW = "0" * 64, "1" * 64


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """A folder of a service with an artifact and a log of long ago, and an artifact of today."""
    folder = tmp_path / "data"
    for name in (f"artifacts/{OLD}.bin", f"artifacts/{NEW}.bin", "builds/one.log"):
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"1" * 2048)
        if NEW not in name:
            os.utime(path, (0, 0))
    return folder


def test_prune_says_what_it_removes_and_removes_it_once(bakegate: Bakegate, data: Path) -> None:
    asked = ("store", "prune", "--data", str(data))
    dry = bakegate(*asked, "--dry-run", "--format", "json")
    told = json.loads(dry.stdout)
    assert (told["type"], told["dry_run"]) == ("bakegate.prune/v1", True)
    assert told["removed"][0] == {
        "kind": "artifact",
        "place": f"{data}/artifacts/{OLD}.bin",
        "digest": f"sha256:{OLD}",
        "bytes": 2048,
        "written_at": "1970-01-01T00:00:00Z",
    }
    assert bakegate(*asked).stdout.splitlines() == [
        f"artifact  1970-01-01     2.0 KiB  {data}/artifacts/{OLD}.bin",
        f"log       1970-01-01     2.0 KiB  {data}/builds/one.log",
        "1 artifact and 1 log, 4.0 KiB: removed",
    ]
    assert bakegate(*asked).stdout == "nothing removed\n"
    assert [each.name for each in (data / "artifacts").iterdir()] == [f"{NEW}.bin"]


def test_what_is_no_folder_is_not_made_one(bakegate: Bakegate, tmp_path: Path) -> None:
    given = bakegate("store", "prune", "--data", "elsewhere")
    assert given.exit_code == 2
    assert given.stderr == "bakegate store: there is no folder elsewhere; name it with --data\n"
    assert not (tmp_path / "elsewhere").exists()


def test_settings_that_cannot_be_used_are_named(
    bakegate: Bakegate, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("BAKEGATE_KEEP_DAYS", "x")
    monkeypatch.setenv("BAKEGATE_PORT", "99999")
    told = (
        "BAKEGATE_KEEP_DAYS: Input should be a valid integer, unable to parse string as an integer"
        "; BAKEGATE_PORT: Input should be less than or equal to 65535"
    )
    for group, words in (("store", ("prune",)), ("report", ("compliance",)), ("serve", ())):
        given = bakegate(group, *words)
        assert (given.exit_code, given.stderr) == (2, f"bakegate {group}: {told}\n")
