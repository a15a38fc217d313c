"""Plays scripted requests against a running version: probes by synthetics, and suites of tests."""

import json
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final
from urllib.parse import quote

import httpx
import jsonpointer

from policies.scripted import CAPTURED, Request
from service.promotions.ports import Answered

#: Bytes of an answer that are looked at; a longer one is no answer to a probe.
_LARGEST: Final = 1_000_000
#: Letters of an answer that a message shows.
_SHOWN: Final = 200
_ABSENT: Final = object()


class _WrongError(Exception):
    """What is wrong with an answer."""


def play(
    client: httpx.Client, base: str, requests: Sequence[Request], seconds: float
) -> Iterator[Answered]:
    """Send the requests in order to ``base``, each with so many seconds for its answer.

    One that uses what an earlier answer did not give is left out: it would say nothing of itself.
    """
    script = _Script(client, base, seconds)
    for request in requests:
        if request.needs <= script.captured.keys():
            yield Answered(request.name, script.problem(request))


@dataclass(slots=True)
class _Script:
    client: httpx.Client
    base: str
    seconds: float
    captured: dict[str, Any] = field(default_factory=dict)

    def problem(self, request: Request) -> str:
        """Send one request; gives what is wrong with the answer."""
        try:
            self._ask(request)
        except (httpx.HTTPError, _WrongError) as error:
            return str(error) or type(error).__name__
        return ""

    def _ask(self, request: Request) -> None:
        began = time.monotonic()
        status, text = self._exchange(request, began + self.seconds)
        took = (time.monotonic() - began) * 1000
        limit = request.within.total_seconds() * 1000 if request.within else took
        if status != request.status:
            raise _WrongError(f"answered {status}, {request.status} is expected{_shown(text)}")
        if took > limit:
            raise _WrongError(f"took {took:.0f} ms, {limit:.0f} ms are allowed")
        if request.contains not in text:
            raise _WrongError(f"does not say {request.contains!r}{_shown(text)}")
        if request.expected or request.capture:
            self._look(request, text)

    def _exchange(self, request: Request, deadline: float) -> tuple[int, str]:
        """Status and text; a server that never ends its answer does not keep us."""
        known = self.captured
        with self.client.stream(
            request.method,
            self.base + _filled(request.path, known, quoted=True),
            headers={name: _filled(value, known) for name, value in request.headers},
            json=None if request.body is None else _put(json.loads(request.body), known),
        ) as answer:
            text = bytearray()
            for part in answer.iter_bytes():
                text += part
                if len(text) > _LARGEST:
                    raise _WrongError(f"answered more than {_LARGEST} bytes")
                if time.monotonic() > deadline:
                    raise _WrongError(f"did not end its answer within {self.seconds:g} s")
            return answer.status_code, text.decode(errors="replace")

    def _look(self, request: Request, text: str) -> None:
        """Compare the values that are expected, and keep those that are captured."""
        try:
            document = json.loads(text)
        except (ValueError, RecursionError) as error:
            raise _WrongError(f"is no JSON{_shown(text)}") from error
        for pointer, wanted in request.expected:
            found, expected = _at(document, pointer, text), json.loads(wanted)
            # True is 1 for Python, and is not for JSON.
            if found != expected or isinstance(found, bool) != isinstance(expected, bool):
                told = json.dumps(found)[:_SHOWN]
                raise _WrongError(f"says {told} at {pointer or 'the top'}, {wanted} is expected")
        for name, pointer in request.capture:
            self.captured[name] = _at(document, pointer, text)


def _at(document: Any, pointer: str, text: str) -> Any:
    try:
        found = jsonpointer.resolve_pointer(document, pointer, _ABSENT)
    except jsonpointer.JsonPointerException:
        found = _ABSENT
    if found is _ABSENT:
        raise _WrongError(f"has nothing at {pointer or 'the top'}{_shown(text)}")
    return found


def _shown(text: str) -> str:
    return f": {text[:_SHOWN]}" if text.strip() else ""


def _filled(text: str, known: Mapping[str, Any], *, quoted: bool = False) -> str:
    """The text with captured values in it, which may not break out of a path."""

    def value(name: str) -> str:
        found = known[name]
        said = found if isinstance(found, str) else json.dumps(found)
        return quote(said, safe="") if quoted else said

    return CAPTURED.sub(lambda found: value(found[1]), text)


def _put(data: Any, known: Mapping[str, Any]) -> Any:
    """The body with captured values in it; a text that is nothing else becomes the value itself."""
    match data:
        case dict():
            return {key: _put(value, known) for key, value in data.items()}
        case list():
            return [_put(value, known) for value in data]
        case str():
            whole = CAPTURED.fullmatch(data)
            return known[whole[1]] if whole else _filled(data, known)
        case _:
            return data
