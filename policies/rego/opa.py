"""Open Policy Agent over HTTP, wherever it listens.

A question is one request. The modules go there first, once, or come by a bundle of OPA's own. An
error of one rule would take the answers of all with it, so after such an error each is asked alone.
"""

from collections.abc import Iterator, Mapping, Sequence
from http import HTTPStatus
from json import dumps, loads
from time import monotonic
from typing import Any, Final

import httpx

from policies.documents import Issue
from policies.findings import Span
from policies.rego.document import Document
from policies.rego.policies import Policy, PolicySet
from policies.rego.port import Answer, Answers, RegoError

#: Largest answer that is read, in bytes: thousands of findings.
MAX_ANSWER: Final = 16_000_000

#: A builtin that fails is an error of its rule; OPA would call the whole answer undefined.
_QUESTION: Final = {"strict-builtin-errors": "true", "provenance": "true"}
#: Where our rules stand, yet none of them: who may ask them may ask this, and none is evaluated.
_NAME: Final = "/v1/data/bakegate/custom/name"


class Opa:
    """One OPA. ``where`` names it in messages; ``timeout`` bounds one request, in seconds.

    Without ``uploads`` the modules come by a bundle that OPA fetches itself.
    """

    def __init__(
        self, http: httpx.Client, where: str, timeout: float, *, uploads: bool = True
    ) -> None:
        self.where = where
        self._http = http
        self._timeout = timeout
        self._uploads = uploads
        self._loaded: set[str] = set()
        self._broken: dict[str, str] = {}
        """Why a package could not be compiled; its rule has no answer, and the others go on."""

    def ask(self, policies: PolicySet, half: str, document: Document) -> Answers:
        body = dumps({"input": document.data}).encode()
        if self._uploads and policies.entry.package not in self._loaded:
            self._load(policies)
        status, said = self._question(policies.entry, half, body)
        if "result" not in said and status == HTTPStatus.OK and self._uploads:
            # It was started again since, and knows nothing.
            self._load(policies)
            status, said = self._question(policies.entry, half, body)
        broken = self._broken_of(policies)
        if status == HTTPStatus.OK:
            return Answers(_engine(said), _values(self._result(said)) | broken)
        if status != HTTPStatus.INTERNAL_SERVER_ERROR:
            raise self._refused(status, said)
        alone = dict(self._alone(policies, half, document.data["rules"], body))
        return Answers("OPA", alone | broken)

    def check(self, policies: PolicySet) -> Sequence[Issue]:
        """A compiler's complaints; OPA that takes its policies from a bundle checks that itself."""
        if not self._uploads:
            return ()
        found: list[Issue] = []
        for policy in policies.rules:
            status, said = self._put(policy)
            if status == HTTPStatus.BAD_REQUEST:
                found.extend(_complaints(policy, said))
            elif status != HTTPStatus.OK:
                raise self._refused(status, said)
        return found

    def name(self) -> str:
        status, said = self._request("GET", "/health")
        if status != HTTPStatus.OK:
            raise RegoError(f"OPA at {self.where} is not well (HTTP {status}: {_told(said)})")
        status, said = self._request("GET", _NAME, params=_QUESTION)
        if status != HTTPStatus.OK:
            raise self._refused(status, said)
        return _engine(said)

    def close(self) -> None:
        self._http.close()

    def _load(self, policies: PolicySet) -> None:
        for policy in policies.all:
            status, said = self._put(policy)
            if status == HTTPStatus.BAD_REQUEST and policy.rule:
                self._broken[policy.package] = _told(said)
            elif status != HTTPStatus.OK:
                raise self._refused(status, said)
        self._loaded.add(policies.entry.package)

    def _broken_of(self, policies: PolicySet) -> dict[str, Answer]:
        return {
            each.rule: Answer(error=f"it cannot be compiled: {self._broken[each.package]}")
            for each in policies.rules
            if each.package in self._broken
        }

    def _put(self, policy: Policy) -> tuple[int, Mapping[str, Any]]:
        address = f"/v1/policies/{policy.package.replace('.', '/')}"
        return self._request("PUT", address, policy.text.encode(), kind="text/plain")

    def _question(self, policy: Policy, half: str, body: bytes) -> tuple[int, Mapping[str, Any]]:
        return self._request("POST", f"/v1/data/{policy.address(half)}", body, params=_QUESTION)

    def _alone(
        self, policies: PolicySet, half: str, asked: Sequence[str], body: bytes
    ) -> Iterator[tuple[str, Answer]]:
        for policy in policies.rules:
            if policy.rule not in asked:
                continue
            status, said = self._question(policy, half, body)
            if status == HTTPStatus.INTERNAL_SERVER_ERROR:
                yield policy.rule, Answer(error=_told(said))
            elif status != HTTPStatus.OK:
                raise self._refused(status, said)
            elif "result" in said:
                yield policy.rule, Answer(said["result"])

    def _result(self, said: Mapping[str, Any]) -> Mapping[str, Any]:
        found = said.get("result")
        if not isinstance(found, dict):
            lacks = "does not have the custom rules of this ruleset"
            hint = "" if self._uploads else "; it needs the bundle of: bakegate rego bundle"
            raise RegoError(f"OPA at {self.where} {lacks}{hint}")
        return found

    def _request(
        self,
        method: str,
        address: str,
        body: bytes = b"",
        *,
        kind: str = "application/json",
        params: Mapping[str, str] | None = None,
    ) -> tuple[int, Mapping[str, Any]]:
        """Status and JSON of one answer, within the time-out as a whole."""
        until = monotonic() + self._timeout
        headers = {"Content-Type": kind}
        try:
            with self._http.stream(
                method, address, content=body, headers=headers, params=params
            ) as response:
                text = self._read(response, until)
        except httpx.TimeoutException as error:
            raise self._late() from error
        except httpx.HTTPError as error:
            why = str(error) or type(error).__name__
            raise RegoError(f"OPA at {self.where} cannot be reached ({why})") from error
        return response.status_code, self._json(text)

    def _read(self, response: httpx.Response, until: float) -> bytes:
        found = bytearray()
        for chunk in response.iter_bytes():
            found += chunk
            if monotonic() > until:
                raise self._late()
            if len(found) > MAX_ANSWER:
                told = f"the answer of OPA at {self.where} has more than {MAX_ANSWER:,} bytes"
                raise RegoError(told)
        return bytes(found)

    def _json(self, text: bytes) -> Mapping[str, Any]:
        try:
            said = loads(text or b"{}")
        except ValueError as error:
            raise RegoError(f"what answers at {self.where} is no OPA: no JSON") from error
        if not isinstance(said, dict):
            raise RegoError(f"what answers at {self.where} is no OPA: no object")
        return said

    def _late(self) -> RegoError:
        return RegoError(f"OPA at {self.where} did not answer within {self._timeout:g} s")

    def _refused(self, status: int, said: Mapping[str, Any]) -> RegoError:
        why = _told(said)
        if status in (HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN):
            why += "; check the token and what it may do"
        return RegoError(f"OPA at {self.where} refuses (HTTP {status}: {why})")


def _values(result: Mapping[str, Any]) -> dict[str, Answer]:
    return {name: Answer(value) for name, value in result.items()}


def _engine(said: Mapping[str, Any]) -> str:
    return f"OPA {said.get('provenance', {}).get('version', '')}".strip()


def _told(said: Mapping[str, Any]) -> str:
    """OPA's own words: the first of its errors, else its message."""
    errors = said.get("errors") or [said]
    place = errors[0].get("location", {})
    where = f"{place['row']}:{place['col']}: " if place else ""
    return where + str(errors[0].get("message", "no reason given"))


def _complaints(policy: Policy, said: Mapping[str, Any]) -> Iterator[Issue]:
    for error in said.get("errors", ()):
        place = error.get("location", {})
        line, column = max(1, place.get("row", 1)), max(1, place.get("col", 1))
        yield Issue(Span(policy.path, line, column, line, column + 1), error["message"])
