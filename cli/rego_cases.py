"""Cases beside a custom rule, run through the real lint and gate by a real engine."""

from collections.abc import Iterator, Mapping
from datetime import datetime
from pathlib import Path
from typing import Any, Final

from cli.files import shown
from policies.decision import Definition, GateInputs, GateResult
from policies.documents import Document, DocumentError, Issue, locate, read_document
from policies.engine.gate import GateError, gate
from policies.engine.lint import INTERNAL, lint
from policies.findings import Enforcement, Finding
from policies.formats import read_pipelines
from policies.frozen import dataclass
from policies.overlay import read_overlay
from policies.plain import DataError, instant_text, nearest, parse_instant
from policies.record import TYPE, release_from_json
from policies.rego.port import Rego
from policies.rule import AnyRule, Params, specs
from policies.ruleset import Effective, Resolved
from policies.ruleset.custom import read_custom
from policies.ruleset.values import parse_value

#: What files with cases end with.
ENDING: Final = ".rego-cases.yaml"
#: A Tuesday morning, where a case names no moment.
_AT: Final = "2026-11-24T09:00:00Z"


@dataclass(frozen=True, slots=True)
class Outcome:
    """One case: what is not as it expects, each with its place."""

    path: str
    name: str
    wrong: tuple[Issue, ...]


def outcomes(path: Path, rego: Rego) -> Iterator[Outcome]:
    """Run every case of a file; raises DocumentError and OSError for what cannot be run."""
    document = read_document(path.read_bytes(), shown(path), "rego-cases")
    place = path.parent / document.data["rule"]
    rule = read_custom(place.read_text(encoding="utf-8"), shown(place))
    for number, said in enumerate(document.data["cases"]):
        case = _Case(document, rule, rego, ("cases", number), said)
        yield Outcome(shown(path), said["name"], tuple(case.wrong()))


@dataclass(frozen=True, slots=True)
class _Case:
    document: Document
    rule: AnyRule
    rego: Rego
    at: tuple[str | int, ...]
    said: Mapping[str, Any]

    def wrong(self) -> Iterator[Issue]:
        """What is not as expected; raises DocumentError where the case cannot be run."""
        if "lint" in self.said:
            yield from self._lint()
        if "gate" in self.said:
            yield from self._gate()

    def _lint(self) -> Iterator[Issue]:
        path = self._path
        overlay = self.said.get("overlay")
        given = read_overlay(overlay, "bakegate.yaml") if overlay else None
        read = read_pipelines(self.said["pipeline"].encode(), path, given)
        if read.problems:
            first = read.problems[0]
            told = f"line {first.span.line} of the pipeline: {first.message}"
            raise DocumentError([self._issue(("pipeline",), told)])
        report = lint(read, lambda _: self._resolved, self._moment, rego=lambda: self.rego)
        found = [
            _finding(each, path)
            for each in report.findings
            if each.rule in (self.rule.id, INTERNAL)
        ]
        expected = [{"result": "fail", "path": path, **each} for each in self.said["lint"]]
        for number, each in enumerate(expected):
            if each not in found:
                yield self._issue(("lint", number), f"not found: {_words(each)}")
        for each in found:
            if each not in expected:
                yield self._issue(("lint",), f"not expected: {_words(each)}")

    def _gate(self) -> Iterator[Issue]:
        expected = self.said["gate"]
        found = _said(self._decided())
        for key, value in expected.items():
            if found[key] != value:
                told = f"the {key} is {found[key]!r}, {value!r} is expected"
                yield self._issue(("gate", key), told)

    def _decided(self) -> GateResult:
        definition = Definition(self.said["pipeline"], self._path, self.said.get("overlay", ""))
        try:
            release = release_from_json(self._record, "record")
            inputs = GateInputs(
                definition, release, self.said["stage"], self._moment, self._resolved
            )
            results = gate(inputs, self.rego).results
        except (DataError, GateError) as error:
            raise DocumentError([self._issue(("stage",), str(error))]) from error
        if not results:
            kinds = ", ".join(sorted(self.rule.stages))
            told = f"the rule guards stages of kind {kinds}, and {self.said['stage']} is none"
            raise DocumentError([self._issue(("stage",), told)])
        return results[0]

    @property
    def _record(self) -> dict[str, Any]:
        """The parts that the case says, over the least that a record has."""
        read = read_pipelines(self.said["pipeline"].encode(), self._path)
        name = read.pipelines[0].name if read.pipelines else "pipeline"
        least: dict[str, Any] = {
            "type": TYPE,
            "release": {
                "id": f"{name}:1",
                "pipeline": name,
                "kind": "normal",
                "created_at": _AT,
            },
            "artifact": {"digest": "sha256:" + "0" * 64, "commit": "0" * 40},
        }
        for key, value in self.said.get("record", {}).items():
            least[key] = {**least[key], **value} if key in ("release", "artifact") else value
        return least

    @property
    def _resolved(self) -> Resolved:
        """A ruleset of this rule alone, at a level at which every result is told."""
        effective = Effective(self.rule, Enforcement.BLOCK, self._params, "block", "hold")
        zone = self.said.get("zone", "UTC")
        return Resolved("cases", "", zone, {self.rule.id: effective})

    @property
    def _params(self) -> Params:
        known = {spec.name: spec for spec in specs(self.rule.params)}
        values = {}
        for name, value in self.said.get("parameters", {}).items():
            place = ("parameters", name)
            if name not in known:
                told = f"{self.rule.id} has no parameter {name!r}{nearest(name, known)}"
                raise DocumentError([self._issue(place, told)])
            try:
                values[name] = parse_value(known[name], value)
            except ValueError as error:
                raise DocumentError([self._issue(place, str(error))]) from error
        params: Params = self.rule.params(**values)
        return params

    @property
    def _moment(self) -> datetime:
        return parse_instant(self.said.get("at", _AT))

    @property
    def _path(self) -> str:
        return str(self.said.get("path", "pipeline.yaml"))

    def _issue(self, place: tuple[str | int, ...], message: str) -> Issue:
        return Issue(locate(self.document.source.root, (*self.at, *place)), message)


def _finding(found: Finding, path: str) -> dict[str, Any]:
    return {
        "result": found.result.value,
        "path": found.span.path or path,
        "line": found.span.line,
        "column": found.span.column,
        "message": found.message,
    }


def _words(finding: Mapping[str, Any]) -> str:
    return "{line}:{column} {result}: {message}".format(**finding)


def _said(result: GateResult) -> dict[str, Any]:
    return {
        "result": result.result.value,
        "message": result.message,
        "would_pass": result.would_pass,
        "until": instant_text(result.until) if result.until else "",
    }
