"""``bakegate ruleset test``: cases beside a ruleset, run through the real lint and gate."""

import json
from collections.abc import Iterator, Mapping
from datetime import datetime
from pathlib import Path
from typing import Annotated, Any, Final

import typer

from cli.exits import Exit
from cli.files import beside, elsewhere, shown
from cli.formats import Format
from cli.practice import chain_named
from cli.problems import Unusable
from cli.reading import overlay_of, read_file
from cli.rego_engine import chosen_rego
from cli.ruleset_options import FormatOption, refusing
from policies.decision import Decision, Definition, GateInputs
from policies.documents import Document, DocumentError, Issue, locate, read_document, read_single
from policies.engine.gate import GateError, gate
from policies.engine.lint import lint
from policies.findings import Span
from policies.frozen import dataclass
from policies.plain import DataError, parse_instant
from policies.record import release_from_json
from policies.rule import specs
from policies.ruleset import BUILTIN, Asked, Chain, Effective, Resolved
from policies.ruleset.values import value_json
from policies.source import core_value
from policies.tree import Tree, read_tree

#: What files with cases end with, so that a folder can hold them beside its rulesets.
ENDING: Final = ".cases.yaml"

EPILOG: Final = """\b
Examples:
  bakegate ruleset test
  bakegate ruleset test rulesets/retail.cases.yaml --format json

\b
A case names a moment and what is expected then:
  schema: bakegate/ruleset-cases/v1
  organization: organization.yaml
  cases:
    - name: bakes block in commerce from December on
      node: retail/commerce
      at: 2026-12-08T00:00:00Z
      levels: {bake-time: block}
With `pipeline` it expects results of `lint`, with `record` and `stage` also
those of the `gate`. All keys: bakegate schema ruleset-cases

\b
Exit codes:
  0  every case is as expected
  1  a case is not
  2  a file of cases cannot be used
"""


@dataclass(frozen=True, slots=True)
class Outcome:
    """One case: what is not as it expects, each with its place."""

    path: str
    name: str
    wrong: tuple[Issue, ...]


def run_cases(
    paths: Annotated[
        list[Path] | None,
        typer.Argument(metavar="[PATH]...", help=f"Files, or folders with *{ENDING}. Default: ."),
    ] = None,
    format: FormatOption = Format.TEXT,
) -> None:
    """Run the cases that stand beside rulesets."""
    with refusing("ruleset test"):
        found = [each for path in _files(paths or [Path()]) for each in _outcomes(path)]
    failing = [each for each in found if each.wrong]
    if format is Format.JSON:
        typer.echo(json.dumps(_message(found), indent=2))
    else:
        for outcome in failing:
            for issue in outcome.wrong:
                typer.echo(f"{_place(issue.span)}: {outcome.name}: {issue.message}")
        typer.echo(f"{len(found)} cases, {len(failing)} not as expected")
    raise typer.Exit(Exit.FINDINGS if failing else Exit.CLEAN)


def _files(paths: list[Path]) -> list[Path]:
    files: list[Path] = []
    for path in paths:
        files += sorted(path.rglob(f"*{ENDING}")) if path.is_dir() else [path]
    if not files:
        raise Unusable(f"no *{ENDING} in {', '.join(map(str, paths))}")
    return files


def _outcomes(path: Path) -> Iterator[Outcome]:
    document = read_document(path.read_bytes(), shown(path), "ruleset-cases")
    practice = _Practice.of(document, path)
    for number, case in enumerate(document.data["cases"]):
        runner = _Case(document, path.parent, ("cases", number), case)
        wrong = tuple(runner.wrong(practice))
        yield Outcome(document.source.path, case["name"], wrong)


@dataclass(frozen=True, slots=True)
class _Practice:
    """Whose rules the cases are about: one ruleset, or the nodes of a tree."""

    chain: Chain
    tree: Tree | None = None

    @classmethod
    def of(cls, document: Document, path: Path) -> "_Practice":
        """Raises DocumentError for both or none of ``ruleset`` and ``organization``."""
        ruleset, organization = (document.data.get(key) for key in ("ruleset", "organization"))
        if bool(ruleset) is bool(organization):
            told = "write exactly one of 'ruleset' or 'organization'"
            raise DocumentError([Issue(locate(document.source.root, []), told)])
        if ruleset:
            name = ruleset if ruleset in BUILTIN else str(path.parent / ruleset)
            return cls(chain_named(name))
        file = path.parent / organization
        tree = read_tree(file.read_bytes(), shown(file), beside(Path()), elsewhere)
        return cls(tree.place(tree.root.name).chain, tree)

    def resolved(self, node: str, at: datetime) -> Resolved:
        if self.tree:
            return self.tree.resolved(node or self.tree.root.name, at)
        return self.chain.resolved(Asked("", "UTC", at))


