"""A running service, asked over HTTP by commands that change something or look at it."""

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from cli.problems import Away, Declined, Unusable

#: Where a service listens by itself.
DEFAULT: Final = "http://127.0.0.1:8440"
VARIABLE: Final = "BAKEGATE_URL"
URL_HELP: Final = f"Where the service is. Default: {VARIABLE}, else {DEFAULT}."
#: Answers of a service that will be well again, or of what stands before one that is not there.
_AWAY: Final = frozenset({502, 503, 504})
#: Seconds for one answer: a write may wait for a pipeline's lock.
_TIMEOUT: Final = 60


def get(url: str | None, path: str, query: Mapping[str, str | None] | None = None) -> Any:
    """The JSON answer to a question; raises Unusable with what the service said against it.

    A refusal that findings explain is a Declined, and no answer that counts is an Away.
    """
    asked = {name: value for name, value in (query or {}).items() if value is not None}
    return _ask(url, "GET", path, params=asked)


def post(url: str | None, path: str, body: Mapping[str, Any]) -> Any:
    """The JSON answer to a change, None where there is none; raises Unusable."""
    return _ask(url, "POST", path, json=dict(body))


def put(url: str | None, path: str, body: Mapping[str, Any]) -> Any:
    """The same for what replaces something."""
    return _ask(url, "PUT", path, json=dict(body))


def send(url: str | None, path: str, file: Path) -> Any:
    """The answer to a file that is sent as it is, however large."""
    with file.open("rb") as content:
        return _ask(url, "PUT", path, content=content)


def _ask(url: str | None, method: str, path: str, **asked: Any) -> Any:
    # Imported here: it takes longer to load than most commands need to run.
    import httpx

    base = (url or os.environ.get(VARIABLE) or DEFAULT).rstrip("/")
    try:
        answer = httpx.request(method, base + path, timeout=_TIMEOUT, **asked)
    except (httpx.HTTPError, httpx.InvalidURL) as error:
        told = f"there is no service at {base} ({error}); start one with: bakegate serve"
        wrong = isinstance(error, httpx.InvalidURL | httpx.UnsupportedProtocol)
        raise (Unusable(told) if wrong else Away(told, str(error))) from error
    if answer.is_error:
        problem = _problem(answer)
        raise Away(str(problem), str(problem)) if answer.status_code in _AWAY else problem
    return answer.json() if answer.content else None


def _problem(answer: Any) -> Unusable:
    """The sentence of a problem with its findings; what is none was not said by Bakegate."""
    try:
        problem = answer.json()
        told, findings = str(problem["detail"]), problem.get("findings", [])
    except (ValueError, KeyError, TypeError):
        what = f"{answer.request.url} answered {answer.status_code}, which no Bakegate would say"
        return Unusable(what)
    if not findings:
        return Unusable(told)
    return Declined("\n".join([told, *(_finding(each) for each in findings)]))


def _finding(found: Mapping[str, Any]) -> str:
    where = f"{found['path']}:{found['line']}:{found['column']}"
    fix = f"\n    {found['fix']}" if found["fix"] else ""
    return f"{where}: {found['enforcement']} {found['rule']}: {found['message']}{fix}"
