"""Custom rules in both questions of the engine: all of a pipeline or a gate are asked at once."""

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any, Final

from policies.canonical import canonical
from policies.findings import Problem
from policies.frozen import dataclass
from policies.pipeline import Pipeline
from policies.rego.answers import outcome, problems
from policies.rego.document import Document
from policies.rego.input import GATE, LINT, gate_document, lint_document
from policies.rego.policies import PolicySet
from policies.rego.port import Answer, Answers, Rego, ask
from policies.rule import AnyRule, Case, Outcome
from policies.ruleset import Effective, Resolved

_NO_ENGINE: Final = Answer(error="nothing here evaluates custom rules")
_NOT_STORED: Final = Answer(error="it was not asked when the decision was made")


@dataclass(frozen=True, slots=True)
class Heard:
    """What an engine answered about one document."""

    document: Document
    answers: Answers

    def problems(self, rule: AnyRule) -> list[Problem]:
        """Raises RuleError where the rule has no usable answer."""
        return list(problems(rule, self.answers.said[rule.id], self.document))

    def outcome(self, rule: AnyRule) -> Outcome:
        return outcome(rule, self.answers.said.get(rule.id, _NOT_STORED), self.document)

    @property
    def stored(self) -> dict[str, Any]:
        """The answers as they are kept with a decision; ``document`` is the id of the question."""
        said = {
            name: {"error": each.error} if each.error else {"value": each.value}
            for name, each in self.answers.said.items()
        }
        return {
            "engine": self.answers.engine,
            "document": self.document.data["id"],
            "answers": said,
        }


def ask_lint(
    rego: Rego | None,
    resolved: Resolved,
    pipeline: Pipeline,
    asked: Iterable[Effective],
    at: datetime,
) -> Heard:
    """Ask all custom rules about one pipeline, before merge."""
    rules = [(each.rule, each.params) for each in asked]
    document = lint_document(pipeline, rules, at, resolved.zone)
    return Heard(document, _asked(rego, resolved, LINT, document))


def ask_gate(
    rego: Rego | None, resolved: Resolved, case: Case, asked: Iterable[Effective]
) -> Heard:
    """Ask all custom rules that guard a stage, in one question."""
    document = _gate_document(resolved, case, asked)
    answers = _asked(rego, resolved, GATE, document)
    said = {name: _storable(each) for name, each in answers.said.items()}
    return Heard(document, Answers(answers.engine, said))


def heard_before(
    stored: Mapping[str, Any], resolved: Resolved, case: Case, asked: Iterable[Effective]
) -> Heard:
    """What was answered when the decision was made; no engine is asked again."""
    said = {name: Answer(**each) for name, each in stored["answers"].items()}
    return Heard(_gate_document(resolved, case, asked), Answers(stored["engine"], said))


def _gate_document(resolved: Resolved, case: Case, asked: Iterable[Effective]) -> Document:
    rules = [(each.rule, each.params) for each in asked]
    return gate_document(case, rules, resolved.zone)


def _asked(rego: Rego | None, resolved: Resolved, half: str, document: Document) -> Answers:
    if rego is None:
        return Answers("", dict.fromkeys(document.data["rules"], _NO_ENGINE))
    policies = PolicySet.of(each.rule for each in resolved.rules.values())
    return ask(rego, policies, half, document)


def _storable(answer: Answer) -> Answer:
    """An answer that has one spelling: the decision's digest covers it."""
    try:
        canonical(answer.value)
    except (ValueError, TypeError) as error:
        return Answer(error=f"its answer cannot be stored: {error}")
    return answer
