"""Every vector, read as a file would be, gives exactly its open intervals."""

import json
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest

from policies.source import read
from policies.windows import WindowSet, open_intervals, parse_windows, state

VECTORS: list[dict[str, Any]] = json.loads(
    (Path(__file__).parents[3] / "docs" / "windows" / "vectors.json").read_text(encoding="utf-8")
)


def _set(vector: dict[str, Any]) -> WindowSet:
    node = read(json.dumps(vector["time_windows"]), "vector.json")[0].root
    files = vector.get("files", {})
    return WindowSet("file", parse_windows(node, None, calendars=files.__getitem__))


@pytest.mark.parametrize("vector", VECTORS, ids=lambda vector: vector["name"])
def test_open_intervals(vector: dict[str, Any]) -> None:
    start, end = (datetime.fromisoformat(vector[key]) for key in ("from", "until"))
    found = open_intervals([_set(vector)], start, end)
    told = [
        {"from": f"{each.start:%Y-%m-%dT%H:%M:%SZ}", "until": f"{each.end:%Y-%m-%dT%H:%M:%SZ}"}
        for each in found
    ]
    assert told == vector["open"]


@pytest.mark.parametrize("vector", VECTORS, ids=lambda vector: vector["name"])
def test_state_agrees_at_every_edge(vector: dict[str, Any]) -> None:
    one = _set(vector)
    for each in vector["open"]:
        start, until = (datetime.fromisoformat(each[key]) for key in ("from", "until"))
        assert state([one], start).open
        if until < datetime.fromisoformat(vector["until"]):
            assert not state([one], until).open
            assert state([one], start).until == until
