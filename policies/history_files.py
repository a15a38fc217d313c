"""What earlier runs say, from a file: ``bakegate/history/v1``, by the names of pipelines."""

from collections.abc import Callable, Mapping
from datetime import timedelta
from typing import Any, Final

from policies.documents import read_document
from policies.durations import parse_duration, parse_share
from policies.history import History
from policies.plain import parse_instant

_WINDOW: Final = timedelta(days=30)


def _duration(text: str) -> timedelta:
    return parse_duration(text).exact


#: How each key is read that is no plain number or text.
_READERS: Final[Mapping[str, Callable[[str], Any]]] = {
    **dict.fromkeys(("observed_at", "red_since"), parse_instant),
    **dict.fromkeys(
        (
            "window",
            "start_delay",
            "build",
            "first_test_stage",
            "manual_wait",
            "first_customer",
            "all_customers",
            "approval_wait",
        ),
        _duration,
    ),
    **dict.fromkeys(("avoidable_ratio", "started_by_person"), parse_share),
}
_BASE: Final[Mapping[str, Any]] = {"window": _WINDOW, "releases": 0, "runs": 0}


def read_histories(text: bytes | str, path: str) -> dict[str, History]:
    """Histories by pipeline; raises DocumentError with all that is wrong."""
    document = read_document(text, path, "history")
    return {name: history_of(said) for name, said in document.data["pipelines"].items()}


def history_of(said: Mapping[str, Any]) -> History:
    """One history from checked plain data."""
    read = {key: _READERS[key](value) if key in _READERS else value for key, value in said.items()}
    return History(**(dict(_BASE) | read))