@dataclass(frozen=True, slots=True)
class _Case:
    """One case with its place in the file; paths are relative to the file's folder."""

    document: Document
    folder: Path
    at: tuple[str | int, ...]
    said: Mapping[str, Any]

    def wrong(self, practice: _Practice) -> Iterator[Issue]:
        """What is not as expected; raises DocumentError where the case cannot be run."""
        resolved = practice.resolved(self.said.get("node", ""), self._moment)
        yield from self._levels(resolved)
        yield from self._parameters(resolved)
        if "lint" in self.said:
            yield from self._lint(resolved)
        if "gate" in self.said:
            yield from self._gate(resolved)

    @property
    def _moment(self) -> datetime:
        return parse_instant(self.said["at"])

    def _levels(self, resolved: Resolved) -> Iterator[Issue]:
        for rule, expected in self.said.get("levels", {}).items():
            found = self._rule(resolved, "levels", rule).enforcement.word
            yield from self._compared(("levels", rule), f"{rule} is at", found, expected)

    def _parameters(self, resolved: Resolved) -> Iterator[Issue]:
        for rule, values in self.said.get("parameters", {}).items():
            effective = self._rule(resolved, "parameters", rule)
            known = {spec.name: spec for spec in specs(effective.rule.params)}
            for name, expected in values.items():
                place = ("parameters", rule, name)
                if name not in known:
                    raise self._error(place, f"rule {rule!r} has no parameter {name!r}")
                found = value_json(known[name], getattr(effective.params, name))
                yield from self._compared(place, f"{rule}.{name} is", found, expected)

    def _lint(self, resolved: Resolved) -> Iterator[Issue]:
        path = self.folder / self.said["pipeline"]
        read = read_file(path, overlay_of(path, None))
        if not read.pipelines:
            told = "; ".join(each.message for each in read.problems) or "it holds no pipeline"
            raise self._error(("pipeline",), told)
        report = lint(read, lambda _: resolved, self._moment, rego=chosen_rego)
        results = {
            rule: result.value for each in report.pipelines for rule, result in each.results.items()
        }
        messages = {each.rule: each.message for each in reversed(report.findings)}
        yield from self._results(resolved, ("lint",), self.said["lint"], results, messages)

    def _gate(self, resolved: Resolved) -> Iterator[Issue]:
        decision = self._decided(resolved)
        expected = self.said["gate"]
        if "verdict" in expected:
            found = decision.verdict.word
            yield from self._compared(
                ("gate", "verdict"), "the verdict is", found, expected["verdict"]
            )
        results = {each.rule: each.result.value for each in decision.results}
        messages = {each.rule: each.message for each in decision.results}
        rules = expected.get("rules", {})
        yield from self._results(resolved, ("gate", "rules"), rules, results, messages)

    def _decided(self, resolved: Resolved) -> Decision:
        path, record = (self.folder / self.said[key] for key in ("pipeline", "record"))
        data = core_value(read_single(record.read_bytes(), shown(record)).root)
        try:
            release = release_from_json(data, shown(record))
            definition = Definition(path.read_text(encoding="utf-8"), shown(path))
            stage = self.said["stage"]
            asked = GateInputs(definition, release, stage, self._moment, resolved)
            return gate(asked, chosen_rego())
        except (DataError, GateError) as error:
            raise self._error(("record",), str(error)) from error

    def _results(
        self,
        resolved: Resolved,
        place: tuple[str, ...],
        expected: Mapping[str, str],
        results: Mapping[str, str],
        messages: Mapping[str, str],
    ) -> Iterator[Issue]:
        for rule, result in expected.items():
            self._rule(resolved, *place, rule)
            if rule not in results:
                told = f"{rule} was not asked, {result} is expected"
                yield Issue(self._span((*place, rule)), told)
                continue
            why = f" ({messages[rule]})" if rule in messages else ""
            found = self._compared((*place, rule), f"{rule} is", results[rule], result)
            yield from (Issue(each.span, each.message + why) for each in found)

    def _rule(self, resolved: Resolved, *place: str) -> Effective:
        rule = place[-1]
        if rule not in resolved.rules:
            raise self._error(place, f"there is no rule {rule!r}; `bakegate rules` lists all")
        return resolved.rules[rule]

    def _compared(
        self, place: tuple[str, ...], words: str, found: Any, expected: Any
    ) -> Iterator[Issue]:
        if found != expected:
            told = f"{words} {_plain(found)}, {_plain(expected)} is expected"
            yield Issue(self._span(place), told)

    def _span(self, place: tuple[str, ...]) -> Span:
        return locate(self.document.source.root, (*self.at, *place))

    def _error(self, place: tuple[str, ...], message: str) -> DocumentError:
        return DocumentError([Issue(self._span(place), message)])


def _plain(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value)


def _place(span: Span) -> str:
    return f"{span.path}:{span.line}:{span.column}"


def _message(found: list[Outcome]) -> dict[str, Any]:
    return {
        "type": "bakegate.ruleset-test/v1",
        "cases": [
            {
                "path": each.path,
                "name": each.name,
                "passed": not each.wrong,
                "wrong": [
                    {
                        "line": issue.span.line,
                        "column": issue.span.column,
                        "message": issue.message,
                    }
                    for issue in each.wrong
                ],
            }
            for each in found
        ],
    }
