"""Writes the tables of ``policies/classify`` as JSON, from the YAML beside it (``make tables``)."""

import json
from pathlib import Path
from typing import Any, Final

from policies.source import core_value, read

FOLDER: Final = Path(__file__).resolve().parents[1] / "policies" / "classify"


def texts() -> dict[str, str]:
    """Every JSON file by its name."""
    return {f"{each.stem}.json": _text(each) for each in sorted(FOLDER.glob("*.yaml"))}


def _text(file: Path) -> str:
    """One entry to a line, so that a change of one row is a change of one line."""
    data: dict[str, Any] = core_value(read(file.read_bytes(), file.name)[0].root)
    parts = [f"{_one(name)}: {_value(value)}" for name, value in data.items()]
    return "{\n" + ",\n".join(parts) + "\n}\n"


def _value(value: Any) -> str:
    if not isinstance(value, dict):
        return _one(value)
    rows = [f"  {_one(name)}: {_one(inner)}" for name, inner in value.items()]
    return "{\n" + ",\n".join(rows) + "\n}"


def _one(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False)


if __name__ == "__main__":
    for name, text in texts().items():
        (FOLDER / name).write_text(text, encoding="utf-8")
